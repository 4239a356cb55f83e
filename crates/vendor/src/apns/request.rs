//! A push as APNs takes it: JSON to one token, the rest in headers.

use pushtally_model::{ApnsContent, Badge, Interruption, LiveActivity, Secret, TokenKind};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::address;
use crate::custom::Custom;
use crate::digest::{message_id, uuid};

/// The longest that Apple stores a push.
const STORED_S_MAX: u32 = 30 * 86_400;
const PAYLOAD_LEN_MAX: usize = 4096;
const VOIP_PAYLOAD_LEN_MAX: usize = 5120;

/// What a push goes out as.
enum Form<'a> {
    Alert,
    Background,
    Voip,
    LiveActivity(&'a LiveActivity),
}

impl Form<'_> {
    fn push_type(&self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Background => "background",
            Self::Voip => "voip",
            Self::LiveActivity(_) => "liveactivity",
        }
    }

    fn topic_suffix(&self) -> &'static str {
        match self {
            Self::Alert | Self::Background => "",
            Self::Voip => ".voip",
            Self::LiveActivity(_) => ".push-type.liveactivity",
        }
    }

    fn priority(&self) -> &'static str {
        match self {
            // Apple refuses 10 for a push that only wakes.
            Self::Background => "5",
            Self::Alert | Self::Voip | Self::LiveActivity(_) => "10",
        }
    }

    fn payload_len_max(&self) -> usize {
        match self {
            Self::Voip => VOIP_PAYLOAD_LEN_MAX,
            Self::Alert | Self::Background | Self::LiveActivity(_) => PAYLOAD_LEN_MAX,
        }
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    aps: Aps<'a>,
    #[serde(flatten)]
    custom: Option<Custom<'a>>,
    /// What the app's extension loads.
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Aps<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<Sound<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interruption_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_available: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutable_content: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_state: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dismissal_date: Option<u32>,
}

#[derive(Serialize)]
struct Alert<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subtitle: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Sound<'a> {
    Name(&'a str),
    Critical {
        critical: u8,
        name: &'a str,
        volume: f32,
    },
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
    let Some(base_url) = credentials.base_url(to.environment) else {
        let text = "`environments` does not have the one that the token was given in";
        return Err(Failure::Misconfigured(Said::new(0, text)));
    };
    let token = to.token.expose();
    // The token stands in the address, where anything else would be another one. Apple would say the same.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if token.is_empty() || !token.bytes().all(fits) {
        return Err(Failure::Targets(Said::new(400, "BadDeviceToken")));
    }
    let content = post.notification.apns.as_deref();
    let form = form(content, to.kind)?;
    let body = payload(post, content, &form)?;
    if body.len() > form.payload_len_max() {
        let (len, max) = (body.len(), form.payload_len_max());
        let text = format!("PayloadTooLarge: {len} bytes, at most {max}");
        return Err(Failure::Rejected(Said::new(413, text)));
    }
    Ok(Call {
        url: address(base_url, &format!("/3/device/{token}")),
        headers: headers(credentials, post, to, &form),
        body,
    })
}

fn form(content: Option<&ApnsContent>, kind: TokenKind) -> Result<Form<'_>, Failure> {
    match kind {
        TokenKind::Voip => Ok(Form::Voip),
        TokenKind::LiveActivity => {
            let activity = content.and_then(|content| content.live_activity.as_ref());
            let none = || Said::new(0, "a Live Activity's token, but no change of one to send");
            activity
                .map(Form::LiveActivity)
                .ok_or_else(|| Failure::Rejected(none()))
        }
        TokenKind::Alert if content.is_some_and(|content| content.silent) => Ok(Form::Background),
        TokenKind::Alert => Ok(Form::Alert),
    }
}

fn headers(
    credentials: &Credentials,
    post: &Post<'_>,
    to: &To<'_>,
    form: &Form<'_>,
) -> Vec<(&'static str, Secret)> {
    let id = uuid(message_id(post.app, post.task, to.number));
    let expires = now_s(post).saturating_add(i64::from(post.left_s.min(STORED_S_MAX)));
    let topic = format!("{}{}", credentials.bundle_id, form.topic_suffix());
    vec![
        ("apns-topic", Secret::new(topic)),
        ("apns-push-type", Secret::new(form.push_type())),
        ("apns-id", Secret::new(id.as_str())),
        ("apns-expiration", Secret::new(expires.to_string())),
        ("apns-priority", Secret::new(form.priority())),
        // A repetition replaces what the first one shows.
        ("apns-collapse-id", Secret::new(id.as_str())),
        (
            "authorization",
            Secret::new(format!("bearer {}", post.access)),
        ),
    ]
}

