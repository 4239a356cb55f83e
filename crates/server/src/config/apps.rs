//! The `[[app]]` entries: each an app that the configuration owns.

use std::collections::BTreeMap;

use pushtally_model::{App, AppId, OnUnknown, Quota, Retention, Secret, Webhook};
use pushtally_webhook::Target;
use pushtally_wire::webhook::CallbackCommand;

use super::channels::{self, DeclaredChannel};
use super::reader::{Problems, Reader};
use super::secret;
use super::tree::{Node, Origin, Table, Value};

/// Days that a statistics window or traces may be set to: ten years.
const DAYS_MAX: u32 = 3660;
/// Days that counts may be kept, short of for ever: a hundred years.
const COUNTS_DAYS_MAX: u32 = 36_500;
/// Calls a second that a receiver of webhooks may be given: ten times what is documented.
pub(crate) const WEBHOOK_CALLS_PER_SECOND_MAX: u32 = 10_000;
/// The longest a push may live, in seconds: seven days, as documented.
const TASK_LIFE_S_MAX: u32 = 7 * 86_400;

/// An app and where it was declared.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) app: App,
    pub(crate) origin: Origin,
}

/// Reads all entries; an SDKAppID declared twice is a problem.
pub(crate) fn read(
    root: &mut Reader<'_>,
    problems: &Problems,
    notes: &mut Vec<String>,
) -> (Vec<Declared>, Vec<DeclaredChannel>) {
    let entries = match root.take("app") {
        Some(Node {
            value: Value::List(entries),
            ..
        }) => entries,
        Some(node) => {
            problems.add(format!(
                "{}: `app` is not a list, write `[[app]]`",
                node.origin
            ));
            Vec::new()
        }
        None => Vec::new(),
    };
    let (mut apps, mut channels) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<AppId, Origin> = BTreeMap::new();
    for Node { origin, value, .. } in entries {
        let Value::Table(table) = value else {
            problems.add(format!(
                "{origin}: `app` holds something that is no section"
            ));
            continue;
        };
        let Some(app) = read_one(table, &origin, &mut channels, problems, notes) else {
            continue;
        };
        if let Some(first) = seen.insert(app.id, origin.clone()) {
            problems.add(format!(
                "{origin}: app `{}` is declared a second time, first at {first}",
                app.id
            ));
        }
        apps.push(Declared { app, origin });
    }
    (apps, channels)
}

fn read_one(
    table: Table,
    origin: &Origin,
    channels: &mut Vec<DeclaredChannel>,
    problems: &Problems,
    notes: &mut Vec<String>,
) -> Option<App> {
    let mut reader = Reader::of("app".to_owned(), table, problems);
    let id = reader.integer_if_any("sdkappid", 1..=u32::MAX, "SDKAppID");
    if id.is_none() {
        problems.add(format!("{origin}: `app.sdkappid` is missing"));
    }
    let open_file = |reader: &Reader<'_>, key: &str, notes: &mut Vec<String>| {
        let Some((path, origin)) = reader.peek_text(key) else {
            return;
        };
        if secret::is_open_to_all(&origin, &path) {
            notes.push(format!(
                "{origin}: `{path}` can be read by everybody, `chmod 600` is better"
            ));
        }
    };
    open_file(&reader, "key_file", notes);
    open_file(&reader, "callback_token_file", notes);
    open_file(&reader, "client_key_file", notes);
    open_file(&reader, "receipts_key_file", notes);
    let keys = secret::take(&mut reader, "key", "key_file");
    if keys.is_none() {
        problems.add(format!(
            "{origin}: app `{}` has no usable `key` or `key_file`",
            id.unwrap_or_default()
        ));
    }
    let mut app = App::new(AppId(id.unwrap_or_default()), Secret::new(""));
    app.keys = keys.unwrap_or_default();
    app.callback_token = secret::take(&mut reader, "callback_token", "callback_token_file")
        .and_then(|tokens| tokens.into_iter().next());
    app.client_key = secret::take(&mut reader, "client_key", "client_key_file")
        .and_then(|keys| keys.into_iter().next());
    app.receipts_key = secret::take(&mut reader, "receipts_key", "receipts_key_file")
        .and_then(|keys| keys.into_iter().next());
    read_sending(&mut reader, &mut app);
    read_settings(&mut reader, &mut app);
    read_relay(&mut reader, &mut app, notes);
    read_webhook(&mut reader, &mut app, notes);
    channels.extend(channels::read(app.id, &mut reader, problems, notes));
    reader.finish();
    id.map(|_| app)
}

