//! The effective configuration as TOML, each value with where it comes from, secrets hidden.

use std::fmt::Write as _;

use super::tree::{Node, Table, Value};

const HIDDEN: &str = "(hidden)";

/// Keys whose values are never shown. `relay_to`, `receipts_relay_to` and `webhook_url` may carry a token in their path or query.
const SECRETS: [&str; 10] = [
    "key",
    "token",
    "credentials",
    "credentials_key",
    "callback_token",
    "client_key",
    "receipts_key",
    "relay_to",
    "receipts_relay_to",
    "webhook_url",
];

pub(crate) fn print(tree: &Table) -> String {
    let mut out = String::new();
    print_table(&mut out, "", tree);
    out
}

/// Plain values first, then sections, as TOML wants it.
fn print_table(out: &mut String, path: &str, table: &Table) {
    let is_secret = |key: &str| SECRETS.contains(&key);
    let plain = |(key, node): &(&String, &Node)| is_secret(key) || !is_section(node);
    for (key, node) in table.iter().filter(plain) {
        let value = if is_secret(key) {
            quote(HIDDEN)
        } else {
            show(&node.value)
        };
        let _ = writeln!(out, "{key} = {value}  # {}", node.origin);
    }
    for (key, node) in table.iter().filter(|entry| !plain(entry)) {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match &node.value {
            Value::Table(inner) => {
                let _ = writeln!(out, "\n[{path}]");
                print_table(out, &path, inner);
            }
            Value::List(entries) => {
                for entry in entries {
                    if let Value::Table(inner) = &entry.value {
                        let _ = writeln!(out, "\n[[{path}]]");
                        print_table(out, &path, inner);
                    }
                }
            }
            Value::Text(_) | Value::Integer(_) | Value::Flag(_) | Value::Other(_) => {}
        }
    }
}

fn is_section(node: &Node) -> bool {
    match &node.value {
        Value::Table(_) => true,
        Value::List(items) => items
            .iter()
            .any(|item| matches!(item.value, Value::Table(_))),
        Value::Text(_) | Value::Integer(_) | Value::Flag(_) | Value::Other(_) => false,
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::Integer(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Other(text) => text.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| show(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(_) => String::new(),
    }
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
