//! The nine vendors: credentials, and the simulator that knows them.

use std::collections::BTreeMap;

use pushtally_model::Channel;
use pushtally_sim::vendor::{
    ApnsCounter, ApnsSettings, Counter, FcmCounter, FcmSettings, HarmonyAccount, HarmonyCounter,
    HonorAccount, HonorCounter, HuaweiAccount, HuaweiCallback, HuaweiCounter, HuaweiServiceAccount,
    MeizuApp, MeizuCounter, OppoCounter, VivoCounter, XiaomiApp, XiaomiCounter,
};
use serde_json::{Value, json};

use crate::bench::Urls;

pub(crate) const VENDORS: [Channel; 9] = [
    Channel::Apns,
    Channel::Xiaomi,
    Channel::Huawei,
    Channel::Fcm,
    Channel::Meizu,
    Channel::Oppo,
    Channel::Vivo,
    Channel::Honor,
    Channel::Harmony,
];

/// The key that Huawei signs receipts with, as its console shows it.
const CALLBACK_KEY: &str = "c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA=";

type Credentials = fn(&Urls) -> Value;
type Simulator = fn(&Urls) -> Box<dyn Counter>;

/// What a bench is made of.
pub(crate) struct Given {
    /// Whether it speaks TLS, and HTTP/2 only.
    pub(crate) tls: bool,
    pub(crate) credentials: Credentials,
    pub(crate) counter: Simulator,
}

impl Given {
    pub(crate) fn of(channel: Channel) -> Self {
        let (credentials, counter): (Credentials, Simulator) = match channel {
            Channel::Apns => (apns, apns_counter),
            Channel::Xiaomi => (xiaomi, xiaomi_counter),
            Channel::Huawei => (huawei, huawei_counter),
            Channel::Fcm => (fcm, fcm_counter),
            Channel::Meizu => (meizu, meizu_counter),
            Channel::Oppo => (oppo, oppo_counter),
            Channel::Vivo => (vivo, vivo_counter),
            Channel::Honor => (honor, honor_counter),
            Channel::Harmony => (harmony, harmony_counter),
            Channel::Unknown | Channel::Online => panic!("{channel:?} is no vendor"),
        };
        Self {
            tls: channel == Channel::Apns,
            credentials,
            counter,
        }
    }
}

fn apns(urls: &Urls) -> Value {
    json!({
        "team_id": "TEAM123456",
        "key_id": "ABC123DEFG",
        "private_key": include_str!("../keys/ec.pem"),
        "bundle_id": "com.example.acme",
        "environments": "production",
        "production_url": urls.vendor,
    })
}

fn apns_counter(_: &Urls) -> Box<dyn Counter> {
    let counter = ApnsCounter::new(ApnsSettings {
        team_id: "TEAM123456".to_owned(),
        key_id: "ABC123DEFG".to_owned(),
        public_key: include_str!("../keys/ec.pub.pem").to_owned(),
        bundle_id: "com.example.acme".to_owned(),
        is_production: true,
    });
    Box::new(counter.unwrap().with_bundle("com.example.second"))
}

fn xiaomi(urls: &Urls) -> Value {
    json!({
        "app_secret": "xiaomi-secret",
        "package": "com.example.acme",
        "channel_id": "100123",
        "base_url": urls.vendor,
    })
}

fn xiaomi_counter(_: &Urls) -> Box<dyn Counter> {
    Box::new(XiaomiCounter::new(XiaomiApp {
        app_secret: "xiaomi-secret".to_owned(),
        package: "com.example.acme".to_owned(),
        channels: vec!["100123".to_owned(), "100124".to_owned()],
    }))
}

fn huawei(urls: &Urls) -> Value {
    json!({
        "client_id": "100001",
        "client_secret": "huawei-secret",
        "token_uri": format!("{}/oauth2/v3/token", urls.vendor),
        "base_url": urls.vendor,
        "package": "com.example.acme",
        "entry_activity": "com.example.acme.MainActivity",
        "category": "EXPRESS",
        "channel_id": "parcels",
        "receipt_id": "RCP0001",
        "callback_user": "cbuser",
        "callback_key": CALLBACK_KEY,
    })
}

fn huawei_counter(urls: &Urls) -> Box<dyn Counter> {
    Box::new(HuaweiCounter::new(HuaweiAccount {
        app_id: "100001".to_owned(),
        app_secret: "huawei-secret".to_owned(),
        project_id: "200001".to_owned(),
        service_account: Some(service_account()),
        has_high_right: false,
        receipt_urls: receipt_urls(urls),
        callback: Some(callback(true)),
    }))
}

