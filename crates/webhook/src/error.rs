//! What can go wrong before a relay runs.

/// Why relays could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The TLS library refused its own defaults.
    #[error("tls for relays cannot be set up")]
    Tls(#[from] rustls::Error),
}
