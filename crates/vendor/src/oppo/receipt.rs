//! OPPO's receipts: a JSON array, merged by OPPO, unsigned. The address is the secret.

use pushtally_model::Secret;
use serde_json::Value;

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts, Said};
use crate::json;

/// What a receipt's body says. An entry without tokens, or of a kind that is not known, is bad; a body without a good
/// entry is an error.
pub fn receipts(body: &[u8]) -> Result<Receipts, ReceiptError> {
    let entries: Vec<Value> =
        serde_json::from_slice(body).map_err(|_| ReceiptError::Form("no JSON array"))?;
    let mut read = Receipts::default();
    for entry in &entries {
        let before = read.receipts.len();
        read.receipts.extend(entry_receipts(entry));
        if read.receipts.len() == before {
            read.bad += 1;
        }
    }
    if read.receipts.is_empty() && read.bad > 0 {
        return Err(ReceiptError::Form("no entry with tokens and a known event"));
    }
    Ok(read)
}

/// The answer that OPPO expects: it names none but the status.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (200, "")
}

fn entry_receipts(entry: &Value) -> Vec<Receipt> {
    let text = |name: &str| json::text(&entry[name]);
    let arrival = match text("eventType") {
        "push_arrive" => Arrival::Delivered,
        "regid_invalid" => Arrival::Gone(Said::new(0, "regid_invalid")),
        "user_daily_limit" => Arrival::Lost(Said::new(0, "user_daily_limit")),
        _ => return Vec::new(),
    };
    let tokens = json::list(&entry["registrationIds"]);
    tokens
        .into_iter()
        .map(|token| Receipt {
            mark: text("param").to_owned(),
            token: Secret::new(token),
            arrival: arrival.clone(),
            at_ms: json::integer(&entry["eventTime"]),
            request_id: text("messageId").to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"[{"messageId":"3001-1-1-6500aa","appId":"APP1","taskId":"","registrationIds":"CN_aaaa,CN_cccc","eventTime":"1795313700123","param":"n-1001","eventType":"push_arrive"}]"#;

    fn receipt(token: &str) -> Receipt {
        Receipt {
            mark: "n-1001".to_owned(),
            token: Secret::new(token),
            arrival: Arrival::Delivered,
            at_ms: Some(1_795_313_700_123),
            request_id: "3001-1-1-6500aa".to_owned(),
        }
    }

    #[test]
    fn the_sample_of_the_reference_is_two_receipts() {
        let expected = Receipts {
            receipts: vec![receipt("CN_aaaa"), receipt("CN_cccc")],
            bad: 0,
            nonce: String::new(),
        };
        assert_eq!(receipts(SAMPLE.as_bytes()), Ok(expected));
    }

    #[test]
    fn events_have_their_meaning() {
        let check = |event: &str, expected: Arrival| {
            let body = SAMPLE.replace("push_arrive", event);
            let read = receipts(body.as_bytes()).unwrap();
            assert_eq!(read.receipts[0].arrival, expected, "{event}");
        };
        let said = |text: &str| Said::new(0, text);
        check("regid_invalid", Arrival::Gone(said("regid_invalid")));
        check("user_daily_limit", Arrival::Lost(said("user_daily_limit")));
    }

    #[test]
    fn times_may_be_numbers_and_most_may_be_missing() {
        let body =
            r#"[{"registrationIds":" CN_a , ,CN_b","eventTime":5,"eventType":"push_arrive"}]"#;
        let read = receipts(body.as_bytes()).unwrap();
        let tokens: Vec<_> = read.receipts.iter().map(|it| it.token.expose()).collect();
        assert_eq!(tokens, ["CN_a", "CN_b"]);
        assert_eq!(read.receipts[0].at_ms, Some(5));
        assert_eq!(read.receipts[0].mark, "");
    }

    #[test]
    fn bad_entries_are_counted_beside_good_ones_and_an_error_alone() {
        let bad = r#"{"registrationIds":"CN_x","eventType":"push_click"}"#;
        let good = SAMPLE.trim_matches(['[', ']']);
        let both = format!("[{bad},{good},7,{{}}]");
        let read = receipts(both.as_bytes()).unwrap();
        assert_eq!((read.receipts.len(), read.bad), (2, 3));
        for body in [format!("[{bad}]"), "{}".to_owned(), String::new()] {
            let read = receipts(body.as_bytes());
            assert!(matches!(read, Err(ReceiptError::Form(_))), "{body}");
        }
        assert_eq!(receipts(b"[]"), Ok(Receipts::default()));
    }
}
