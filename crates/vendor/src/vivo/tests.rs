//! What the tests of this folder have in common, and vivo as a whole.

use http::HeaderMap;
use proptest::prelude::*;
use pushtally_model::Secret;

use super::*;
use crate::given::{Given, reply};

pub(super) fn credentials() -> Credentials {
    Credentials {
        app_id: "10001".to_owned(),
        app_key: Secret::new("key-0001"),
        app_secret: Secret::new("sec-0001"),
        callback_id: String::new(),
        base_url: "http://sim/".to_owned(),
    }
}

#[test]
fn one_target_is_one_call_and_two_are_two() {
    let vivo = Vivo::new(credentials());
    assert_eq!(vivo.targets_max(), 1_000);
    let taken = reply(200, r#"{"result":0,"taskId":"900001"}"#);

    let one = Given::new(&["vr-1"]);
    let read = vivo.read(&one.post(), &one.targets(), 0, &taken);
    assert!(matches!(read, Read::Each { .. }), "{read:?}");

    let two = Given::new(&["vr-1", "vr-2"]);
    let read = vivo.read(&two.post(), &two.targets(), 0, &taken);
    assert!(matches!(read, Read::Next(_)), "{read:?}");
    let read = vivo.read(&two.post(), &two.targets(), 1, &taken);
    assert!(matches!(read, Read::Each { .. }), "{read:?}");
}

#[test]
fn the_same_post_is_the_same_call() {
    let given = Given::new(&["vr-1", "vr-2"]);
    let vivo = Vivo::new(credentials());
    assert_eq!(
        vivo.call(&given.post(), &given.targets()),
        vivo.call(&given.post(), &given.targets())
    );
}

const REPLY: &str = r#"{"result":0,"desc":"请求成功","requestId":"n-1001-l1","invalidUsers":[{"status":2,"userid":"vr-2"}]}"#;

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        status in prop_oneof![Just(200), any::<u16>()],
        step in 0_u8..3,
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (0..REPLY.len()).prop_map(|end| REPLY.as_bytes()[..end].to_vec()),
            "\\{\"result\":(0|\"0\"|10071|10302|-?[0-9]{1,20}),\"invalidUsers?\":(\\[\\{\\}\\]|\\[1\\]|\\{\\}|null|\\[\\{\"userid\":\"vr-1\",\"status\":[0-9]{1,20}\\}\\])\\}"
                .prop_map(String::into_bytes),
        ],
        now_ms in any::<i64>(),
    ) {
        let given = Given::new(&["vr-1", "vr-2"]);
        let vivo = Vivo::new(credentials());
        let reply = Reply { status, headers: HeaderMap::new(), body: body.clone().into() };
        let post = Post { now_ms, ..given.post() };
        let read = vivo.read(&post, &given.targets(), step, &reply);
        if let Read::Each { verdicts, .. } = read {
            prop_assert_eq!(verdicts.len(), 2);
        }
        let _ = vivo.signed_in(&reply);
        let _ = receipts(&body);
    }
}
