//! A push as OPPO takes it: a form with the token and a JSON array of messages.

use std::borrow::Cow;

use form_urlencoded::byte_serialize;
use pushtally_model::OppoContent;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Credentials;
use crate::contract::{Call, Failure, Post, Said, To};
use crate::credentials::{address, receipts_url};
use crate::custom::Custom;
use crate::digest::{hex, message_id, notify_id};
use crate::json;
use crate::text::cut;

const TITLE_LEN_MAX: usize = 50;
const TEXT_LEN_MAX: usize = 50;
/// With style 2. Newer pages allow 200; the older limit passes both.
const BIG_TEXT_LEN_MAX: usize = 128;
const PARAMETERS_LEN_MAX: usize = 4_000;
const RECEIPTS_URL_LEN_MAX: usize = 200;
/// Ten days.
const TTL_S_MAX: u32 = 864_000;

/// One message for each target.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let notification = json::written(&Notification::of(credentials, post)?);
    let path = "/server/v1/message/notification/unicast_batch";
    let url = address(&credentials.base_url, path);
    Ok(Call::form(url, body(post, targets, &notification)))
}

/// The messages differ in token and id only, so the rest is encoded once: a form encodes each byte by itself.
fn body(post: &Post<'_>, targets: &[To<'_>], notification: &str) -> String {
    let encoded = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
    let head = encoded(r#"{"target_type":2,"target_value":"#);
    let id = encoded(r#","notification":{"app_message_id":""#);
    let rest = notification.strip_prefix('{').unwrap_or_default();
    let rest = encoded(&format!("\",{rest}}}"));

    let mut body = form_urlencoded::Serializer::new(String::new())
        .append_pair("auth_token", post.access)
        .append_pair("messages", "[")
        .finish();
    for (at, target) in targets.iter().enumerate() {
        if at > 0 {
            body.push_str("%2C");
        }
        body.push_str(&head);
        body.push_str(&encoded(&json::written(&target.token.expose())));
        body.push_str(&id);
        body.push_str(&hex(&message_id(post.app, post.task, target.number)));
        body.push_str(&rest);
    }
    body.push_str("%5D");
    body
}

/// What all messages of a call have in common.
#[derive(Serialize)]
struct Notification<'a> {
    style: u8,
    title: Cow<'a, str>,
    content: Cow<'a, str>,
    /// Opens the app.
    click_action_type: u8,
    action_parameters: String,
    off_line: bool,
    off_line_ttl: u32,
    notify_id: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    channel_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_level: Option<u8>,
    #[serde(skip_serializing_if = "str::is_empty")]
    private_msg_template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_title_parameters: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_content_parameters: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    call_back_url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    call_back_parameter: &'a str,
}

impl<'a> Notification<'a> {
    fn of(credentials: &'a Credentials, post: &Post<'a>) -> Result<Self, Failure> {
        let android = post.notification.android.as_deref();
        let oppo = android.map(|android| &android.oppo);
        let text =
            |field: fn(&OppoContent) -> &String| oppo.map_or("", |oppo| field(oppo).as_str());
        let is_big = android.is_some_and(|android| android.big_text);
        let text_len_max = if is_big {
            BIG_TEXT_LEN_MAX
        } else {
            TEXT_LEN_MAX
        };
        let category = text(|oppo| &oppo.category);
        let level = oppo.and_then(|oppo| oppo.loudness);
        let channel = text(|oppo| &oppo.channel);
        Ok(Self {
            style: if is_big { 2 } else { 1 },
            title: cut(post.title, TITLE_LEN_MAX),
            content: cut(post.text, text_len_max),
            click_action_type: 0,
            action_parameters: parameters(post)?,
            off_line: !post.notification.online_only,
            off_line_ttl: post.left_s.clamp(1, TTL_S_MAX),
            notify_id: notify_id(post.app, post.task),
            channel_id: if channel.is_empty() {
                &credentials.channel_id
            } else {
                channel
            },
            category,
            // A level without a category would be refused, and the message with it.
            notify_level: level
                .filter(|_| !category.is_empty())
                .map(|level| level as u8),
            private_msg_template_id: text(|oppo| &oppo.private_template),
            private_title_parameters: object("private_title", text(|oppo| &oppo.private_title))?,
            private_content_parameters: object("private_desc", text(|oppo| &oppo.private_desc))?,
            call_back_url: receipts_url(post.receipts_url, RECEIPTS_URL_LEN_MAX)?,
            call_back_parameter: if post.receipts_url.is_empty() {
                ""
            } else {
                post.mark
            },
        })
    }
}

fn parameters(post: &Post<'_>) -> Result<String, Failure> {
    let parameters = json::written(&Custom::of(post));
    let len = parameters.encode_utf16().count();
    if len > PARAMETERS_LEN_MAX {
        let text = format!("the passed-through data has `{len}` of {PARAMETERS_LEN_MAX} units");
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    Ok(parameters)
}

/// A template's variables: an object in the message, as public clients send it.
fn object(name: &str, text: &str) -> Result<Option<Map<String, Value>>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|_| {
        let text = format!("`{name}` is not a JSON object");
        Failure::Rejected(Said::new(0, text))
    })
}

#[cfg(test)]
mod tests {
    use pushtally_model::{AndroidContent, Loudness, Number};

    use super::super::tests::credentials;
    use super::*;
    use crate::given::Given;

