//! What happened on the way of one notification, in words, and what to do next.

use pushtally_channel::Outcome;
use pushtally_model::AppId;
use pushtally_vendor::{Answer, Failure, Leave, Said, Seen, Verdict};

use super::{Trial, TrialStep};
use crate::channels::{ChannelId, Known};

const TABLES: &str = "look the code up in the vendor's table in docs/CHANNELS.md";

/// The account that a token of the trial goes by; `Err` is why there is none.
pub(super) fn account(
    known: &[Known],
    app: AppId,
    trial: &Trial,
) -> Result<(ChannelId, TrialStep), TrialStep> {
    let name = trial.channel.name();
    let of_vendor = known
        .iter()
        .filter(|one| (one.id.app, one.id.channel) == (app, trial.channel));
    let of_vendor: Vec<&Known> = of_vendor.collect();
    let found = match (trial.cert_id, of_vendor.as_slice()) {
        (Some(cert_id), all) => all.iter().find(|one| one.id.cert_id == cert_id),
        (None, [one]) => Some(one),
        (None, _) => None,
    };
    let Some(found) = found else {
        let numbers = of_vendor.iter().map(|one| one.id.cert_id.to_string());
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        return Err(match (numbers.as_str(), trial.cert_id) {
            ("", _) => TrialStep::new(
                format!("account: app `{app}` has none with `{name}`"),
                "give it one: `pushtally channel set`, or `[[app.channel]]` in the configuration",
            ),
            (numbers, None) => TrialStep::new(
                format!("account: app `{app}` has several with `{name}`, of the numbers {numbers}"),
                "name one with `--cert-id`; a phone's token must name it, too, as `cert_id`",
            ),
            (numbers, Some(cert_id)) => TrialStep::new(
                format!(
                    "account: app `{app}` has none with `{name}` of `cert_id` {cert_id}, but of {numbers}"
                ),
                "name one of these with `--cert-id`",
            ),
        });
    };
    let owner = found.declared_at.as_deref().unwrap_or("the store");
    let text = format!("account: {}, from {owner}", found.id);
    match &found.settings {
        Ok(_) => Ok((found.id, TrialStep::new(text, ""))),
        Err(error) => Err(TrialStep::new(
            format!("{text}: {error}"),
            "give the server the key that it was sealed under, or set the account again",
        )),
    }
}

/// One thing that happened.
pub(super) fn step(seen: &Seen) -> TrialStep {
    match seen {
        Seen::Held(after) => TrialStep::new(
            format!(
                "held back: the account lets nothing through for another {} s",
                after.as_secs_f64().ceil()
            ),
            "its rate, a spent quota or failures before: the log says which. Try again then, or set the account again to begin anew",
        ),
        Seen::Access(leave) => TrialStep::new(
            match leave {
                Leave::NotNeeded => "access: none needed, each call carries its proof",
                Leave::Kept => "access: got before and still good",
                Leave::Signed => "access: signed here with the account's key",
                Leave::Given => "access: given by the vendor",
            },
            "",
        ),
        Seen::NoAccess(failure) => {
            let (what, next) = failed(failure);
            TrialStep::new(format!("access: {what}"), next)
        }
        Seen::NotMade(failure) => {
            let (what, next) = failed(failure);
            TrialStep::new(format!("message: not sent at all, {what}"), next)
        }
        Seen::Called { host, path } => TrialStep::new(format!("call: POST {path} at {host}"), ""),
        Seen::Answered { status, answer } => {
            let (what, next) = answered(answer);
            TrialStep::new(format!("answer: HTTP {status}, {what}"), next)
        }
        Seen::NotAnswered { text, heard } => {
            let heard = if *heard {
                "the vendor may have heard it all the same"
            } else {
                "the vendor was not reached"
            };
            TrialStep::new(
                format!("answer: none, {heard}: {text}"),
                "look at the way there: the address in the credentials, name resolution, firewall, `ca_file`, `timeout_s`",
            )
        }
    }
}

fn answered(answer: &Answer) -> (String, &'static str) {
    match answer {
        Answer::More => ("this part is done, another call follows".to_owned(), ""),
        Answer::Ended {
            verdict,
            request_id,
        } => {
            let (what, next) = ended(verdict);
            let id = match request_id.as_str() {
                "" => "no request id".to_owned(),
                id => format!("request id `{id}`"),
            };
            (format!("{what}; {id}"), next)
        }
        Answer::Failed(failure) => failed(failure),
    }
}

fn ended(verdict: &Verdict) -> (String, &'static str) {
    match verdict {
        Verdict::Sent => ("taken".to_owned(), ""),
        Verdict::Gone(text) | Verdict::GoneSince(text, _) => (
            format!("this token reaches nobody: {}", said(text)),
            "have the phone register again; if all tokens end so, the account is another app's, or of the wrong environment",
        ),
        Verdict::Rejected(text) => (format!("refused for this token: {}", said(text)), TABLES),
        Verdict::Later { said: text, .. } => (
            format!("not now for this token: {}", said(text)),
            "this phone got too much in a short time, or the vendor is in trouble: try again later",
        ),
        Verdict::OtherEnvironment(text) => (
            format!("not known in this environment: {}", said(text)),
            "the other one is tried, if the key is good there; `--sandbox` is for tokens of apps under development",
        ),
    }
}

