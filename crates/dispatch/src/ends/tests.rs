use super::*;
use pushtally_model::{
    ApnsContent, Device, DeviceFacts, Environment, LiveActivity, RegistrationId, Second, Secret,
    Token,
};

fn token(channel: Channel, kind: TokenKind) -> Token {
    Token {
        channel,
        kind,
        value: Secret::new("t"),
        cert_id: 0,
        environment: Environment::Production,
    }
}

fn device(number: u32, tokens: Vec<Token>) -> Device {
    Device {
        number: Number(number),
        registration_id: RegistrationId::new(format!("phone{number}")).unwrap(),
        account: None,
        facts: DeviceFacts {
            tokens,
            language: "en".to_owned(),
            ..DeviceFacts::default()
        },
        registered_at: Second(0),
        said_at: Second(0),
        dropped: Vec::new(),
    }
}

const REPEAT: OnUnknown = OnUnknown::Repeat;

fn target(number: u32) -> Target {
    Target {
        number: Number(number),
        token: None,
        language: String::new(),
    }
}

#[test]
fn a_chunk_is_sorted_by_what_is_registered_now() {
    let devices = [
        device(1, vec![token(Channel::Apns, TokenKind::Alert)]),
        device(2, vec![token(Channel::Apns, TokenKind::Voip)]),
        device(3, vec![token(Channel::Fcm, TokenKind::Alert)]),
    ];
    let numbers = [0, 1, 2, 3].map(Number);
    use OwnLoss::{Gone, NoCredentials, NoToken, Unregistered};
    for (channel, can_send, targets, ends) in [
        (
            Channel::Online,
            true,
            vec![1, 2, 3],
            vec![(0, Unregistered)],
        ),
        (
            Channel::Online,
            false,
            vec![],
            vec![(0, Unregistered), (1, Gone), (2, Gone), (3, Gone)],
        ),
        (
            Channel::Apns,
            true,
            vec![1],
            vec![(0, Unregistered), (2, NoToken), (3, NoToken)],
        ),
        (
            Channel::Apns,
            false,
            vec![],
            vec![
                (0, Unregistered),
                (1, NoCredentials),
                (2, NoToken),
                (3, NoToken),
            ],
        ),
        (
            Channel::Unknown,
            false,
            vec![],
            vec![(0, Unregistered), (1, NoToken), (2, NoToken), (3, NoToken)],
        ),
    ] {
        let sorted = sort(
            channel,
            can_send,
            &[TokenKind::Alert],
            &numbers,
            devices
                .iter()
                .map(|device| Addressee::of(device.clone(), channel))
                .collect(),
        );
        let found: Vec<u32> = sorted
            .targets
            .iter()
            .map(|target| target.number.0)
            .collect();
        assert_eq!(found, targets, "{channel:?}");
        let ends: Vec<_> = ends
            .into_iter()
            .map(|(number, loss)| (Number(number), End::own(loss)))
            .collect();
        assert_eq!(sorted.ends, ends, "{channel:?}");
        let offline = match channel {
            Channel::Online => {
                vec![(1, Channel::Apns), (2, Channel::Unknown), (3, Channel::Fcm)]
            }
            _ => vec![],
        };
        let offline: Vec<_> = offline.into_iter().map(|(n, at)| (Number(n), at)).collect();
        assert_eq!(sorted.offline, offline, "{channel:?}");
    }
}

