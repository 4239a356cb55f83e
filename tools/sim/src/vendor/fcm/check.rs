//! What FCM lets a message be.
//!
//! Names may be written as the protocol's (`collapse_key`) or as JSON's (`collapseKey`); what has neither is refused.

use serde_json::{Map, Value, json};

/// The longest message without its target, in bytes.
const PAYLOAD_LEN_MAX: usize = 4096;

/// The same to a topic.
const TOPIC_PAYLOAD_LEN_MAX: usize = 2048;

/// The longest time that a message is kept: 28 days.
const TTL_S_MAX: f64 = 2_419_200.0;

const ANALYTICS_LABEL_LEN_MAX: usize = 50;

const BODY: &[&str] = &["validate_only", "message"];
const TARGETS: [&str; 3] = ["token", "topic", "condition"];
const MESSAGE: &[&str] = &[
    "name",
    "data",
    "notification",
    "android",
    "webpush",
    "apns",
    "fcm_options",
    "token",
    "topic",
    "condition",
];
const NOTIFICATION: &[&str] = &["title", "body", "image"];
const FCM_OPTIONS: &[&str] = &["analytics_label"];
const ANDROID: &[&str] = &[
    "collapse_key",
    "priority",
    "ttl",
    "restricted_package_name",
    "data",
    "notification",
    "fcm_options",
    "direct_boot_ok",
    "bandwidth_constrained_ok",
    "restricted_satellite_ok",
];
const ANDROID_TEXTS: &[&str] = &["collapse_key", "restricted_package_name"];
const ANDROID_NOTIFICATION: &[&str] = &[
    "title",
    "body",
    "icon",
    "color",
    "sound",
    "tag",
    "click_action",
    "body_loc_key",
    "body_loc_args",
    "title_loc_key",
    "title_loc_args",
    "channel_id",
    "ticker",
    "sticky",
    "event_time",
    "local_only",
    "notification_priority",
    "default_sound",
    "default_vibrate_timings",
    "default_light_settings",
    "vibrate_timings",
    "visibility",
    "notification_count",
    "light_settings",
    "image",
    "bypass_proxy_notification",
    "proxy",
];
const ANDROID_NOTIFICATION_TEXTS: &[&str] = &[
    "title",
    "body",
    "icon",
    "color",
    "sound",
    "tag",
    "click_action",
    "body_loc_key",
    "title_loc_key",
    "channel_id",
    "ticker",
    "image",
];
const PRIORITIES: &[&str] = &["NORMAL", "HIGH"];
const NOTIFICATION_PRIORITIES: &[&str] = &[
    "PRIORITY_UNSPECIFIED",
    "PRIORITY_MIN",
    "PRIORITY_LOW",
    "PRIORITY_DEFAULT",
    "PRIORITY_HIGH",
    "PRIORITY_MAX",
];
const VISIBILITIES: &[&str] = &["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"];

/// A field that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    field: String,
    description: String,
}

impl Violation {
    pub(super) fn new(field: &str, description: &str) -> Self {
        Self {
            field: field.to_owned(),
            description: description.to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({"field": self.field, "description": self.description})
    }
}

/// What the simulator wants of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `None` for topics and conditions.
    pub(super) token: Option<String>,
    pub(super) title: String,
    pub(super) text: String,
    /// A notification with the same tag replaces the one before; a message with the same key only one that waits.
    pub(super) collapse: String,
    /// Whether it is only to be checked.
    pub(super) is_dry: bool,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, Vec<Violation>> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| vec![Violation::new("", "Invalid JSON payload received.")])?;
        let mut check = Check::default();
        let mut body = check.object("", &body, BODY);
        let message = body.remove("message").unwrap_or_default();
        let message = check.object("message", &message, MESSAGE);
        let is_dry = body.get("validate_only") == Some(&Value::Bool(true));
        check.targets(&message);
        check.len(&message);
        check.data("message.data", message.get("data"));
        let empty = Value::Object(Map::new());
        let part = |fields: &Map<String, Value>, name| fields.get(name).unwrap_or(&empty).clone();
        let shown = check.object(
            "message.notification",
            &part(&message, "notification"),
            NOTIFICATION,
        );
        check.texts("message.notification", &shown, NOTIFICATION);
        check.options("message.fcm_options", &part(&message, "fcm_options"));
        let android = check.android(&part(&message, "android"));
        let of_android = check.android_notification(&part(&android, "notification"));
        if !check.violations.is_empty() {
            return Err(check.violations);
        }
        let text = |fields: &Map<String, Value>, name| {
            let text = fields.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let text_of_both = |name| text(&of_android, name).or_else(|| text(&shown, name));
        let collapse = text(&of_android, "tag").or_else(|| text(&android, "collapse_key"));
        Ok(Self {
            token: text(&message, "token"),
            title: text_of_both("title").unwrap_or_default(),
            text: text_of_both("body").unwrap_or_default(),
            collapse: collapse.unwrap_or_default(),
            is_dry,
        })
    }
}

/// Violations as they are found.
#[derive(Debug, Default)]
struct Check {
    violations: Vec<Violation>,
}

