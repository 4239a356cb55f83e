//! The `[[app.channel]]` entries: an app's accounts with the vendors.

mod given;
pub(crate) mod written;

use std::fs;
use std::path::Path;
use std::time::Duration;

use pushtally_model::{AppId, Channel, Secret};
use pushtally_vendor::Proxy;
use pushtally_webhook::Target;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::reader::{Problems, Reader};
use super::secret;
use super::tree::{Node, Origin, Value};
use crate::channels::ChannelId;

pub(crate) use given::read_given;

/// The account that one is which does not say.
pub(crate) const CERT_ID_DEFAULT: u32 = 1;
/// Credentials are a few keys; anything larger is the wrong file.
const FILE_LEN_MAX: u64 = 64 * 1024;
/// Seconds that a call may take.
const TIMEOUT_S_DEFAULT: u32 = 10;
/// Calls at once, where nothing else is said: what the vendors that take one device a call need on one connection.
const CALLS_MAX_DEFAULT: u32 = 256;

/// An account with a vendor: what a section says, and what is stored of one that was given at run time. Written as JSON to
/// be sealed or to go over the control socket, and nowhere else: it holds credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelSettings {
    #[serde(with = "written::channel")]
    pub(crate) channel: Channel,
    pub(crate) cert_id: u32,
    /// A JSON object of what the vendor's console gives.
    #[serde(with = "written::secret")]
    pub(crate) credentials: Secret,
    /// Targets a second; 0 is no limit.
    pub(crate) rate: u32,
    pub(crate) calls_max: u32,
    #[serde(rename = "timeout_s", with = "written::seconds")]
    pub(crate) timeout: Duration,
    #[serde(with = "written::certificates")]
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// The URL of a proxy, which may hold a password.
    #[serde(default, with = "written::secret_if_any")]
    pub(crate) proxy: Option<Secret>,
    /// Where receipts go that are not of our messages; the address may hold a token.
    #[serde(default, with = "written::secret_if_any")]
    pub(crate) receipts_relay_to: Option<Secret>,
}

/// An account that the configuration declares.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredChannel {
    pub(crate) app: AppId,
    pub(crate) settings: ChannelSettings,
    pub(crate) origin: Origin,
}

impl DeclaredChannel {
    pub(crate) const fn id(&self) -> ChannelId {
        ChannelId {
            app: self.app,
            channel: self.settings.channel,
            cert_id: self.settings.cert_id,
        }
    }
}

/// Reads the entries of one app.
pub(super) fn read(
    app: AppId,
    reader: &mut Reader<'_>,
    problems: &Problems,
    notes: &mut Vec<String>,
) -> Vec<DeclaredChannel> {
    let entries = match reader.take("channel") {
        Some(Node {
            value: Value::List(entries),
            ..
        }) => entries,
        Some(node) => {
            problems.add(format!(
                "{}: `app.channel` is not a list, write `[[app.channel]]`",
                node.origin
            ));
            Vec::new()
        }
        None => Vec::new(),
    };
    let mut channels: Vec<DeclaredChannel> = Vec::new();
    for Node { origin, value, .. } in entries {
        let Value::Table(table) = value else {
            problems.add(format!(
                "{origin}: `app.channel` holds something that is no section"
            ));
            continue;
        };
        let mut reader = Reader::of("app.channel".to_owned(), table, problems);
        let read = read_one(&mut reader, &origin, notes);
        reader.finish();
        let Some(settings) = read else {
            continue;
        };
        let read = DeclaredChannel {
            app,
            settings,
            origin,
        };
        let (id, origin) = (read.id(), &read.origin);
        if let Some(first) = channels.iter().find(|other| other.id() == id) {
            let first = &first.origin;
            problems.add(format!(
                "{origin}: {id} is declared a second time, first at {first}"
            ));
        }
        channels.push(read);
    }
    channels
}

/// Reads one account: a section of the configuration, or what is given at run time.
fn read_one(
    reader: &mut Reader<'_>,
    origin: &Origin,
    notes: &mut Vec<String>,
) -> Option<ChannelSettings> {
    if reader.peek_text("name").is_none() {
        reader.refuse(origin, "name", "", "the name of a vendor");
        return None;
    }
    let names = Channel::VENDORS.map(|vendor| (vendor.name(), vendor));
    let channel = reader.choice("name", &names)?;
    let cert_id = reader.integer_if_any("cert_id", 1..=u32::MAX, "number");
    let rate = reader.integer_if_any("rate", 0..=1_000_000, "devices a second");
    let calls_max = reader.integer_if_any("calls_max", 1..=10_000, "calls at once");
    let timeout_s = reader.integer_if_any("timeout_s", 1..=120, "seconds");
    let authorities = match reader.text_if_any("ca_file") {
        Some((path, at)) if !path.is_empty() => match read_authorities(&at.resolve(&path)) {
            Ok(authorities) => authorities,
            Err(reason) => {
                let allowed = format!("a file of certificates in PEM: {reason}");
                reader.refuse(&at, "ca_file", &path, &allowed);
                Vec::new()
            }
        },
        Some(_) | None => Vec::new(),
    };
    let proxy = read_proxy(reader, origin);
    let receipts_relay_to = read_receipts_relay(reader, channel, notes);
    let credentials = take_credentials(reader, channel, origin, notes)?;
    Some(ChannelSettings {
        channel,
        cert_id: cert_id.unwrap_or(CERT_ID_DEFAULT),
        credentials,
        rate: rate.unwrap_or(0),
        calls_max: calls_max.unwrap_or(CALLS_MAX_DEFAULT),
        timeout: Duration::from_secs(timeout_s.unwrap_or(TIMEOUT_S_DEFAULT).into()),
        authorities,
        proxy,
        receipts_relay_to,
    })
}

