//! The way to a vendor: straight, or through a proxy of the operator's.
//!
//! A proxy is told the vendor's name and resolves it itself. What goes through it is the same as without: TLS ends at the
//! vendor, never at the proxy.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use pushtally_dial::{Targets, dial};
use pushtally_model::Secret;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

/// Opening a connection takes no longer, the proxy's part included; TLS comes after it.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The longest name and password of a SOCKS5 login, in bytes: each has one byte for its length.
const SOCKS_LOGIN_LEN_MAX: usize = 255;

type BoxError = Box<dyn Error + Send + Sync>;

/// What opens connections.
pub(crate) type Way = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

/// A proxy that an account's calls go through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: Protocol,
    /// Its host and port, without the login.
    address: Uri,
    login: Option<Login>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// HTTP's CONNECT.
    Connect,
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
struct Login {
    user: Secret,
    password: Secret,
}

/// Why an address is no proxy's. Says nothing of the address: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It is no URL of these schemes.
    #[error("it is not `http://HOST:PORT`, `socks5://HOST:PORT` or `socks5h://HOST:PORT`")]
    Form,
    /// The port is not guessed: proxies have several usual ones.
    #[error("it has no port")]
    NoPort,
    /// There is something behind host and port.
    #[error("it has a path or a query")]
    Path,
    /// The login cannot be sent as the protocol wants it.
    #[error(
        "its user or password is not percent-encoded UTF-8, has a colon in the user (http), or is longer than 255 bytes (socks5)"
    )]
    Login,
}

impl Proxy {
    /// A proxy from its URL, `http://USER:PASSWORD@HOST:PORT` for CONNECT, `socks5://` or `socks5h://` for SOCKS5; user and
    /// password percent-encoded, and both or neither. With either scheme of SOCKS5 names are resolved by the proxy.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let url: Uri = url.trim().parse().map_err(|_| ProxyError::Form)?;
        let protocol = match url.scheme_str() {
            Some("http") => Protocol::Connect,
            Some("socks5" | "socks5h") => Protocol::Socks5,
            Some(_) | None => return Err(ProxyError::Form),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(ProxyError::Path);
        }
        let (Some(authority), Some(host)) = (url.authority(), url.host()) else {
            return Err(ProxyError::Form);
        };
        if host.is_empty() {
            return Err(ProxyError::Form);
        }
        let port = url.port_u16().ok_or(ProxyError::NoPort)?;
        let login = match authority.as_str().rsplit_once('@') {
            Some((login, _)) => Some(read_login(login, protocol)?),
            None => None,
        };
        let address = format!("http://{host}:{port}");
        Ok(Self {
            protocol,
            address: address.parse().map_err(|_| ProxyError::Form)?,
            login,
        })
    }
}

/// Where it is, and never who may use it.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Proxy");
        shown
            .field("protocol", &self.protocol)
            .field("address", &self.address.authority());
        shown.finish_non_exhaustive()
    }
}

fn read_login(login: &str, protocol: Protocol) -> Result<Login, ProxyError> {
    let decode = |part: &str| match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(ProxyError::Login),
    };
    let (user, password) = login.split_once(':').ok_or(ProxyError::Login)?;
    let (user, password) = (decode(user)?, decode(password)?);
    let fits = match protocol {
        Protocol::Connect => !user.contains(':'),
        Protocol::Socks5 => {
            let parts = [&user, &password];
            parts.iter().all(|part| part.len() <= SOCKS_LOGIN_LEN_MAX)
        }
    };
    if !fits {
        return Err(ProxyError::Login);
    }
    Ok(Login {
        user: Secret::new(user),
        password: Secret::new(password),
    })
}

