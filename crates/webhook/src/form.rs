//! What a call says, before it has a form: neutral values. `http` gives them the documented form.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pushtally_model::{App, Channel, ChatMessage, Kind, Route, Second, Stage};
use pushtally_store::LossText;

/// What is told of a task with each of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its public name.
    pub id: String,
    /// Its `DataId`; empty when it has none.
    pub data_id: String,
    /// Who sent it.
    pub sender: String,
    /// Its `MsgRandom`.
    pub random: u32,
    /// When it was accepted.
    pub started_at: Second,
    /// The message that it is of; only of a message push.
    pub message: Option<Box<ChatMessage>>,
}

/// One event, with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number: higher for later ones of the same app, the same whenever it is sent again.
    pub seq: u64,
    /// The task.
    pub task: Arc<Told>,
    /// Whose device it was: the account, or the RegistrationID of a phone that nobody is signed in on.
    pub account: String,
    /// How it travelled.
    pub route: Route,
    /// What carried it.
    pub channel: Channel,
    /// What would carry it offline: the kind of phone, as far as it is known.
    pub device: Channel,
    /// The stage that was reached, or lost if there is a loss.
    pub stage: Stage,
    /// Why it was lost.
    pub loss: Option<LossText>,
    /// When it happened.
    pub at: Second,
}

/// Gives calls their form.
pub trait Form: Send + Sync + fmt::Debug {
    /// A body for events of one kind, 1 to 100.
    fn body(&self, kind: Kind, notices: &[Notice]) -> Bytes;

    /// The query of a URL, without the `?`, signed for this second if the app has a callback token.
    fn query(&self, app: &App, kind: Kind, now: Second) -> String;
}