/// The proxy in place or in a file of its own, since it may hold a password.
fn read_proxy(reader: &mut Reader<'_>, origin: &Origin) -> Option<Secret> {
    let found = secret::take(reader, "proxy", "proxy_file")?;
    let allowed = match found.as_slice() {
        [one] => match Proxy::parse(one.expose()) {
            Ok(_) => return Some(one.clone()),
            Err(reason) => format!("the URL of a proxy: {reason}"),
        },
        _ => "the URL of one proxy".to_owned(),
    };
    reader.refuse(origin, "proxy", "(hidden)", &allowed);
    None
}

/// Where receipts go that are not of our messages.
fn read_receipts_relay(
    reader: &mut Reader<'_>,
    channel: Channel,
    notes: &mut Vec<String>,
) -> Option<Secret> {
    const KEY: &str = "receipts_relay_to";
    let (url, origin) = reader.text_if_any(KEY).filter(|(url, _)| !url.is_empty())?;
    if !channel.sends_receipts() {
        let allowed = format!("nothing: {} sends no receipts", channel.name());
        reader.refuse(&origin, KEY, "(hidden)", &allowed);
        return None;
    }
    match Target::parse(&url) {
        Ok(target) if !target.is_secure() => {
            notes.push(format!("{origin}: `app.channel.{KEY}` is not encrypted"));
        }
        Ok(_) => {}
        Err(error) => {
            reader.refuse(&origin, KEY, "(hidden)", &format!("a URL: {error}"));
            return None;
        }
    }
    Some(Secret::new(url))
}

/// The credentials, written in place or in a file of their own, if they are a vendor's.
fn take_credentials(
    reader: &mut Reader<'_>,
    channel: Channel,
    origin: &Origin,
    notes: &mut Vec<String>,
) -> Option<Secret> {
    const KEY: &str = "credentials";
    const KEY_FILE: &str = "credentials_file";
    let (here, file) = (reader.take(KEY), reader.text_if_any(KEY_FILE));
    let (key, at, shown, credentials) = match (here, file) {
        (Some(node), None) => {
            let Some(credentials) = in_place(&node.value) else {
                let allowed = "an object of the vendor's fields";
                reader.refuse(&node.origin, KEY, "(hidden)", allowed);
                return None;
            };
            (KEY, node.origin, "(hidden)".to_owned(), credentials)
        }
        (None, Some((path, at))) => {
            if secret::is_open_to_all(&at, &path) {
                notes.push(format!(
                    "{at}: `{path}` can be read by everybody, `chmod 600` is better"
                ));
            }
            match read_credentials(&at.resolve(&path)) {
                Ok(credentials) => (KEY_FILE, at, path, credentials),
                Err(reason) => {
                    let allowed = format!("a readable file of JSON: {reason}");
                    reader.refuse(&at, KEY_FILE, &path, &allowed);
                    return None;
                }
            }
        }
        (Some(node), Some((path, _))) => {
            let allowed = format!("one of `{KEY}` and `{KEY_FILE}`, not both");
            reader.refuse(&node.origin, KEY_FILE, &path, &allowed);
            return None;
        }
        (None, None) => {
            reader.refuse(origin, KEY_FILE, "", "a file of JSON");
            return None;
        }
    };
    if let Err(reason) = pushtally_vendor::vendor(channel, credentials.expose()) {
        let allowed = format!("credentials of {}: {reason}", channel.name());
        reader.refuse(&at, key, &shown, &allowed);
    }
    Some(credentials)
}

/// A section's fields as JSON, or a text that is JSON already.
fn in_place(value: &Value) -> Option<Secret> {
    match value {
        Value::Text(text) => Some(Secret::new(text.as_str())),
        Value::Table(_) => {
            let json = serde_json::to_string(&value.to_json()).ok()?;
            Some(Secret::new(json))
        }
        Value::Integer(_) | Value::Flag(_) | Value::List(_) | Value::Other(_) => None,
    }
}

fn read_credentials(path: &Path) -> Result<Secret, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let len = fs::metadata(path).map_err(told)?.len();
    if len > FILE_LEN_MAX {
        let path = path.display();
        return Err(format!(
            "{path} has {len} bytes, at most {FILE_LEN_MAX} are read"
        ));
    }
    Ok(Secret::new(fs::read_to_string(path).map_err(told)?))
}

/// Certificates in a file of PEM, at least one.
pub(crate) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(told)?;
    let found: Vec<_> = read.collect::<Result<_, _>>().map_err(told)?;
    if found.is_empty() {
        return Err(format!("{} has none", path.display()));
    }
    Ok(found)
}
