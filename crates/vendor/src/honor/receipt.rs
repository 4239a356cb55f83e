//! HONOR's receipts: a JSON list, unsigned. The address is the secret.

use pushtally_model::Secret;
use serde_json::Value;

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts, Said};
use crate::huawei::statuses;
use crate::json;

/// The one status that is known.
const DELIVERED: i64 = 40_000_002;

/// Reads a receipt's body.
///
/// # Errors
///
/// A body that is no receipt, or of which nothing can be read.
pub fn receipts(body: &[u8]) -> Result<Receipts, ReceiptError> {
    statuses(body, receipt)
}

/// What is answered. HONOR does not say what it wants; this is what Huawei wants.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (200, r#"{"code":"0","message":"success"}"#)
}

fn receipt(entry: &Value) -> Option<Receipt> {
    let token = json::text(&entry["token"]);
    let status = json::integer(&entry["status"])?;
    (!token.is_empty()).then(|| Receipt {
        mark: json::text(&entry["biTag"]).to_owned(),
        token: Secret::new(token),
        arrival: match status {
            DELIVERED => Arrival::Delivered,
            // Not delivered, but whether for good is not known.
            _ => Arrival::Pending(Said::new(status, "unknown status")),
        },
        at_ms: json::integer(&entry["timestamp"]),
        request_id: json::text(&entry["requestId"]).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REAL: &str = r#"{"statuses":[{"biTag":"n-1001","appid":"100002","token":"HNTOKENAAAA","status":40000002,"timestamp":1795313700123,"requestId":"hr-0001"}]}"#;

    #[test]
    fn the_documented_receipt_is_a_delivery() {
        let receipt = Receipt {
            mark: "n-1001".to_owned(),
            token: Secret::new("HNTOKENAAAA"),
            arrival: Arrival::Delivered,
            at_ms: Some(1_795_313_700_123),
            request_id: "hr-0001".to_owned(),
        };
        let receipts = vec![receipt];
        assert_eq!(
            super::receipts(REAL.as_bytes()),
            Ok(Receipts {
                receipts,
                ..Receipts::default()
            })
        );
    }

    #[test]
    fn another_status_keeps_its_number_and_says_nothing_final() {
        let body = REAL.replace("40000002", "\"40000001\"");
        let read = receipts(body.as_bytes()).unwrap();
        assert_eq!(
            read.receipts[0].arrival,
            Arrival::Pending(Said::new(40_000_001, "unknown status"))
        );
    }

    #[test]
    fn what_is_no_receipt_is_refused() {
        for body in ["", "{}", "[]", r#"{"statuses":[{"token":"A"}]}"#] {
            let read = receipts(body.as_bytes());
            assert!(matches!(read, Err(ReceiptError::Form(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read(body: Vec<u8>, end in 0_usize..200) {
            let _ = receipts(&body);
            let _ = receipts(REAL.as_bytes().get(..end).unwrap_or(REAL.as_bytes()));
        }
    }
}
