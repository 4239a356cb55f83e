//! Feeds arbitrary bytes to the readers of every command that has a body of its own. Run with `cargo fuzz run commands` in
//! `crates/wire`.
//!
//! Nothing may panic, and what passes is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pushtally_wire::ACCOUNTS_MAX;
use pushtally_wire::account::{CheckRequest, DeleteRequest, ImportAllRequest, ImportRequest};
use pushtally_wire::label::{
    AccountsRequest, AddTags, RemoveAttributes, RemoveTags, SetAttributes, SetNames,
};
use pushtally_wire::push::{BatchRequest, PushRequest, RevokeRequest};

fuzz_target!(|body: &[u8]| {
    let _ = PushRequest::parse(body);
    let _ = RevokeRequest::parse(body);
    let _ = (ImportRequest::parse(body), ImportAllRequest::parse(body));
    let _ = (CheckRequest::parse(body), DeleteRequest::parse(body));
    let _ = (SetNames::parse(body), AccountsRequest::parse(body));
    let _ = (SetAttributes::parse(body), RemoveAttributes::parse(body));
    let _ = (AddTags::parse(body), RemoveTags::parse(body));
    if let Ok(batch) = BatchRequest::parse(body) {
        assert!((1..=ACCOUNTS_MAX).contains(&batch.names.len()));
        assert!(batch.push.selection.is_none());
    }
});
