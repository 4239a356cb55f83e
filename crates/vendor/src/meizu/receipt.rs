//! Meizu's receipts: a form whose `cb` is a JSON object by message id and kind, and whose `access_token` is a shared secret.

use pushtally_model::Secret;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts};
use crate::json::{form_field, form_object, integer, list, text};

/// What a receipt's body says, if it carries the credentials' `receipt_token`; of any body when they have none.
pub fn receipts(receipt_token: Option<&Secret>, body: &[u8]) -> Result<Receipts, ReceiptError> {
    if let Some(expected) = receipt_token {
        let found = form_field(body, "access_token");
        let found = found.ok_or(ReceiptError::Signature("it has no access_token"))?;
        let expected = expected.expose().as_bytes();
        // An empty secret is none at all: nothing matches it.
        if expected.is_empty() || !bool::from(found.as_bytes().ct_eq(expected)) {
            return Err(ReceiptError::Signature("its access_token is another"));
        }
    }
    let messages = form_object(body, "cb")?;
    let mut found = Receipts::default();
    for (name, message) in &messages {
        let receipts = message_receipts(name, message);
        if receipts.is_empty() {
            found.bad += 1;
        }
        found.receipts.extend(receipts);
    }
    if found.receipts.is_empty() && found.bad > 0 {
        return Err(ReceiptError::Form("no entry can be read"));
    }
    Ok(found)
}

/// What Meizu is answered: the status alone counts, no body is specified.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (200, "")
}

/// The name is the message's id, a hyphen and the kind, which the message repeats.
fn message_receipts(name: &str, message: &Value) -> Vec<Receipt> {
    let parts = name.rsplit_once('-');
    let parts = parts.and_then(|(id, kind)| Some((id, kind.parse().ok()?)));
    let (id, kind) = parts.map_or((name, None), |(id, kind)| (id, Some(kind)));
    let arrival = match integer(&message["type"]).or(kind) {
        Some(1) => Arrival::Delivered,
        Some(2) => Arrival::Clicked,
        _ => return Vec::new(),
    };
    let receipt = |token| Receipt {
        mark: text(&message["param"]).to_owned(),
        token: Secret::new(token),
        arrival: arrival.clone(),
        // Meizu does not say when.
        at_ms: None,
        request_id: id.to_owned(),
    };
    let tokens = list(&message["targets"]);
    tokens.into_iter().map(receipt).collect()
}

#[cfg(test)]
mod tests {
    use form_urlencoded::Serializer;
    use proptest::prelude::*;

    use super::*;

    const CB: &str = r#"{"NS20261122000001_0_1-1":{"param":"n-1001","type":1,"targets":["P1"]},"NS20261122000001_0_1-2":{"param":"n-1001","type":2,"targets":["P1"]}}"#;

    fn form(cb: &str, token: &str) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("cb", cb)
            .append_pair("access_token", token);
        form.finish()
    }

    #[test]
    fn a_delivery_and_a_click_are_told_apart() {
        let receipt = |arrival| Receipt {
            mark: "n-1001".to_owned(),
            token: Secret::new("P1"),
            arrival,
            at_ms: None,
            request_id: "NS20261122000001_0_1".to_owned(),
        };
        let expected = Receipts {
            receipts: vec![receipt(Arrival::Delivered), receipt(Arrival::Clicked)],
            bad: 0,
            nonce: String::new(),
        };
        let secret = Secret::new("r3c");
        let body = form(CB, "r3c");
        assert_eq!(
            receipts(Some(&secret), body.as_bytes()),
            Ok(expected.clone())
        );
        assert_eq!(receipts(None, body.as_bytes()), Ok(expected.clone()));
        assert_eq!(receipts(None, CB.as_bytes()), Ok(expected));
    }

    #[test]
    fn without_the_configured_secret_nothing_is_believed() {
        let secret = Secret::new("r3c");
        for body in [form(CB, "r3d"), form(CB, ""), CB.to_owned(), String::new()] {
            let refused = receipts(Some(&secret), body.as_bytes());
            assert!(matches!(refused, Err(ReceiptError::Signature(_))), "{body}");
        }
        let refused = receipts(Some(&Secret::new("")), form(CB, "").as_bytes());
        assert!(matches!(refused, Err(ReceiptError::Signature(_))));
    }

    #[test]
    fn ids_may_have_hyphens_and_kinds_may_be_in_the_name_alone() {
        let cb = r#"{"a-b-2":{"targets":["P1"]},"c":{"type":"1","targets":"P2,P3"}}"#;
        let found = receipts(None, cb.as_bytes()).unwrap();
        let found: Vec<(&str, &str, &Arrival)> = found
            .receipts
            .iter()
            .map(|receipt| {
                (
                    &*receipt.request_id,
                    receipt.token.expose(),
                    &receipt.arrival,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("a-b", "P1", &Arrival::Clicked),
                ("c", "P2", &Arrival::Delivered),
                ("c", "P3", &Arrival::Delivered),
            ]
        );
    }

    #[test]
    fn bad_entries_are_counted_beside_good_ones_and_refused_alone() {
        let cb = r#"{"a-1":{"targets":["P1"]},"b-7":{"targets":["P1"]},"c-1":{},"d-1":5}"#;
        let found = receipts(None, cb.as_bytes()).unwrap();
        assert_eq!((found.receipts.len(), found.bad), (1, 3));
        for cb in [r#"{"b-7":{"targets":["P1"]}}"#, "[]", ""] {
            let refused = receipts(None, form(cb, "").as_bytes());
            assert!(matches!(refused, Err(ReceiptError::Form(_))), "{cb}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(body: Vec<u8>, len in 0..CB.len()) {
            let _ = receipts(None, &body);
            let _ = receipts(None, &CB.as_bytes()[..len]);
        }
    }
}
