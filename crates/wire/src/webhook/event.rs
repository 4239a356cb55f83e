//! One webhook event: the typed fields, and the checks that make it an event of ours.

pub(super) mod plain;

use std::borrow::Cow;

use pushtally_model::{Channel, Kind, Route, Second, Stage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::CallbackCommand;
use crate::field::{self, Raw, Text};
use crate::{EVENT_TIME_AHEAD_S_MAX, EVENT_TIME_S_MIN, MILLISECONDS_FROM, NAME_LEN_MAX, WireError};

/// A checked event, borrowed from the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookEvent<'a> {
    /// The family of the task.
    pub kind: Kind,
    /// `TaskId`, or `PushID` of a message push.
    pub task: &'a str,
    /// `To_Account`.
    pub account: &'a str,
    /// The route.
    pub route: Route,
    /// The channel.
    pub channel: Channel,
    /// `PushStage`: sent, delivered or clicked.
    pub stage: Stage,
    /// `ErrCode`; 0 when absent.
    pub err_code: i64,
    /// `ErrInfo`; empty when absent.
    pub err_info: &'a str,
    /// `EventTime`.
    pub at: Second,
}

/// The fields that count, typed but not checked. All others are ignored, whatever they hold.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Typed<'a> {
    #[serde(borrow, rename = "CallbackCommand")]
    command: Option<Text<'a>>,
    #[serde(rename = "EventType")]
    event_type: Option<i64>,
    #[serde(borrow, rename = "TaskId")]
    task: Option<Text<'a>>,
    #[serde(borrow, rename = "PushID")]
    push: Option<Text<'a>>,
    #[serde(borrow, rename = "To_Account")]
    account: Option<Text<'a>>,
    #[serde(rename = "PushPlatform")]
    platform: Option<i64>,
    #[serde(rename = "PushStage")]
    stage: Option<i64>,
    #[serde(rename = "ErrCode")]
    err_code: Option<i64>,
    #[serde(borrow, rename = "ErrInfo")]
    err_info: Option<Text<'a>>,
    #[serde(rename = "EventTime")]
    at: Option<i64>,
}

/// The same fields as raw values, read only to tell what is wrong with one.
#[derive(Deserialize)]
struct Loose<'a> {
    #[serde(borrow, rename = "CallbackCommand")]
    command: Raw<'a>,
    #[serde(borrow, rename = "EventType")]
    event_type: Raw<'a>,
    #[serde(borrow, rename = "TaskId")]
    task: Raw<'a>,
    #[serde(borrow, rename = "PushID")]
    push: Raw<'a>,
    #[serde(borrow, rename = "To_Account")]
    account: Raw<'a>,
    #[serde(borrow, rename = "PushPlatform")]
    platform: Raw<'a>,
    #[serde(borrow, rename = "PushStage")]
    stage: Raw<'a>,
    #[serde(borrow, rename = "ErrCode")]
    err_code: Raw<'a>,
    #[serde(borrow, rename = "ErrInfo")]
    err_info: Raw<'a>,
    #[serde(borrow, rename = "EventTime")]
    at: Raw<'a>,
}

impl<'a> Typed<'a> {
    /// Reads one event field by field, so that the first wrong type is named.
    pub(super) fn read(raw: &'a RawValue) -> Result<Self, WireError> {
        if !raw.get().starts_with('{') {
            return Err(field::refuse("Events", "an array of objects", raw));
        }
        let loose: Loose<'a> = field::fields(raw)?;
        Ok(Self {
            command: text("CallbackCommand", loose.command)?,
            event_type: integer("EventType", loose.event_type)?,
            task: text("TaskId", loose.task)?,
            push: text("PushID", loose.push)?,
            account: text("To_Account", loose.account)?,
            platform: integer("PushPlatform", loose.platform)?,
            stage: integer("PushStage", loose.stage)?,
            err_code: integer("ErrCode", loose.err_code)?,
            err_info: text("ErrInfo", loose.err_info)?,
            at: integer("EventTime", loose.at)?,
        })
    }

