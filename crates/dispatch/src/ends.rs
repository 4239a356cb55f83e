//! How what is planned ends: devices and outcomes become ends. Pure.

use std::time::Duration;

use pushtally_channel::{Carried, Outcome, Target};
use pushtally_model::{
    Addressee, Channel, Notification, Number, OnUnknown, OwnLoss, TokenKind, VendorCall,
};
use pushtally_store::{DeadToken, LossText};

/// Why something planned was lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Loss {
    Own(OwnLoss),
    TokenGone(LossText),
    Rejected(LossText),
}

impl Loss {
    /// The code and text that count.
    pub(crate) fn text(&self) -> LossText {
        match self {
            Self::Own(loss) => LossText::new(loss.code(), loss.text()),
            Self::TokenGone(text) | Self::Rejected(text) => text.clone(),
        }
    }

    /// The name in metrics: ours for our own, two for whatever a vendor says.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Own(OwnLoss::NoCredentials) => "no_credentials",
            Self::Own(OwnLoss::NoToken) => "no_token",
            Self::Own(OwnLoss::Expired) => "expired",
            Self::Own(OwnLoss::Cancelled) => "cancelled",
            Self::Own(OwnLoss::Unregistered) => "unregistered",
            Self::Own(OwnLoss::Unavailable) => "unavailable",
            Self::Own(OwnLoss::Slow) => "slow",
            Self::Own(OwnLoss::Gone) => "gone",
            Self::Own(OwnLoss::Revoked) => "revoked",
            Self::Own(OwnLoss::UnknownOutcome) => "unknown_outcome",
            Self::Own(OwnLoss::TokenGone) => "token_dropped",
            Self::TokenGone(_) => "token_gone",
            Self::Rejected(_) => "rejected",
        }
    }
}

/// What happens once to everything planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Sent,
    Lost(Loss),
}

impl End {
    pub(crate) fn own(loss: OwnLoss) -> Self {
        Self::Lost(Loss::Own(loss))
    }
}

/// The devices of a chunk: whom to send to, and who has ended without that.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    pub(crate) targets: Vec<Target>,
    pub(crate) ends: Vec<(Number, End)>,
    /// Where the targets of the socket would be planned if they are missed there, ascending.
    pub(crate) offline: Vec<(Number, Channel)>,
}

/// Sorts what is pending on a channel by what is registered now. `can_send` is whether anything implements the channel;
/// `kinds` are those of the tokens to send to, the best first.
pub(crate) fn sort(
    channel: Channel,
    can_send: bool,
    kinds: &[TokenKind],
    numbers: &[Number],
    mut devices: Vec<Addressee>,
) -> Sorted {
    debug_assert!(numbers.is_sorted());
    // Both are in order already, or nearly: they are walked side by side.
    devices.sort_unstable_by_key(|device| device.number);
    let mut registered = devices.into_iter().peekable();
    let mut sorted = Sorted::default();
    for number in numbers {
        while registered
            .next_if(|device| device.number < *number)
            .is_some()
        {}
        let loss = match registered.next_if(|device| device.number == *number) {
            None => Some(OwnLoss::Unregistered),
            Some(device) => {
                let offline = device.reach.offline();
                // Who is planned here had one.
                let is_dropped = device.dropped.iter().any(|kind| kinds.contains(kind));
                let no_token = if is_dropped {
                    OwnLoss::TokenGone
                } else {
                    OwnLoss::NoToken
                };
                let target = target(channel, kinds, device);
                if channel == Channel::Online {
                    sorted.offline.push((*number, offline));
                }
                match target {
                    None => Some(no_token),
                    Some(target) if can_send => {
                        sorted.targets.push(target);
                        None
                    }
                    Some(_) if channel == Channel::Online => Some(OwnLoss::Gone),
                    Some(_) => Some(OwnLoss::NoCredentials),
                }
            }
        };
        sorted
            .ends
            .extend(loss.map(|loss| (*number, End::own(loss))));
    }
    sorted
}