/// The same account signed in as a service account, for its project.
pub(crate) fn huawei_by_jwt(credentials: &mut Value) {
    let Value::Object(fields) = credentials else {
        panic!("credentials are an object");
    };
    for name in ["client_secret", "token_uri"] {
        fields.remove(name);
    }
    fields.insert("project_id".to_owned(), json!("200001"));
    fields.insert("key_id".to_owned(), json!("key-1"));
    fields.insert("sub_account".to_owned(), json!("100"));
    let key = include_str!("../keys/rsa.pem");
    fields.insert("private_key".to_owned(), json!(key));
}

fn service_account() -> HuaweiServiceAccount {
    HuaweiServiceAccount {
        key_id: "key-1".to_owned(),
        sub_account: "100".to_owned(),
        public_key: include_str!("../keys/rsa.pub.pem").to_owned(),
    }
}

fn callback(is_base64: bool) -> HuaweiCallback {
    HuaweiCallback {
        user: "cbuser".to_owned(),
        secret: CALLBACK_KEY.to_owned(),
        is_base64,
    }
}

/// By the id that credentials pick; without an id they go where the console says.
fn receipt_urls(urls: &Urls) -> BTreeMap<String, String> {
    BTreeMap::from([("RCP0001".to_owned(), urls.receipts.clone())])
}

fn fcm(urls: &Urls) -> Value {
    json!({
        "project_id": "acme-1",
        "private_key_id": "0123abcd",
        "private_key": include_str!("../keys/rsa.pem"),
        "client_email": "push@acme-1.iam.gserviceaccount.com",
        "token_uri": format!("{}/token", urls.vendor),
        "package": "com.example.acme",
        "base_url": urls.vendor,
    })
}

fn fcm_counter(urls: &Urls) -> Box<dyn Counter> {
    let counter = FcmCounter::new(FcmSettings {
        project_id: "acme-1".to_owned(),
        client_email: "push@acme-1.iam.gserviceaccount.com".to_owned(),
        private_key_id: "0123abcd".to_owned(),
        public_key: include_str!("../keys/rsa.pub.pem").to_owned(),
        token_uri: format!("{}/token", urls.vendor),
    });
    Box::new(counter.unwrap())
}

fn meizu(urls: &Urls) -> Value {
    json!({
        "app_id": "1001",
        "app_secret": "meizu-secret",
        "receipt_token": "meizu-receipts",
        "base_url": urls.vendor,
    })
}

fn meizu_counter(urls: &Urls) -> Box<dyn Counter> {
    Box::new(MeizuCounter::new(MeizuApp {
        app_id: "1001".to_owned(),
        app_secret: "meizu-secret".to_owned(),
        receipt_token: "meizu-receipts".to_owned(),
        callbacks: vec![urls.receipts.clone()],
    }))
}

fn oppo(urls: &Urls) -> Value {
    json!({
        "app_key": "oppo-key",
        "master_secret": "oppo-secret",
        "channel_id": "parcels",
        "base_url": urls.vendor,
    })
}

fn oppo_counter(_: &Urls) -> Box<dyn Counter> {
    Box::new(OppoCounter::new("oppo-key", "oppo-secret"))
}

fn vivo(urls: &Urls) -> Value {
    json!({
        "app_id": "10001",
        "app_key": "vivo-key",
        "app_secret": "vivo-secret",
        "callback_id": "12",
        "base_url": urls.vendor,
    })
}

fn vivo_counter(_: &Urls) -> Box<dyn Counter> {
    Box::new(VivoCounter::new("10001", "vivo-key", "vivo-secret"))
}

fn honor(urls: &Urls) -> Value {
    json!({
        "app_id": "100002",
        "client_id": "300001",
        "client_secret": "honor-secret",
        "token_url": format!("{}/auth/token", urls.vendor),
        "base_url": urls.vendor,
        "entry_activity": "com.example.acme.MainActivity",
    })
}

fn honor_counter(_: &Urls) -> Box<dyn Counter> {
    Box::new(HonorCounter::new(HonorAccount {
        app_id: "100002".to_owned(),
        client_id: "300001".to_owned(),
        client_secret: "honor-secret".to_owned(),
    }))
}

fn harmony(urls: &Urls) -> Value {
    json!({
        "project_id": "200001",
        "key_id": "key-1",
        "private_key": include_str!("../keys/rsa.pem"),
        "sub_account": "100",
        "base_url": urls.vendor,
        "category": "EXPRESS",
        "receipt_id": "RCP0001",
        "callback_user": "cbuser",
        "callback_key": CALLBACK_KEY,
    })
}

fn harmony_counter(urls: &Urls) -> Box<dyn Counter> {
    Box::new(HarmonyCounter::new(HarmonyAccount {
        project_id: "200001".to_owned(),
        package: "com.example.acme".to_owned(),
        service_account: service_account(),
        receipt_urls: receipt_urls(urls),
        // As in older configurations.
        callback: Some(callback(false)),
    }))
}
