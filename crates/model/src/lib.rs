//! The nouns of Pushtally: apps, tasks, devices, channels, events, windows, time.
//!
//! One word per idea, the same in code, logs, metrics and documentation. Nothing here does I/O or knows
//! an async runtime; every other crate depends on this one, so it stays small and slow to change.

mod app;
mod call;
mod channel;
mod device;
mod entropy;
mod event;
mod ids;
mod label;
mod notification;
mod push;
mod secret;
mod time;
mod window;

pub use app::{App, Quota, Retention, Webhook};
pub use call::{VendorCall, VendorCalls};
pub use channel::{Cell, Channel, Lane, Route, Stage};
pub use device::{
    Account, Addressee, Device, DeviceFacts, DroppedToken, Environment, NameError, Permission,
    Reach, RegistrationId, TaskId, Token, TokenKind,
};
pub use entropy::{Entropy, FixedEntropy, SystemEntropy};
pub use event::{Event, Source, What};
pub use ids::{AppId, Kind, LossId, Number, Origin, Scope, TaskKey, TaskNumber};
pub use label::{
    AccountKind, AttributeIndex, AttributeName, AttributeNames, AttributeValue, Condition, Labels,
    Tag,
};
pub use notification::{
    AndroidContent, ApnsContent, Badge, GoogleContent, HarmonyContent, HonorContent, HuaweiContent,
    Importance, Interruption, LiveActivity, Loudness, Notification, OppoContent, Translation,
    VivoAlert, VivoContent,
};
pub use push::{
    Audience, ChatMessage, OnUnknown, OwnLoss, Revocation, TaskDraft, TaskKind, TaskState, Urgency,
};
pub use secret::Secret;
pub use time::{Clock, ManualClock, Second, SystemClock, date};
pub use window::{Window, WindowError};
