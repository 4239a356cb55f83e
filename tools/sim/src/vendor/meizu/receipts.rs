//! Meizu's receipts: a form with JSON by message id and type, and the console's token.

use serde_json::{Map, Value, json};

use super::{Fate, Happened, ReceiptCall, Taken};

const DELIVERED: i64 = 1;
const CLICKED: i64 = 2;

/// One call for each address. Nothing is said of what is gone: Meizu has no type for it.
pub(super) fn calls(receipt_token: &str, happened: &[(Taken, Happened)]) -> Vec<ReceiptCall> {
    let mut bodies: Vec<(&str, Map<String, Value>)> = Vec::new();
    for (taken, what) in happened {
        let kind = match (Fate::of(&taken.token), what) {
            (Fate::Mute | Fate::Lost, _) | (_, Happened::Gone) => continue,
            (_, Happened::Delivered) => DELIVERED,
            (_, Happened::Clicked) => CLICKED,
        };
        let asked: i64 = taken.receipt_kinds.parse().unwrap_or(0);
        let url = taken.receipts_url.as_str();
        if url.is_empty() || asked & kind == 0 {
            continue;
        }
        let at = bodies.iter().position(|(other, _)| *other == url);
        let at = at.unwrap_or_else(|| {
            bodies.push((url, Map::new()));
            bodies.len() - 1
        });
        if let Some((_, body)) = bodies.get_mut(at) {
            add(body, taken, kind);
        }
    }
    let call = |(url, body)| call(receipt_token, url, body);
    bodies.into_iter().map(call).collect()
}

fn add(body: &mut Map<String, Value>, taken: &Taken, kind: i64) {
    let entry = body
        .entry(format!("{}-{kind}", taken.request_id))
        .or_insert_with(|| json!({"param": taken.mark, "type": kind, "targets": []}));
    if let Some(Value::Array(targets)) = entry.get_mut("targets") {
        targets.push(json!(taken.token));
    }
}

fn call(receipt_token: &str, url: &str, body: Map<String, Value>) -> ReceiptCall {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("cb", &Value::Object(body).to_string())
        .append_pair("access_token", receipt_token)
        .finish();
    let content_type = "application/x-www-form-urlencoded;charset=UTF-8".to_owned();
    ReceiptCall {
        url: url.to_owned(),
        headers: vec![("content-type", content_type)],
        body: form.into_bytes(),
    }
}
