//! What an idle, admitted socket costs the server: every byte that it allocates and keeps, buffers and tasks included.
//! Clients are plain sockets of the standard library, which allocate nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that cannot be built fails its test"
)]
#![allow(unsafe_code, reason = "counting allocations needs an allocator")]
#![allow(dead_code, reason = "the fixture has more than is needed here")]

#[path = "shared/dispatch.rs"]
mod dispatch;
#[path = "server/fixture.rs"]
mod fixture;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};

use fixture::{APP, Server, Setup, register};
use pushtally_channel::{Channel as _, Message, Target};
use pushtally_model::{Notification, Second, TaskId};

/// Sockets; each also costs the test a descriptor on either side.
const SOCKETS: u32 = 400;

/// The promise of docs/PERFORMANCE.md.
const SOCKET_BYTES_MAX: i64 = 10 * 1024;

struct Counting;

static KEPT: AtomicI64 = AtomicI64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator unchanged; only sizes are added up.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        KEPT.fetch_add(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        KEPT.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

/// A client's frame, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap();
    let head: &[u8] = if len < 126 {
        &[0x81, 0x80 | len]
    } else {
        &[0x81, 0xFE, 0, len]
    };
    [head, &[0; 4], text.as_bytes()].concat()
}

/// Reads until this was read.
fn wait_for(stream: &mut TcpStream, text: &str) {
    let mut read = [0; 2048];
    let mut len = 0;
    while !read[..len]
        .windows(text.len())
        .any(|part| part == text.as_bytes())
    {
        let more = stream.read(&mut read[len..]).unwrap();
        assert!(more > 0, "{}", String::from_utf8_lossy(&read[..len]));
        len += more;
    }
}

fn connect(address: SocketAddr, at: u32) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    // Headers as a browser sends them.
    let head = format!(
        "GET /v1/online HTTP/1.1\r\nhost: push.example\r\nuser-agent: {}\r\norigin: https://push.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "Mozilla/5.0 ".repeat(10)
    );
    stream.write_all(head.as_bytes()).unwrap();
    wait_for(&mut stream, "\r\n\r\n");
    let hello = format!(
        r#"{{"type":"hello","version":1,"sdkappid":{APP},"registration_id":"phone-{at}","secret":"{at:032x}"}}"#
    );
    stream.write_all(&frame(&hello)).unwrap();
    wait_for(&mut stream, "welcome");
    stream.write_all(&frame(r#"{"type":"ping"}"#)).unwrap();
    wait_for(&mut stream, "pong");
    stream
}

#[test]
fn an_idle_socket_costs_less_than_ten_kibibytes() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(Server::start(Setup::default()));
    let mut targets = Vec::new();
    for at in 0..SOCKETS + 10 {
        let number = runtime.block_on(register(
            &server.engine,
            &format!("phone-{at}"),
            &format!("{at:032x}"),
        ));
        targets.push(Target {
            number,
            token: None,
            language: String::new(),
        });
    }
    // What the first ones bring along is not theirs alone.
    let first: Vec<_> = (SOCKETS..SOCKETS + 10)
        .map(|at| connect(server.public, at))
        .collect();
    let before = KEPT.load(Ordering::Relaxed);
    let mut sockets = Vec::with_capacity(SOCKETS as usize);
    sockets.extend((0..SOCKETS).map(|at| connect(server.public, at)));
    let own = i64::from(SOCKETS) * size_of::<TcpStream>() as i64;
    let each = |kept: i64| (kept - before - own) / i64::from(SOCKETS);
    let idle = each(KEPT.load(Ordering::Relaxed));
    let message = Message {
        app: APP,
        id: TaskId::new("task").unwrap(),
        number: 1,
        urgency: pushtally_model::Urgency::Bulk,
        data_id: String::new(),
        notification: Notification {
            title: "Title".to_owned(),
            desc: "x".repeat(300),
            ..Notification::default()
        },
        accepted_at: Second(1),
        deadline: Second(2),
    };
    for _ in 0..3 {
        let sent = runtime
            .block_on(server.state.online.send(&message, &targets))
            .outcomes;
        assert!(
            sent.iter()
                .all(|outcome| *outcome == pushtally_channel::Outcome::Accepted)
        );
        sockets
            .iter_mut()
            .for_each(|stream| wait_for(stream, "expires"));
    }
    let after = each(KEPT.load(Ordering::Relaxed));
    println!("a socket keeps {idle} bytes, {after} after pushes of 400 bytes");
    assert!(
        idle < SOCKET_BYTES_MAX && after < SOCKET_BYTES_MAX,
        "{idle} {after}"
    );
    drop((first, sockets));
}
