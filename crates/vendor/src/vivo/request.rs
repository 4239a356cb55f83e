//! What is sent to vivo: JSON, for one target at once, for more in two steps.

use std::borrow::Cow;

use pushtally_model::{Notification, Secret, VivoAlert, VivoContent};
use serde::Serialize;

use super::credentials::Credentials;
use crate::{
    Call, Failure, Post, Said, To, cut,
    digest::{batch_id, hex, message_id, notify_id},
    text::json,
};

/// Sources disagree on how a Chinese character counts; both are in UTF-16 units here, as Tencent cuts them.
const TITLE_LEN_MAX: usize = 40;
const TEXT_LEN_MAX: usize = 100;
/// The reference gives none; vivo's public pages do, in characters of all names and values.
const CUSTOM_LEN_MAX: usize = 1_024;
const RECEIPTS_URL_LEN_MAX: usize = 128;
/// An older page allows seven days.
const TTL_S_MIN: u32 = 60;
const TTL_S_MAX: u32 = 86_400;

/// A message to one target, or to be saved for a list.
pub(super) fn call(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
) -> Result<Call, Failure> {
    let (path, reg_id, request_id) = match targets {
        [target] => {
            let id = message_id(post.app, post.task, target.number);
            ("/message/send", target.token.expose(), hex(&id))
        }
        _ => ("/message/saveListPayload", "", list_id(post, targets, 0)),
    };
    let message = Message::of(credentials, post, reg_id, request_id)?;
    let call = json_to(credentials.url(path), json(&message));
    Ok(with_token(call, post.access))
}

/// The saved message to the list.
pub(super) fn to_list(
    credentials: &Credentials,
    post: &Post<'_>,
    targets: &[To<'_>],
    task_id: &str,
) -> Call {
    let list = List {
        app_id: credentials.app_id(),
        reg_ids: targets.iter().map(|to| to.token.expose()).collect(),
        task_id,
        request_id: list_id(post, targets, 1),
        push_mode: 0,
    };
    let call = json_to(credentials.url("/message/pushToList"), json(&list));
    with_token(call, post.access)
}

/// vivo wants a `requestId` of each request to be its own: the steps of a list have different ones.
fn list_id(post: &Post<'_>, targets: &[To<'_>], step: u8) -> String {
    let numbers = targets.iter().map(|to| to.number);
    let id = hex(&batch_id(post.app, post.task, numbers));
    format!("{id}-{step}")
}

pub(super) fn json_to(url: String, body: String) -> Call {
    Call {
        url,
        headers: vec![("content-type", Secret::new("application/json"))],
        body: body.into_bytes(),
    }
}

fn with_token(mut call: Call, access: &str) -> Call {
    call.headers.push(("authtoken", Secret::new(access)));
    call
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    app_id: &'a str,
    reg_ids: Vec<&'a str>,
    task_id: &'a str,
    request_id: String,
    push_mode: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    app_id: &'a str,
    /// Empty in a message for a list.
    #[serde(skip_serializing_if = "str::is_empty")]
    reg_id: &'a str,
    notify_type: u8,
    title: Cow<'a, str>,
    content: Cow<'a, str>,
    time_to_live: u32,
    /// Opens the app.
    skip_type: u8,
    /// Any network.
    network_type: i8,
    classification: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'a str,
    request_id: String,
    push_mode: u8,
    notify_id: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    send_online: bool,
    client_custom_map: Passed<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Extra<'a>>,
}

/// What the app finds in what opens it.
#[derive(Serialize)]
struct Passed<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    id: &'a str,
    mark: &'a str,
}

/// Where receipts go: an address, or the console's id of one, never both.
#[derive(Serialize)]
struct Extra<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    callback: &'a str,
    #[serde(rename = "callback.id", skip_serializing_if = "str::is_empty")]
    callback_id: &'a str,
    /// The reference shows it beside an address only. It goes with an id too, since nothing else leads a list's
    /// receipts to their task.
    #[serde(rename = "callback.param")]
    callback_param: &'a str,
}

impl<'a> Message<'a> {
    fn of(
        credentials: &'a Credentials,
        post: &Post<'a>,
        reg_id: &'a str,
        request_id: String,
    ) -> Result<Self, Failure> {
        let vivo = post.notification.android.as_deref();
        let vivo = vivo.map(|android| &android.vivo);
        let alert = vivo.and_then(|vivo| vivo.alert);
        let is_list = reg_id.is_empty();
        Ok(Self {
            app_id: credentials.app_id(),
            reg_id,
            notify_type: alert.unwrap_or(VivoAlert::RingAndVibrate) as u8,
            title: cut(post.title, TITLE_LEN_MAX),
            content: cut(post.text, TEXT_LEN_MAX),
            time_to_live: post.left_s.clamp(TTL_S_MIN, TTL_S_MAX),
            skip_type: 1,
            network_type: -1,
            classification: u8::from(is_system(post.notification)),
            category: vivo.map_or("", |vivo| &vivo.category),
            request_id,
            push_mode: 0,
            notify_id: notify_id(post.app, post.task),
            send_online: post.notification.online_only,
            client_custom_map: passed(post)?,
            extra: extra(credentials, post, is_list)?,
        })
    }
}

