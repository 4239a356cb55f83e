//! Reads JSON objects member by member; messages name each value by its path, such as `UserTags[3].To_Account`.
//!
//! For requests with parts inside parts. An absent member and a null one are the same; unknown ones are not looked at.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use pushtally_model::Second;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::field::{self, Text};
use crate::{MILLISECONDS_FROM, WireError};

/// Where a value stands in a body. Its names are ours: a received one could be anything.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'p> {
    Body,
    Member(&'p At<'p>, &'static str),
    Item(&'p At<'p>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Member(Self::Body, name) => f.write_str(name),
            Self::Member(at, name) => write!(f, "{at}.{name}"),
            Self::Item(at, index) => write!(f, "{at}[{index}]"),
        }
    }
}

/// Names and raw values of an object, in the order received, repetitions included.
struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// An object of a body.
pub(crate) struct Object<'p, 'a> {
    at: At<'p>,
    members: Members<'a>,
}

impl<'a> Object<'static, 'a> {
    /// The body itself.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Self, WireError> {
        let members = field::object(body)?;
        let at = At::Body;
        Ok(Self { at, members })
    }
}

impl<'a> Object<'_, 'a> {
    /// A member that may be absent.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<Value<'_, 'a>>, WireError> {
        let at = At::Member(&self.at, name);
        let mut found = self.members.0.iter().filter(|(key, _)| key.0 == name);
        let first = found.next();
        if found.next().is_some() {
            return Err(repeated(&at.to_string()));
        }
        let value = first.map(|(_, raw)| Value { at, raw });
        Ok(value.filter(|value| value.raw.get() != "null"))
    }

    /// A member that must be there.
    pub(crate) fn require(&self, name: &'static str) -> Result<Value<'_, 'a>, WireError> {
        self.get(name)?.ok_or_else(|| WireError::FieldMissing {
            name: At::Member(&self.at, name).to_string().into(),
        })
    }

    /// A text; empty when absent.
    pub(crate) fn text(&self, name: &'static str) -> Result<String, WireError> {
        let text = |value: Value<'_, 'a>| Ok(value.text()?.into_owned());
        self.get(name)?.map_or(Ok(String::new()), text)
    }

    /// 0 or 1.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, WireError> {
        let flag = |value: Value<'_, 'a>| match value.raw.get() {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(value.refuse("0 or 1")),
        };
        self.get(name)?.map(flag).transpose()
    }

    /// An integer within bounds, both included.
    pub(crate) fn within(
        &self,
        name: &'static str,
        from: u16,
        to: u16,
    ) -> Result<Option<u16>, WireError> {
        let number = |value: Value<'_, 'a>| {
            let number = value.raw.get().parse().ok();
            let inside = number.filter(|number| (from..=to).contains(number));
            inside.ok_or_else(|| value.refuse(format!("an integer from {from} to {to}")))
        };
        self.get(name)?.map(number).transpose()
    }

    /// One of a few texts; an empty one is an absent one, since clients send empty texts for what is not set.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, WireError> {
        let Some(value) = self.get(name)? else {
            return Ok(None);
        };
        let text = value.text()?;
        let found = choices.iter().find(|(choice, _)| *choice == text);
        match found {
            Some((_, choice)) => Ok(Some(*choice)),
            None if text.is_empty() => Ok(None),
            None => {
                let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                Err(value.refuse(names.join(" or ")))
            }
        }
    }

    /// An object, left as the JSON that it is; empty when absent.
    pub(crate) fn json(&self, name: &'static str) -> Result<String, WireError> {
        let json = |value: Value<'_, 'a>| {
            let raw = value.raw;
            value.object().map(|_| raw.get().to_owned())
        };
        self.get(name)?.map_or(Ok(String::new()), json)
    }

    /// Names and values, of an object whose names are not ours to know. A name that is there twice is refused.
    pub(crate) fn entries(&self) -> Result<Vec<(&str, &'a RawValue)>, WireError> {
        let mut seen = HashSet::with_capacity(self.members.0.len());
        let mut entries = Vec::with_capacity(self.members.0.len());
        for (name, raw) in &self.members.0 {
            if !seen.insert(name.0.as_ref()) {
                return Err(repeated(&self.at.to_string()));
            }
            entries.push((name.0.as_ref(), *raw));
        }
        Ok(entries)
    }
}

fn repeated(path: &str) -> WireError {
    let what = format!("duplicate field `{path}`");
    WireError::FieldRepeated { what }
}

/// A value that is there and is not null.
#[derive(Clone, Copy)]
pub(crate) struct Value<'p, 'a> {
    at: At<'p>,
    raw: &'a RawValue,
}

impl<'p, 'a> Value<'p, 'a> {
    /// That it is something else than was wanted.
    pub(crate) fn refuse(&self, wanted: impl Into<Cow<'static, str>>) -> WireError {
        self.refuse_part(wanted, self.raw)
    }

