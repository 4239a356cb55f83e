//! Takes values out of a table with their rules checked. Problems are collected, so that one run tells them all.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::size;
use super::tree::{Node, Origin, Table, Value};

/// What is wrong with the configuration, in the order of finding.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<String>>);

impl Problems {
    pub(crate) fn add(&self, problem: String) {
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn into_inner(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// A table being read. A key that is wrong or missing adds a problem and reads as an empty value, which nobody gets
/// to see, since a configuration with problems is refused whole.
#[derive(Debug)]
pub(crate) struct Reader<'p> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'p Problems,
}

impl<'p> Reader<'p> {
    /// The reader of a whole file.
    pub(crate) fn root(table: Table, problems: &'p Problems) -> Self {
        Self::of(String::new(), table, problems)
    }

    pub(crate) fn of(path: String, table: Table, problems: &'p Problems) -> Self {
        Self {
            path,
            table,
            known: Vec::new(),
            problems,
        }
    }

    /// The full name of a key, as messages say it.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Adds a problem with a key's value.
    pub(crate) fn refuse(&self, origin: &Origin, key: &str, received: &str, allowed: &str) {
        let name = self.name(key);
        self.problems.add(format!(
            "{origin}: `{name}` is `{received}`, allowed is {allowed}"
        ));
    }

    /// Takes a key out; an empty text is how a key says that it has no value.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        self.table
            .remove(key)
            .filter(|node| !matches!(&node.value, Value::Text(text) if text.is_empty()))
    }

    /// A text that stays where it is.
    pub(crate) fn peek_text(&self, key: &str) -> Option<(String, Origin)> {
        let node = self.table.get(key)?;
        Some((text_of(node)?, node.origin.clone()))
    }

    fn required(&mut self, key: &'static str) -> Option<Node> {
        let found = self.take(key);
        if found.is_none() {
            self.problems
                .add(format!("`{}` has no value", self.name(key)));
        }
        found
    }

    /// A table within this one; empty when there is none.
    pub(crate) fn section(&mut self, key: &'static str) -> Reader<'p> {
        let table = match self.take(key) {
            Some(Node {
                value: Value::Table(table),
                ..
            }) => table,
            Some(node) => {
                self.refuse(&node.origin, key, &show(&node), "a section");
                Table::new()
            }
            None => Table::new(),
        };
        Self::of(self.name(key), table, self.problems)
    }

    /// A text, if the key has one, and where it was written.
    pub(crate) fn text_if_any(&mut self, key: &'static str) -> Option<(String, Origin)> {
        let node = self.take(key)?;
        let text = text_of(&node);
        if text.is_none() {
            self.refuse(&node.origin, key, &show(&node), "a text in quotes");
        }
        Some((text?, node.origin))
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, key: &'static str) -> (String, Origin) {
        match self.required(key) {
            Some(node) => match text_of(&node) {
                Some(text) => (text, node.origin),
                None => {
                    self.refuse(&node.origin, key, &show(&node), "a text in quotes");
                    (String::new(), node.origin)
                }
            },
            None => (String::new(), Origin::Default),
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let (text, origin) = self.text(key);
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<String> = choices
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            self.refuse(&origin, key, &text, &names.join(" or "));
        }
        found.map(|(_, value)| *value)
    }

    /// An address such as `127.0.0.1:8080`.
    pub(crate) fn address(&mut self, key: &'static str) -> SocketAddr {
        let (text, origin) = self.text(key);
        text.parse().unwrap_or_else(|_| {
            self.refuse(
                &origin,
                key,
                &text,
                "an IP address and a port, such as `127.0.0.1:8080` or `[::]:8080`",
            );
            SocketAddr::from(([0, 0, 0, 0], 0))
        })
    }

    /// A whole number within a range, if the key has one. `unit` is for the message.
    pub(crate) fn integer_if_any(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> Option<u32> {
        let node = self.take(key)?;
        Some(self.check_integer(key, &node, range, unit))
    }

    /// A whole number within a range that must be there.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> u32 {
        self.required(key)
            .map_or(0, |node| self.check_integer(key, &node, range, unit))
    }

    /// Checks a number that was taken out already.
    pub(crate) fn check_integer(
        &self,
        key: &str,
        node: &Node,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> u32 {
        let number = match node.value {
            Value::Integer(number) => u32::try_from(number)
                .ok()
                .filter(|number| range.contains(number)),
            _ => None,
        };
        number.unwrap_or_else(|| {
            let allowed = format!(
                "a whole number of {unit} from {} to {}",
                range.start(),
                range.end()
            );
            self.refuse(&node.origin, key, &show(node), &allowed);
            *range.start()
        })
    }

    /// A size such as `64KiB` within a range, in bytes.
    pub(crate) fn size(&mut self, key: &'static str, range: RangeInclusive<u64>) -> usize {
        let Some(node) = self.required(key) else {
            return 0;
        };
        let bytes = match &node.value {
            Value::Text(text) => size::parse(text),
            Value::Integer(bytes) => u64::try_from(*bytes).ok(),
            _ => None,
        };
        let fitting = bytes
            .filter(|bytes| range.contains(bytes))
            .and_then(|bytes| usize::try_from(bytes).ok());
        fitting.unwrap_or_else(|| {
            let (least, most) = (size::show(*range.start()), size::show(*range.end()));
            let allowed = format!("a size such as `64KiB` from {least} to {most}");
            self.refuse(&node.origin, key, &show(&node), &allowed);
            0
        })
    }

    /// `true` or `false`, if the key has one.
    pub(crate) fn flag_if_any(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        self.refuse(&node.origin, key, &show(&node), "`true` or `false`");
        None
    }

    /// A list of texts, if the key has one; a single text is a list of one.
    pub(crate) fn texts_if_any(&mut self, key: &'static str) -> Option<(Vec<String>, Origin)> {
        let node = self.take(key)?;
        let texts = match &node.value {
            Value::List(items) => items.iter().map(text_of).collect(),
            _ => text_of(&node).map(|text| vec![text]),
        };
        if texts.is_none() {
            self.refuse(&node.origin, key, &show(&node), "a list of texts");
        }
        Some((texts?, node.origin))
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) {
        for (key, node) in &self.table {
            let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
            let (origin, name) = (&node.origin, self.name(key));
            self.problems.add(format!(
                "{origin}: unknown key `{name}`, known here are {}",
                known.join(", ")
            ));
        }
    }
}

fn text_of(node: &Node) -> Option<String> {
    match (&node.value, &node.written) {
        (Value::Text(text), _) => Some(text.clone()),
        (Value::Integer(_) | Value::Flag(_) | Value::Other(_), Some(written)) => {
            Some(written.clone())
        }
        _ => None,
    }
}

/// A value as a message shows it; a secret never comes here.
fn show(node: &Node) -> String {
    match &node.value {
        Value::Text(text) | Value::Other(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(_) => "a list".to_owned(),
        Value::Table(_) => "a section".to_owned(),
    }
}
