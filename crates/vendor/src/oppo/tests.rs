//! What the tests of this folder have in common, and OPPO as a whole.

use http::HeaderMap;
use proptest::prelude::*;
use pushtally_model::Secret;

use super::*;
use crate::given::Given;

pub(super) fn credentials() -> Credentials {
    Credentials {
        app_key: Secret::new("app01"),
        master_secret: Secret::new("master01"),
        channel_id: String::new(),
        base_url: "http://sim/".to_owned(),
    }
}

#[test]
fn the_same_post_is_the_same_call() {
    let given = Given::new(&["CN_aaaa", "CN_bbbb"]);
    let oppo = Oppo::new(credentials());
    assert_eq!(oppo.targets_max(), 1_000);
    assert_eq!(
        oppo.call(&given.post(), &given.targets()),
        oppo.call(&given.post(), &given.targets())
    );
}

pub(super) const REPLY: &str = r#"{"code":0,"message":"Success","data":[{"messageId":"3001-1-1-6500aa","registrationId":"CN_aaaa"},{"registrationId":"CN_bbbb","errorCode":10000,"errorMessage":"Invalid RegistrationId"}]}"#;

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        status in prop_oneof![Just(200), any::<u16>()],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (0..REPLY.len()).prop_map(|end| REPLY.as_bytes()[..end].to_vec()),
            "\\{\"code\":(0|\"0\"|-?[0-9]{1,20}),\"data\":(\\[\\{\\}\\]|\\[1\\]|\\{\\}|null|\\[\\{\"registrationId\":\"CN_aaaa\",\"errorCode\":[0-9]{1,20}\\}\\])\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let given = Given::new(&["CN_aaaa", "CN_bbbb"]);
        let oppo = Oppo::new(credentials());
        let reply = Reply { status, headers: HeaderMap::new(), body: body.clone().into() };
        let read = oppo.read(&given.post(), &given.targets(), 0, &reply);
        if let Read::Each { verdicts, .. } = read {
            prop_assert_eq!(verdicts.len(), 2);
        }
        let _ = oppo.signed_in(&reply);
        let _ = receipts(&body);
    }
}