/// vivo refuses a class that is not the category's. What the sender says goes as it is; otherwise the category decides,
/// and without one that is known it is of the system's kind, the default of the push API.
pub(super) fn is_system(notification: &Notification) -> bool {
    let vivo = notification.android.as_deref();
    let vivo: Option<&VivoContent> = vivo.map(|android| &android.vivo);
    let said = vivo.and_then(|vivo| vivo.is_system);
    let category = vivo.map_or("", |vivo| vivo.category.as_str());
    said.unwrap_or(!matches!(
        category,
        "NEWS" | "CONTENT" | "MARKETING" | "SOCIAL"
    ))
}

fn passed<'a>(post: &Post<'a>) -> Result<Passed<'a>, Failure> {
    let passed = Passed {
        ext: &post.notification.ext,
        id: post.task.as_str(),
        mark: post.mark,
    };
    let named = [
        ("ext", passed.ext),
        ("id", passed.id),
        ("mark", passed.mark),
    ];
    let lens = named.iter().filter(|(_, value)| !value.is_empty());
    let len: usize = lens
        .map(|(name, value)| name.len() + value.encode_utf16().count())
        .sum();
    if len > CUSTOM_LEN_MAX {
        let text = format!("the passed-through data has `{len}` of {CUSTOM_LEN_MAX} units");
        return Err(Failure::Rejected(Said::new(0, text)));
    }
    Ok(passed)
}

/// A list takes an id only: without one it goes without receipts.
fn extra<'a>(
    credentials: &'a Credentials,
    post: &Post<'a>,
    is_list: bool,
) -> Result<Option<Extra<'a>>, Failure> {
    let callback_id = credentials.callback_id.trim();
    if post.receipts_url.is_empty() || (is_list && callback_id.is_empty()) {
        return Ok(None);
    }
    let callback = if callback_id.is_empty() {
        receipts_url(post.receipts_url)?
    } else {
        ""
    };
    Ok(Some(Extra {
        callback,
        callback_id,
        callback_param: post.mark,
    }))
}