    /// That something within it is something else than was wanted.
    pub(crate) fn refuse_part(
        &self,
        wanted: impl Into<Cow<'static, str>>,
        part: &RawValue,
    ) -> WireError {
        WireError::Field {
            name: self.name(),
            wanted: wanted.into(),
            value: part.get().to_owned(),
        }
    }

    /// Its path.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        self.at.to_string().into()
    }

    /// What it is as JSON, without white space around it.
    pub(crate) fn json(&self) -> &'a str {
        self.raw.get()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.raw.get().starts_with('[')
    }

    pub(crate) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }

    pub(crate) fn text(&self) -> Result<Cow<'a, str>, WireError> {
        let text = serde_json::from_str(self.raw.get());
        let Text(text) = text.map_err(|_| self.refuse("a string"))?;
        Ok(text)
    }

    /// A time in seconds.
    pub(crate) fn second(&self) -> Result<Second, WireError> {
        let value = self.raw.get().parse();
        let value: i64 = value.map_err(|_| self.refuse("an integer"))?;
        if value >= MILLISECONDS_FROM {
            let name = self.name();
            return Err(WireError::Milliseconds { name, value });
        }
        let wanted = "a Unix time in seconds from 1970 to 2106";
        Second::from_unix(value).ok_or_else(|| self.refuse(wanted))
    }

    pub(crate) fn object(self) -> Result<Object<'p, 'a>, WireError> {
        if !self.raw.get().starts_with('{') {
            return Err(self.refuse("an object"));
        }
        let members = field::fields(self.raw)?;
        let at = self.at;
        Ok(Object { at, members })
    }

    /// The items of an array, raw, so that they can be counted before they are read.
    pub(crate) fn items(&self, wanted: &'static str) -> Result<Vec<&'a RawValue>, WireError> {
        serde_json::from_str(self.raw.get()).map_err(|_| self.refuse(wanted))
    }

    /// One of its items.
    pub(crate) fn item(&self, index: usize, raw: &'a RawValue) -> Value<'_, 'a> {
        let at = At::Item(&self.at, index);
        Value { at, raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(body: &str) -> Object<'static, '_> {
        Object::of_body(body.as_bytes()).unwrap()
    }

    #[track_caller]
    fn refused<T>(read: Result<T, WireError>, text: &str) {
        assert_eq!(read.err().unwrap().to_string(), text);
    }

    #[test]
    fn values_are_named_by_their_path() {
        let object = body(r#"{"A":[{"B":{"C":7,"C":8}}, 1]}"#);
        let array = object.require("A").unwrap();
        let items = array.items("an array").unwrap();
        let first = array.item(0, items[0]).object().unwrap();
        let inner = first.require("B").unwrap().object().unwrap();
        refused(
            inner.get("C"),
            "a field is given more than once: duplicate field `A[0].B.C`",
        );
        refused(inner.require("D"), "`A[0].B.D` is missing");
        refused(
            array.item(1, items[1]).object(),
            "`A[1]` must be an object, not `1`",
        );
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let object = body(r#"{"A":null}"#);
        for name in ["A", "B"] {
            assert!(object.get(name).unwrap().is_none());
            assert_eq!(object.text(name).unwrap(), "");
            assert_eq!(object.flag(name).unwrap(), None);
            assert_eq!(object.within(name, 1, 2).unwrap(), None);
            assert_eq!(object.choice(name, &[("x", 1)]).unwrap(), None);
            assert_eq!(object.json(name).unwrap(), "");
        }
        refused(object.require("A"), "`A` is missing");
    }

    #[test]
    fn scalars_tell_what_they_must_be() {
        let object = body(r#"{"A":"é\n","B":"x","C":5,"D":1.0,"E":"","F":{ "a" : 1 }}"#);
        assert_eq!(object.text("A").unwrap(), "é\n");
        assert_eq!(object.choice("B", &[("x", 1), ("y", 2)]).unwrap(), Some(1));
        assert_eq!(object.choice("E", &[("x", 1)]).unwrap(), None);
        assert_eq!(object.within("C", 5, 5).unwrap(), Some(5));
        assert_eq!(object.json("F").unwrap(), r#"{ "a" : 1 }"#);
        refused(object.text("C"), "`C` must be a string, not `5`");
        refused(object.flag("C"), "`C` must be 0 or 1, not `5`");
        refused(
            object.within("C", 6, 9),
            "`C` must be an integer from 6 to 9, not `5`",
        );
        refused(
            object.within("D", 0, 9),
            "`D` must be an integer from 0 to 9, not `1.0`",
        );
        refused(
            object.choice("B", &[("y", 1), ("z", 2)]),
            "`B` must be y or z, not `\"x\"`",
        );
        refused(object.json("A"), "`A` must be an object, not `\"é\\n\"`");
    }
}
