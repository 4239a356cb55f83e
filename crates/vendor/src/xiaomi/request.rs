//! A push as Xiaomi takes it: the form of `/v2/message/regid`.

use form_urlencoded::Serializer;
use pushtally_model::{Notification, Number};

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::address;
use crate::custom::Custom;
use crate::digest::{hex, message_id, notify_id};
use crate::json;
use crate::text::{cut, joined};

/// A title has to be shorter than 50 characters.
const TITLE_LEN_MAX: usize = 49;
/// A text has to be shorter than 128 characters.
const TEXT_LEN_MAX: usize = 127;
/// The longest `payload`, in bytes.
const PAYLOAD_LEN_MAX: usize = 4096;
/// The longest life: what private messages have by the newer text; an older one says two weeks.
const TTL_S_MAX: u32 = 10 * 24 * 3600;
/// What receipts are asked of: delivered, clicked, invalid target, switched off, filtered, daily limit, too late. Each is
/// the last word on a target that was not clicked.
const RECEIPT_TYPES: u32 = 1 + 2 + 16 + 32 + 64 + 128 + 1024;

/// The call for these targets.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let payload = json::written(&Custom::of(post));
    if payload.len() > PAYLOAD_LEN_MAX {
        let text = format!("the payload is longer than {PAYLOAD_LEN_MAX} bytes");
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    let mut form = Serializer::new(String::new());
    form.append_pair("registration_id", &joined(targets)?)
        .append_pair("restricted_package_name", &credentials.package)
        .append_pair("pass_through", "0")
        .append_pair("title", &cut(post.title, TITLE_LEN_MAX))
        .append_pair("description", &cut(post.text, TEXT_LEN_MAX))
        .append_pair("payload", &payload)
        .append_pair("notify_type", "-1")
        .append_pair("time_to_live", &ttl_ms(post.left_s).to_string())
        // The same number replaces what is shown.
        .append_pair("notify_id", &notify_id(post.app, post.task).to_string())
        .append_pair("extra.notify_effect", "1")
        // Of messages with the same one, a phone shows the first.
        .append_pair("extra.jobkey", &job_key(post));
    let channel = channel(credentials, post.notification);
    if !channel.is_empty() {
        form.append_pair("extra.channel_id", channel);
    }
    if !post.receipts_url.is_empty() {
        form.append_pair("extra.callback", post.receipts_url)
            .append_pair("extra.callback.param", post.mark)
            .append_pair("extra.callback.type", &RECEIPT_TYPES.to_string());
    }
    let url = address(&credentials.base_url, "/v2/message/regid");
    let key = format!("key={}", credentials.app_secret.expose());
    Ok(Call::form(url, form.finish()).with("authorization", key))
}

fn ttl_ms(left_s: u32) -> u64 {
    u64::from(left_s.clamp(1, TTL_S_MAX)) * 1000
}

/// 20 characters, the most that are taken, the same for every device of the task.
fn job_key(post: &Post<'_>) -> String {
    hex(&message_id(post.app, post.task, Number(u32::MAX))[..10])
}