fn now_s(post: &Post<'_>) -> i64 {
    post.now_ms.div_euclid(1000)
}

fn payload(
    post: &Post<'_>,
    content: Option<&ApnsContent>,
    form: &Form<'_>,
) -> Result<Vec<u8>, Failure> {
    let aps = match form {
        Form::Alert => shown(post, content),
        Form::Background => Aps {
            content_available: Some(1),
            ..Aps::default()
        },
        // The app rings by itself: it is woken at once, and gets the texts to say who calls.
        Form::Voip => Aps {
            alert: Some(alert(post, content)),
            ..Aps::default()
        },
        Form::LiveActivity(activity) => changed(post, content, activity)?,
    };
    // The system reads a Live Activity's push by itself: nothing beside `aps` reaches the app.
    let reaches_app = !matches!(form, Form::LiveActivity(_));
    let image = content.map_or("", |content| content.image.as_str());
    let body = serde_json::to_vec(&Payload {
        aps,
        custom: reaches_app.then(|| Custom::of(post)),
        image: if reaches_app { image } else { "" },
    });
    body.map_err(|_| Failure::Rejected(Said::new(0, "the notification makes no JSON")))
}

fn alert<'a>(post: &Post<'a>, content: Option<&'a ApnsContent>) -> Alert<'a> {
    let own = content.map_or("", |content| content.title.as_str());
    Alert {
        title: if own.is_empty() { post.title } else { own },
        subtitle: content.map_or("", |content| &content.subtitle),
        body: post.text,
    }
}

fn shown<'a>(post: &Post<'a>, content: Option<&'a ApnsContent>) -> Aps<'a> {
    let interruption = content.and_then(|content| content.interruption);
    let changes = content.is_some_and(|content| {
        // Only the app's extension can load an image.
        content.mutable || !content.image.is_empty()
    });
    Aps {
        alert: Some(alert(post, content)),
        badge: badge(post.notification.badge),
        sound: sound(content.map_or("", |content| &content.sound), interruption),
        interruption_level: interruption.map(|interruption| match interruption {
            Interruption::Active => "active",
            Interruption::Critical => "critical",
            Interruption::Passive => "passive",
            Interruption::TimeSensitive => "time-sensitive",
        }),
        mutable_content: changes.then_some(1),
        ..Aps::default()
    }
}

/// APNs has no adding: the icon's number is sent whole, and what it is now only the phone knows. `Badge::Add` (and
/// whether a push counts at all) is therefore left to the app's extension; the push goes out without a number, and
/// counts as sent like any other.
fn badge(badge: Option<Badge>) -> Option<u16> {
    match badge? {
        Badge::Set(number) => Some(number),
        Badge::Add(_) => None,
    }
}

/// A sound that is not said is the phone's own, as with every other vendor; APNs would stay silent. What does not
/// interrupt makes none unless one is said.
fn sound(name: &str, interruption: Option<Interruption>) -> Option<Sound<'_>> {
    let said = if name.is_empty() { "default" } else { name };
    match interruption {
        // Without the dictionary a muted phone stays mute.
        Some(Interruption::Critical) => Some(Sound::Critical {
            critical: 1,
            name: said,
            volume: 1.0,
        }),
        Some(Interruption::Passive) if name.is_empty() => None,
        Some(Interruption::Active | Interruption::Passive | Interruption::TimeSensitive) | None => {
            Some(Sound::Name(said))
        }
    }
}

/// Which activity is not said: the token is one activity's own.
fn changed<'a>(
    post: &Post<'a>,
    content: Option<&'a ApnsContent>,
    activity: &'a LiveActivity,
) -> Result<Aps<'a>, Failure> {
    let state = serde_json::from_str::<&RawValue>(&activity.state).ok();
    let state = state.filter(|state| state.get().starts_with('{'));
    let Some(state) = state else {
        let text = "the Live Activity's state is not a JSON object";
        return Err(Failure::Rejected(Said::new(0, text)));
    };
    let alert = alert(post, content);
    // An update with an alert lights the screen: only when there is something to say.
    let says = !alert.title.is_empty() || !alert.body.is_empty();
    let sound = content.map_or("", |content| &content.sound);
    Ok(Aps {
        alert: says.then_some(alert),
        sound: (says && !sound.is_empty()).then_some(Sound::Name(sound)),
        // The phone shows the state with the latest one; a repetition says the same state again.
        timestamp: Some(now_s(post)),
        event: Some(if activity.ends { "end" } else { "update" }),
        content_state: Some(state),
        dismissal_date: activity.dismissed_at.map(|second| second.0),
        ..Aps::default()
    })
}

#[cfg(test)]
mod tests;
