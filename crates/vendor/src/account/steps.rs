//! The targets of a call, and what a vendor's verdicts on them mean to whoever sends.

use std::fmt;

use pushtally_channel::{Outcome, Target};
use pushtally_model::{AppId, Environment, Token};

use super::TARGET_WAIT;
use crate::contract::{Said, To, Verdict};

/// A target and the token it is called by.
#[derive(Debug, Clone)]
pub(super) struct Addressee<'a> {
    pub(super) to: &'a Target,
    pub(super) token: Token,
}

impl Addressee<'_> {
    pub(super) fn to(&self) -> To<'_> {
        To {
            number: self.to.number,
            token: &self.token.value,
            kind: self.token.kind,
            environment: self.token.environment,
        }
    }

    /// The same in the other environment.
    pub(super) fn elsewhere(&self) -> Self {
        let mut other = self.clone();
        other.token.environment = match self.token.environment {
            Environment::Production => Environment::Sandbox,
            Environment::Sandbox => Environment::Production,
        };
        other
    }
}

/// Whose calls these are, as logs name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    app: AppId,
    channel: &'static str,
    cert_id: u32,
}

impl Line {
    pub(super) fn of(app: AppId, targets: &[Addressee<'_>]) -> Self {
        let first = targets.first().map(|target| &target.token);
        Self {
            app,
            channel: first.map_or("", |token| token.channel.name()),
            cert_id: first.map_or(0, |token| token.cert_id),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            channel,
            cert_id,
        } = self;
        write!(f, "{channel} of app {app}, CertId {cert_id}")
    }
}

/// What a call came to.
pub(super) enum Sent {
    Ended(Vec<Step>),
    Halve,
}

/// What became of one target, so far.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Done(Outcome),
    Elsewhere(Said),
}

impl Step {
    /// A token that neither environment knows is nobody's.
    pub(super) fn end(self) -> Outcome {
        match self {
            Self::Done(outcome) => outcome,
            Self::Elsewhere(said) => gone(said),
        }
    }
}

pub(super) fn step(verdict: Verdict) -> Step {
    Step::Done(match verdict {
        Verdict::Sent => Outcome::Accepted,
        Verdict::Gone(said) => gone(said),
        Verdict::GoneSince(said, since_ms) => Outcome::TokenGone {
            code: said.code,
            text: said.text,
            since_ms: Some(since_ms),
        },
        Verdict::Rejected(said) => rejected(said),
        Verdict::Later { after, .. } => Outcome::Throttled {
            after: after.unwrap_or(TARGET_WAIT),
        },
        Verdict::OtherEnvironment(said) => return Step::Elsewhere(said),
    })
}

pub(super) fn gone(said: Said) -> Outcome {
    Outcome::TokenGone {
        code: said.code,
        text: said.text,
        since_ms: None,
    }
}

pub(super) fn rejected(said: Said) -> Outcome {
    Outcome::Rejected {
        code: said.code,
        text: said.text,
    }
}