/// The notification's own channel goes before that of the configuration.
pub(super) fn channel<'a>(credentials: &'a Credentials, notification: &'a Notification) -> &'a str {
    let own = notification.android.as_deref();
    let own = own.map(|android| android.xiaomi_channel.as_str());
    own.filter(|channel| !channel.is_empty())
        .unwrap_or(&credentials.channel_id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pushtally_model::{AndroidContent, AppId, Notification, Secret, TaskId};

    use super::*;
    use crate::given::{addressed, post};

    fn credentials() -> Credentials {
        Credentials {
            app_secret: Secret::new("EXAMPLESECRET0000"),
            package: "com.example.acme".to_owned(),
            channel_id: "100".to_owned(),
            base_url: "https://api.example.com/".to_owned(),
        }
    }

    fn call_of(post: &Post<'_>, tokens: &[&str]) -> Result<Call, Failure> {
        addressed(tokens, |targets| call(&credentials(), post, targets))
    }

    fn fields(call: &Call) -> HashMap<String, String> {
        form_urlencoded::parse(&call.body).into_owned().collect()
    }

    #[test]
    fn a_full_notification_is_this_form() {
        let task = TaskId::new("n-1001").unwrap();
        let notification = Notification {
            title: "Parcel".to_owned(),
            desc: "Arrives today".to_owned(),
            ext: r#"{"page":"parcel"}"#.to_owned(),
            android: Some(Box::new(AndroidContent {
                xiaomi_channel: "100123".to_owned(),
                ..AndroidContent::default()
            })),
            ..Notification::default()
        };
        let post = Post {
            receipts_url: "https://push.example.com/cb/xiaomi",
            ..post(&task, &notification)
        };
        let call = call_of(&post, &["rA+1", "rB+2"]).unwrap();
        assert_eq!(call.url, "https://api.example.com/v2/message/regid");
        let headers: Vec<(&str, &str)> = call
            .headers
            .iter()
            .map(|(name, value)| (*name, value.expose()))
            .collect();
        let form = "application/x-www-form-urlencoded";
        assert_eq!(
            headers,
            [
                ("content-type", form),
                ("authorization", "key=EXAMPLESECRET0000"),
            ]
        );
        let notify_id = notify_id(AppId(7), &task);
        let job_key = job_key(&post);
        assert_eq!(job_key.len(), 20);
        assert_eq!(
            String::from_utf8(call.body).unwrap(),
            [
                "registration_id=rA%2B1%2CrB%2B2&restricted_package_name=com.example.acme&pass_through=0",
                "title=Parcel&description=Arrives+today",
                "payload=%7B%22ext%22%3A%22%7B%5C%22page%5C%22%3A%5C%22parcel%5C%22%7D%22%2C%22id%22%3A%22n-1001%22%2C%22mark%22%3A%22m-1%22%7D",
                "notify_type=-1&time_to_live=86400000",
                &format!("notify_id={notify_id}&extra.notify_effect=1&extra.jobkey={job_key}"),
                "extra.channel_id=100123&extra.callback=https%3A%2F%2Fpush.example.com%2Fcb%2Fxiaomi",
                "extra.callback.param=m-1&extra.callback.type=1267",
            ]
            .join("&")
        );
    }

    #[test]
    fn without_a_receipts_address_none_is_asked_for() {
        let (task, notification) = (TaskId::new("t").unwrap(), Notification::default());
        let fields = fields(&call_of(&post(&task, &notification), &["rA"]).unwrap());
        assert!(!fields.keys().any(|name| name.starts_with("extra.callback")));
        assert_eq!(fields["extra.channel_id"], "100");
    }

    #[test]
    fn texts_stay_below_the_limits_and_a_life_within_them() {
        let task = TaskId::new("t").unwrap();
        let notification = Notification {
            title: "包".repeat(50),
            desc: "裹".repeat(128),
            ..Notification::default()
        };
        for (left_s, expected) in [(1, "1000"), (864_000, "864000000"), (u32::MAX, "864000000")] {
            let post = Post {
                left_s,
                ..post(&task, &notification)
            };
            let fields = fields(&call_of(&post, &["rA"]).unwrap());
            assert_eq!(fields["title"].chars().count(), 49);
            assert_eq!(fields["description"].chars().count(), 127);
            assert_eq!(fields["time_to_live"], expected);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_not() {
        let task = TaskId::new("t").unwrap();
        let mut notification = Notification::default();
        for tokens in [&["rA,rB"][..], &["rA", ""]] {
            let failure = call_of(&post(&task, &notification), tokens);
            assert!(matches!(failure, Err(Failure::Targets(_))), "{tokens:?}");
        }
        notification.ext = "x".repeat(PAYLOAD_LEN_MAX);
        let failure = call_of(&post(&task, &notification), &["rA"]);
        assert!(
            matches!(&failure, Err(Failure::Rejected(said)) if said.text.contains("4096")),
            "{failure:?}"
        );
    }
}
