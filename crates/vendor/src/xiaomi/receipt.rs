//! Xiaomi's receipts: a form whose `data` is a JSON object by message id, unsigned. The address is the secret.

use pushtally_model::Secret;
use serde_json::Value;

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts, Said};
use crate::json::{form_object, integer, list, text};

/// What a receipt's body says. Plain JSON is taken, too: there are receivers that have only ever seen that.
///
/// New tokens come last, so that everything else finds its token still known.
pub fn receipts(body: &[u8]) -> Result<Receipts, ReceiptError> {
    let messages = form_object(body, "data")?;
    let (mut found, mut replaced) = (Receipts::default(), Vec::new());
    for (id, message) in &messages {
        let arrivals = arrivals(id, message);
        let new_tokens = new_tokens(id, message);
        if arrivals.is_empty() && new_tokens.is_empty() {
            found.bad += 1;
        }
        found.receipts.extend(arrivals);
        replaced.extend(new_tokens);
    }
    found.receipts.extend(replaced);
    if found.receipts.is_empty() && found.bad > 0 {
        return Err(ReceiptError::Form("no entry can be read"));
    }
    Ok(found)
}

/// What Xiaomi is answered: the status alone counts, no body is specified.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (200, "")
}

fn arrivals(id: &str, message: &Value) -> Vec<Receipt> {
    let Some(arrival) = arrival(message) else {
        return Vec::new();
    };
    let receipt = |token| receipt(id, message, token, arrival.clone());
    let tokens = list(&message["targets"]);
    tokens.into_iter().map(receipt).collect()
}

/// Each entry has one kind. An invalid target is gone only as a bad regid (1): 2 and 3 are of aliases and accounts,
/// which nothing is sent to.
fn arrival(message: &Value) -> Option<Arrival> {
    let code = integer(&message["type"])?;
    let lost = |text| Some(Arrival::Lost(Said::new(code, text)));
    match code {
        1 => Some(Arrival::Delivered),
        2 => Some(Arrival::Clicked),
        16 if integer(&message["errorCode"]) == Some(1) => {
            Some(Arrival::Gone(Said::new(code, "bad regid")))
        }
        16 => lost("invalid target"),
        32 => lost("push is switched off"),
        64 => lost("filtered: conditions are not met"),
        128 => lost("daily limit"),
        1024 => lost("too late"),
        _ => None,
    }
}

/// Of `replaceTarget`, by old token.
fn new_tokens(id: &str, message: &Value) -> Vec<Receipt> {
    let tokens = message["replaceTarget"].as_object();
    let new_token = |(old, new): (&String, &Value)| {
        let new = new
            .as_str()
            .filter(|new| !new.is_empty() && !old.is_empty())?;
        let arrival = Arrival::Replaced(Secret::new(new));
        Some(receipt(id, message, old, arrival))
    };
    tokens.into_iter().flatten().filter_map(new_token).collect()
}

fn receipt(id: &str, message: &Value, token: &str, arrival: Arrival) -> Receipt {
    Receipt {
        mark: text(&message["param"]).to_owned(),
        token: Secret::new(token),
        arrival,
        at_ms: integer(&message["timestamp"]),
        request_id: id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FORM: &str = "data=%7B%22scm0001_abc%22%3A%7B%22param%22%3A%22n-1001%22%2C%22type%22%3A1%2C%22targets%22%3A%22rA%2B1%2CrC%2B3%22%2C%22jobkey%22%3A%22%22%2C%22barStatus%22%3A%22Enable%22%2C%22timestamp%22%3A1795313700123%7D%7D";

    fn delivered(token: &str) -> Receipt {
        Receipt {
            mark: "n-1001".to_owned(),
            token: Secret::new(token),
            arrival: Arrival::Delivered,
            at_ms: Some(1_795_313_700_123),
            request_id: "scm0001_abc".to_owned(),
        }
    }

    #[test]
    fn the_form_and_plain_json_say_the_same() {
        let expected = Receipts {
            receipts: vec![delivered("rA+1"), delivered("rC+3")],
            bad: 0,
            nonce: String::new(),
        };
        assert_eq!(receipts(FORM.as_bytes()), Ok(expected.clone()));
        let (_, json) = form_urlencoded::parse(FORM.as_bytes()).next().unwrap();
        assert_eq!(receipts(json.as_bytes()), Ok(expected));
    }

    #[test]
    fn kinds_are_what_the_table_says() {
        let lost = |code, text| Some(Arrival::Lost(Said::new(code, text)));
        for (message, expected) in [
            (json!({"type": 1}), Some(Arrival::Delivered)),
            (json!({"type": "2"}), Some(Arrival::Clicked)),
            (
                json!({"type": 16, "errorCode": 1}),
                Some(Arrival::Gone(Said::new(16, "bad regid"))),
            ),
            (
                json!({"type": 16, "errorCode": 2}),
                lost(16, "invalid target"),
            ),
            (json!({"type": 16}), lost(16, "invalid target")),
            (json!({"type": 32}), lost(32, "push is switched off")),
            (
                json!({"type": 64}),
                lost(64, "filtered: conditions are not met"),
            ),
            (json!({"type": 128}), lost(128, "daily limit")),
            (json!({"type": 1024}), lost(1024, "too late")),
            (json!({"type": 3}), None),
            (json!({}), None),
        ] {
            assert_eq!(arrival(&message), expected, "{message}");
        }
    }

    #[test]
    fn new_tokens_come_last_whatever_their_message_is_called() {
        let body = json!({
            "a": {"type": 1, "targets": "rB", "replaceTarget": {"rA": "rB"}},
            "b": {"type": 2, "targets": "rA"},
        });
        let found = receipts(body.to_string().as_bytes()).unwrap();
        let found: Vec<(&str, &Arrival)> = found
            .receipts
            .iter()
            .map(|receipt| (receipt.token.expose(), &receipt.arrival))
            .collect();
        let replaced = Arrival::Replaced(Secret::new("rB"));
        assert_eq!(
            found,
            [
                ("rB", &Arrival::Delivered),
                ("rA", &Arrival::Clicked),
                ("rA", &replaced)
            ]
        );
    }

    #[test]
    fn bad_entries_are_counted_beside_good_ones_and_refused_alone() {
        let body = br#"{"a":{"type":1,"targets":"rA"},"b":{"type":7,"targets":"rA"},"c":5}"#;
        let found = receipts(body).unwrap();
        assert_eq!((found.receipts.len(), found.bad), (1, 2));
        assert_eq!(receipts(b"{}"), Ok(Receipts::default()));
        for body in [&br#"{"b":5}"#[..], b"data=1", b"", b"\xFF"] {
            assert!(matches!(receipts(body), Err(ReceiptError::Form(_))));
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(body: Vec<u8>, len in 0..FORM.len()) {
            let _ = receipts(&body);
            let _ = receipts(&FORM.as_bytes()[..len]);
        }
    }
}
