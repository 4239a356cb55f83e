//! The stored form of labels, of the names of attributes, and of conditions.

use pushtally_model::{
    AccountKind, AttributeIndex, AttributeName, AttributeNames, AttributeValue, Condition, Labels,
    Tag,
};
use pushtally_store::labelling::TagUse;
use serde::{Deserialize, Serialize};

use super::{Row, RowError, read, unknown, write};

fn kind(value: u8) -> Result<AccountKind, RowError> {
    match value {
        0 => Ok(AccountKind::User),
        1 => Ok(AccountKind::Phone),
        value => Err(unknown("kind", value)),
    }
}

fn index(value: u8) -> Result<AttributeIndex, RowError> {
    AttributeIndex::new(value).ok_or_else(|| unknown("attribute", value))
}

fn tag(name: &str) -> Result<Tag, RowError> {
    Tag::new(name).map_err(|_| RowError::Bytes)
}

fn attribute((at, value): &(u8, &str)) -> Result<(AttributeIndex, AttributeValue), RowError> {
    let value = AttributeValue::new(*value).map_err(|_| RowError::Bytes)?;
    Ok((index(*at)?, value))
}

#[derive(Serialize, Deserialize)]
struct LabelsV1<'a> {
    #[serde(borrow)]
    tags: Vec<&'a str>,
    #[serde(borrow)]
    attributes: Vec<(u8, &'a str)>,
}

impl Row for Labels {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let attributes = self.attributes.iter();
        write(&LabelsV1 {
            tags: self.tags.iter().map(Tag::as_str).collect(),
            attributes: attributes
                .map(|(at, value)| (at.get(), value.as_str()))
                .collect(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: LabelsV1<'_> = read(bytes)?;
        Ok(Self {
            tags: row.tags.into_iter().map(tag).collect::<Result<_, _>>()?,
            attributes: row
                .attributes
                .iter()
                .map(attribute)
                .collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct AttributeNamesV1<'a> {
    #[serde(borrow)]
    names: Vec<(u8, &'a str, u8)>,
}

impl Row for AttributeNames {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let names = self.iter();
        let names = names.map(|(at, (name, kind))| (at.get(), name.as_str(), *kind as u8));
        write(&AttributeNamesV1 {
            names: names.collect(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: AttributeNamesV1<'_> = read(bytes)?;
        let names = row.names.into_iter().map(|(at, name, fits)| {
            let name = AttributeName::new(name).map_err(|_| RowError::Bytes)?;
            Ok((index(at)?, (name, kind(fits)?)))
        });
        names.collect()
    }
}

#[derive(Serialize, Deserialize)]
struct TagUseV1 {
    kind: u8,
    accounts: u64,
}

impl Row for TagUse {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write(&TagUseV1 {
            kind: self.kind as u8,
            accounts: self.accounts,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: TagUseV1 = read(bytes)?;
        Ok(Self {
            kind: kind(row.kind)?,
            accounts: row.accounts,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ConditionV1<'a> {
    #[serde(borrow)]
    tags_any: Vec<&'a str>,
    #[serde(borrow)]
    tags_all: Vec<&'a str>,
    #[serde(borrow)]
    tags_none: Vec<&'a str>,
    #[serde(borrow)]
    attributes_any: Vec<(u8, &'a str)>,
    #[serde(borrow)]
    attributes_all: Vec<(u8, &'a str)>,
}

impl<'a> ConditionV1<'a> {
    pub(super) fn of(condition: &'a Condition) -> Self {
        let tags = |tags: &'a [Tag]| tags.iter().map(Tag::as_str).collect();
        let attributes = |attributes: &'a [(AttributeIndex, AttributeValue)]| {
            let attributes = attributes.iter();
            attributes
                .map(|(at, value)| (at.get(), value.as_str()))
                .collect()
        };
        Self {
            tags_any: tags(&condition.tags_any),
            tags_all: tags(&condition.tags_all),
            tags_none: tags(&condition.tags_none),
            attributes_any: attributes(&condition.attributes_any),
            attributes_all: attributes(&condition.attributes_all),
        }
    }

    pub(super) fn read(self) -> Result<Box<Condition>, RowError> {
        let tags = |names: Vec<&str>| names.into_iter().map(tag).collect::<Result<_, _>>();
        let attributes =
            |rows: Vec<(u8, &str)>| rows.iter().map(attribute).collect::<Result<_, _>>();
        Ok(Box::new(Condition {
            tags_any: tags(self.tags_any)?,
            tags_all: tags(self.tags_all)?,
            tags_none: tags(self.tags_none)?,
            attributes_any: attributes(self.attributes_any)?,
            attributes_all: attributes(self.attributes_all)?,
        }))
    }
}
