//! Huawei's receipts: V1 for Android, V2 for HarmonyOS, signed when the console has a user and a key for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pushtally_model::Secret;
use serde_json::Value;
use sha2::Sha256;

use crate::contract::{Arrival, Receipt, ReceiptError, Receipts, Said};
use crate::json;

/// The header with a receipt's signature.
pub const SIGNATURE_HEADER: &str = "x-huawei-callback-id";

/// How far a signature's time may be from now. Huawei says no number; this is what other vendors use, and enough for a
/// clock that is off.
const SIGNATURE_AGE_MS_MAX: i64 = 600_000;

/// What receipts are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The user.
    pub user: String,
    /// The key, as the console shows it.
    pub key: Secret,
}

impl Callback {
    pub(crate) fn of(user: &str, key: Option<&Secret>) -> Option<Self> {
        key.map(|key| Self {
            user: user.to_owned(),
            key: key.clone(),
        })
    }
}

/// Reads a receipt's body. The signature is that of [`SIGNATURE_HEADER`], checked when there is a key for it; it does not
/// cover the body.
///
/// # Errors
///
/// A body that is no receipt, or of which nothing can be read; a signature that is missing, wrong or too old.
pub fn receipts(
    signature: Option<&str>,
    body: &[u8],
    callback: Option<&Callback>,
    now_ms: i64,
) -> Result<Receipts, ReceiptError> {
    let nonce = match callback {
        Some(callback) => checked(signature, callback, now_ms)?.to_owned(),
        None => String::new(),
    };
    let receipts = statuses(body, receipt)?;
    Ok(Receipts { nonce, ..receipts })
}

/// What is answered: the pages name the fields in two ways, so both are said.
#[must_use]
pub const fn answer() -> (u16, &'static str) {
    (
        200,
        r#"{"code":"0","message":"success","errno":"0","errmsg":"success"}"#,
    )
}

/// The entries of a body like Huawei's.
pub(crate) fn statuses(
    body: &[u8],
    receipt: fn(&Value) -> Option<Receipt>,
) -> Result<Receipts, ReceiptError> {
    let body = json::body(body);
    let statuses = body["statuses"].as_array();
    let statuses = statuses.ok_or(ReceiptError::Form("it has no `statuses`"))?;
    let receipts: Vec<Receipt> = statuses.iter().filter_map(receipt).collect();
    let bad = statuses.len() - receipts.len();
    if receipts.is_empty() && bad > 0 {
        return Err(ReceiptError::Form("no entry has a token and a status"));
    }
    let nonce = String::new();
    Ok(Receipts {
        receipts,
        bad,
        nonce,
    })
}

/// The nonce of a good signature: `timestamp=<ms>; nonce=<uuid>; value=<base64>`.
fn checked<'a>(
    signature: Option<&'a str>,
    callback: &Callback,
    now_ms: i64,
) -> Result<&'a str, ReceiptError> {
    let signature = signature.ok_or(ReceiptError::Signature("it has none"))?;
    let part = |wanted: &str| {
        let mut parts = signature.split(';');
        parts.find_map(|part| {
            let (name, value) = part.trim().split_once('=')?;
            (name == wanted).then_some(value)
        })
    };
    let (Some(timestamp), Some(nonce), Some(value)) =
        (part("timestamp"), part("nonce"), part("value"))
    else {
        return Err(ReceiptError::Signature("a part of it is missing"));
    };
    let value = STANDARD.decode(value);
    let value = value.map_err(|_| ReceiptError::Signature("its value is no Base64"))?;
    let at_ms = timestamp.parse::<i64>();
    let at_ms = at_ms.map_err(|_| ReceiptError::Signature("its time is no number"))?;
    if at_ms.abs_diff(now_ms) > SIGNATURE_AGE_MS_MAX.unsigned_abs() {
        return Err(ReceiptError::Signature("it is not of now"));
    }
    let message = [timestamp, nonce, &callback.user];
    if !is_signed(&callback.key, &message, &value) {
        return Err(ReceiptError::Signature("its value is wrong"));
    }
    Ok(nonce)
}