fn read_settings(reader: &mut Reader<'_>, app: &mut App) {
    if let Some((administrators, origin)) = reader.texts_if_any("administrators") {
        for name in &administrators {
            if let Err(error) = pushtally_usersig::validate_identifier(name) {
                reader.refuse(
                    &origin,
                    "administrators",
                    name,
                    &format!("a list of UserIDs: {error}"),
                );
            }
        }
        app.administrators = administrators;
    }
    if let Some(tolerance_s) = reader.integer_if_any("callback_tolerance_s", 1..=86_400, "seconds")
    {
        app.callback_tolerance_s = tolerance_s;
    }
    app.enabled = reader.flag_if_any("enabled").unwrap_or(true);
    app.hosts = reader
        .texts_if_any("hosts")
        .map(|(hosts, _)| hosts)
        .unwrap_or_default();
    if let Some(days) = reader.integer_if_any("statistics_span_days", 1..=DAYS_MAX, "days") {
        app.statistics_span_s_max = days * 86_400;
    }
    if let Some(days) = reader.integer_if_any("losses_span_days", 1..=DAYS_MAX, "days") {
        app.losses_span_s_max = days * 86_400;
    }
    if let Some(days) = reader.integer_if_any("traces_span_days", 1..=DAYS_MAX, "days") {
        app.traces_span_s_max = days * 86_400;
    }
    let counts_days = reader.integer_if_any("counts_days", 1..=COUNTS_DAYS_MAX, "days");
    let traces_days = reader.integer_if_any("traces_days", 1..=DAYS_MAX, "days");
    app.retention = Retention {
        counts_days,
        traces_days: traces_days.unwrap_or(Retention::default().traces_days),
    };
    app.quotas = read_quotas(reader);
}

/// What bounds an app's devices and pushes.
fn read_sending(reader: &mut Reader<'_>, app: &mut App) {
    if let Some(devices) = reader.integer_if_any("devices_max", 1..=u32::MAX, "devices") {
        app.devices_max = devices.into();
    }
    if let Some(life_s) = reader.integer_if_any("task_life_s", 1..=TASK_LIFE_S_MAX, "seconds") {
        app.task_life_s = life_s;
    }
    if let Some((rule, origin)) = reader.text_if_any("on_unknown") {
        match rule.as_str() {
            "repeat" => app.on_unknown = OnUnknown::Repeat,
            "skip" => app.on_unknown = OnUnknown::Skip,
            _ => reader.refuse(&origin, "on_unknown", &rule, "`repeat` or `skip`"),
        }
    }
    if let Some(per_day) = reader.integer_if_any("broadcasts_per_day", 0..=1_000_000, "pushes") {
        app.broadcasts_per_day = per_day;
    }
    if let Some(per_second) =
        reader.integer_if_any("registrations_per_second", 0..=1_000_000, "registrations")
    {
        app.registrations_per_second = per_second;
    }
}

fn read_quotas(reader: &mut Reader<'_>) -> BTreeMap<String, Quota> {
    let table = match reader.take("quotas") {
        Some(Node {
            value: Value::Table(table),
            ..
        }) => table,
        Some(node) => {
            reader.refuse(
                &node.origin,
                "quotas",
                "no table",
                "a table of commands and calls a second",
            );
            return BTreeMap::new();
        }
        None => return BTreeMap::new(),
    };
    let quota = |(command, node): (String, Node)| {
        let key = format!("quotas.{command}");
        let per_second = reader.check_integer(&key, &node, 0..=1_000_000, "calls a second");
        (command, Quota { per_second })
    };
    table.into_iter().map(quota).collect()
}

fn read_relay(reader: &mut Reader<'_>, app: &mut App, notes: &mut Vec<String>) {
    app.relay_to = read_target(reader, "relay_to", app.id, notes);
}

/// A receiver's URL, which may hold a token.
fn read_target(
    reader: &mut Reader<'_>,
    key: &'static str,
    app: AppId,
    notes: &mut Vec<String>,
) -> Option<String> {
    let (url, origin) = reader.text_if_any(key)?;
    match Target::parse(&url) {
        Ok(target) if !target.is_secure() => {
            notes.push(format!(
                "{origin}: `app.{key}` of app `{app}` is not encrypted"
            ));
        }
        Ok(_) => {}
        Err(error) => reader.refuse(&origin, key, "(hidden)", &format!("a URL: {error}")),
    }
    Some(url)
}

fn read_webhook(reader: &mut Reader<'_>, app: &mut App, notes: &mut Vec<String>) {
    let url = read_target(reader, "webhook_url", app.id, notes);
    let mut webhook = Webhook::new(url.clone().unwrap_or_default());
    if let Some((commands, origin)) = reader.texts_if_any("webhook_commands") {
        (webhook.push, webhook.message) = (false, false);
        for name in &commands {
            match CallbackCommand::from_name(name) {
                Some(CallbackCommand::AllMemberPush) => webhook.push = true,
                Some(CallbackCommand::OfflinePush) => webhook.message = true,
                None => reader.refuse(
                    &origin,
                    "webhook_commands",
                    name,
                    "a list of `Push.AllMemberPush` and `Push.OfflinePush`",
                ),
            }
        }
    }
    let rate = 1..=WEBHOOK_CALLS_PER_SECOND_MAX;
    if let Some(per_second) = reader.integer_if_any("webhook_calls_per_second", rate, "calls") {
        webhook.calls_per_second = per_second;
    }
    app.webhook = url.map(|_| webhook);
}
