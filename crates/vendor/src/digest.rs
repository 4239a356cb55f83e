//! Ids and signatures.

use pushtally_model::{AppId, Number, TaskId};
use sha2::{Digest, Sha256};

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing into a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// What a push to one device is called, the same at every repetition and different from any other: 16 bytes.
pub(crate) fn message_id(app: AppId, task: &TaskId, number: Number) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(app.0.to_be_bytes());
    hasher.update(number.0.to_be_bytes());
    hasher.update(task.as_str());
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// What a push to these devices in one call is called, the same at every repetition for the same devices: 16 bytes.
pub(crate) fn batch_id(
    app: AppId,
    task: &TaskId,
    numbers: impl IntoIterator<Item = Number>,
) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for number in numbers {
        hasher.update(message_id(app, task, number));
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// The same as a lower-case UUID of version 8.
pub(crate) fn uuid(mut id: [u8; 16]) -> String {
    id[6] = (id[6] & 0x0F) | 0x80;
    id[8] = (id[8] & 0x3F) | 0x80;
    let digits = hex(&id);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

/// A number that the same push has for every device, of those that vendors take for `notify_id`: 1 to 2^31 - 1. The same
/// number replaces what is shown, so that a repetition shows nothing twice.
pub(crate) fn notify_id(app: AppId, task: &TaskId) -> u32 {
    let [a, b, c, d, ..] = message_id(app, task, Number(u32::MAX));
    (u32::from_be_bytes([a, b, c, d]) >> 1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_app_task_and_device_alone() {
        let task = TaskId::new("t1").unwrap();
        let id = message_id(AppId(7), &task, Number(9));
        assert_eq!(id, message_id(AppId(7), &task, Number(9)));
        assert_ne!(id, message_id(AppId(7), &task, Number(10)));
        assert_ne!(id, message_id(AppId(8), &task, Number(9)));
        let text = uuid(id);
        assert_eq!((text.len(), &text[14..15]), (36, "8"));
        assert!(notify_id(AppId(7), &task) <= i32::MAX as u32);
    }

    #[test]
    fn ids_of_batches_depend_on_their_devices() {
        let task = TaskId::new("t1").unwrap();
        let id = |numbers: &[u32]| {
            let numbers = numbers.iter().map(|number| Number(*number));
            batch_id(AppId(7), &task, numbers)
        };
        assert_eq!(id(&[1, 2]), id(&[1, 2]));
        assert_ne!(id(&[1, 2]), id(&[1, 3]));
        assert_ne!(id(&[1]), message_id(AppId(7), &task, Number(1)));
    }
}
