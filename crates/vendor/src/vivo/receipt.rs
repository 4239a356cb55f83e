//! vivo's receipts: a JSON object by `taskId`, unsigned. The address is the secret.

use pushtally_model::Secret;
use serde_json::{Map, Value};

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts};
use crate::json;

/// What a receipt's body says. An entry without targets, or of a kind that is not known, is bad; a body without a good
/// entry is an error.
pub fn receipts(body: &[u8]) -> Result<Receipts, ReceiptError> {
    let entries: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| ReceiptError::Form("no JSON object"))?;
    let mut read = Receipts::default();
    for (task_id, entry) in &entries {
        let before = read.receipts.len();
        read.receipts.extend(entry_receipts(task_id, entry));
        if read.receipts.len() == before {
            read.bad += 1;
        }
    }
    if read.receipts.is_empty() && read.bad > 0 {
        return Err(ReceiptError::Form("no entry with targets and a known type"));
    }
    Ok(read)
}

/// The answer that vivo expects: it names none but the status.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (200, "")
}

fn entry_receipts(task_id: &str, entry: &Value) -> Vec<Receipt> {
    // Only 0, arrived, is known. Older receipts said nothing else and had no type.
    let kind = &entry["ackType"];
    let is_arrived = kind.is_null() || json::integer(kind) == Some(0);
    if !is_arrived {
        return Vec::new();
    }
    let text = |name: &str| json::text(&entry[name]);
    let tokens = json::list(&entry["targets"]);
    tokens
        .into_iter()
        .map(|token| Receipt {
            mark: text("param").to_owned(),
            token: Secret::new(token),
            arrival: Arrival::Delivered,
            at_ms: json::integer(&entry["ackTime"]),
            request_id: task_id.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str =
        r#"{"900002":{"param":"n-1001","targets":"vr-1","ackTime":1795313700123,"ackType":"0"}}"#;

    #[test]
    fn the_sample_of_the_reference_is_a_delivery() {
        let expected = Receipts {
            receipts: vec![Receipt {
                mark: "n-1001".to_owned(),
                token: Secret::new("vr-1"),
                arrival: Arrival::Delivered,
                at_ms: Some(1_795_313_700_123),
                request_id: "900002".to_owned(),
            }],
            bad: 0,
            nonce: String::new(),
        };
        assert_eq!(receipts(SAMPLE.as_bytes()), Ok(expected));
    }

    #[test]
    fn an_entry_may_have_several_targets_and_lack_the_rest() {
        let body =
            r#"{"1":{"targets":"vr-1, vr-2,","ackTime":"5"},"2":{"targets":"vr-3","ackType":0}}"#;
        let read = receipts(body.as_bytes()).unwrap();
        let named: Vec<_> = read
            .receipts
            .iter()
            .map(|it| (it.request_id.as_str(), it.token.expose(), it.at_ms))
            .collect();
        assert_eq!(
            named,
            [
                ("1", "vr-1", Some(5)),
                ("1", "vr-2", Some(5)),
                ("2", "vr-3", None)
            ]
        );
    }

    #[test]
    fn bad_entries_are_counted_beside_good_ones_and_an_error_alone() {
        let both = r#"{"1":{"targets":"vr-1","ackType":"1"},"2":{"targets":"vr-2"},"3":7,"4":{"targets":""}}"#;
        let read = receipts(both.as_bytes()).unwrap();
        assert_eq!((read.receipts.len(), read.bad), (1, 3));
        for body in [r#"{"1":{"targets":"vr-1","ackType":"1"}}"#, "[]", ""] {
            let read = receipts(body.as_bytes());
            assert!(matches!(read, Err(ReceiptError::Form(_))), "{body}");
        }
        assert_eq!(receipts(b"{}"), Ok(Receipts::default()));
    }
}
