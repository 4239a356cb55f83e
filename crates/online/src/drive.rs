//! Drives one socket: performs what the session asks for, and tells it what came of it.
//!
//! One hand-written future for each socket, without timers, channels or tasks of its own: an idle session is this
//! struct, its link and the socket's buffers. What is rare lives in boxes for as long as it lasts.

mod outbox;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use pushtally_channel::Missed;
use pushtally_model::{OwnLoss, TaskId};
use pushtally_store::StoreError;

use self::outbox::Outbox;
use crate::gather::Tell;
use crate::health::count;
use crate::limits::REPORTS_WAITING_MAX;
use crate::link::{Link, Signal};
use crate::online::Again;
use crate::reply::Reply;
use crate::session::{Action, Input, Session};
use crate::{CloseCode, Frame, Online, OnlineError, SocketFault, reply};

/// What takes longer than a look: admitting, recording, finding what was missed.
type Work<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

enum Done {
    Admitted(Result<(), OnlineError>),
    Reported(u64, Result<Vec<TaskId>, StoreError>),
    Missed(Again),
}

impl Online {
    /// Serves one socket until it ends. Whatever waits for it then is lost as `gone`.
    pub async fn serve<S>(&self, socket: S)
    where
        S: Stream<Item = Result<Frame, SocketFault>>,
        S: Sink<Frame, Error = SocketFault> + Unpin + Send,
    {
        let link = Arc::new(Link::default());
        let _entry = self.roll.add(Arc::clone(&link));
        if self.is_stopping() {
            link.signal(Signal::Stop);
        }
        let session = Session::new(self.parts.clock.now_ms());
        link.set_due_ms(session.due_ms());
        let mut driver = Driver {
            online: self,
            socket,
            link,
            session,
            outbox: Outbox::default(),
            work: Vec::new(),
            ended: false,
            told: false,
        };
        poll_fn(|cx| driver.poll(cx)).await;
    }
}

struct Driver<'a, S> {
    online: &'a Online,
    socket: S,
    link: Arc<Link>,
    session: Session,
    outbox: Outbox,
    work: Vec<Work<'a>>,
    /// Whether nothing is to be done any more.
    ended: bool,
    /// Whether the end was told to the peer, or by it.
    told: bool,
}

impl<S> Drop for Driver<'_, S> {
    fn drop(&mut self) {
        self.part(OwnLoss::Gone);
        if !self.told {
            count(&self.online.counters.closed_by_peer, 1);
        }
    }
}

impl<S> Driver<'_, S> {
    /// The device is not connected over this socket any more, and what waits is lost.
    fn part(&mut self, loss: OwnLoss) {
        if let Some(device) = self.link.device() {
            self.online.rooms.leave(device, &self.link);
        }
        self.link.close(loss);
    }
}

