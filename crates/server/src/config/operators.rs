//! The `[[operator]]` entries: who may do what on the operator's listener.

use std::collections::BTreeSet;

use pushtally_http::{Operators, Role};
use pushtally_model::Secret;

use super::reader::{Problems, Reader};
use super::secret;
use super::tree::{Node, Origin, Table, Value};

/// Operators of a server: people and scripts, not users. Every call looks at all of them.
const OPERATORS_MAX: usize = 1_000;
/// Shorter tokens can be guessed, in bytes.
const TOKEN_LEN_MIN: usize = 16;

/// Reads all entries; a name or a token that is there twice is a problem.
pub(crate) fn read(
    root: &mut Reader<'_>,
    problems: &Problems,
    notes: &mut Vec<String>,
) -> Operators {
    let entries = match root.take("operator") {
        None => Vec::new(),
        Some(Node {
            value: Value::List(entries),
            ..
        }) if entries.len() <= OPERATORS_MAX => entries,
        Some(node) => {
            problems.add(format!(
                "{}: `operator` is no list of at most {OPERATORS_MAX}, write `[[operator]]`",
                node.origin
            ));
            Vec::new()
        }
    };
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for Node { origin, value, .. } in entries {
        let Value::Table(table) = value else {
            problems.add(format!(
                "{origin}: `operator` holds something that is no section"
            ));
            continue;
        };
        let Some((name, role, tokens)) = read_one(table, &origin, problems, notes) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            problems.add(format!("{origin}: operator `{name}` is declared twice"));
        }
        found.extend(tokens.into_iter().map(|token| (name.clone(), role, token)));
    }
    let mut tokens = BTreeSet::new();
    if !found
        .iter()
        .all(|(_, _, token)| tokens.insert(token.expose()))
    {
        problems.add("two operators have the same token".to_owned());
    }
    let each = found.iter();
    Operators::new(each.map(|(name, role, token)| (name.as_str(), *role, token)))
}

fn read_one(
    table: Table,
    origin: &Origin,
    problems: &Problems,
    notes: &mut Vec<String>,
) -> Option<(String, Role, Vec<Secret>)> {
    let mut reader = Reader::of("operator".to_owned(), table, problems);
    let (name, at) = reader.text("name");
    if name.is_empty() || name.len() > 64 {
        reader.refuse(&at, "name", &name, "1 to 64 bytes");
    }
    let role = reader.choice("role", &Role::ALL.map(|role| (role.name(), role)));
    if let Some((path, at)) = reader.peek_text("token_file")
        && secret::is_open_to_all(&at, &path)
    {
        notes.push(format!(
            "{at}: `{path}` can be read by everybody, `chmod 600` is better"
        ));
    }
    let tokens = secret::take(&mut reader, "token", "token_file").unwrap_or_default();
    let is_short = |token: &Secret| token.expose().len() < TOKEN_LEN_MIN;
    if tokens.is_empty() || tokens.iter().any(is_short) {
        problems.add(format!(
            "{origin}: operator `{name}` has no usable `token` or `token_file`, of at least {TOKEN_LEN_MIN} bytes"
        ));
    }
    reader.finish();
    Some((name, role?, tokens))
}
