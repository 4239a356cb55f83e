//! Whom a caller over TLS trusts.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, Error, RootCertStore};

/// The usual authorities and further ones. An error is a certificate that is no authority's.
pub fn trusting(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
