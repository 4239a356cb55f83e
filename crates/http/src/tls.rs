//! TLS from a certificate and a key in PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use thiserror::Error;

/// Protocols offered in the handshake, preferred first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificates are not PEM.
    #[error("certificates cannot be read")]
    Certificates(#[source] pem::Error),
    /// There are no certificates.
    #[error("there is no certificate")]
    NoCertificate,
    /// The private key is missing or not PEM.
    #[error("private key cannot be read")]
    Key(#[source] pem::Error),
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// Reads a certificate chain (leaf first) and its key from PEM files.
pub fn load_tls(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })
    };
    tls_config(&read(certificates)?, &read(key)?)
}

/// The same from PEM texts. TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub fn tls_config(certificates: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<_, _>>()
        .map_err(TlsError::Certificates)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fitting_pair_is_used_and_nothing_else() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        assert!(tls_config(certificate.as_bytes(), key.as_bytes()).is_ok());
        let wrong = other.signing_key.serialize_pem();
        assert!(matches!(
            tls_config(certificate.as_bytes(), wrong.as_bytes()),
            Err(TlsError::Unusable(_))
        ));
        assert!(matches!(
            tls_config(b"", key.as_bytes()),
            Err(TlsError::NoCertificate)
        ));
        assert!(matches!(
            tls_config(certificate.as_bytes(), b""),
            Err(TlsError::Key(_))
        ));
        let missing = load_tls(Path::new("no/such.pem"), Path::new("no/such.key"));
        assert_eq!(
            missing.unwrap_err().to_string(),
            "cannot read `no/such.pem`"
        );
    }
}
