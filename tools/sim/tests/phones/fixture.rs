//! A server of which the test holds the other end: sockets as they are accepted, and HTTP calls with a prepared answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use pushtally_sim::{Habits, Identity, Phone, Place, Seen, Settings, Wish};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The server's side.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) place: Arc<Place>,
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Place::new(
            listener.local_addr().unwrap(),
            1_400_000_000,
            "client-key",
            &Settings::default(),
        );
        Self {
            listener,
            place,
            seen: Arc::default(),
        }
    }

    pub(crate) fn phone(&self, habits: Habits) -> Phone {
        let identity = Identity::numbered("phone", 1, 1);
        self.phone_of(identity, habits)
    }

    pub(crate) fn phone_of(&self, identity: Identity, habits: Habits) -> Phone {
        let (place, seen) = (Arc::clone(&self.place), Arc::clone(&self.seen));
        Phone::new(place, seen, identity, habits, (1, 1))
    }

    /// A phone that plays, what it is wished, and its socket, which it has been welcomed on.
    pub(crate) async fn playing(
        &self,
        habits: Habits,
    ) -> (JoinHandle<Phone>, watch::Sender<Wish>, Line) {
        let (wish, wished) = watch::channel(Wish::Connected);
        let phone = tokio::spawn(self.phone(habits).play(wished));
        let line = self.welcome().await;
        (phone, wish, line)
    }

    /// Accepts a socket, and takes its hello.
    pub(crate) async fn greet(&self) -> (Line, Value) {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut line = Line(tokio_tungstenite::accept_async(stream).await.unwrap());
        let hello = line.hear().await;
        (line, hello)
    }

    /// Accepts a socket and welcomes the phone.
    pub(crate) async fn welcome(&self) -> Line {
        let (mut line, hello) = self.greet().await;
        assert_eq!(hello["type"], "hello");
        let welcome = json!({"type": "welcome", "version": 1, "ping_s": 60, "now": 0, "new": 1});
        line.say(&welcome).await;
        line
    }

    /// Waits until the phones have seen something.
    pub(crate) async fn sees(&self, condition: impl Fn(&Seen) -> bool) {
        assert!(
            self.seen.within(PATIENCE, condition).await,
            "{:?}",
            self.seen
        );
    }
}

/// The server's end of a socket.
pub(crate) struct Line(WebSocketStream<TcpStream>);

impl Line {
    pub(crate) async fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn push(&mut self, id: &str) {
        let text = "x".repeat(300);
        let frame = json!({"type": "push", "id": id, "title": text, "accepted": 1, "expires": 2});
        self.say(&frame).await;
    }

    pub(crate) async fn recorded(&mut self, report: &Value) {
        self.say(&json!({"type": "recorded", "seq": report["seq"], "unknown": []}))
            .await;
    }

    /// The next text frame.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The next frame of any kind; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.unwrap().and_then(Result::ok)
    }

    /// What a phone reports next: stage and push.
    pub(crate) async fn reported(&mut self) -> (Value, String, String) {
        let report = self.hear().await;
        let one = |name: &str| report["reports"][0][name].as_str().unwrap().to_owned();
        let (stage, id) = (one("stage"), one("id"));
        (report, stage, id)
    }

    /// Everything that the phone says until it answers a ping of ours; the answer proves that it had nothing more to say.
    pub(crate) async fn until_pong(&mut self) -> Vec<Value> {
        self.0.send(Message::Ping("now".into())).await.unwrap();
        let mut said = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Text(text)) => said.push(serde_json::from_str(&text).unwrap()),
                Some(Message::Pong(_)) => return said,
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "why".into(),
        };
        self.0.close(Some(frame)).await.unwrap();
        while self.next().await.is_some() {}
    }
}

pub(crate) fn soon(habits: Habits) -> Habits {
    Habits {
        away_ms: (0, 0),
        ..habits
    }
}
