//! A push as FCM takes it: JSON with one token.

use pushtally_model::GoogleContent;
use serde::Serialize;

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::address;
use crate::custom::Custom;
use crate::digest::{message_id, uuid};

/// The longest that FCM stores a push.
const TTL_S_MAX: u32 = 28 * 86_400;
const PAYLOAD_LEN_MAX: usize = 4096;

#[derive(Serialize)]
struct Body<'a> {
    message: Message<'a>,
}

/// No `analytics_label`: FCM takes a hundred different ones a day, and there may be more tasks.
#[derive(Serialize)]
struct Message<'a> {
    token: &'a str,
    notification: Shown<'a>,
    /// What the app reads: strings only.
    data: Custom<'a>,
    android: Android<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

#[derive(Serialize)]
struct Android<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    ttl: String,
    /// Repetitions replace each other where they wait. Without a key, every push that waits would replace the one before
    /// it, since FCM then takes the app's name; with one, four of them are kept.
    collapse_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    restricted_package_name: &'a str,
    notification: AndroidShown<'a>,
}

/// No `click_action`, which opens the app, and no `notification_count`, which is no number on an icon.
#[derive(Serialize)]
struct AndroidShown<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    channel_id: &'a str,
    /// Repetitions replace each other where they are shown.
    tag: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sound: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
}

/// The call of a push to the only target.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let Some(to) = targets.first() else {
        return Err(Failure::Rejected(Said::new(0, "a call to nobody")));
    };
    let id = uuid(message_id(post.app, post.task, to.number));
    let android = post.notification.android.as_deref();
    let google = android.map(|android| &android.google);
    let message = Message {
        token: to.token.expose(),
        notification: Shown {
            title: post.title,
            body: post.text,
        },
        data: Custom::of(post),
        android: Android {
            priority: google.and_then(priority),
            ttl: format!("{}s", post.left_s.min(TTL_S_MAX)),
            collapse_key: &id,
            restricted_package_name: &credentials.package,
            notification: AndroidShown {
                channel_id: google.map_or("", |google| &google.channel),
                tag: &id,
                sound: android.map_or("", |android| &android.sound),
                image: google.map_or("", |google| &google.image),
            },
        },
    };
    check_len(&message)?;
    let body = serde_json::to_string(&Body { message }).map_err(|_| no_json())?;
    let path = format!("/v1/projects/{}/messages:send", credentials.project_id);
    Ok(Call::json(address(&credentials.base_url, &path), body).bearer(post.access))
}

/// What nobody says is FCM's to choose.
fn priority(google: &GoogleContent) -> Option<&'static str> {
    let is_high = google.is_high_priority?;
    Some(if is_high { "HIGH" } else { "NORMAL" })
}

/// What FCM counts is not said exactly: taken for it are the notification and the data, as JSON.
fn check_len(message: &Message<'_>) -> Result<(), Failure> {
    let counted = serde_json::to_vec(&(&message.notification, &message.data));
    let len = counted.map_err(|_| no_json())?.len();
    if len > PAYLOAD_LEN_MAX {
        let text = format!("the payload has {len} bytes, at most {PAYLOAD_LEN_MAX}");
        return Err(Failure::Rejected(Said::new(400, text)));
    }
    Ok(())
}

fn no_json() -> Failure {
    Failure::Rejected(Said::new(0, "the notification makes no JSON"))
}

#[cfg(test)]
mod tests;
