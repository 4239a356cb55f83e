//! The JSON object inside a UserSig, read without copying: which keys it has and what their values are.
//!
//! Not here: what the values mean. `check` judges them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;

use crate::{Claims, Illegality};

/// The only version there is.
const VERSION: &str = "2.0";

/// The values of a UserSig, of the right types, nothing else checked.
pub(crate) struct Document<'a> {
    pub(crate) identifier: Cow<'a, str>,
    pub(crate) sdkappid: u32,
    pub(crate) time: i64,
    pub(crate) expire: i64,
    pub(crate) userbuf: Option<Userbuf<'a>>,
    /// The base64 text as given; not known to be anything.
    pub(crate) sig: Cow<'a, str>,
}

/// A userbuf in both its forms.
pub(crate) struct Userbuf<'a> {
    /// The base64 text as given, because that text is what was signed.
    pub(crate) base64: Cow<'a, str>,
    bytes: Vec<u8>,
}

impl<'a> Document<'a> {
    /// Reads a JSON text. Any key order and white space will do, unknown keys are ignored, but no key may occur
    /// twice and nothing may follow the object.
    pub(crate) fn read(json: &'a str) -> Result<Self, Illegality> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let values = deserializer
            .deserialize_map(ValuesVisitor)
            .and_then(|values| deserializer.end().map(|()| values))
            // Only the place is kept: the text of the error may repeat a value.
            .map_err(|error| Illegality::Json {
                line: error.line(),
                column: error.column(),
            })?;
        if let Some(key) = values.duplicate {
            return Err(Illegality::Duplicate { key });
        }
        let version = text("TLS.ver", values.ver)?;
        if version != VERSION {
            return Err(Illegality::Version {
                version: version.into_owned(),
            });
        }
        Ok(Self {
            identifier: text("TLS.identifier", values.identifier)?,
            sdkappid: number("TLS.sdkappid", values.sdkappid, "an integer of 32 bits")?,
            time: number("TLS.time", values.time, "an integer of 64 bits")?,
            expire: number("TLS.expire", values.expire, "an integer of 64 bits")?,
            userbuf: values.userbuf.map(userbuf).transpose()?,
            sig: text("TLS.sig", values.sig)?,
        })
    }

    /// The claims, copied out of the text.
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            identifier: self.identifier.clone().into_owned(),
            sdkappid: self.sdkappid,
            time: self.time,
            expire: self.expire,
            userbuf: self.userbuf.as_ref().map(|userbuf| userbuf.bytes.clone()),
        }
    }
}

fn userbuf(raw: &RawValue) -> Result<Userbuf<'_>, Illegality> {
    let base64 = text("TLS.userbuf", Some(raw))?;
    let wrong = |_| Illegality::Value {
        key: "TLS.userbuf",
        wanted: "standard base64",
    };
    let bytes = STANDARD.decode(base64.as_bytes()).map_err(wrong)?;
    Ok(Userbuf { base64, bytes })
}

fn text<'a>(key: &'static str, raw: Option<&'a RawValue>) -> Result<Cow<'a, str>, Illegality> {
    /// Borrows unless the JSON string has escapes; PHP, for one, writes `\/` for every slash of a base64 text.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let raw = raw.ok_or(Illegality::Missing { key })?;
    serde_json::from_str(raw.get())
        .map(|Text(text)| text)
        .map_err(|_| Illegality::Value {
            key,
            wanted: "a string",
        })
}

/// A JSON number without fraction or exponent is also what Rust parses; strings with digits are refused, because
/// no known library writes them.
fn number<T: std::str::FromStr>(
    key: &'static str,
    raw: Option<&RawValue>,
    wanted: &'static str,
) -> Result<T, Illegality> {
    raw.ok_or(Illegality::Missing { key })?
        .get()
        .parse()
        .map_err(|_| Illegality::Value { key, wanted })
}

/// The values of the known keys, as they stand in the text.
#[derive(Default)]
struct Values<'a> {
    ver: Option<&'a RawValue>,
    identifier: Option<&'a RawValue>,
    sdkappid: Option<&'a RawValue>,
    time: Option<&'a RawValue>,
    expire: Option<&'a RawValue>,
    userbuf: Option<&'a RawValue>,
    sig: Option<&'a RawValue>,
    /// A key, known or not, that occurs twice.
    duplicate: Option<String>,
}

impl<'a> Values<'a> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a RawValue>> {
        Some(match key {
            "TLS.ver" => &mut self.ver,
            "TLS.identifier" => &mut self.identifier,
            "TLS.sdkappid" => &mut self.sdkappid,
            "TLS.time" => &mut self.time,
            "TLS.expire" => &mut self.expire,
            "TLS.userbuf" => &mut self.userbuf,
            "TLS.sig" => &mut self.sig,
            _ => return None,
        })
    }
}

/// Written out rather than derived: a derived reader also takes an array, and its errors repeat values.
struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        let mut values = Values::default();
        let mut unknown: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let Some(slot) = values.slot(&key) else {
                map.next_value::<IgnoredAny>()?;
                unknown.push(key);
                continue;
            };
            if slot.replace(map.next_value()?).is_some() {
                values.duplicate = Some(key.into_owned());
            }
        }
        unknown.sort_unstable();
        if let Some([twice, _]) = unknown.array_windows().find(|[left, right]| left == right) {
            values.duplicate = Some(twice.clone().into_owned());
        }
        Ok(values)
    }
}
