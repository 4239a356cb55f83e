//! A push as Huawei's v1 and v2 take it: JSON with its tokens.

use std::borrow::Cow;

use pushtally_model::{AndroidContent, Badge, HuaweiContent, Importance};
use serde::Serialize;

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::{address, is_path_part, misconfigured};
use crate::custom::Custom;
use crate::digest::notify_id;
use crate::json;
use crate::text::cut;

/// The longest message without its tokens, in bytes.
pub(crate) const PAYLOAD_LEN_MAX: usize = 4096;

/// The longest time that a message is kept.
pub(crate) const TTL_S_MAX: u32 = 1_296_000;

/// How long title and text may be, in UTF-16 units.
const TITLE_LEN_MAX: usize = 60;
const TEXT_LEN_MAX: usize = 600;

/// The highest number on the icon that Huawei shows.
const BADGE_MAX: u16 = 99;

/// `click_action.type`.
const BY_INTENT: u8 = 1;
const OPEN_APP: u8 = 3;

/// `style` of a text that is shown whole.
const BIG_TEXT: u8 = 1;

pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let (version, id) = if credentials.project_id.is_empty() {
        ("v1", &credentials.client_id)
    } else {
        ("v2", &credentials.project_id)
    };
    let url = messages_url(&credentials.base_url, version, id)?;
    let mut message = Message::of(credentials, post);
    // A big text is said twice. Where only that makes it too long, it goes as an ordinary one.
    if message.len() > PAYLOAD_LEN_MAX {
        message.android.notification.shrink();
    }
    if message.len() > PAYLOAD_LEN_MAX {
        let text = format!("longer than {PAYLOAD_LEN_MAX} bytes");
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    message.token = targets.iter().map(|to| to.token.expose()).collect();
    Ok(Call::of(url, message.body().into_bytes())
        .with("content-type", "application/json; charset=UTF-8")
        .bearer(post.access))
}

/// Where messages of an app or project go; an error when its id would make another path.
pub(crate) fn messages_url(base_url: &str, version: &str, id: &str) -> Result<String, Failure> {
    if !is_path_part(id) {
        return Err(misconfigured(
            "`client_id` or `project_id` is missing or malformed",
        ));
    }
    Ok(address(base_url, &format!("/{version}/{id}/messages:send")))
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    validate_only: bool,
    message: &'a Message<'a>,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    /// Beside a notification it is what the app finds in its activity's intent.
    data: String,
    android: Android<'a>,
    token: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Android<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    ttl: String,
    bi_tag: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receipt_id: &'a str,
    notification: Shown<'a>,
}

/// `android.notification`.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    title: Cow<'a, str>,
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big_title: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big_body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_sound: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<String>,
    click_action: ClickAction,
    #[serde(skip_serializing_if = "str::is_empty")]
    channel_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    importance: Option<&'static str>,
    notify_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<Number<'a>>,
}

#[derive(Debug, Serialize)]
struct ClickAction {
    r#type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
}

/// The number on the icon.
#[derive(Debug, Serialize)]
struct Number<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    add_num: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_num: Option<u16>,
    class: &'a str,
}

impl<'a> Message<'a> {
    fn of(credentials: &'a Credentials, post: &Post<'a>) -> Self {
        let content = post.notification.android.as_deref();
        let huawei = content.map(|content| &content.huawei);
        Self {
            data: json::written(&Custom::of(post)),
            android: Android {
                category: or(huawei.map(|huawei| &huawei.category), &credentials.category),
                ttl: format!("{}s", post.left_s.clamp(1, TTL_S_MAX)),
                bi_tag: post.mark,
                receipt_id: &credentials.receipt_id,
                notification: Shown::of(credentials, post, content, huawei),
            },
            token: Vec::new(),
        }
    }

    fn body(&self) -> String {
        json::written(&Body {
            validate_only: false,
            message: self,
        })
    }

    fn len(&self) -> usize {
        self.body().len()
    }
}

impl<'a> Shown<'a> {
    fn of(
        credentials: &'a Credentials,
        post: &Post<'a>,
        content: Option<&'a AndroidContent>,
        huawei: Option<&'a HuaweiContent>,
    ) -> Self {
        let title = cut(post.title, TITLE_LEN_MAX);
        let body = cut(post.text, TEXT_LEN_MAX);
        let is_big = content.is_some_and(|content| content.big_text);
        let sound = content.map(|content| content.sound.as_str());
        let sound = sound.filter(|sound| !sound.is_empty());
        let importance = huawei.and_then(|huawei| huawei.importance);
        Self {
            style: is_big.then_some(BIG_TEXT),
            big_title: is_big.then(|| title.clone()),
            big_body: is_big.then(|| body.clone()),
            title,
            body,
            image: huawei.map_or("", |huawei| &huawei.image),
            default_sound: sound.map(|_| false),
            sound: sound.map(|sound| format!("/raw/{sound}")),
            click_action: ClickAction::of(credentials, post, huawei),
            channel_id: or(
                huawei.map(|huawei| &huawei.channel),
                &credentials.channel_id,
            ),
            importance: importance.map(|importance| match importance {
                Importance::Low => "LOW",
                Importance::Normal => "NORMAL",
            }),
            notify_id: notify_id(post.app, post.task),
            badge: Number::of(&credentials.entry_activity, post.notification.badge),
        }
    }

    /// Makes it an ordinary text.
    fn shrink(&mut self) {
        (self.style, self.big_title, self.big_body) = (None, None, None);
    }
}

impl ClickAction {
    /// Opens the app. With an intent that carries `ext` where the notification asks for one and the configuration says
    /// which activity it is for.
    fn of(credentials: &Credentials, post: &Post<'_>, huawei: Option<&HuaweiContent>) -> Self {
        let (package, activity) = (&credentials.package, &credentials.entry_activity);
        let wanted = huawei.is_some_and(|huawei| huawei.ext_in_intent);
        if !wanted || package.is_empty() || activity.is_empty() {
            return Self {
                r#type: OPEN_APP,
                intent: None,
            };
        }
        let extras = Custom::of(post).named();
        let extras = extras.map(|(name, value)| format!("S.{name}={};", escaped(value)));
        Self {
            r#type: BY_INTENT,
            intent: Some(format!(
                "#Intent;component={package}/{activity};{}end",
                extras.concat()
            )),
        }
    }
}

impl<'a> Number<'a> {
    /// It grows by one when nothing is said, as Tencent's does for Huawei. Huawei wants the class of the activity.
    fn of(class: &'a str, badge: Option<Badge>) -> Option<Self> {
        let (add_num, set_num) = match badge.unwrap_or(Badge::Add(1)) {
            Badge::Add(by) => (Some(by), None),
            Badge::Set(to) => (None, Some(to.min(BADGE_MAX))),
        };
        (!class.is_empty()).then_some(Self {
            add_num,
            set_num,
            class,
        })
    }
}

/// What the notification says, else what the configuration says.
fn or<'a>(said: Option<&'a String>, configured: &'a str) -> &'a str {
    said.map(String::as_str)
        .filter(|said| !said.is_empty())
        .unwrap_or(configured)
}

/// As Android reads an intent's extras: percent signs, no plus for a blank.
fn escaped(text: &str) -> String {
    let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    escaped.replace('+', "%20")
}

#[cfg(test)]
mod tests;
