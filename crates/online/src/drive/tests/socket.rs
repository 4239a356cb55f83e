//! Sockets in memory: the gateway's end, and the phone's, which tests hold.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{Frame, SocketFault};

/// Both directions of a socket.
#[derive(Default)]
struct Pipe {
    state: Mutex<PipeState>,
    changed: Notify,
}

#[derive(Default)]
struct PipeState {
    incoming: VecDeque<Frame>,
    hung_up: bool,
    buffered: Vec<Frame>,
    outgoing: VecDeque<Frame>,
    stuck: bool,
    ended: bool,
    wakers: Vec<Waker>,
}

pub(super) struct ServerEnd(Arc<Pipe>);

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.changed.notify_waiters();
    }
}

impl Stream for ServerEnd {
    type Item = Result<Frame, SocketFault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.state.lock();
        match state.incoming.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if state.hung_up => Poll::Ready(None),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Sink<Frame> for ServerEnd {
    type Error = SocketFault;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), SocketFault> {
        self.0.state.lock().buffered.push(frame);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        let mut state = self.0.state.lock();
        if state.stuck {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        let buffered = std::mem::take(&mut state.buffered);
        state.outgoing.extend(buffered);
        drop(state);
        self.0.changed.notify_waiters();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SocketFault>> {
        self.poll_flush(cx)
    }
}

/// The phone's end.
pub(super) struct Client(Arc<Pipe>);

/// A socket's two ends.
pub(super) fn socket() -> (ServerEnd, Client) {
    let pipe = Arc::new(Pipe::default());
    (ServerEnd(Arc::clone(&pipe)), Client(pipe))
}

impl Client {
    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        let mut state = self.0.state.lock();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn say(&self, frame: Value) {
        let text = Bytes::from(frame.to_string());
        self.change(|state| state.incoming.push_back(Frame::Text(text)));
    }

    pub(super) fn pong(&self) {
        self.change(|state| state.incoming.push_back(Frame::Pong));
    }

    pub(super) fn hang_up(&self) {
        self.change(|state| state.hung_up = true);
    }

    /// Takes nothing more, or again.
    pub(super) fn stick(&self, stuck: bool) {
        self.change(|state| state.stuck = stuck);
    }

    pub(super) fn heard(&self) -> usize {
        self.0.state.lock().outgoing.len()
    }

    pub(super) fn unread(&self) -> usize {
        self.0.state.lock().incoming.len()
    }

    async fn frame(&self) -> Option<Frame> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state.lock();
                if let Some(frame) = state.outgoing.pop_front() {
                    return Some(frame);
                }
                if state.ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// The next text.
    pub(super) async fn hear(&self) -> Value {
        match self.frame().await {
            Some(Frame::Text(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("not a text: {other:?}"),
        }
    }

    pub(super) async fn pinged(&self) -> bool {
        matches!(self.frame().await, Some(Frame::Ping))
    }

    /// The end, after any pings.
    pub(super) async fn closed(&self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Frame::Close { code, reason }) => return (code, reason),
                Some(Frame::Ping) => {}
                other => panic!("not the end: {other:?}"),
            }
        }
    }

    pub(super) async fn ended(&self) {
        while self.frame().await.is_some() {}
    }
}
