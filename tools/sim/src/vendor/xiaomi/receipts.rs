//! Xiaomi's receipts: a form with JSON by message id.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Fate, Happened, ReceiptCall, Taken};

const DELIVERED: i64 = 1;
const CLICKED: i64 = 2;
const INVALID: i64 = 16;

/// What one entry says of several tokens.
struct Entry<'a> {
    taken: &'a Taken,
    kind: i64,
    tokens: Vec<&'a str>,
}

/// The calls: an address gets as few as an object by message id allows, since a message's entry has one kind.
pub(super) fn calls(happened: &[(Taken, Happened)], now_ms: i64) -> Vec<ReceiptCall> {
    let mut bodies: Vec<(&str, Map<String, Value>)> = Vec::new();
    for entry in entries(happened) {
        let (url, id) = (&entry.taken.receipts_url, &entry.taken.request_id);
        let value = entry.value(now_ms);
        let with_room = bodies
            .iter_mut()
            .find(|(other, body)| other == url && !body.contains_key(id));
        match with_room {
            Some((_, body)) => {
                body.insert(id.clone(), value);
            }
            None => {
                let body = Map::from_iter([(id.clone(), value)]);
                bodies.push((url, body));
            }
        }
    }
    bodies.into_iter().map(call).collect()
}

fn call((url, body): (&str, Map<String, Value>)) -> ReceiptCall {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &Value::Object(body).to_string())
        .finish();
    let content_type = "application/x-www-form-urlencoded".to_owned();
    ReceiptCall {
        url: url.to_owned(),
        headers: vec![("content-type", content_type)],
        body: form.into_bytes(),
    }
}

/// What was asked for, merged by message and kind.
fn entries(happened: &[(Taken, Happened)]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut places = HashMap::new();
    for (taken, what) in happened {
        let kind = match (Fate::of(&taken.token), what) {
            (Fate::Mute, _) => continue,
            (Fate::Lost, _) | (_, Happened::Gone) => INVALID,
            (_, Happened::Delivered) => DELIVERED,
            (_, Happened::Clicked) => CLICKED,
        };
        let asked: i64 = taken.receipt_kinds.parse().unwrap_or(0);
        if taken.receipts_url.is_empty() || asked & kind == 0 {
            continue;
        }
        let of_entry = (&taken.receipts_url, &taken.request_id, kind);
        let at = *places.entry(of_entry).or_insert(entries.len());
        match entries.get_mut(at) {
            Some(entry) => entry.tokens.push(&taken.token),
            None => entries.push(Entry {
                taken,
                kind,
                tokens: vec![&taken.token],
            }),
        }
    }
    entries
}

impl Entry<'_> {
    fn value(&self, now_ms: i64) -> Value {
        let mut value = json!({
            "param": self.taken.mark,
            "type": self.kind,
            "targets": self.tokens.join(","),
            "jobkey": "",
            "barStatus": "Enable",
            "timestamp": now_ms,
        });
        if self.kind == INVALID {
            value["errorCode"] = json!(1);
        }
        value
    }
}
