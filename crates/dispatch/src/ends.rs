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
mod tests;
