//! Tasks and fan-out: accept, claim, plan, send, record.
//!
//! It knows neither the wire nor a vendor: `http` hands it drafts, it hands channels messages, and what became of
//! them it reports to the ledger before anything else is changed.