/// One that is too long would have every message refused: a matter of where the server says it is.
fn receipts_url(url: &str) -> Result<&str, Failure> {
    let len = url.chars().count();
    if len > RECEIPTS_URL_LEN_MAX {
        let text = format!("the receipts' URL has `{len}` of {RECEIPTS_URL_LEN_MAX} characters");
        return Err(Failure::Misconfigured(Said::new(0, text)));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use pushtally_model::{AndroidContent, Number};
    use serde_json::Value;

    use super::super::tests::credentials;
    use super::*;
    use crate::given::Given;

    fn with(vivo: VivoContent, tokens: &[&str]) -> Given {
        let mut given = Given::new(tokens);
        given.notification.ext = r#"{"k":"v"}"#.to_owned();
        given.notification.android = Some(Box::new(AndroidContent {
            vivo,
            ..AndroidContent::default()
        }));
        given
    }

    fn full(tokens: &[&str]) -> Given {
        let vivo = VivoContent {
            is_system: Some(true),
            category: "ORDER".to_owned(),
            alert: Some(VivoAlert::Vibrate),
        };
        with(vivo, tokens)
    }

    const FULL: &str = concat!(
        r#"{"appId":"10001",REGID"notifyType":3,"title":"Parcel","content":"Arrives today","#,
        r#""timeToLive":3600,"skipType":1,"networkType":-1,"classification":1,"category":"ORDER","#,
        r#""requestId":"ID","pushMode":0,"notifyId":NOTIFY,"#,
        r#""clientCustomMap":{"ext":"{\"k\":\"v\"}","id":"t1","mark":"n-1001"}EXTRA}"#,
    );

    fn bytes_of(call: Call) -> String {
        String::from_utf8(call.body).unwrap()
    }

    #[test]
    fn a_full_notification_to_one_target_is_these_bytes() {
        let given = full(&["vr-1"]);
        let call = call(&credentials(), &given.post(), &given.targets()).unwrap();
        assert_eq!(call.url, "http://sim/message/send");
        let headers: Vec<_> = call
            .headers
            .iter()
            .map(|(name, value)| (*name, value.expose()))
            .collect();
        assert_eq!(
            headers,
            [
                ("content-type", "application/json"),
                ("authtoken", "at-0001")
            ]
        );
        let expected = FULL
            .replace("REGID", r#""regId":"vr-1","#)
            .replace("ID", &hex(&message_id(given.app, &given.task, Number(0))))
            .replace("NOTIFY", &notify_id(given.app, &given.task).to_string())
            .replace(
                "EXTRA",
                r#","extra":{"callback":"https://push.example.com/cb","callback.param":"n-1001"}"#,
            );
        assert_eq!(bytes_of(call), expected);
    }

    #[test]
    fn a_list_is_saved_and_then_sent() {
        let given = full(&["vr-1", "vr-2"]);
        let mut credentials = credentials();
        credentials.callback_id = "cb-7".to_owned();
        let numbers = [Number(0), Number(1)];
        let id = hex(&batch_id(given.app, &given.task, numbers));

        let saved = call(&credentials, &given.post(), &given.targets()).unwrap();
        assert_eq!(saved.url, "http://sim/message/saveListPayload");
        let expected = FULL
            .replace("REGID", "")
            .replace("ID", &format!("{id}-0"))
            .replace("NOTIFY", &notify_id(given.app, &given.task).to_string())
            .replace(
                "EXTRA",
                r#","extra":{"callback.id":"cb-7","callback.param":"n-1001"}"#,
            );
        assert_eq!(bytes_of(saved), expected);

        let sent = to_list(&credentials, &given.post(), &given.targets(), "900001");
        assert_eq!(sent.url, "http://sim/message/pushToList");
        assert_eq!(sent.headers[1].1.expose(), "at-0001");
        assert_eq!(
            bytes_of(sent),
            format!(
                r#"{{"appId":"10001","regIds":["vr-1","vr-2"],"taskId":"900001","requestId":"{id}-1","pushMode":0}}"#
            )
        );
    }

    fn message(credentials: &Credentials, given: &Given) -> Value {
        let call = call(credentials, &given.post(), &given.targets()).unwrap();
        serde_json::from_slice(&call.body).unwrap()
    }

    #[test]
    fn what_was_not_said_is_not_sent() {
        let mut given = Given::new(&["vr-1"]);
        given.receipts_url.clear();
        let sent = message(&credentials(), &given);
        for name in ["category", "sendOnline", "extra"] {
            assert_eq!(sent.get(name), None, "{name}");
        }
        assert_eq!(sent["notifyType"], 4);
        assert_eq!(
            sent["clientCustomMap"],
            serde_json::json!({"id": "t1", "mark": "n-1001"})
        );
    }

    #[test]
    fn the_class_fits_the_category_unless_the_sender_says_it() {
        let check = |is_system: Option<bool>, category: &str, expected: u8| {
            let vivo = VivoContent {
                is_system,
                category: category.to_owned(),
                alert: None,
            };
            let sent = message(&credentials(), &with(vivo, &["vr-1"]));
            assert_eq!(sent["classification"], expected, "{is_system:?} {category}");
        };
        for category in [
            "IM",
            "ACCOUNT",
            "TODO",
            "DEVICE_REMINDER",
            "ORDER",
            "SUBSCRIPTION",
        ] {
            check(None, category, 1);
            check(Some(false), category, 0);
        }
        for category in ["NEWS", "CONTENT", "MARKETING", "SOCIAL"] {
            check(None, category, 0);
            check(Some(true), category, 1);
        }
        check(None, "", 1);
        check(None, "NOT_KNOWN", 1);
        check(Some(false), "", 0);
    }

    #[test]
    fn a_list_without_an_id_of_the_address_has_no_receipts() {
        let sent = message(&credentials(), &full(&["vr-1", "vr-2"]));
        assert_eq!(sent.get("extra"), None);
        let mut credentials = credentials();
        credentials.callback_id = "cb-7".to_owned();
        let sent = message(&credentials, &full(&["vr-1"]));
        assert_eq!(
            sent["extra"],
            serde_json::json!({"callback.id": "cb-7", "callback.param": "n-1001"})
        );
    }

    #[test]
    fn texts_and_times_are_cut_to_what_vivo_takes() {
        let check = |left_s: u32, expected: u32| {
            let mut given = Given::new(&["vr-1"]);
            given.title = "标".repeat(41);
            given.text = "文".repeat(101);
            given.left_s = left_s;
            let sent = message(&credentials(), &given);
            assert_eq!(sent["title"], format!("{}...", "标".repeat(37)));
            assert_eq!(sent["content"], format!("{}...", "文".repeat(97)));
            assert_eq!(sent["timeToLive"], expected);
        };
        check(1, 60);
        check(86_401, 86_400);
    }

    #[test]
    fn request_ids_are_of_task_and_targets_and_short_enough() {
        let id = |tokens: &[&str]| {
            let sent = message(&credentials(), &Given::new(tokens));
            sent["requestId"].as_str().unwrap().to_owned()
        };
        assert_eq!(id(&["vr-1"]), id(&["vr-1"]));
        assert_ne!(id(&["vr-1", "vr-2"]), id(&["vr-1", "vr-2", "vr-3"]));
        assert!(id(&["vr-1", "vr-2"]).len() <= 64);
    }

    #[test]
    fn what_vivo_would_refuse_is_refused_with_its_reason() {
        let check = |change: fn(&mut Given), expected: Failure| {
            let mut given = full(&["vr-1"]);
            change(&mut given);
            let refused = call(&credentials(), &given.post(), &given.targets());
            assert_eq!(refused, Err(expected));
        };
        check(
            |given| given.notification.ext = "x".repeat(1_008),
            Failure::Rejected(Said::new(
                0,
                "the passed-through data has `1025` of 1024 units",
            )),
        );
        check(
            |given| given.receipts_url = "u".repeat(129),
            Failure::Misconfigured(Said::new(
                0,
                "the receipts' URL has `129` of 128 characters",
            )),
        );
    }
}