#[test]
fn outcomes_end_a_target_or_leave_it_for_later() {
    let text = || "bad".to_owned();
    let reason = || LossText::new(410, "bad");
    let (short, long) = (Duration::from_secs(2), Duration::from_secs(9));
    for (outcome, end, wait, again) in [
        (Outcome::Accepted, Some(End::Sent), None, None),
        (
            Outcome::TokenGone {
                code: 410,
                text: text(),
                since_ms: Some(5),
            },
            Some(End::Lost(Loss::TokenGone(reason()))),
            None,
            None,
        ),
        (
            Outcome::Rejected {
                code: 410,
                text: text(),
            },
            Some(End::Lost(Loss::Rejected(reason()))),
            None,
            None,
        ),
        (
            Outcome::Lost(OwnLoss::Slow),
            Some(End::own(OwnLoss::Slow)),
            None,
            None,
        ),
        (Outcome::Throttled { after: long }, None, None, Some(long)),
        (
            Outcome::Unavailable { after: short },
            None,
            Some(short),
            None,
        ),
    ] {
        let mut addressed = target(7);
        addressed.token = Some(token(Channel::Apns, TokenKind::Alert));
        let is_gone = matches!(outcome, Outcome::TokenGone { .. });
        let dead = is_gone.then(|| DeadToken {
            number: Number(7),
            token: token(Channel::Apns, TokenKind::Alert),
            since_ms: Some(5),
        });
        let judged = judge(&[addressed], vec![outcome.clone()].into(), 3, short, REPEAT);
        let expected = Judged {
            ends: end.into_iter().map(|end| (Number(7), end)).collect(),
            wait,
            again,
            dead: dead.into_iter().collect(),
            calls: Vec::new(),
        };
        assert_eq!(judged, expected, "{outcome:?}");
    }
    let mixed = vec![
        Outcome::Throttled { after: short },
        Outcome::Accepted,
        Outcome::Unavailable { after: long },
    ];
    let judged = judge(&[1, 2, 3].map(target), mixed.into(), 3, short, REPEAT);
    assert_eq!(judged.ends, [(Number(2), End::Sent)]);
    assert_eq!((judged.wait, judged.again), (None, Some(short)));
    let none = [long, short].map(|after| Outcome::Unavailable { after });
    let judged = judge(&[1, 2].map(target), none.to_vec().into(), 3, long, REPEAT);
    assert_eq!((judged.wait, judged.again), (Some(short), None));
}

#[test]
fn what_may_have_been_taken_is_repeated_or_ends() {
    let after = Duration::from_secs(2);
    let unknown = || vec![Outcome::Unknown { after }];
    let repeated = judge(&[target(1)], unknown().into(), 3, after, REPEAT);
    assert_eq!((repeated.ends, repeated.wait), (Vec::new(), Some(after)));
    let skipped = judge(&[target(1)], unknown().into(), 3, after, OnUnknown::Skip);
    let lost = End::own(OwnLoss::UnknownOutcome);
    assert_eq!(
        (skipped.ends, skipped.wait),
        (vec![(Number(1), lost)], None)
    );
}

#[test]
fn a_push_goes_to_the_token_of_its_kind() {
    let all = [TokenKind::Alert, TokenKind::Voip, TokenKind::LiveActivity];
    let check = |apns: ApnsContent, has: &[TokenKind], expected: Option<TokenKind>| {
        let notification = Notification {
            apns: Some(Box::new(apns)),
            ..Notification::default()
        };
        let tokens = has.iter().map(|kind| token(Channel::Apns, *kind)).collect();
        let kinds = kinds(Channel::Apns, &notification);
        let found = super::target(
            Channel::Apns,
            kinds,
            Addressee::of(device(1, tokens), Channel::Apns),
        );
        let found = found
            .and_then(|target| target.token)
            .map(|token| token.kind);
        assert_eq!(found, expected);
    };
    let call = || ApnsContent {
        voip: true,
        ..ApnsContent::default()
    };
    let activity = || ApnsContent {
        live_activity: Some(LiveActivity {
            id: "a".to_owned(),
            ends: false,
            state: "{}".to_owned(),
            dismissed_at: None,
        }),
        ..ApnsContent::default()
    };
    check(ApnsContent::default(), &all, Some(TokenKind::Alert));
    check(call(), &all, Some(TokenKind::Voip));
    check(call(), &all[..1], Some(TokenKind::Alert));
    check(activity(), &all, Some(TokenKind::LiveActivity));
    check(activity(), &all[..2], None);
}

#[test]
fn a_channel_that_answers_too_little_has_ended_nothing_else() {
    let judged = judge(
        &[1, 2].map(target),
        vec![Outcome::Accepted].into(),
        3,
        Duration::from_secs(5),
        REPEAT,
    );
    assert_eq!(judged.ends, [(Number(1), End::Sent)]);
    assert_eq!(judged.again, Some(Duration::from_secs(5)));
}

#[test]
fn names_of_losses_are_told_apart() {
    let names: std::collections::BTreeSet<_> = OwnLoss::ALL
        .into_iter()
        .map(|loss| Loss::Own(loss).name())
        .collect();
    assert_eq!(names.len(), OwnLoss::ALL.len());
}
