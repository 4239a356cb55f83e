//! The connector: resolves, checks, dials what it has checked.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{Service as _, service_fn};

use crate::Targets;

type BoxError = Box<dyn Error + Send + Sync>;

/// Opens connections.
pub type Dial = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

/// Why nothing was dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The address, or every address of the name, is one that may not be dialled.
    #[error("`{address}` is not dialled: it is {what}, see `outgoing.allow_networks`")]
    Refused {
        /// The address, or the first of them.
        address: IpAddr,
        /// What it is.
        what: &'static str,
    },
    /// There was no connection in time, resolving included.
    #[error("no connection within {0:?}")]
    Late(Duration),
}

/// A connector that dials nothing else. Opening a connection takes no longer than `connect_max`, resolving included.
#[must_use]
pub fn dial(targets: Targets, connect_max: Duration) -> Dial {
    let targets = Arc::new(targets);
    let resolving = Arc::clone(&targets);
    let resolver = service_fn(move |name: Name| {
        let targets = Arc::clone(&resolving);
        async move {
            let found = GaiResolver::new().call(name).await?;
            Ok::<_, BoxError>(admit(&targets, found)?.into_iter())
        }
    });
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_max));
    BoxCloneSyncService::new(service_fn(move |url: Uri| {
        let (mut tcp, targets) = (tcp.clone(), Arc::clone(&targets));
        async move {
            // An address in place of a name is resolved by nobody.
            check_literal(&targets, &url)?;
            match tokio::time::timeout(connect_max, tcp.call(url)).await {
                Ok(opened) => Ok(opened?),
                Err(_) => Err::<_, BoxError>(DialError::Late(connect_max).into()),
            }
        }
    }))
}

/// Those of a name's addresses that may be dialled, if there are any.
fn admit(
    targets: &Targets,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, DialError> {
    let (mut admitted, mut refused) = (Vec::new(), None);
    for address in found {
        match targets.refuses(address.ip()) {
            None => admitted.push(address),
            Some(what) => {
                refused.get_or_insert(DialError::Refused {
                    address: address.ip(),
                    what,
                });
            }
        }
    }
    match refused {
        Some(refused) if admitted.is_empty() => Err(refused),
        _ => Ok(admitted),
    }
}

fn check_literal(targets: &Targets, url: &Uri) -> Result<(), DialError> {
    let host = url.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(address) = host.parse::<IpAddr>() else {
        return Ok(());
    };
    match targets.refuses(address) {
        None => Ok(()),
        Some(what) => Err(DialError::Refused { address, what }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn try_dial(targets: Targets, url: String) -> Result<(), String> {
        let opened = dial(targets, PATIENCE).call(url.parse().unwrap()).await;
        opened.map(drop).map_err(|error| {
            let mut inner: &dyn Error = &*error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            inner.to_string()
        })
    }

    #[tokio::test]
    async fn addresses_and_names_that_lead_to_this_machine_are_not_dialled_unless_allowed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "127.1",
            "0x7f.1",
        ] {
            let url = format!("http://{host}:{port}/");
            let refused = try_dial(Targets::default(), url).await.unwrap_err();
            assert!(
                refused.contains("is not dialled: it is loopback"),
                "{host}: {refused}"
            );
        }
        let network = "127.0.0.0/8".parse().unwrap();
        for targets in [Targets::anywhere(), Targets::public_and(vec![network])] {
            for host in ["127.0.0.1", "localhost"] {
                let url = format!("http://{host}:{port}/");
                assert_eq!(try_dial(targets.clone(), url).await, Ok(()), "{host}");
            }
        }
        let nobody = tokio::time::timeout(Duration::ZERO, async {
            for _ in 0..5 {
                listener.accept().await.unwrap();
            }
        });
        assert!(nobody.await.is_err(), "four were let in");
    }

    #[test]
    fn only_the_addresses_that_pass_are_dialled() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = ["10.0.0.1:0", "1.1.1.1:0", "[::1]:0"].map(address);
        let targets = Targets::default();
        assert_eq!(
            admit(&targets, found.into_iter()),
            Ok(vec![address("1.1.1.1:0")])
        );
        let refused = DialError::Refused {
            address: "10.0.0.1".parse().unwrap(),
            what: "private",
        };
        assert_eq!(admit(&targets, found.into_iter().take(1)), Err(refused));
        assert_eq!(
            admit(&targets, [].into_iter()),
            Ok(Vec::new()),
            "nothing was found"
        );
    }
}
