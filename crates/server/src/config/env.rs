//! Environment variables as configuration: `PUSHTALLY__SECTION__KEY=value`.
//!
//! One rule: after the prefix, two underscores separate the parts, which are the names of the file in upper case.
//! An `[[app]]` is named by its SDKAppID: `PUSHTALLY__APP__1400000000__KEY`; one that the file does not have is made.

use super::tree::{self, Node, Origin, Table, Value};

const PREFIX: &str = "PUSHTALLY__";

/// The tree that the variables with our prefix make, in the order of their names; the others are left alone.
pub(crate) fn tree(variables: impl IntoIterator<Item = (String, String)>) -> Table {
    let ours = |(name, _): &(String, String)| name.starts_with(PREFIX);
    let mut variables: Vec<_> = variables.into_iter().filter(ours).collect();
    variables.sort();
    let mut root = Table::new();
    for (name, value) in variables {
        let path = name[PREFIX.len()..].to_lowercase();
        insert(&mut root, &path, tree::parse_variable(&name, &value));
    }
    root
}

fn insert(table: &mut Table, path: &str, node: Node) {
    let Some((head, rest)) = path.split_once("__") else {
        table.insert(path.to_owned(), node);
        return;
    };
    let section = || Node::new(node.origin.clone(), Value::Table(Table::new()));
    let inner = table.entry(head.to_owned()).or_insert_with(section);
    match &mut inner.value {
        Value::Table(inner) => insert(inner, rest, node),
        // `PUSHTALLY__STOP=1` beside `PUSHTALLY__STOP__GRACE_S=2`: the plain one stays and is refused by name.
        Value::Text(_) | Value::Integer(_) | Value::Flag(_) | Value::List(_) | Value::Other(_) => {}
    }
}

/// Lays the variables' apps, which are named by SDKAppID, over the file's list of apps.
pub(crate) fn overlay_apps(base: &mut Table, over: &mut Table) {
    let by_id = match over.remove("app") {
        Some(Node {
            value: Value::Table(by_id),
            ..
        }) => by_id,
        Some(other) => {
            // The whole list in one variable: replaces the file's, as any other value would.
            over.insert("app".to_owned(), other);
            return;
        }
        None => return,
    };
    let list = base
        .entry("app".to_owned())
        .or_insert_with(|| Node::new(Origin::Default, Value::List(Vec::new())));
    let Value::List(apps) = &mut list.value else {
        return;
    };
    for (id, app) in by_id {
        let number = id.parse::<i64>().map_or(Value::Text(id), Value::Integer);
        let known = apps
            .iter_mut()
            .find_map(|known| match (&mut known.value, &number) {
                (Value::Table(known), Value::Integer(id)) => match known.get("sdkappid") {
                    Some(Node {
                        value: Value::Integer(known_id),
                        ..
                    }) if known_id == id => Some(known),
                    _ => None,
                },
                _ => None,
            });
        match (known, app.value) {
            (Some(known), Value::Table(over)) => tree::overlay(known, over),
            (None, Value::Table(mut made)) => {
                made.insert("sdkappid".to_owned(), Node::new(app.origin.clone(), number));
                apps.push(Node::new(app.origin, Value::Table(made)));
            }
            (_, value) => apps.push(Node::new(app.origin, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Table {
        tree(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn names_become_paths_and_values_toml_or_text() {
        let root = variables(&[
            ("PUSHTALLY__STOP__GRACE_S", "5"),
            ("PUSHTALLY__LISTEN__PUBLIC", "0.0.0.0:80"),
            ("PUSHTALLY__LOG__FORMAT", "'json'"),
            ("PUSHTALLY_CONFIG", "x.toml"),
            ("HOME", "/"),
        ]);
        assert_eq!(root.keys().collect::<Vec<_>>(), ["listen", "log", "stop"]);
        let Value::Table(stop) = &root["stop"].value else {
            panic!("no table")
        };
        assert!(matches!(stop["grace_s"].value, Value::Integer(5)));
        assert_eq!(
            stop["grace_s"].origin.to_string(),
            "PUSHTALLY__STOP__GRACE_S"
        );
        let Value::Table(listen) = &root["listen"].value else {
            panic!("no table")
        };
        assert!(matches!(&listen["public"].value, Value::Text(text) if text == "0.0.0.0:80"));
        let Value::Table(log) = &root["log"].value else {
            panic!("no table")
        };
        assert!(matches!(&log["format"].value, Value::Text(text) if text == "json"));
    }

    #[test]
    fn apps_are_named_by_their_id() {
        let origin = |line| Origin::Variable(format!("line {line}"));
        let mut base = tree::parse("[[app]]\nsdkappid = 7\nkey = 'a'\n", &origin).unwrap();
        let mut over = variables(&[
            ("PUSHTALLY__APP__7__KEY_FILE", "f"),
            ("PUSHTALLY__APP__8__KEY", "b"),
        ]);
        overlay_apps(&mut base, &mut over);
        assert!(over.is_empty());
        let Value::List(apps) = &base["app"].value else {
            panic!("no list")
        };
        let keys = |at: usize| match &apps[at].value {
            Value::Table(app) => app.keys().cloned().collect::<Vec<_>>(),
            _ => panic!("no table"),
        };
        assert_eq!(keys(0), ["key_file", "sdkappid"]);
        assert_eq!(keys(1), ["key", "sdkappid"]);
    }
}
