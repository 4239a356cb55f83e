//! Secrets of the configuration: written in place, or in a file of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pushtally_model::Secret;

use super::reader::Reader;
use super::tree::{Node, Origin, Value};

/// A file of secrets is a few lines; anything larger is the wrong file.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// The secrets under `key`, in order: a text or a list of texts there, or the lines of the file that `key_file`
/// names. `None` when neither is given or a problem was added.
pub(crate) fn take(
    reader: &mut Reader<'_>,
    key: &'static str,
    key_file: &'static str,
) -> Option<Vec<Secret>> {
    let (here, file) = (reader.take(key), reader.text_if_any(key_file));
    match (here, file) {
        (Some(node), None) => from_node(reader, key, node),
        (None, Some((path, origin))) => match read_file(&origin.resolve(&path)) {
            Ok(secrets) => Some(secrets),
            Err(reason) => {
                reader.refuse(
                    &origin,
                    key_file,
                    &path,
                    &format!("a readable file of secrets: {reason}"),
                );
                None
            }
        },
        (Some(node), Some((path, _))) => {
            let allowed = format!("one of `{key}` and `{key_file}`, not both");
            reader.refuse(&node.origin, key_file, &path, &allowed);
            None
        }
        (None, None) => None,
    }
}

/// Also text that TOML would read as a number: a variable's key may be digits only.
fn from_node(reader: &Reader<'_>, key: &str, node: Node) -> Option<Vec<Secret>> {
    let one = |node: &Node| match (&node.value, &node.written) {
        (Value::Text(text), _) | (_, Some(text)) if !text.trim().is_empty() => {
            Some(Secret::new(text.clone()))
        }
        _ => None,
    };
    let secrets: Option<Vec<Secret>> = match &node.value {
        Value::List(items) => items.iter().map(one).collect(),
        _ => one(&node).map(|secret| vec![secret]),
    };
    let secrets = secrets.filter(|secrets| !secrets.is_empty());
    if secrets.is_none() {
        reader.refuse(
            &node.origin,
            key,
            "(hidden)",
            "a text that is not empty, or a list of them",
        );
    }
    secrets
}

/// The lines of a file that are not empty; it must not be writable by others than its owner and group.
pub(crate) fn read_file(path: &Path) -> Result<Vec<Secret>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let facts = fs::metadata(path).map_err(told)?;
    if facts.len() > FILE_LEN_MAX {
        return Err(format!(
            "{} has {} bytes, at most {FILE_LEN_MAX} are read",
            path.display(),
            facts.len()
        ));
    }
    if facts.permissions().mode() & 0o002 != 0 {
        return Err(format!(
            "{} can be written by everybody, run `chmod 600` on it",
            path.display()
        ));
    }
    let text = fs::read_to_string(path).map_err(told)?;
    let secrets: Vec<Secret> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(Secret::new)
        .collect();
    if secrets.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(secrets)
}

/// Whether others than owner and group can read the file that an origin's key names.
pub(crate) fn is_open_to_all(origin: &Origin, path: &str) -> bool {
    fs::metadata(origin.resolve(path)).is_ok_and(|facts| facts.permissions().mode() & 0o004 != 0)
}
