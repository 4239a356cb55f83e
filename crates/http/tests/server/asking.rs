//! Asks for what the tests of targeting need: accounts, phones, labels, and whom a push reached.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pushtally_model::{Account, Device, DeviceFacts, RegistrationId, Second, TaskId};
use pushtally_store::{Registration, SecretHash};
use serde_json::{Value, json};

use super::fixture::{APP, Server, Setup, code, credentials};

pub(crate) const TIMPUSH: &str = "/v4/timpush/";
pub(crate) const LEGACY: &str = "/v4/all_member_push/im_";
pub(crate) const ACCOUNTS: &str = "/v4/im_open_login_svc/";

/// One call of a command by the administrator.
pub(crate) async fn ask(server: &Server, prefix: &str, command: &str, body: &str) -> Value {
    let path = format!("{prefix}{command}?{}", credentials());
    server.post(&path, body).await
}

/// One call that must be done whole.
pub(crate) async fn done(server: &Server, prefix: &str, command: &str, body: &str) {
    let reply = ask(server, prefix, command, body).await;
    let whole = json!({"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0});
    assert_eq!(reply, whole, "{command} {body}");
}

/// One call that must be refused, with its code and text.
pub(crate) async fn refused(server: &Server, command: &str, body: &str, expected: u64, text: &str) {
    let reply = ask(server, TIMPUSH, command, body).await;
    assert_eq!(
        (code(&reply), reply["ErrorInfo"].as_str().unwrap()),
        (expected, text),
        "{command}"
    );
}

/// These are known, without a device.
pub(crate) async fn import(server: &Server, names: &[&str]) {
    let items: Vec<Value> = names.iter().map(|name| json!({"UserID": name})).collect();
    let body = json!({ "AccountList": items }).to_string();
    let reply = ask(server, ACCOUNTS, "multiaccount_import", &body).await;
    assert_eq!((code(&reply), &reply["FailAccounts"]), (0, &json!([])));
}

/// A server that knows the accounts `a` and `b`.
pub(crate) async fn accounts() -> Server {
    let server = Server::start(Setup::default()).await;
    import(&server, &["a", "b"]).await;
    server
}

/// An account as a reply lists it that was refused.
pub(crate) fn error(account: &str, code: u32, info: &str) -> Value {
    json!({"To_Account": account, "ErrorCode": code, "ErrorInfo": info})
}

/// The same of one that is not known.
pub(crate) fn unknown(account: &str) -> Value {
    error(account, 70107, "the account does not exist")
}

/// What `tags` answers of an account that has these.
pub(crate) fn texts(texts: &[&str]) -> Result<Vec<String>, u64> {
    Ok(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// A phone is registered, with somebody signed in on it or nobody.
pub(crate) async fn phone(server: &Server, registration_id: &str, account: Option<&str>) {
    let registration = Registration {
        registration_id: RegistrationId::new(registration_id).unwrap(),
        account: account.map(|account| Account::new(account).unwrap()),
        secret: SecretHash([7; 32]),
        facts: DeviceFacts::default(),
        at: Second(1),
    };
    let devices = &server.engine.devices;
    devices
        .register_device(APP, &registration, 1000)
        .await
        .unwrap();
}

/// The tags of one account, or the code that it is listed with.
pub(crate) async fn tags(server: &Server, account: &str) -> Result<Vec<String>, u64> {
    let body = json!({"To_Account": [account]}).to_string();
    let reply = ask(server, TIMPUSH, "get_tag", &body).await;
    listed(&reply)?;
    let row = &reply["UserTags"][0];
    assert_eq!(row["To_Account"], account);
    let tags = row["Tags"].as_array().unwrap();
    Ok(tags
        .iter()
        .map(|tag| tag.as_str().unwrap().to_owned())
        .collect())
}

/// The attributes of one account, or the code that it is listed with.
pub(crate) async fn attributes(server: &Server, account: &str) -> Result<Value, u64> {
    let body = json!({"To_Account": [account]}).to_string();
    let reply = ask(server, TIMPUSH, "get_attr", &body).await;
    listed(&reply)?;
    assert_eq!(reply["UserAttrs"][0]["To_Account"], account);
    Ok(reply["UserAttrs"][0]["Attrs"].clone())
}

fn listed(reply: &Value) -> Result<(), u64> {
    assert_eq!(code(reply), 0);
    match reply["ErrorList"][0]["ErrorCode"].as_u64() {
        Some(code) => Err(code),
        None => Ok(()),
    }
}

/// A push with a condition; answers its reply.
pub(crate) async fn push(server: &Server, prefix: &str, condition: &str) -> Value {
    let body = format!(
        r#"{{"From_Account":"administrator","MsgRandom":1,"Condition":{condition},"OfflinePushInfo":{{"Title":"t"}}}}"#
    );
    server.clock.advance_ms(2000);
    ask(server, prefix, "push", &body).await
}

/// The phones that an accepted push addresses.
pub(crate) async fn reached(server: &Server, reply: &Value) -> BTreeSet<String> {
    assert_eq!(code(reply), 0, "{reply}");
    let id = TaskId::new(reply["TaskId"].as_str().unwrap()).unwrap();
    let stored = server.engine.tasks.find_stored_task(APP, &id).await;
    let audience = stored.unwrap().unwrap().draft.audience;
    let mut phones = BTreeSet::new();
    let mut visit = |device: Device| {
        phones.insert(device.registration_id.as_str().to_owned());
        ControlFlow::Continue(())
    };
    let evaluated = server
        .state
        .audience
        .evaluate(APP, None, &audience, &mut visit);
    evaluated.await.unwrap();
    phones
}

/// The phones that a push with a condition addresses.
pub(crate) async fn fitting(server: &Server, condition: &str) -> Vec<String> {
    let reply = push(server, TIMPUSH, condition).await;
    reached(server, &reply).await.into_iter().collect()
}