impl<'a, S> Driver<'a, S>
where
    S: Stream<Item = Result<Frame, SocketFault>>,
    S: Sink<Frame, Error = SocketFault> + Unpin + Send,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.link.listen(cx.waker());
        loop {
            for signal in self.link.take_signals() {
                self.tell(Input::Signal(signal));
            }
            let worked = self.poll_work(cx);
            self.poll_write(cx);
            let read = !self.ended && self.poll_read(cx);
            if self.ended {
                return Poll::Ready(());
            }
            if !(worked || read) {
                self.link.set_due_ms(self.session.due_ms());
                return Poll::Pending;
            }
        }
    }

    /// Finishes what is finished; answers whether anything was.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> bool {
        let mut worked = false;
        let mut at = 0;
        while let Some(work) = self.work.get_mut(at) {
            let Poll::Ready(done) = work.as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            drop(self.work.swap_remove(at));
            worked = true;
            match done {
                Done::Admitted(admitted) => self.tell(Input::Admitted(admitted)),
                Done::Reported(seq, outcome) => self.tell(Input::Reported(seq, outcome)),
                Done::Missed(missed) => self.send_again(&missed),
            }
        }
        if self.work.is_empty() {
            self.work = Vec::new();
        }
        worked
    }

    fn send_again(&mut self, again: &Again) {
        let Again { missed, language } = again;
        let is_push = |missed: &&Missed| matches!(missed, Missed::Push(_));
        let pushes = missed.iter().filter(is_push).count();
        let counters = &self.online.counters;
        count(&counters.redelivered, pushes as u64);
        count(&counters.revocations, (missed.len() - pushes) as u64);
        self.outbox.again(missed.iter().map(|missed| match missed {
            Missed::Push(message) => reply::push(message, language),
            Missed::Revoked(revoked) => reply::revoke(revoked, language),
        }));
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) {
        let pushes = self.session.is_open().then_some(&*self.link);
        let was_blocked = self.outbox.is_blocked();
        let written = self.outbox.poll(&mut self.socket, pushes, cx);
        match written {
            Ok(pushes) => count(&self.online.counters.pushes, pushes),
            Err(fault) => return self.tell(Input::Fault(fault)),
        }
        match (was_blocked, self.outbox.is_blocked()) {
            (false, true) => self.tell(Input::Blocked),
            (true, false) => self.tell(Input::Flowing),
            (false, false) | (true, true) => {}
        }
    }

    /// Reads one frame, unless too much of what was read before waits; answers whether there was one.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.session.may_read()
            || self.outbox.is_full()
            || self.work.len() >= REPORTS_WAITING_MAX
        {
            return false;
        }
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                self.ended = true;
                false
            }
            Poll::Ready(Some(Ok(frame))) => {
                count(&self.online.counters.frames, 1);
                if matches!(frame, Frame::Close { .. }) && !self.told {
                    self.told = true;
                    count(&self.online.counters.closed_by_peer, 1);
                    self.part(OwnLoss::Gone);
                }
                self.tell(Input::Frame(frame));
                true
            }
            Poll::Ready(Some(Err(fault))) => {
                self.tell(Input::Fault(fault));
                // After a fault nothing more can be read: the end, once told, is the end.
                !self.ended
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let action = self.session.on(input, self.online.parts.clock.now_ms());
        self.act(action);
    }

    fn act(&mut self, action: Action) {
        let online = self.online;
        match action {
            Action::Nothing => {}
            Action::Admit(hello) => {
                let link = Arc::clone(&self.link);
                self.work.push(Box::pin(async move {
                    Done::Admitted(online.enter(&hello, &link).await)
                }));
            }
            Action::Welcome => {
                let now_ms = online.parts.clock.now_ms();
                self.outbox.reply(Reply::welcome(now_ms).encode());
                if let Some((app, number)) = self.link.device() {
                    let missed = online.missed(app, number);
                    self.work
                        .push(Box::pin(async move { Done::Missed(missed.await) }));
                }
            }
            Action::Report(seq, reports) => {
                if let Some((app, number)) = self.link.device() {
                    self.work.push(Box::pin(async move {
                        let tell = Tell::AfterBurst(app);
                        Done::Reported(seq, online.record(app, number, &reports, tell).await)
                    }));
                }
            }
            Action::Attend(attention) => {
                if let Some(device) = self.link.device() {
                    online.rooms.attend(device, &self.link, attention);
                }
                self.outbox.reply(Reply::foreground(attention).encode());
            }
            Action::Reply(reply) => self.outbox.reply(reply.encode()),
            Action::Ping => self.outbox.ping(),
            Action::Close(code, reason) => {
                self.closed(code);
                self.part(OwnLoss::Gone);
                self.work.clear();
                self.outbox.close(code, reason);
            }
            Action::Slow => {
                self.closed(CloseCode::TooMany);
                self.part(OwnLoss::Slow);
                self.outbox.abandon(OwnLoss::Slow);
                self.ended = true;
            }
            Action::End => self.ended = true,
        }
    }

    fn closed(&mut self, code: CloseCode) {
        if !self.told {
            self.told = true;
            self.online.counters.closed(code);
        }
    }
}

#[cfg(test)]
mod tests;