/// The key is what the console shows, decoded from Base64 in new configurations and as it is in old ones; which of them
/// it is is not said. Both comparisons take the same time whatever differs.
fn is_signed(key: &Secret, message: &[&str], value: &[u8]) -> bool {
    let by = |key: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mut mac| {
            for part in message {
                mac.update(part.as_bytes());
            }
            mac.verify_slice(value).is_ok()
        })
    };
    let decoded = STANDARD.decode(key.expose());
    decoded.is_ok_and(|key| by(&key)) | by(key.expose().as_bytes())
}

/// An entry of V1 or V2.
fn receipt(entry: &Value) -> Option<Receipt> {
    let (status, timestamp) = match &entry["deliveryStatus"] {
        Value::Null => (&entry["status"], &entry["timestamp"]),
        v2 => (&v2["result"], &v2["timestamp"]),
    };
    let token = json::text(&entry["token"]);
    let status = json::integer(status)?;
    (!token.is_empty()).then(|| Receipt {
        mark: json::text(&entry["biTag"]).to_owned(),
        token: Secret::new(token),
        arrival: arrival(status),
        at_ms: json::integer(timestamp),
        request_id: json::text(&entry["requestId"]).to_owned(),
    })
}

/// A phone that was not used for 30 days (10) may come back with the same token, so that it is not gone. What is not in
/// the table says nothing final.
fn arrival(status: i64) -> Arrival {
    let said = |text| Said::new(status, text);
    match status {
        0 => Arrival::Delivered,
        2 => Arrival::Gone(said("the app is not installed")),
        5 => Arrival::Gone(said("the token is not the device's")),
        6 => Arrival::Lost(said("notifications are off")),
        10 => Arrival::Lost(said("inactive for 30 days")),
        14 => Arrival::Lost(said("failed")),
        15 | 120 => Arrival::Lost(said("overwritten, or the store is full")),
        22 => Arrival::Lost(said("another user")),
        27 => Arrival::Pending(said("the app does not run, kept")),
        31 => Arrival::Lost(said("unsupported, or the page is missing")),
        51 => Arrival::Lost(said("locked since the start")),
        102 | 256 => Arrival::Lost(said("too many to this device")),
        144 => Arrival::Lost(said("no profile")),
        201 => Arrival::Lost(said("controlled")),
        259 => Arrival::Lost(said("the content is refused")),
        _ => Arrival::Pending(said("unknown status")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &str = r#"{"statuses":[{"biTag":"n-1001","appid":"100001","token":"HWTOKENAAAA","status":0,"timestamp":1795313700123,"requestId":"1795"}]}"#;
    const V2: &str = r#"{"statuses":[{"token":"HWTOKENAAAA","pushType":0,"appPackageName":"com.example.acme","biTag":"n-1001","requestId":"1795","deliveryStatus":{"result":0,"timestamp":1795313700123}}]}"#;

    const NOW_MS: i64 = 1_795_313_700_123;
    const DECODED: &str = "jMOR6oN2BILtJzll95GmANyuiSAxmOgKxikPNHJwvsY=";
    const RAW: &str = "vKfsqiDuPcCoCboK0cSjxRZrwnQ3H6M0Mbr0q5QhwFM=";

    fn callback() -> Callback {
        Callback {
            user: "cbuser".to_owned(),
            key: Secret::new("c2VjcmV0a2V5MDAwMDAwMDAwMDAwMDAwMDA="),
        }
    }

    fn signed(signature: &str, now_ms: i64) -> Result<Receipts, ReceiptError> {
        receipts(Some(signature), V1.as_bytes(), Some(&callback()), now_ms)
    }

    fn unsigned(body: &str) -> Result<Receipts, ReceiptError> {
        receipts(None, body.as_bytes(), None, NOW_MS)
    }

    #[test]
    fn both_versions_say_the_same() {
        for body in [V1, V2] {
            let receipt = Receipt {
                mark: "n-1001".to_owned(),
                token: Secret::new("HWTOKENAAAA"),
                arrival: Arrival::Delivered,
                at_ms: Some(NOW_MS),
                request_id: "1795".to_owned(),
            };
            let receipts = vec![receipt];
            assert_eq!(
                unsigned(body),
                Ok(Receipts {
                    receipts,
                    ..Receipts::default()
                })
            );
        }
    }

    #[test]
    fn both_readings_of_the_key_are_good() {
        for value in [DECODED, RAW] {
            for separator in [";", "; "] {
                let signature = ["timestamp=1795313700123", "nonce=nonce-1", "value="];
                let signature = format!("{}{value}", signature.join(separator));
                let heard = signed(&signature, NOW_MS + 600_000).unwrap();
                assert_eq!(heard.nonce, "nonce-1");
                assert_eq!(heard.receipts.len(), 1);
            }
        }
    }

    #[test]
    fn a_signature_that_is_not_good_is_refused() {
        let good = format!("timestamp=1795313700123;nonce=nonce-1;value={RAW}");
        assert!(signed(&good, NOW_MS).is_ok());
        for wrong in [
            good.replace("nonce-1", "nonce-2"),
            good.replace("00123", "00124"),
            good.replace("vKfs", "vKft"),
            good.replace(RAW, ""),
            good.replace(RAW, "?"),
            good.replace("nonce=", "once="),
            String::new(),
        ] {
            let refused = signed(&wrong, NOW_MS);
            assert!(
                matches!(refused, Err(ReceiptError::Signature(_))),
                "{wrong}"
            );
        }
        for now_ms in [NOW_MS + 600_001, NOW_MS - 600_001, i64::MIN, i64::MAX] {
            assert_eq!(
                signed(&good, now_ms),
                Err(ReceiptError::Signature("it is not of now"))
            );
        }
        assert_eq!(
            receipts(None, V1.as_bytes(), Some(&callback()), NOW_MS),
            Err(ReceiptError::Signature("it has none"))
        );
    }

    #[test]
    fn statuses_are_told_apart() {
        for (statuses, expected) in [
            (&[0][..], "Delivered"),
            (&[2, 5], "Gone"),
            (
                &[6, 10, 14, 15, 120, 22, 144, 31, 51, 102, 256, 201, 259],
                "Lost",
            ),
            (&[27, 9999, -1], "Pending"),
        ] {
            for status in statuses {
                let arrival = format!("{:?}", arrival(*status));
                assert!(arrival.starts_with(expected), "{status} {arrival}");
            }
        }
    }

    #[test]
    fn bad_entries_are_counted_beside_good_ones_and_refused_alone() {
        let entry = |body: &str| unsigned(&format!(r#"{{"statuses":[{body}]}}"#));
        let good = r#"{"token":"A","status":"2","timestamp":"5"}"#;
        let bad = r#"{"token":"A"},{"status":0},7"#;
        let read = entry(&format!("{bad},{good}")).unwrap();
        assert_eq!((read.receipts.len(), read.bad), (1, 3));
        assert_eq!(read.receipts[0].at_ms, Some(5));
        assert!(matches!(read.receipts[0].arrival, Arrival::Gone(_)));
        assert!(matches!(entry(bad), Err(ReceiptError::Form(_))));
        assert_eq!(entry(""), Ok(Receipts::default()));
        assert!(matches!(unsigned("{}"), Err(ReceiptError::Form(_))));
    }

    #[test]
    fn the_answer_is_json_under_both_names() {
        let (status, body) = answer();
        let body = json::body(body.as_bytes());
        assert_eq!(
            (status, &body["code"], &body["errno"]),
            (200, &"0".into(), &"0".into())
        );
    }

    proptest! {
        #[test]
        fn anything_is_read(signature: String, body: Vec<u8>, now_ms: i64, end in 0_usize..300) {
            let _ = receipts(Some(&signature), &body, Some(&callback()), now_ms);
            let _ = receipts(None, &body, None, now_ms);
            for real in [V1, V2] {
                let cut = real.as_bytes().get(..end).unwrap_or(real.as_bytes());
                let _ = receipts(None, cut, None, now_ms);
            }
        }
    }
}
