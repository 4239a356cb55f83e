//! How a task was revoked.

use pushtally_model::{Revocation, Second};
use serde::{Deserialize, Serialize};

use super::content::ContentV1;
use super::{Row, RowError, read, write};

#[derive(Serialize, Deserialize)]
struct RevocationV1<'a> {
    at: u32,
    #[serde(borrow)]
    instead: Option<InsteadV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct InsteadV1<'a> {
    title: &'a str,
    desc: &'a str,
    ext: &'a str,
    #[serde(borrow)]
    content: ContentV1<'a>,
}

impl Row for Revocation {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write(&RevocationV1 {
            at: self.at.0,
            instead: self.instead.as_ref().map(|instead| InsteadV1 {
                title: &instead.title,
                desc: &instead.desc,
                ext: &instead.ext,
                content: ContentV1::of(instead),
            }),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: RevocationV1<'_> = read(bytes)?;
        let instead = row.instead.map(|instead| {
            let InsteadV1 {
                title, desc, ext, ..
            } = instead;
            instead.content.read(title, desc, ext, false)
        });
        Ok(Self {
            at: Second(row.at),
            instead: instead.transpose()?,
        })
    }
}
