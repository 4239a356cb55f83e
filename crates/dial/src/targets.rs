//! Which addresses may be dialled. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Network;

/// Networks that are not the public Internet's, and what they are (the registries of special-purpose addresses, RFC 6890,
/// and what has joined them).
const REFUSED: [(Network, &str); 26] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a provider"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v6([0, 0], 128), "unspecified"),
    (
        Network::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        "loopback",
    ),
    (v6([0x64, 0xFF9B], 48), "translated, for local use"),
    (v6([0x100, 0], 64), "for discarding"),
    (v6([0x2001, 0], 32), "Teredo"),
    (v6([0x2001, 0xDB8], 32), "for documentation"),
    (v6([0x3FFF, 0], 20), "for documentation"),
    (v6([0x5F00, 0], 16), "for segment routing"),
    (v6([0xFC00, 0], 7), "unique local"),
    (v6([0xFE80, 0], 10), "link-local"),
    (v6([0xFEC0, 0], 10), "site-local"),
    (v6([0xFF00, 0], 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Network {
    Network::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

const fn v6([a, b]: [u16; 2], bits: u8) -> Network {
    // The one whose third part is not 0 has it here: 64:ff9b:1::/48.
    let c = if a == 0x64 { 1 } else { 0 };
    Network::new(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits)
}

/// Which addresses may be dialled: public ones, and what an operator allows beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    anywhere: bool,
    allowed: Vec<Network>,
}

impl Targets {
    /// Every address.
    #[must_use]
    pub const fn anywhere() -> Self {
        Self {
            anywhere: true,
            allowed: Vec::new(),
        }
    }

    /// Public addresses, and these networks.
    #[must_use]
    pub const fn public_and(allowed: Vec<Network>) -> Self {
        Self {
            anywhere: false,
            allowed,
        }
    }

    /// What an address is that may not be dialled; `None` if it may.
    #[must_use]
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        if self.anywhere || self.allowed.iter().any(|network| network.holds(address)) {
            return None;
        }
        let canonical = address.to_canonical();
        if let Some((_, what)) = REFUSED.iter().find(|(network, _)| network.holds(canonical)) {
            return Some(what);
        }
        match canonical {
            IpAddr::V6(v6) => embedded(v6).and_then(|v4| self.refuses(IpAddr::V4(v4))),
            IpAddr::V4(_) => None,
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: compatible (`::a.b.c.d`), translated (`64:ff9b::/96`), 6to4
/// (`2002::/16`), ISATAP. Mapped ones are IPv4 already.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let parts = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        [_, _, _, _, 0 | 0x200, 0x5EFE, high, low] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: &Targets, address: &str, expected: Option<&str>) {
        let refused = targets.refuses(address.parse().unwrap());
        assert_eq!(refused, expected, "{address}");
    }

    #[test]
    fn what_is_not_public_is_refused_in_every_form() {
        let targets = Targets::default();
        for (address, expected) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("10.0.0.1", "private"),
            ("100.64.0.1", "shared by a provider"),
            ("100.127.255.255", "shared by a provider"),
            ("127.0.0.1", "loopback"),
            ("127.255.0.1", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "for protocols"),
            ("192.0.2.1", "for documentation"),
            ("192.168.1.1", "private"),
            ("198.19.0.1", "for benchmarks"),
            ("203.0.113.9", "for documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:10.1.2.3", "private"),
            ("::ffff:0.0.0.0", "this network"),
            ("::127.0.0.1", "loopback"),
            ("::169.254.169.254", "link-local"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b:1::1", "translated, for local use"),
            ("2002:7f00:1::", "loopback"),
            ("2002:c0a8:101::1", "private"),
            ("2001::1", "Teredo"),
            ("2606:4700::5efe:10.0.0.1", "private"),
            ("2001:db8::1", "for documentation"),
            ("100::1", "for discarding"),
            ("fc00::1", "unique local"),
            ("fd12:3456::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            check(&targets, address, Some(expected));
        }
    }

    #[test]
    fn what_is_public_is_not() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
        ] {
            check(&Targets::default(), address, None);
        }
    }

    #[test]
    fn an_operator_allows_networks_or_everything() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        let targets = Targets::public_and(vec![network("10.1.0.0/16"), network("::1")]);
        check(&targets, "10.1.2.3", None);
        check(&targets, "::ffff:10.1.2.3", None);
        check(&targets, "64:ff9b::10.1.2.3", None);
        check(&targets, "10.2.0.1", Some("private"));
        check(&targets, "::1", None);
        check(&targets, "127.0.0.1", Some("loopback"));
        check(&Targets::anywhere(), "127.0.0.1", None);
        check(&Targets::anywhere(), "0.0.0.0", None);
    }
}