/// The way through this proxy, or straight to these targets. Where the proxy is the operator says: it may be on a private
/// network.
pub(crate) fn way(proxy: Option<&Proxy>, targets: &Targets) -> Way {
    let Some(proxy) = proxy else {
        return dial(targets.clone(), CONNECT_MAX);
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    let (address, login) = (proxy.address.clone(), proxy.login.as_ref());
    match proxy.protocol {
        Protocol::Connect => {
            let tunnel = Tunnel::new(address, tcp);
            match login.and_then(basic) {
                Some(login) => bounded(tunnel.with_auth(login).map_request(with_port)),
                None => bounded(tunnel.map_request(with_port)),
            }
        }
        Protocol::Socks5 => {
            let socks = SocksV5::new(address, tcp);
            let socks = match login {
                Some(Login { user, password }) => {
                    socks.with_auth(user.expose().to_owned(), password.expose().to_owned())
                }
                None => socks,
            };
            bounded(socks.map_request(with_port))
        }
    }
}

/// A proxy may take the connection and then say nothing: that ends as well.
fn bounded<S>(way: S) -> Way
where
    S: Service<Uri, Response = TokioIo<TcpStream>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    let way = way.map_err(Into::into);
    let way = way.map_future(|opening| async move {
        match tokio::time::timeout(CONNECT_MAX, opening).await {
            Ok(opened) => opened,
            Err(_) => Err::<_, BoxError>(format!("no connection within {CONNECT_MAX:?}").into()),
        }
    });
    BoxCloneSyncService::new(way)
}

fn basic(login: &Login) -> Option<HeaderValue> {
    let login = format!("{}:{}", login.user.expose(), login.password.expose());
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(login))).ok()
}

/// A proxy is told a port in any case; where there is none, that of `https` would be taken for `http`, too.
fn with_port(url: Uri) -> Uri {
    if url.port().is_some() || url.scheme_str() != Some("http") {
        return url;
    }
    let with_port = format!("http://{}:80/", url.host().unwrap_or_default());
    with_port.parse().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_from_its_url() {
        let check = |url: &str, protocol, address: &str, login: Option<(&str, &str)>| {
            let proxy = Proxy::parse(url).unwrap();
            assert_eq!(proxy.protocol, protocol, "{url}");
            assert_eq!(proxy.address.to_string(), address, "{url}");
            let read = proxy.login.as_ref();
            let read = read.map(|login| (login.user.expose(), login.password.expose()));
            assert_eq!(read, login, "{url}");
        };
        let (connect, socks5) = (Protocol::Connect, Protocol::Socks5);
        check(
            "http://p.example:3128",
            connect,
            "http://p.example:3128/",
            None,
        );
        check(" http://[::1]:8080/\n", connect, "http://[::1]:8080/", None);
        check(
            "http://u:p%40%3A%2F@p.example:3128",
            connect,
            "http://p.example:3128/",
            Some(("u", "p@:/")),
        );
        check(
            "socks5h://a%3Ab:@10.0.0.1:1080",
            socks5,
            "http://10.0.0.1:1080/",
            Some(("a:b", "")),
        );
        check("socks5://p:1080", socks5, "http://p:1080/", None);
    }

    #[test]
    fn what_is_no_proxy_is_told_without_showing_it() {
        let check = |url: &str, expected: ProxyError| {
            assert_eq!(Proxy::parse(url), Err(expected), "{url}");
            assert!(!expected.to_string().contains("s3cr3t"));
        };
        check("", ProxyError::Form);
        check("p.example:3128", ProxyError::Form);
        check("https://u:s3cr3t@p.example:3128", ProxyError::Form);
        check("socks4://p.example:1080", ProxyError::Form);
        check("http://u:s3cr3t@:3128", ProxyError::Form);
        check("http://u:s3cr3t@p.example", ProxyError::NoPort);
        check("http://p.example:3128/s3cr3t", ProxyError::Path);
        check("http://p.example:3128/?s3cr3t", ProxyError::Path);
        check("http://s3cr3t@p.example:3128", ProxyError::Login);
        check("http://u%3A:s3cr3t@p.example:3128", ProxyError::Login);
        check("http://u:%FFs3cr3t@p.example:3128", ProxyError::Login);
        let long = format!("socks5://u:{}@p.example:1080", "s".repeat(256));
        check(&long, ProxyError::Login);
    }

    #[test]
    fn debug_shows_no_login() {
        let proxy = Proxy::parse("socks5://us3r:s3cr3t@p.example:1080").unwrap();
        let shown = format!("{proxy:?}");
        assert!(shown.contains("p.example:1080"), "{shown}");
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("us3r"),
            "{shown}"
        );
    }

    #[test]
    fn the_port_of_http_is_said() {
        for (url, expected) in [
            ("http://a.example/x", "http://a.example:80/"),
            ("http://[::1]/x", "http://[::1]:80/"),
            ("http://a.example:81/x", "http://a.example:81/x"),
            ("https://a.example/x", "https://a.example/x"),
        ] {
            assert_eq!(with_port(url.parse().unwrap()).to_string(), expected);
        }
    }
}
