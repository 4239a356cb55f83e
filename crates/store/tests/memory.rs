//! The in-memory engine passes the contract suite.

#[tokio::test]
async fn the_in_memory_engine_keeps_the_contract() {
    pushtally_store::contract::check_all(async || pushtally_store::memory::engine()).await;
}
