//! The embedded engine passes the contract suite.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use pushtally_model::FixedEntropy;
use pushtally_store_local::{LocalEngine, LocalOptions};

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let mut engines = Vec::new();
    pushtally_store::contract::check_all(async || {
        let dir = root.path().join(engines.len().to_string());
        let engine = LocalEngine::open(&dir, LocalOptions::default(), &FixedEntropy(3)).unwrap();
        let ports = engine.engine();
        engines.push(engine);
        ports
    })
    .await;
}