/// The kinds of tokens that a push goes to, the best first. A call goes to the ordinary token of who has none for calls, as
/// documented; a Live Activity has a token of its own and no other.
pub(crate) fn kinds(channel: Channel, notification: &Notification) -> &'static [TokenKind] {
    match &notification.apns {
        Some(apns) if channel == Channel::Apns && apns.live_activity.is_some() => {
            &[TokenKind::LiveActivity]
        }
        Some(apns) if channel == Channel::Apns && apns.voip => &[TokenKind::Voip, TokenKind::Alert],
        Some(_) | None => &[TokenKind::Alert],
    }
}

/// A device as a target of a channel; `None` when it has no token of that channel. The socket needs none.
pub(crate) fn target(channel: Channel, kinds: &[TokenKind], device: Addressee) -> Option<Target> {
    let mut tokens = device.tokens;
    let of_kind = |kind: &TokenKind| tokens.iter().position(|token| token.kind == *kind);
    let at = kinds.iter().find_map(of_kind);
    let token = at.map(|at| tokens.swap_remove(at));
    let reachable = channel == Channel::Online || token.is_some();
    reachable.then_some(Target {
        number: device.number,
        token,
        language: device.language,
    })
}

/// What outcomes mean.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) ends: Vec<(Number, End)>,
    /// The channel takes nothing for so long.
    pub(crate) wait: Option<Duration>,
    /// Nothing has ended for some, and this is how long to leave them alone; others may go on.
    pub(crate) again: Option<Duration>,
    /// Tokens that reach nobody.
    pub(crate) dead: Vec<DeadToken>,
    /// The calls that were made.
    pub(crate) calls: Vec<VendorCall>,
}

/// Judges a channel's answer to a call that began at this millisecond. A target without an outcome is one of which the
/// channel did not say what it did. Where anything has ended, the channel goes on: what it does not take now may be of
/// another account of it.
pub(crate) fn judge(
    targets: &[Target],
    carried: Carried,
    began_ms: i64,
    default_wait: Duration,
    on_unknown: OnUnknown,
) -> Judged {
    let Carried { outcomes, calls } = carried;
    let mut judged = Judged {
        calls,
        ..Judged::default()
    };
    if outcomes.len() < targets.len() {
        judged.wait = Some(default_wait);
    }
    for (target, outcome) in targets.iter().zip(outcomes) {
        let end = match outcome {
            Outcome::Accepted => End::Sent,
            Outcome::TokenGone {
                code,
                text,
                since_ms,
            } => {
                judged
                    .dead
                    .extend(target.token.clone().map(|token| DeadToken {
                        number: target.number,
                        token,
                        // What the phone says from now on, the vendor did not mean.
                        since_ms: since_ms.or(Some(began_ms)),
                    }));
                End::Lost(Loss::TokenGone(LossText::new(code, &text)))
            }
            Outcome::Rejected { code, text } => {
                End::Lost(Loss::Rejected(LossText::new(code, &text)))
            }
            Outcome::Lost(loss) => End::own(loss),
            Outcome::Unknown { .. } if on_unknown == OnUnknown::Skip => {
                End::own(OwnLoss::UnknownOutcome)
            }
            Outcome::Throttled { after } => {
                judged.again = sooner(judged.again, after);
                continue;
            }
            Outcome::Unknown { after } | Outcome::Unavailable { after } => {
                judged.wait = sooner(judged.wait, after);
                continue;
            }
        };
        judged.ends.push((target.number, end));
    }
    if let (false, Some(wait)) = (judged.ends.is_empty(), judged.wait) {
        judged.again = sooner(judged.again, wait);
        judged.wait = None;
    }
    judged
}

/// The shorter of two waits: whoever comes back too early is told again, at once.
fn sooner(known: Option<Duration>, after: Duration) -> Option<Duration> {
    Some(known.map_or(after, |known| known.min(after)))
}

/// Whether a device that ended so on the socket may be tried offline instead.
pub(crate) fn is_missed(end: &End) -> bool {
    matches!(end, End::Lost(Loss::Own(OwnLoss::Slow | OwnLoss::Gone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{
        ApnsContent, Device, DeviceFacts, Environment, LiveActivity, RegistrationId, Second,
        Secret, Token,
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
}
