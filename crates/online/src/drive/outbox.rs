//! What one socket is to send, in order: answers, then what is sent again, then pushes, and last of all the end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Sink;
use pushtally_model::OwnLoss;

use crate::collector::Ticket;
use crate::limits::REPLIES_WAITING_MAX;
use crate::link::Link;
use crate::{CloseCode, Frame, SocketFault};

/// What one socket is to send. Bounded: answers because reading stops when they wait, repetitions by their number,
/// pushes by the link's queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    replies: VecDeque<Frame>,
    again: VecDeque<Bytes>,
    /// Pushes that the socket has in its buffer, but may not have taken.
    buffered: Vec<Ticket>,
    /// Whether something may be in the socket's buffer.
    dirty: bool,
    /// Whether the socket takes nothing for now.
    blocked: bool,
    /// Whether the last frame is in `replies`, or sent.
    closing: bool,
}

impl Outbox {
    pub(super) fn reply(&mut self, text: Bytes) {
        self.last(Frame::Text(text));
    }

    pub(super) fn ping(&mut self) {
        self.last(Frame::Ping);
    }

    fn last(&mut self, frame: Frame) {
        if !self.closing {
            self.replies.push_back(frame);
        }
    }

    pub(super) fn again(&mut self, pushes: impl Iterator<Item = Bytes>) {
        if !self.closing {
            self.again.extend(pushes);
        }
    }

    /// The end: what waits before it is not sent any more, but answers are.
    pub(super) fn close(&mut self, code: CloseCode, reason: String) {
        self.again.clear();
        self.last(Frame::Close {
            code: code as u16,
            reason,
        });
        self.closing = true;
    }

    /// What the socket has not taken is lost.
    pub(super) fn abandon(&mut self, loss: OwnLoss) {
        for ticket in self.buffered.drain(..) {
            ticket.lost(loss);
        }
    }

    /// Whether so many answers wait that no more may be caused.
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= REPLIES_WAITING_MAX
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Sends what it can; answers how many pushes the socket took. `pushes` is where they wait, if they may be sent.
    pub(super) fn poll<S>(
        &mut self,
        socket: &mut S,
        pushes: Option<&Link>,
        cx: &mut Context<'_>,
    ) -> Result<u64, SocketFault>
    where
        S: Sink<Frame, Error = SocketFault> + Unpin,
    {
        let mut taken = 0;
        // A socket that did not take what it has gets nothing more.
        if !self.blocked {
            self.fill(socket, pushes, cx)?;
        }
        while self.dirty || self.blocked {
            match Pin::new(&mut *socket).poll_flush(cx) {
                Poll::Pending => {
                    self.blocked = true;
                    return Ok(taken);
                }
                Poll::Ready(flushed) => flushed?,
            }
            (self.dirty, self.blocked) = (false, false);
            taken += self.buffered.len() as u64;
            for ticket in std::mem::take(&mut self.buffered) {
                ticket.accepted();
            }
            self.fill(socket, pushes, cx)?;
        }
        Ok(taken)
    }

    /// Fills the socket's buffer.
    fn fill<S>(
        &mut self,
        socket: &mut S,
        pushes: Option<&Link>,
        cx: &mut Context<'_>,
    ) -> Result<(), SocketFault>
    where
        S: Sink<Frame, Error = SocketFault> + Unpin,
    {
        loop {
            match Pin::new(&mut *socket).poll_ready(cx) {
                Poll::Pending => {
                    self.blocked = true;
                    return Ok(());
                }
                Poll::Ready(ready) => ready?,
            }
            let Some((frame, ticket)) = self.next(pushes) else {
                return Ok(());
            };
            self.dirty = true;
            Pin::new(&mut *socket).start_send(frame)?;
            self.buffered.extend(ticket);
        }
    }

    fn next(&mut self, pushes: Option<&Link>) -> Option<(Frame, Option<Ticket>)> {
        if let Some(frame) = self.replies.pop_front() {
            if self.replies.is_empty() {
                self.replies = VecDeque::new();
            }
            return Some((frame, None));
        }
        if let Some(text) = self.again.pop_front() {
            if self.again.is_empty() {
                self.again = VecDeque::new();
            }
            return Some((Frame::Text(text), None));
        }
        let push = pushes?.next()?;
        Some((Frame::Text(push.frame), push.ticket))
    }
}
