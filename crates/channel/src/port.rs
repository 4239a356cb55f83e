//! The ports.

use async_trait::async_trait;
use pushtally_model::{AppId, Notification, Number, Second, TaskId, Token, Urgency};

use crate::Carried;

/// A push as a channel sends it: the same for all its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The app.
    pub app: AppId,
    /// The task; also what a phone tells repetitions by.
    pub id: TaskId,
    /// Its number, the same after a restart, and no other app's or task's.
    pub number: u64,
    /// Who goes first.
    pub urgency: Urgency,
    /// The sender's own id of it; empty when absent.
    pub data_id: String,
    /// What it shows.
    pub notification: Notification,
    /// When the task was accepted.
    pub accepted_at: Second,
    /// From when on it is not to be shown any more.
    pub deadline: Second,
}

/// A push that was taken back, as a channel tells those who show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The app.
    pub app: AppId,
    /// The task.
    pub id: TaskId,
    /// What is shown in its place; `None` is nothing.
    pub instead: Option<Notification>,
}

/// One device to send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The device.
    pub number: Number,
    /// Its token on this channel; `None` on the socket.
    pub token: Option<Token>,
    /// Its language tag; empty when unknown.
    pub language: String,
}

/// What targets of a channel go through, one after the other: an account with a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Line {
    /// Which one of an app's on the channel.
    pub id: u32,
    /// Targets a second that it lets through; 0 is no limit of ours.
    pub rate: u32,
}

/// Something that carries notifications.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The most targets that one call takes.
    fn targets_max(&self) -> usize;

    /// Sends to all targets; answers an outcome for each, in their order. Never panics over what the other side says.
    async fn send(&self, message: &Message, targets: &[Target]) -> Carried;

    /// What a token of an app would be sent through by pushes of this urgency; `None` when nobody would send to it. By default
    /// everybody is reached, as fast as it goes.
    fn line(&self, app: AppId, token: Option<&Token>, urgency: Urgency) -> Option<Line> {
        let _ = (app, token, urgency);
        Some(Line::default())
    }

    /// Tells targets that were sent a push, or may have been, that it was taken back. Nobody is told twice of one that did
    /// not hear, and nothing is counted: a channel that cannot take back does nothing.
    async fn revoke(&self, revoked: &Revoked, targets: &[Target]) {
        let _ = (revoked, targets);
    }
}

/// Whether somebody is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// The app is in front: a push goes over the socket only.
    Foreground,
    /// The app is behind: a push goes both ways.
    Background,
}

/// Who is connected now.
pub trait Presence: Send + Sync {
    /// The connected devices of a shard, by number.
    fn connected(&self, app: AppId, shard: u16) -> Vec<(Number, Attention)>;

    /// Whether a device is connected.
    fn attention(&self, app: AppId, number: Number) -> Option<Attention>;
}

/// Something that a device that connects may have missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// A push that it has not acknowledged.
    Push(Message),
    /// That a push which it may show was taken back.
    Revoked(Revoked),
}

/// What a device that connects may have missed.
#[async_trait]
pub trait Redeliver: Send + Sync {
    /// The live tasks that were sent to this device over the socket and that it has not acknowledged, and those that were
    /// revoked and that it may show; oldest first. Bounded.
    async fn missed(&self, app: AppId, number: Number) -> Vec<Missed>;
}