fn failed(failure: &Failure) -> (String, &'static str) {
    match failure {
        Failure::Access(text) | Failure::Misconfigured(text) => (
            format!("the account is refused: {}", said(text)),
            "look at the credentials: are they of this app, complete, and still valid in the vendor's console; has the account the right to push; is this machine's clock right",
        ),
        Failure::Busy { said: text, .. } => (
            format!("the vendor is busy: {}", said(text)),
            "try again later; with real pushes, set `rate` if it is often so",
        ),
        Failure::Limited { said: text, .. } => (
            format!(
                "this device, or the account, was pushed to too often: {}",
                said(text)
            ),
            "try again later, or with another device; with real pushes, set `rate` if it is often so",
        ),
        Failure::Spent(text) => (
            format!("the day's quota is spent: {}", said(text)),
            "it goes on tomorrow; more is had from the vendor, or with a channel or category of its own",
        ),
        Failure::Rejected(text) => (format!("the message is refused: {}", said(text)), TABLES),
        Failure::Targets(text) => (
            format!("the token is refused: {}", said(text)),
            "is it a token of this app and this vendor, whole?",
        ),
        Failure::Unknown(text) => (
            format!("it is not understood: {}", said(text)),
            "whether it was taken is not known: look at the phone, and at the address in the credentials",
        ),
    }
}

fn said(said: &Said) -> String {
    format!("code {}, `{}`", said.code, said.text)
}

/// What becomes of it here.
pub(super) fn end(outcome: &Outcome) -> TrialStep {
    match outcome {
        Outcome::Accepted => TrialStep::new(
            "outcome: sent",
            "if the phone shows nothing: are notifications allowed there, and does the vendor's console show the message",
        ),
        Outcome::TokenGone { code, text, .. } => TrialStep::new(
            format!(
                "outcome: a push would be lost as {code} `{text}`, and this token dropped; the test drops nothing"
            ),
            "",
        ),
        Outcome::Rejected { code, text } => TrialStep::new(
            format!("outcome: a push would be lost as {code} `{text}`"),
            "",
        ),
        Outcome::Lost(loss) => TrialStep::new(
            format!(
                "outcome: a push would be lost as {} `{}`",
                loss.code(),
                loss.text()
            ),
            "",
        ),
        Outcome::Throttled { after }
        | Outcome::Unavailable { after }
        | Outcome::Unknown { after } => TrialStep::new(
            format!(
                "outcome: a push would be tried again in {} s, until its deadline",
                after.as_secs_f64().ceil()
            ),
            "",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pushtally_model::Channel;

    use super::*;
    use crate::channels::OpenError;

    fn trial(cert_id: Option<u32>) -> Trial {
        Trial {
            sdkappid: 7,
            channel: Channel::Oppo,
            cert_id,
            token: "t0ken".to_owned(),
            title: String::new(),
            desc: String::new(),
            sandbox: false,
        }
    }

    #[test]
    fn an_account_that_is_not_found_or_closed_says_what_to_do() {
        let closed = |app, channel, cert_id| Known {
            id: ChannelId {
                app: AppId(app),
                channel,
                cert_id,
            },
            declared_at: None,
            settings: Err(OpenError::OtherKey),
        };
        let known = [
            closed(7, Channel::Oppo, 2),
            closed(8, Channel::Oppo, 1),
            closed(7, Channel::Vivo, 1),
        ];
        let check = |known: &[Known], cert_id, what: &str, next: &str| {
            let step = account(known, AppId(7), &trial(cert_id)).unwrap_err();
            assert!(
                step.what.contains(what) && step.next.contains(next),
                "{step:?}"
            );
        };
        check(
            &known,
            None,
            "sealed under a key",
            "give the server the key",
        );
        check(
            &known,
            Some(2),
            "sealed under a key",
            "give the server the key",
        );
        check(&known, Some(1), "of `cert_id` 1, but of 2", "--cert-id");
        check(&known[1..], None, "has none with `oppo`", "channel set");
    }

    #[test]
    fn whatever_goes_wrong_says_what_to_do() {
        let said = || Said::new(7, "why");
        let failures = [
            Failure::Access(said()),
            Failure::Busy {
                said: said(),
                after: None,
            },
            Failure::Limited {
                said: said(),
                after: None,
            },
            Failure::Spent(said()),
            Failure::Misconfigured(said()),
            Failure::Rejected(said()),
            Failure::Targets(said()),
            Failure::Unknown(said()),
        ];
        for failure in failures {
            let answer = Answer::Failed(failure.clone());
            for seen in [
                Seen::NoAccess(failure.clone()),
                Seen::NotMade(failure.clone()),
                Seen::Answered {
                    status: 400,
                    answer,
                },
            ] {
                let TrialStep { what, next } = step(&seen);
                assert!(
                    what.contains("code 7, `why`") && !next.is_empty(),
                    "{what}: {next}"
                );
            }
        }
        let held = step(&Seen::Held(Duration::from_millis(1200)));
        assert!(
            held.what.contains("another 2 s") && !held.next.is_empty(),
            "{held:?}"
        );
        let lost = end(&Outcome::Rejected {
            code: 7,
            text: "why".to_owned(),
        });
        assert_eq!(lost.what, "outcome: a push would be lost as 7 `why`");
    }
}
