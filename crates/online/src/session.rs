//! One socket's session as a pure state machine: what arrives and how time passes in, what is to be done out.
//!
//! It does no I/O, reads no clock and knows no other session; `drive` performs what it asks for.

mod rate;

use pushtally_channel::Attention;
use pushtally_model::TaskId;
use pushtally_store::StoreError;

use self::rate::Rate;
use crate::limits::{
    CLOSE_MS_MAX, FRAME_LEN_MAX, HELLO_MS_MAX, PING_S, REASON_LEN_MAX, SILENCE_MS_MAX, WRITE_MS_MAX,
};
use crate::link::Signal;
use crate::parse::{ClientFrame, ClientReport, Hello, parse};
use crate::reply::Reply;
use crate::{CloseCode, Frame, OnlineError, SocketFault};

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// A frame arrived.
    Frame(Frame),
    /// What arrived is no frame, or the connection is gone.
    Fault(SocketFault),
    /// Whether the phone that said hello may come in.
    Admitted(Result<(), OnlineError>),
    /// What became of a report.
    Reported(u64, Result<Vec<TaskId>, StoreError>),
    /// The socket takes no more for now.
    Blocked,
    /// The socket took everything.
    Flowing,
    /// Somebody wants something of this session, or time has passed.
    Signal(Signal),
}

/// What is to be done. `Close` and `End` are the last ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Find out whether the phone may come in; answer with `Admitted`.
    Admit(Hello),
    /// The phone is in: welcome it, then send what it missed.
    Welcome,
    /// Record; answer with `Reported`.
    Report(u64, Vec<ClientReport>),
    /// The device looks, or looks away; tell it so.
    Attend(Attention),
    Reply(Reply),
    Ping,
    /// Say why, then end. What waits is lost as `gone`.
    Close(CloseCode, String),
    /// End at once: the peer takes nothing any more. What waits is lost as `slow`.
    Slow,
    /// End at once: the peer is gone, or has had its time.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until the hello.
    Waiting,
    /// Until it is known whether the phone may come in.
    Admitting,
    Open,
    /// The end is told; until the peer has read it.
    Closing,
}

/// The state of one session. Times are milliseconds of the server's clock.
#[derive(Debug)]
pub(crate) struct Session {
    phase: Phase,
    rate: Rate,
    /// When the phase began; in `Open`, when the next ping is due.
    since_ms: i64,
    /// When something last arrived.
    heard_ms: i64,
    /// Since when the socket takes nothing.
    blocked_ms: Option<i64>,
}

impl Session {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self {
            phase: Phase::Waiting,
            rate: Rate::default(),
            since_ms: now_ms,
            heard_ms: now_ms,
            blocked_ms: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether frames may be read now: not while it is unknown who sends them.
    pub(crate) fn may_read(&self) -> bool {
        self.phase != Phase::Admitting
    }

    /// When the time is to be looked at next.
    pub(crate) fn due_ms(&self) -> i64 {
        let phase = match self.phase {
            Phase::Waiting => self.since_ms + HELLO_MS_MAX,
            Phase::Admitting => i64::MAX,
            Phase::Open => self.since_ms.min(self.heard_ms + SILENCE_MS_MAX),
            Phase::Closing => self.since_ms + CLOSE_MS_MAX,
        };
        let blocked = self.blocked_ms.map(|since| since + WRITE_MS_MAX);
        phase.min(blocked.unwrap_or(i64::MAX))
    }

    /// Answers what is to be done about an input.
    pub(crate) fn on(&mut self, input: Input, now_ms: i64) -> Action {
        let action = match input {
            Input::Frame(frame) => self.frame(frame, now_ms),
            Input::Fault(fault) => self.fault(fault),
            Input::Admitted(admitted) => self.admitted(admitted, now_ms),
            Input::Reported(seq, outcome) => reported(seq, outcome),
            Input::Blocked => {
                self.blocked_ms.get_or_insert(now_ms);
                Action::Nothing
            }
            Input::Flowing => {
                self.blocked_ms = None;
                Action::Nothing
            }
            Input::Signal(signal) => self.signal(signal, now_ms),
        };
        match action {
            // The end is told once, and nothing is said after it.
            Action::Slow | Action::End => action,
            _ if self.phase == Phase::Closing => Action::Nothing,
            Action::Close(code, reason) => {
                self.phase = Phase::Closing;
                self.since_ms = now_ms;
                Action::Close(code, shorten(reason))
            }
            action => action,
        }
    }

