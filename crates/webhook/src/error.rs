//! What can go wrong before relays and webhooks run.

/// Why relays could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The TLS library refused its own defaults.
    #[error("tls for relays cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Why webhooks could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The TLS library refused its own defaults.
    #[error("tls for webhooks cannot be set up")]
    Tls(#[from] rustls::Error),
    /// Storage failed.
    #[error("outboxes cannot be begun")]
    Store(#[from] pushtally_store::StoreError),
    /// The thread that reads the log's end could not be started.
    #[error("the thread that reads for webhooks cannot be started")]
    Thread(#[source] std::io::Error),
}
