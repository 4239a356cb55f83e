//! The `[[app.channel]]` entries: an app's accounts with the vendors.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pushtally_model::{AppId, Channel, Secret};
use pushtally_vendor::Proxy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::reader::{Problems, Reader};
use super::secret;
use super::tree::{Node, Origin, Value};

/// Credentials are a few keys; anything larger is the wrong file.
const FILE_LEN_MAX: u64 = 64 * 1024;
/// Seconds that a call may take.
const TIMEOUT_S_DEFAULT: u32 = 10;
/// Calls at once, where nothing else is said: what the vendors that take one device a call need on one connection.
const CALLS_MAX_DEFAULT: u32 = 256;

/// An account with a vendor, as the configuration declares it.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredChannel {
    pub(crate) app: AppId,
    pub(crate) channel: Channel,
    pub(crate) cert_id: u32,
    /// A JSON object of what the vendor's console gives.
    pub(crate) credentials: Secret,
    /// Targets a second; 0 is no limit.
    pub(crate) rate: u32,
    pub(crate) calls_max: u32,
    pub(crate) timeout: Duration,
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) origin: Origin,
}

/// The vendors, by the names that configuration and commands know them by.
const NAMES: [(&str, Channel); 9] = [
    ("apns", Channel::Apns),
    ("xiaomi", Channel::Xiaomi),
    ("huawei", Channel::Huawei),
    ("harmony", Channel::Harmony),
    ("fcm", Channel::Fcm),
    ("meizu", Channel::Meizu),
    ("oppo", Channel::Oppo),
    ("vivo", Channel::Vivo),
    ("honor", Channel::Honor),
];

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
        let read = read_one(app, &mut reader, &origin, notes);
        reader.finish();
        let Some(read) = read else {
            continue;
        };
        let same = |other: &&DeclaredChannel| {
            (other.channel, other.cert_id) == (read.channel, read.cert_id)
        };
        if let Some(first) = channels.iter().find(same) {
            problems.add(format!(
                "{origin}: channel `{}` with `cert_id` {} of app `{app}` is declared a second time, first at {}",
                read.channel.name(),
                read.cert_id,
                first.origin
            ));
        }
        channels.push(read);
    }
    channels
}

fn read_one(
    app: AppId,
    reader: &mut Reader<'_>,
    origin: &Origin,
    notes: &mut Vec<String>,
) -> Option<DeclaredChannel> {
    if reader.peek_text("name").is_none() {
        reader.refuse(origin, "name", "", "the name of a vendor");
        return None;
    }
    let channel = reader.choice("name", &NAMES)?;
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
    let Some((path, at)) = reader.text_if_any("credentials_file") else {
        reader.refuse(origin, "credentials_file", "", "a file of JSON");
        return None;
    };
    if secret::is_open_to_all(&at, &path) {
        notes.push(format!(
            "{at}: `{path}` can be read by everybody, `chmod 600` is better"
        ));
    }
    let credentials = match read_credentials(&at.resolve(&path)) {
        Ok(credentials) => credentials,
        Err(reason) => {
            let allowed = format!("a readable file of JSON: {reason}");
            reader.refuse(&at, "credentials_file", &path, &allowed);
            return None;
        }
    };
    if let Err(reason) = pushtally_vendor::vendor(channel, credentials.expose()) {
        let allowed = format!("credentials of {}: {reason}", channel.name());
        reader.refuse(&at, "credentials_file", &path, &allowed);
    }
    Some(DeclaredChannel {
        app,
        channel,
        cert_id: cert_id.unwrap_or(1),
        credentials,
        rate: rate.unwrap_or(0),
        calls_max: calls_max.unwrap_or(CALLS_MAX_DEFAULT),
        timeout: Duration::from_secs(timeout_s.unwrap_or(TIMEOUT_S_DEFAULT).into()),
        authorities,
        proxy,
        origin: origin.clone(),
    })
}

/// The proxy in place or in a file of its own, since it may hold a password.
fn read_proxy(reader: &mut Reader<'_>, origin: &Origin) -> Option<Proxy> {
    let found = secret::take(reader, "proxy", "proxy_file")?;
    let allowed = match found.as_slice() {
        [one] => match Proxy::parse(one.expose()) {
            Ok(proxy) => return Some(proxy),
            Err(reason) => format!("the URL of a proxy: {reason}"),
        },
        _ => "the URL of one proxy".to_owned(),
    };
    reader.refuse(origin, "proxy", "(hidden)", &allowed);
    None
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

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(told)?;
    let found: Vec<_> = read.collect::<Result<_, _>>().map_err(told)?;
    if found.is_empty() {
        return Err(format!("{} has none", path.display()));
    }
    Ok(found)
}
