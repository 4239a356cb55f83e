//! Real listeners on port 0 over the in-memory engine: what clients of every kind are answered.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that cannot be built fails its test"
)]

#[path = "shared/dispatch.rs"]
mod dispatch;
#[path = "server/exports.rs"]
mod exports;
#[path = "server/fixture.rs"]
mod fixture;

#[path = "server/as_of.rs"]
mod as_of;
#[path = "server/asking.rs"]
mod asking;
#[path = "server/recorded.rs"]
mod recorded;
#[path = "server/vendors.rs"]
mod vendors;

#[path = "server/accounts.rs"]
mod accounts;
#[path = "server/admission.rs"]
mod admission;
#[path = "server/attributes.rs"]
mod attributes;
#[path = "server/brakes.rs"]
mod brakes;
#[path = "server/conditions.rs"]
mod conditions;
#[path = "server/connections.rs"]
mod connections;
#[path = "server/device_histories.rs"]
mod device_histories;
#[path = "server/estimates.rs"]
mod estimates;
#[path = "server/events.rs"]
mod events;
#[path = "server/forgetting.rs"]
mod forgetting;
#[path = "server/histories.rs"]
mod histories;
#[path = "server/labels.rs"]
mod labels;
#[path = "server/latencies.rs"]
mod latencies;
#[path = "server/live.rs"]
mod live;
#[path = "server/losses.rs"]
mod losses;
#[path = "server/message_push.rs"]
mod message_push;
#[path = "server/messages.rs"]
mod messages;
#[path = "server/naive.rs"]
mod naive;
#[path = "server/online.rs"]
mod online;
#[path = "server/openapi.rs"]
mod openapi;
#[path = "server/operations.rs"]
mod operations;
#[path = "server/operator.rs"]
mod operator;
#[path = "server/push.rs"]
mod push;
#[path = "server/reach.rs"]
mod reach;
#[path = "server/receipt_relay.rs"]
mod receipt_relay;
#[path = "server/receipts.rs"]
mod receipts;
#[path = "server/relays.rs"]
mod relays;
#[path = "server/reports.rs"]
mod reports;
#[path = "server/revoke.rs"]
mod revoke;
#[path = "server/schema.rs"]
mod schema;
#[path = "server/search.rs"]
mod search;
#[path = "server/series.rs"]
mod series;
#[path = "server/statistics.rs"]
mod statistics;
#[path = "server/tags.rs"]
mod tags;
#[path = "server/traces.rs"]
mod traces;
