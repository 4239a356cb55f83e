//! An account that is given at run time: a file with the keys of `[[app.channel]]`, read as that section is.

use std::path::Path;
use std::sync::Arc;

use pushtally_model::Channel;

use super::super::reader::{Problems, Reader};
use super::super::tree::{self, Node, Origin, Value};
use super::super::{ConfigError, parse};
use super::{ChannelSettings, read_one};

/// Reads TOML, or JSON when it begins with a brace. `path` is what messages call it, and relative paths in it start at its
/// folder. The name may be left out. Answers the account and advice that is no error.
pub(crate) fn read_given(
    path: &Path,
    text: &str,
    channel: Channel,
) -> Result<(ChannelSettings, Vec<String>), ConfigError> {
    let shared: Arc<Path> = path.into();
    let whole = Origin::Whole(Arc::clone(&shared));
    let mut table = if text.trim_start().starts_with('{') {
        tree::parse_json(text, &whole).map_err(|malformed| malformed.of(path))?
    } else {
        parse(path, text, |line| Origin::File {
            path: Arc::clone(&shared),
            line,
        })?
    };
    let name = || Node::new(whole.clone(), Value::Text(channel.name().to_owned()));
    table.entry("name".to_owned()).or_insert_with(name);
    let (problems, mut notes) = (Problems::default(), Vec::new());
    let mut reader = Reader::root(table, &problems);
    let other = reader.peek_text("name");
    let read = match other.filter(|(name, _)| name != channel.name()) {
        Some((name, at)) => {
            let allowed = format!("`{}`, as the command says", channel.name());
            reader.refuse(&at, "name", &name, &allowed);
            None
        }
        None => {
            let read = read_one(&mut reader, &whole, &mut notes);
            reader.finish();
            read
        }
    };
    let problems = problems.into_inner();
    match read {
        Some(settings) if problems.is_empty() => Ok((settings, notes)),
        _ => Err(ConfigError::Wrong { problems }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<ChannelSettings, String> {
        let read = read_given(Path::new("/tmp/given"), text, Channel::Xiaomi);
        read.map(|(settings, _)| settings)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "cert_id = 2\nrate = 5\n[credentials]\napp_secret = \"s\"\npackage = \"p\"\n";
        let json = r#" {"name": "xiaomi", "cert_id": 2, "rate": 5,
            "credentials": {"app_secret": "s", "package": "p"}}"#;
        let settings = read(toml).unwrap();
        assert_eq!(read(json).unwrap(), settings);
        assert_eq!((settings.cert_id, settings.rate), (2, 5));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.json"), settings.credentials.expose()).unwrap();
        let named = "credentials_file = \"x.json\"";
        let beside = read_given(&folder.path().join("given.toml"), named, Channel::Xiaomi);
        let (beside, notes) = beside.unwrap();
        assert_eq!(beside.credentials, settings.credentials);
        assert_eq!((beside.cert_id, notes.len()), (1, 1), "{notes:?}");
    }

    #[test]
    fn what_is_wrong_is_told_by_field_and_never_by_value() {
        let good = "credentials = {app_secret = 's3cr3t', package = 'p'}";
        for (text, expected) in [
            ("", "`credentials_file` is ``"),
            ("[", "/tmp/given:1"),
            ("{\"a\": ", "/tmp/given:1"),
            ("{\"rate\": 1.5}", "`rate` is `1.5`"),
            (
                &format!("name = 'oppo'\n{good}"),
                "`name` is `oppo`, allowed is `xiaomi`",
            ),
            (
                "credentials = {package = 'p'}",
                "missing field `app_secret`",
            ),
            (
                "credentials = {app_secret = 's3cr3t', package = 'p', x = 1}",
                "unknown field `x`",
            ),
            ("credentials = ['s3cr3t']", "`credentials` is `(hidden)`"),
            (&format!("{good}\ncredentials_file = 'x'"), "not both"),
            (&format!("{good}\nrates = 1"), "unknown key `rates`"),
            (&format!("{good}\ncert_id = 0"), "`cert_id` is `0`"),
            (
                &format!("{good}\nca_file = 'none.pem'"),
                "`ca_file` is `none.pem`",
            ),
            (
                "credentials_file = 'none.json'",
                "`credentials_file` is `none.json`",
            ),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }
}
