//! Configuration as a tree of values that know where they were written.
//!
//! Three trees (the compiled-in defaults, the file, the environment) are laid over each other; whoever reads the
//! result can say of every value which line or variable it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The compiled-in default file.
    Default,
    /// A line of the configuration file, from 1.
    File { path: Arc<Path>, line: usize },
    /// A file whose lines are not known.
    Whole(Arc<Path>),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Whole(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl Origin {
    /// A path as it is meant: relative to the file that says it, else to the working directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match self {
            Self::File { path: file, .. } | Self::Whole(file) => {
                file.parent().unwrap_or(Path::new("")).join(path)
            }
            Self::Default | Self::Variable(_) => PathBuf::from(path),
        }
    }
}

/// A value and where it was written.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
    /// The text of a variable, for keys that want text: a key of digits only is no integer.
    pub(crate) written: Option<String>,
}

impl Node {
    pub(crate) fn new(origin: Origin, value: Value) -> Self {
        Self {
            origin,
            value,
            written: None,
        }
    }
}

/// Any value may be a secret, so only the origin is shown.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.origin)
    }
}

/// What TOML can say, as far as configuration needs it.
#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    /// A float or a date, which no key takes; kept for the message.
    Other(String),
}

impl Value {
    /// The same as JSON. What JSON has no word for is a text.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Other(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(table) => {
                let entry = |(key, node): (&String, &Node)| (key.clone(), node.value.to_json());
                table.iter().map(entry).collect()
            }
        }
    }

    fn of_json(value: serde_json::Value, origin: &Origin) -> Self {
        use serde_json::Value as Json;
        let node = |value| Node::new(origin.clone(), Self::of_json(value, origin));
        match value {
            Json::String(text) => Self::Text(text),
            Json::Bool(flag) => Self::Flag(flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Other(number.to_string()),
            },
            Json::Null => Self::Other("null".to_owned()),
            Json::Array(items) => Self::List(items.into_iter().map(node).collect()),
            Json::Object(entries) => {
                let entry = |(key, value)| (key, node(value));
                Self::Table(entries.into_iter().map(entry).collect())
            }
        }
    }
}

pub(crate) type Table = BTreeMap<String, Node>;

/// A file that is not TOML, or not JSON.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Reads TOML; `origin` makes an origin of a line.
pub(crate) fn parse(text: &str, origin: &dyn Fn(usize) -> Origin) -> Result<Table, Malformed> {
    let table = DeTable::parse(text).map_err(|error| Malformed {
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        message: error.message().to_owned(),
    })?;
    Ok(convert_table(table.into_inner(), &|at| {
        origin(line_of(text, at))
    }))
}

/// Reads a JSON object, all of whose values come from one place.
pub(crate) fn parse_json(text: &str, origin: &Origin) -> Result<Table, Malformed> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| Malformed {
            line: error.line(),
            message: "it is no JSON object".to_owned(),
        })?;
    match Value::of_json(object.into(), origin) {
        Value::Table(table) => Ok(table),
        _ => Ok(Table::new()),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A variable's value: TOML if it is a TOML value, else text.
pub(crate) fn parse_variable(name: &str, text: &str) -> Node {
    let origin = Origin::Variable(name.to_owned());
    let parsed = DeValue::parse(text).ok().map(Spanned::into_inner);
    let value = parsed.map(|value| convert(value, &|_| origin.clone()));
    let value = value.unwrap_or_else(|| Value::Text(text.to_owned()));
    Node {
        origin,
        value,
        written: Some(text.to_owned()),
    }
}

fn convert_table(table: DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Table {
    let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
        let at = key.span().start;
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        (
            key.into_owned(),
            Node::new(origin(at), convert(value.into_inner(), origin)),
        )
    };
    table.into_iter().map(entry).collect()
}

fn convert(value: DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Other(integer.to_string()),
        },
        DeValue::Float(float) => Value::Other(float.to_string()),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(at) => Value::Other(at.to_string()),
        DeValue::Array(items) => {
            let item = |item: Spanned<DeValue<'_>>| {
                let at = item.span().start;
                Node::new(origin(at), convert(item.into_inner(), origin))
            };
            Value::List(items.into_iter().map(item).collect())
        }
        DeValue::Table(table) => Value::Table(convert_table(table, origin)),
    }
}

/// Lays one table over another: tables join key by key, everything else is replaced.
pub(crate) fn overlay(base: &mut Table, over: Table) {
    for (key, node) in over {
        // A secret and the file that holds it are two ways to say one thing, so the upper layer's way wins.
        match key.strip_suffix("_file") {
            Some(plain) => base.remove(plain),
            None => base.remove(&format!("{key}_file")),
        };
        match (base.get_mut(&key), node) {
            (
                Some(Node {
                    value: Value::Table(base),
                    origin,
                    ..
                }),
                Node {
                    value: Value::Table(over),
                    origin: from,
                    ..
                },
            ) => {
                overlay(base, over);
                *origin = from;
            }
            (_, node) => {
                base.insert(key, node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_line() {
        let path: Arc<Path> = Path::new("p.toml").into();
        let origin = |line| Origin::File {
            path: Arc::clone(&path),
            line,
        };
        let table = parse(
            "# first\n[stop]\ngrace_s = 5\n\n[[app]]\nkey = 'k'\n",
            &origin,
        )
        .unwrap();
        let Value::Table(stop) = &table["stop"].value else {
            panic!("no table")
        };
        assert_eq!(stop["grace_s"].origin.to_string(), "p.toml:3");
        let Value::List(apps) = &table["app"].value else {
            panic!("no list")
        };
        assert_eq!(apps[0].origin.to_string(), "p.toml:5");
    }

    #[test]
    fn malformed_text_names_its_line() {
        let malformed = parse("a = 1\nb = \n", &|_| Origin::Default).unwrap_err();
        assert_eq!(malformed.line, 2);
        assert!(!malformed.message.is_empty());
        let repeated = parse("a = 1\n\na = 2\n", &|_| Origin::Default).unwrap_err();
        assert_eq!(repeated.line, 3);
    }

    #[test]
    fn upper_layer_decides_between_a_secret_and_its_file() {
        let parse = |text| parse(text, &|_| Origin::Default).unwrap();
        let mut base = parse("key = 'a'\ntoken_file = 'f'\n[stop]\na = 1\nb = 2");
        overlay(
            &mut base,
            parse("key_file = 'k'\ntoken = 't'\n[stop]\nb = 3"),
        );
        assert_eq!(
            base.keys().collect::<Vec<_>>(),
            ["key_file", "stop", "token"]
        );
        let Value::Table(stop) = &base["stop"].value else {
            panic!("no table")
        };
        assert!(matches!(
            (&stop["a"].value, &stop["b"].value),
            (Value::Integer(1), Value::Integer(3))
        ));
    }
}
