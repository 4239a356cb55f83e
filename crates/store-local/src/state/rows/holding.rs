//! Who had a token.

use pushtally_model::{Number, Second};
use pushtally_store::holding::{Former, Holding};
use serde::{Deserialize, Serialize};

use super::{Row, RowError, read, write};

#[derive(Serialize, Deserialize)]
struct HoldingV1 {
    since: u32,
    former: Vec<FormerV1>,
}

#[derive(Serialize, Deserialize)]
struct FormerV1 {
    number: u32,
    from: u32,
    until: u32,
}

impl Row for Holding {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let former = self.former.iter().map(|former| FormerV1 {
            number: former.number.0,
            from: former.from.0,
            until: former.until.0,
        });
        write(&HoldingV1 {
            since: self.since.0,
            former: former.collect(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: HoldingV1 = read(bytes)?;
        let former = row.former.into_iter().map(|former| Former {
            number: Number(former.number),
            from: Second(former.from),
            until: Second(former.until),
        });
        Ok(Self {
            since: Second(row.since),
            former: former.collect(),
        })
    }
}
