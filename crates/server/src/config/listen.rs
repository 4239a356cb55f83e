//! The section `[listen]`: the listeners, TLS, and whose word on a caller's address is believed.

use pushtally_http::TrustedProxies;

use super::reader::Reader;
use super::{Listen, Storage, TlsFiles, within};

pub(super) fn read(section: Reader<'_>, storage: &Storage) -> Listen {
    within(section, |listen| {
        let (public, operator) = (listen.address("public"), listen.address("operator"));
        let set = listen
            .text_if_any("control_socket")
            .map(|(path, origin)| origin.resolve(&path));
        let control_socket = set.or_else(|| storage.dir().map(|dir| dir.join("control.sock")));
        let tls = within(listen.section("tls"), |tls| {
            match (tls.text_if_any("cert_file"), tls.text_if_any("key_file")) {
                (Some((cert, at)), Some((key, key_at))) => Some(TlsFiles {
                    cert: at.resolve(&cert),
                    key: key_at.resolve(&key),
                }),
                (None, None) => None,
                (Some((path, at)), None) | (None, Some((path, at))) => {
                    tls.refuse(
                        &at,
                        "cert_file",
                        &path,
                        "both `cert_file` and `key_file`, or neither",
                    );
                    None
                }
            }
        });
        let mut public_url = String::new();
        if let Some((url, origin)) = listen.text_if_any("public_url") {
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            if !is_url || url.contains(['?', '#']) {
                let allowed = "empty, or a URL such as `https://push.example.com`";
                listen.refuse(&origin, "public_url", &url, allowed);
            }
            public_url = url;
        }
        let trusted_proxies = listen.texts_if_any("trusted_proxies");
        let trusted_proxies = trusted_proxies.map(|(texts, origin)| {
            TrustedProxies::parse(&texts).unwrap_or_else(|error| {
                let allowed = "a list of IP addresses and networks such as `10.0.0.0/8`";
                listen.refuse(&origin, "trusted_proxies", &error.text, allowed);
                TrustedProxies::default()
            })
        });
        Listen {
            public,
            operator,
            control_socket,
            tls,
            trusted_proxies: trusted_proxies.unwrap_or_default(),
            public_url,
        }
    })
}