    fn frame(&mut self, frame: Frame, now_ms: i64) -> Action {
        self.heard_ms = now_ms;
        if self.phase == Phase::Closing {
            return Action::Nothing;
        }
        if !self.rate.take(now_ms) {
            let reason = "more than 100 frames a second";
            return Action::Close(CloseCode::TooMany, reason.to_owned());
        }
        match frame {
            Frame::Text(text) if text.len() > FRAME_LEN_MAX => self.fault(SocketFault::TooLarge),
            Frame::Text(text) => match parse(&text) {
                Ok(frame) => self.said(frame),
                Err(error) => refuse(&error),
            },
            Frame::Binary => malformed("frames must be text"),
            Frame::Ping | Frame::Pong => Action::Nothing,
            // The socket answers the peer's closing by itself.
            Frame::Close { .. } => {
                self.phase = Phase::Closing;
                self.since_ms = now_ms;
                Action::Nothing
            }
        }
    }

    fn said(&mut self, frame: ClientFrame) -> Action {
        match (self.phase, frame) {
            (Phase::Waiting, ClientFrame::Hello(hello)) => {
                self.phase = Phase::Admitting;
                Action::Admit(hello)
            }
            (Phase::Waiting | Phase::Admitting, _) => malformed("`type` must be hello at first"),
            (_, ClientFrame::Hello(_)) => malformed("`type` may be hello only once"),
            (_, ClientFrame::Report { seq, reports }) => Action::Report(seq, reports),
            (_, ClientFrame::Foreground(attention)) => Action::Attend(attention),
            (_, ClientFrame::Ping) => Action::Reply(Reply::Pong),
        }
    }

    fn fault(&mut self, fault: SocketFault) -> Action {
        match fault {
            SocketFault::TooLarge => {
                let reason = format!("a frame has at most {FRAME_LEN_MAX} bytes");
                Action::Close(CloseCode::TooLarge, reason)
            }
            SocketFault::Malformed => malformed("not a frame of text"),
            SocketFault::Gone => Action::End,
        }
    }

    fn admitted(&mut self, admitted: Result<(), OnlineError>, now_ms: i64) -> Action {
        match admitted {
            Ok(()) if self.phase == Phase::Admitting => {
                self.phase = Phase::Open;
                self.since_ms = now_ms + i64::from(PING_S) * 1000;
                Action::Welcome
            }
            Ok(()) => Action::Nothing,
            Err(error) => refuse(&error),
        }
    }

    fn signal(&mut self, signal: Signal, now_ms: i64) -> Action {
        let close = |code, reason: &str| Action::Close(code, reason.to_owned());
        match signal {
            Signal::Tick => self.tick(now_ms),
            Signal::Replaced => close(CloseCode::Replaced, "a newer socket of this device"),
            Signal::Unregistered => refuse(&OnlineError::Unregistered),
            Signal::Disabled => refuse(&OnlineError::Disabled),
            Signal::Stop => close(CloseCode::Stop, "the server stops"),
        }
    }

    fn tick(&mut self, now_ms: i64) -> Action {
        if let Some(since) = self.blocked_ms
            && now_ms >= since + WRITE_MS_MAX
        {
            return Action::Slow;
        }
        let silent = |reason: &str| Action::Close(CloseCode::Silent, reason.to_owned());
        match self.phase {
            Phase::Waiting if now_ms >= self.since_ms + HELLO_MS_MAX => silent("no hello in time"),
            Phase::Open if now_ms >= self.heard_ms + SILENCE_MS_MAX => silent("silence"),
            Phase::Open if now_ms >= self.since_ms => {
                self.since_ms = now_ms + i64::from(PING_S) * 1000;
                Action::Ping
            }
            Phase::Closing if now_ms >= self.since_ms + CLOSE_MS_MAX => Action::End,
            Phase::Waiting | Phase::Admitting | Phase::Open | Phase::Closing => Action::Nothing,
        }
    }
}

fn reported(seq: u64, outcome: Result<Vec<TaskId>, StoreError>) -> Action {
    Action::Reply(match outcome {
        Ok(unknown) => Reply::Recorded { seq, unknown },
        // Whatever storage says: not known to be recorded, and repeating it is harmless.
        Err(_) => Reply::busy(seq),
    })
}

fn malformed(reason: &str) -> Action {
    Action::Close(CloseCode::Malformed, reason.to_owned())
}

fn refuse(error: &OnlineError) -> Action {
    let (code, reason) = match error {
        OnlineError::NotJson => (CloseCode::Malformed, error.to_string()),
        OnlineError::Field { value: None, .. } => (CloseCode::Malformed, error.to_string()),
        OnlineError::Field {
            value: Some(value), ..
        } => (CloseCode::Malformed, format!("{error}, not {value}")),
        OnlineError::Version => (CloseCode::Version, "1".to_owned()),
        OnlineError::Unauthorized => (CloseCode::Unauthorized, error.to_string()),
        OnlineError::Disabled => (CloseCode::Disabled, error.to_string()),
        OnlineError::Unregistered => (CloseCode::Unregistered, error.to_string()),
        OnlineError::Store(_) => (CloseCode::Later, "try again later".to_owned()),
    };
    Action::Close(code, reason)
}

/// A reason as long as a control frame holds.
fn shorten(mut reason: String) -> String {
    let mut end = reason.len().min(REASON_LEN_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

#[cfg(test)]
mod tests;