    fn full() -> Given {
        let mut given = Given::new(&["CN_a\"+%", "CN_bbbb"]);
        given.notification.ext = r#"{"k":"v"}"#.to_owned();
        given.notification.android = Some(Box::new(AndroidContent {
            big_text: true,
            oppo: OppoContent {
                channel: "orders".to_owned(),
                category: "ORDER".to_owned(),
                private_template: "tpl1".to_owned(),
                private_title: r#"{"city":"北京"}"#.to_owned(),
                private_desc: r#"{"n":1}"#.to_owned(),
                loudness: Some(Loudness::Banner),
            },
            ..AndroidContent::default()
        }));
        given
    }

    #[test]
    fn a_full_notification_is_these_bytes() {
        const MESSAGE: &str = concat!(
            r#"{"target_type":2,"target_value":TOKEN,"notification":{"app_message_id":"ID","#,
            r#""style":2,"title":"Parcel","content":"Arrives today","click_action_type":0,"#,
            r#""action_parameters":"{\"ext\":\"{\\\"k\\\":\\\"v\\\"}\",\"id\":\"t1\",\"mark\":\"n-1001\"}","#,
            r#""off_line":true,"off_line_ttl":3600,"notify_id":NOTIFY,"channel_id":"orders","#,
            r#""category":"ORDER","notify_level":16,"private_msg_template_id":"tpl1","#,
            r#""private_title_parameters":{"city":"北京"},"private_content_parameters":{"n":1},"#,
            r#""call_back_url":"https://push.example.com/cb","call_back_parameter":"n-1001"}}"#,
        );
        let given = full();
        let message = |token: &str, number: u32| {
            let id = hex(&message_id(given.app, &given.task, Number(number)));
            let notify = notify_id(given.app, &given.task).to_string();
            let message = MESSAGE.replace("TOKEN", token).replace("ID", &id);
            message.replace("NOTIFY", &notify)
        };
        let messages = [message(r#""CN_a\"+%""#, 0), message(r#""CN_bbbb""#, 1)];
        let expected = form_urlencoded::Serializer::new(String::new())
            .append_pair("auth_token", "at-0001")
            .append_pair("messages", &format!("[{}]", messages.join(",")))
            .finish();

        let call = call(&credentials(), &given.post(), &given.targets()).unwrap();
        assert_eq!(
            call.url,
            "http://sim/server/v1/message/notification/unicast_batch"
        );
        assert_eq!(String::from_utf8(call.body).unwrap(), expected);
    }

    /// The first message's notification.
    fn notification(credentials: &Credentials, given: &Given) -> Value {
        let call = call(credentials, &given.post(), &given.targets()).unwrap();
        let mut fields = form_urlencoded::parse(&call.body);
        let (_, messages) = fields.find(|(name, _)| name == "messages").unwrap();
        let messages: Value = serde_json::from_str(&messages).unwrap();
        messages[0]["notification"].clone()
    }

    #[test]
    fn what_was_not_said_is_not_sent() {
        let mut given = Given::new(&["CN_aaaa"]);
        given.receipts_url.clear();
        let sent = notification(&credentials(), &given);
        let mut names: Vec<_> = sent.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        let expected = [
            "action_parameters",
            "app_message_id",
            "click_action_type",
            "content",
            "notify_id",
            "off_line",
            "off_line_ttl",
            "style",
            "title",
        ];
        assert_eq!(names, expected);
        assert_eq!(sent["action_parameters"], r#"{"id":"t1","mark":"n-1001"}"#);
    }

    #[test]
    fn the_configured_channel_is_that_of_pushes_that_name_none() {
        let mut credentials = credentials();
        credentials.channel_id = "news".to_owned();
        let plain = Given::new(&["CN_aaaa"]);
        assert_eq!(notification(&credentials, &plain)["channel_id"], "news");
        assert_eq!(notification(&credentials, &full())["channel_id"], "orders");
    }

    #[test]
    fn a_level_goes_with_a_category_only() {
        let mut given = full();
        let android = given.notification.android.as_mut().unwrap();
        android.oppo.category.clear();
        let sent = notification(&credentials(), &given);
        assert_eq!(sent.get("notify_level"), None);
    }

    #[test]
    fn texts_and_times_are_cut_to_what_oppo_takes() {
        let check = |is_big: bool, left_s: u32, expected: (usize, usize, u32)| {
            let mut given = Given::new(&["CN_aaaa"]);
            given.title = "t".repeat(51);
            given.text = "x".repeat(129);
            given.left_s = left_s;
            given.notification.android = Some(Box::new(AndroidContent {
                big_text: is_big,
                ..AndroidContent::default()
            }));
            let sent = notification(&credentials(), &given);
            let len = |name: &str| sent[name].as_str().unwrap().len();
            let (title_len, text_len, ttl_s) = expected;
            assert_eq!((len("title"), len("content")), (title_len, text_len));
            assert_eq!(sent["off_line_ttl"], ttl_s);
        };
        check(false, 864_001, (50, 50, 864_000));
        check(true, 0, (50, 128, 1));
    }

    #[test]
    fn what_oppo_would_refuse_is_refused_with_its_reason() {
        let check = |change: fn(&mut Given), expected: Failure| {
            let mut given = full();
            change(&mut given);
            let refused = call(&credentials(), &given.post(), &given.targets());
            assert_eq!(refused, Err(expected));
        };
        let rejected = |text: &str| Failure::Rejected(Said::new(0, text));
        check(
            |given| given.notification.ext = "x".repeat(3_965),
            rejected("the passed-through data has `4001` of 4000 units"),
        );
        check(
            |given| {
                let android = given.notification.android.as_mut().unwrap();
                android.oppo.private_title = "[1]".to_owned();
            },
            rejected("`private_title` is not a JSON object"),
        );
        check(
            |given| given.receipts_url = "u".repeat(201),
            Failure::Misconfigured(Said::new(
                0,
                "the address of receipts has `201` of 200 bytes",
            )),
        );
    }
}