    /// Checks the values against the documented ranges and our clock.
    pub(super) fn check(&self, now: Second) -> Result<WebhookEvent<'_>, WireError> {
        let command = self.command()?;
        let platform = require("PushPlatform", self.platform)?;
        let (task, route, channel) = match command {
            CallbackCommand::AllMemberPush => {
                let task = name("TaskId", self.task.as_ref())?;
                match self.event_type()? {
                    1 => (task, Route::Offline, channel(platform)?),
                    // The documentation says 0 here; which other platform it names changes nothing.
                    _ => (task, Route::Online, Channel::Online),
                }
            }
            // Here EventType tells a one-to-one chat from a group, not the route: such pushes are always offline.
            CallbackCommand::OfflinePush => {
                self.event_type()?;
                (
                    name("PushID", self.push.as_ref())?,
                    Route::Offline,
                    channel(platform)?,
                )
            }
        };
        Ok(WebhookEvent {
            kind: command.kind(),
            task,
            account: name("To_Account", self.account.as_ref())?,
            route,
            channel,
            stage: self.stage()?,
            err_code: self.err_code.unwrap_or_default(),
            err_info: self.err_info.as_ref().map_or("", |text| &text.0),
            at: self.at(now)?,
        })
    }

    fn command(&self) -> Result<CallbackCommand, WireError> {
        const NAME: &str = "CallbackCommand";
        let Text(text) = self
            .command
            .as_ref()
            .ok_or_else(|| WireError::FieldMissing { name: NAME.into() })?;
        let wanted = "`Push.AllMemberPush` or `Push.OfflinePush`";
        CallbackCommand::from_name(text).ok_or_else(|| unfit(NAME, wanted, text))
    }

    fn event_type(&self) -> Result<i64, WireError> {
        match require("EventType", self.event_type)? {
            value @ (1 | 2) => Ok(value),
            value => Err(unfit("EventType", "1 or 2", value)),
        }
    }

    fn stage(&self) -> Result<Stage, WireError> {
        match require("PushStage", self.stage)? {
            1 => Ok(Stage::Sent),
            2 => Ok(Stage::Delivered),
            3 => Ok(Stage::Clicked),
            value => Err(unfit("PushStage", "1, 2 or 3", value)),
        }
    }

    fn at(&self, now: Second) -> Result<Second, WireError> {
        let value = require("EventTime", self.at)?;
        if value >= MILLISECONDS_FROM {
            return Err(WireError::Milliseconds {
                name: "EventTime".into(),
                value,
            });
        }
        let (from, to) = (EVENT_TIME_S_MIN, i64::from(now.0) + EVENT_TIME_AHEAD_S_MAX);
        let inside = (from..=to)
            .contains(&value)
            .then(|| Second::from_unix(value))
            .flatten();
        inside.ok_or(WireError::EventTime { value, from, to })
    }
}

fn text<'a>(name: &'static str, raw: Raw<'a>) -> Result<Option<Text<'a>>, WireError> {
    raw.map(|raw| field::text(name, raw).map(Text)).transpose()
}

fn integer(name: &'static str, raw: Raw<'_>) -> Result<Option<i64>, WireError> {
    raw.map(|raw| field::integer(name, raw)).transpose()
}

fn require(name: &'static str, value: Option<i64>) -> Result<i64, WireError> {
    value.ok_or_else(|| WireError::FieldMissing { name: name.into() })
}

fn channel(platform: i64) -> Result<Channel, WireError> {
    let known = u8::try_from(platform)
        .ok()
        .and_then(Channel::from_push_platform);
    known.ok_or_else(|| unfit("PushPlatform", "0 to 8", platform))
}

fn name<'a>(name: &'static str, text: Option<&'a Text<'_>>) -> Result<&'a str, WireError> {
    let Text(text) = text.ok_or_else(|| WireError::FieldMissing { name: name.into() })?;
    match text.len() {
        0 => Err(unfit(name, "a string that is not empty", "")),
        len if len > NAME_LEN_MAX => Err(WireError::FieldTooLong {
            name: name.into(),
            len,
            len_max: NAME_LEN_MAX,
        }),
        _ => Ok(Cow::as_ref(text)),
    }
}

fn unfit(name: &'static str, wanted: &'static str, value: impl ToString) -> WireError {
    WireError::Field {
        name: name.into(),
        wanted: wanted.into(),
        value: value.to_string(),
    }
}
