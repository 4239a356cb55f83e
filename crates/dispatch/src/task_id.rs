//! The public name of a task, in the form of the documented samples.

use std::hash::Hasher;

use pushtally_model::{AppId, NameError, Second, TaskId, TaskKind};
use siphasher::sip::SipHasher24;

/// The samples' internal ids of senders all begin so.
const SENDER_BASE: u64 = 0x0200_0000_0000_0000;
/// And have this many bits of their own.
const SENDER_BITS: u32 = 36;

/// What tells two tasks apart that differ in nothing else.
pub(crate) struct Parts<'a> {
    pub(crate) kind: TaskKind,
    pub(crate) at: Second,
    pub(crate) app: AppId,
    pub(crate) sender: &'a str,
    /// Drawn for each task.
    pub(crate) drawn: u32,
    /// `MsgRandom`.
    pub(crate) random: u32,
}

/// `<hex unix s>_<hex sdkappid>_<hex stable id of the sender>_<hex drawn>_<hex MsgRandom>`, after `batch_` for a batch.
pub(crate) fn task_id(parts: &Parts<'_>) -> Result<TaskId, NameError> {
    let prefix = match parts.kind {
        TaskKind::Broadcast => "",
        TaskKind::Batch => "batch_",
        TaskKind::Message => "message_",
    };
    let sender = sender_id(parts.app, parts.sender);
    let Parts {
        at,
        app,
        drawn,
        random,
        ..
    } = parts;
    let (at, app) = (at.0, app.0);
    TaskId::new(format!(
        "{prefix}{at:x}_{app:x}_{sender:x}_{drawn:x}_{random:x}"
    ))
}

/// The same for the same sender of an app, in every version.
fn sender_id(app: AppId, sender: &str) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(u64::from(app.0), 0);
    hasher.write(sender.as_bytes());
    SENDER_BASE | (hasher.finish() >> (64 - SENDER_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: TaskKind, at: u32, app: u32, drawn: u32, random: u32, expected: &str) {
        let parts = Parts {
            kind,
            at: Second(at),
            app: AppId(app),
            sender: "administrator",
            drawn,
            random,
        };
        assert_eq!(task_id(&parts).unwrap().as_str(), expected);
    }

    #[test]
    fn ids_have_the_form_of_the_documented_samples() {
        use TaskKind::{Batch, Broadcast};
        for (kind, at, app, drawn, random, expected) in [
            (
                Broadcast,
                0x657b_f434,
                0x5375_29d8,
                0x2780_d131,
                0x00bc_614e,
                "657bf434_537529d8_SENDER_2780d131_bc614e",
            ),
            (
                Batch,
                0x6670_15d4,
                0x5375_29d8,
                0x0d03_ac87,
                0x56f5_e750,
                "batch_667015d4_537529d8_SENDER_d03ac87_56f5e750",
            ),
            (
                Broadcast,
                0x657b_f434,
                0x5375_29d8,
                0,
                9,
                "657bf434_537529d8_SENDER_0_9",
            ),
        ] {
            let sender = format!("{:x}", sender_id(AppId(app), "administrator"));
            check(
                kind,
                at,
                app,
                drawn,
                random,
                &expected.replace("SENDER", &sender),
            );
        }
    }

    #[test]
    fn a_sender_has_one_id_in_an_app_for_ever() {
        for (app, sender, expected) in [
            (1_400_000_000, "administrator", "20000021c60c5b2"),
            (1_400_000_001, "administrator", "200000a8693e00d"),
            (1_400_000_000, "界", "20000034efc7b16"),
        ] {
            let id = format!("{:x}", sender_id(AppId(app), sender));
            assert_eq!(id.len(), 15);
            assert!(id.starts_with("200000"), "{id}");
            assert_eq!(id, expected);
        }
    }
}
