//! Where a request comes from: the peer, or, when the peer is a proxy that is trusted, whom it names.

use std::net::IpAddr;
use std::str::FromStr;

use http::{Extensions, HeaderMap};

use crate::Peer;

/// A network in CIDR notation; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no list of proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no IP address and no network such as `10.0.0.0/8`")]
pub struct ProxyError {
    /// The text.
    pub text: String,
}

/// The proxies whose word counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Reads addresses and networks in CIDR notation.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, ProxyError> {
        let networks = texts.iter().map(|text| text.as_ref().parse());
        networks.collect::<Result<_, _>>().map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who sent a request. `X-Forwarded-For` is a list to which every proxy adds, on the right, whom it was called by;
    /// so it is read from the right for as long as trusted proxies wrote it. What is further left anybody can make up.
    pub(crate) fn client(&self, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
        // Every connection has a peer; a request without one did not come over a socket of ours.
        let nowhere = IpAddr::from([0; 4]);
        let peer = extensions
            .get::<Peer>()
            .map_or(nowhere, |Peer(address)| *address);
        let mut client = peer.to_canonical();
        if self.0.is_empty() {
            return client;
        }
        let named = headers.get_all("x-forwarded-for").into_iter();
        let mut hops = named
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            let Some(hop) = hops.next().and_then(read_hop) else {
                break;
            };
            client = hop;
        }
        client
    }
}

/// Some proxies add the port.
fn read_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let address = text.parse::<IpAddr>().or_else(|_| {
        text.parse()
            .map(|address: std::net::SocketAddr| address.ip())
    });
    address.ok().map(|address| address.to_canonical())
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let beyond = 32 - u32::from(self.bits);
                (u64::from(own.to_bits()) ^ u64::from(other.to_bits())) >> beyond == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let beyond = 128 - u32::from(self.bits);
                let differ = own.to_bits() ^ other.to_bits();
                differ.checked_shr(beyond).unwrap_or_default() == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let wrong = || ProxyError {
            text: text.to_owned(),
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(bits_max);
        if bits > bits_max {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_network_holds_what_its_first_bits_say() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::1", "::1", true),
            ("::1", "::2", false),
        ] {
            let proxies = TrustedProxies::parse(&[network]).unwrap();
            let address = address.parse().unwrap();
            assert_eq!(proxies.trusts(address), holds, "{network} {address}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/-1",
        ] {
            let error = TrustedProxies::parse(&[text]).unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_wrote() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"];
        let client = |trusted: &[&str], peer: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            let mut extensions = Extensions::new();
            extensions.insert(Peer(peer.parse().unwrap()));
            TrustedProxies::parse(trusted)
                .unwrap()
                .client(&headers, &extensions)
                .to_string()
        };
        for (peer, lines, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("2001:db8::1", &["2001:db9::7"], "2001:db9::7"),
            ("10.0.0.1", &["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["192.0.2.66,198.51.100.1 , 10.0.0.2"],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &["192.0.2.66", "198.51.100.1", "10.0.0.2"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.66, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1:5555"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db9::7]:5555"], "2001:db9::7"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, peer, lines), expected, "{peer} {lines:?}");
        }
        assert_eq!(client(&[], "10.0.0.1", &["198.51.100.1"]), "10.0.0.1");
    }
}
