//! What a page is of, as bytes: app, shard, then a number for each kind of bitmap. Stored: numbers never change.

use pushtally_model::{AccountKind, AppId, AttributeIndex, AttributeValue, Channel, Tag};
use pushtally_store::IndexKey;

const REGISTERED: u8 = 0;
const KIND: u8 = 1;
const REACHABLE: u8 = 2;
const TAG: u8 = 3;
const ATTRIBUTE: u8 = 4;

/// Bytes before what says which bitmap it is.
const SHARD_LEN: usize = 6;

pub(super) fn shard_key(app: AppId, shard: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(SHARD_LEN + 2);
    key.extend(app.0.to_be_bytes());
    key.extend(shard.to_be_bytes());
    key
}

pub(super) fn page_key(app: AppId, shard: u16, of: &IndexKey) -> Vec<u8> {
    let mut key = shard_key(app, shard);
    match of {
        IndexKey::Registered => key.push(REGISTERED),
        IndexKey::Kind(kind) => key.extend([KIND, *kind as u8]),
        IndexKey::Reachable(channel) => key.extend([REACHABLE, *channel as u8]),
        IndexKey::Tag(tag) => {
            key.push(TAG);
            key.extend(tag.as_str().as_bytes());
        }
        IndexKey::Attribute(index, value) => {
            key.extend([ATTRIBUTE, index.get()]);
            key.extend(value.as_str().as_bytes());
        }
    }
    key
}

/// The shard of a page, and what it is of; `None` when no release wrote the key.
pub(super) fn page_of(key: &[u8]) -> Option<(AppId, u16, IndexKey)> {
    let (app, rest) = key.split_first_chunk()?;
    let (shard, rest) = rest.split_first_chunk()?;
    let of = match rest.split_first()? {
        (&REGISTERED, []) => IndexKey::Registered,
        (&KIND, [0]) => IndexKey::Kind(AccountKind::User),
        (&KIND, [1]) => IndexKey::Kind(AccountKind::Phone),
        (&REACHABLE, [channel]) => IndexKey::Reachable(Channel::from_number(*channel)?),
        (&TAG, tag) => IndexKey::Tag(Tag::new(std::str::from_utf8(tag).ok()?).ok()?),
        (&ATTRIBUTE, [index, value @ ..]) => {
            let value = std::str::from_utf8(value).ok()?;
            IndexKey::Attribute(
                AttributeIndex::new(*index)?,
                AttributeValue::new(value).ok()?,
            )
        }
        _ => return None,
    };
    Some((
        AppId(u32::from_be_bytes(*app)),
        u16::from_be_bytes(*shard),
        of,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_bytes_and_others_are_refused() {
        for of in [
            IndexKey::Registered,
            IndexKey::Kind(AccountKind::User),
            IndexKey::Kind(AccountKind::Phone),
            IndexKey::Reachable(Channel::Huawei),
            IndexKey::Tag(Tag::new("标签").unwrap()),
            IndexKey::Attribute(
                AttributeIndex::new(9).unwrap(),
                AttributeValue::new("v").unwrap(),
            ),
        ] {
            let key = page_key(AppId(7), 65_535, &of);
            assert_eq!(page_of(&key), Some((AppId(7), 65_535, of)));
        }
        for key in [
            &[][..],
            &[0; 6],
            &[0, 0, 0, 7, 0, 1, 9],
            &[0, 0, 0, 7, 0, 1, 1, 2],
        ] {
            assert_eq!(page_of(key), None, "{key:?}");
        }
    }
}