impl Check {
    fn violated(&mut self, path: &str, name: &str, description: &str) {
        let field = [path, name].join(".");
        let violation = Violation::new(field.trim_matches('.'), description);
        self.violations.push(violation);
    }

    /// The fields of an object under the protocol's names.
    fn object(&mut self, path: &str, value: &Value, known: &[&str]) -> Map<String, Value> {
        let Some(object) = value.as_object() else {
            self.violated(path, "", "it must be an object");
            return Map::new();
        };
        let mut fields = Map::new();
        for (name, value) in object {
            let name = snake(name);
            if !known.contains(&name.as_str()) {
                self.violated(path, &name, "Unknown name: Cannot find field.");
            } else if !value.is_null() {
                fields.insert(name, value.clone());
            }
        }
        fields
    }

    fn texts(&mut self, path: &str, fields: &Map<String, Value>, names: &[&str]) {
        for name in names {
            if fields.get(*name).is_some_and(|value| !value.is_string()) {
                self.violated(path, name, "Invalid value (TYPE_STRING)");
            }
        }
    }

    fn one_of(&mut self, path: &str, fields: &Map<String, Value>, name: &str, values: &[&str]) {
        let is_known = |value: &Value| value.as_str().is_some_and(|value| values.contains(&value));
        if fields.get(name).is_some_and(|value| !is_known(value)) {
            self.violated(path, name, "Invalid value (TYPE_ENUM)");
        }
    }

    fn targets(&mut self, message: &Map<String, Value>) {
        let is_text = |name: &str| {
            let text = message.get(name).and_then(Value::as_str);
            text.is_some_and(|text| !text.is_empty())
        };
        let given = TARGETS.iter().filter(|name| message.contains_key(**name));
        let is_one = given.count() == 1 && TARGETS.iter().any(|name| is_text(name));
        if !is_one {
            self.violated(
                "message",
                "",
                "Exactly one of token, topic or condition is required",
            );
        }
    }

    /// FCM does not say what of a message it counts; here it is all but the target.
    fn len(&mut self, message: &Map<String, Value>) {
        let mut message = message.clone();
        let len_max = match message.contains_key("token") {
            true => PAYLOAD_LEN_MAX,
            false => TOPIC_PAYLOAD_LEN_MAX,
        };
        message.retain(|name, _| !TARGETS.contains(&name.as_str()));
        if Value::Object(message).to_string().len() > len_max {
            self.violated("message", "", "Message is too big");
        }
    }

    fn data(&mut self, path: &str, data: Option<&Value>) {
        let Some(data) = data else {
            return;
        };
        let Some(data) = data.as_object() else {
            return self.violated(path, "", "it must be an object");
        };
        for (key, value) in data {
            if !value.is_string() {
                self.violated(path, key, "Invalid value (TYPE_STRING)");
            }
            let is_reserved = matches!(key.as_str(), "from" | "message_type")
                || key.starts_with("google")
                || key.starts_with("gcm");
            if is_reserved {
                self.violated(path, key, "Invalid data payload key");
            }
        }
    }

    fn options(&mut self, path: &str, options: &Value) {
        let options = self.object(path, options, FCM_OPTIONS);
        self.texts(path, &options, FCM_OPTIONS);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
        let is_label = |label: &str| {
            (1..=ANALYTICS_LABEL_LEN_MAX).contains(&label.len()) && label.bytes().all(plain)
        };
        let label = options.get("analytics_label").and_then(Value::as_str);
        if label.is_some_and(|label| !is_label(label)) {
            self.violated(path, "analytics_label", "Invalid analytics label");
        }
    }

    fn android(&mut self, android: &Value) -> Map<String, Value> {
        let path = "message.android";
        let android = self.object(path, android, ANDROID);
        self.texts(path, &android, ANDROID_TEXTS);
        self.one_of(path, &android, "priority", PRIORITIES);
        self.data("message.android.data", android.get("data"));
        if android.get("ttl").is_some_and(|ttl| !is_ttl(ttl)) {
            self.violated(path, "ttl", "Invalid ttl duration");
        }
        if let Some(options) = android.get("fcm_options") {
            self.options("message.android.fcm_options", options);
        }
        android
    }

    fn android_notification(&mut self, notification: &Value) -> Map<String, Value> {
        let path = "message.android.notification";
        let fields = self.object(path, notification, ANDROID_NOTIFICATION);
        self.texts(path, &fields, ANDROID_NOTIFICATION_TEXTS);
        self.one_of(
            path,
            &fields,
            "notification_priority",
            NOTIFICATION_PRIORITIES,
        );
        self.one_of(path, &fields, "visibility", VISIBILITIES);
        fields
    }
}

/// Seconds with an `s` behind them.
fn is_ttl(ttl: &Value) -> bool {
    let digits = ttl.as_str().and_then(|ttl| ttl.strip_suffix('s'));
    let plain = |digits: &str| {
        digits.starts_with(|first: char| first.is_ascii_digit())
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let seconds = digits.filter(|digits| plain(digits));
    let seconds = seconds.and_then(|digits| digits.parse::<f64>().ok());
    seconds.is_some_and(|seconds| (0.0..=TTL_S_MAX).contains(&seconds))
}

/// `collapseKey` as `collapse_key`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}
