//! What came in goes on to other systems.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use crate::fixture::{CONFIG, done, folder, post};
use crate::server::Server;

/// Reads one request from a connection and answers it with status 200.
fn hear(listener: &std::net::TcpListener) -> (String, String) {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "cut: {head}");
    }
    let len = head
        .to_lowercase()
        .split_once("content-length: ")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; len];
    stream.read_exact(&mut body).unwrap();
    stream
        .get_mut()
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        .unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn accepted_calls_are_relayed_byte_for_byte() {
    let folder = folder();
    let dir = folder.path();
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/im?mine=1", receiver.local_addr().unwrap());
    fs::write(
        dir.join("pushtally.toml"),
        format!("[outgoing]\nallow_networks = [\"127.0.0.0/8\"]\n{CONFIG}relay_to = \"{url}\"\n"),
    )
    .unwrap();
    let server = Server::start(dir);
    let make = [
        "usersig",
        "make",
        "--sdkappid",
        "1400000000",
        "--identifier",
        "administrator",
        "--key",
    ];
    let usersig = done(dir, &[make.as_slice(), &["declared-key"]].concat());
    let query = format!(
        "SdkAppid=1400000000&CallbackCommand=Push.AllMemberPush&contenttype=json&identifier=administrator&usersig={}&x=%2f+",
        usersig.trim()
    );
    let body = "{ \"Events\":\t[{\"CallbackCommand\":\"Push.AllMemberPush\",\"EventType\":1,\"TaskId\":\"t\",\
                \"TaskTime\":1700000000,\"EventTime\":1700000001,\"To_Account\":\"a\",\"PushPlatform\":1,\
                \"PushStage\":1,\"ErrCode\":0,\"ErrInfo\":\"\u{e9}\"}]}\n";
    let taken = post(&server.public, &format!("/v1/events?{query}"), body);
    assert_eq!(taken["ErrorCode"], 0, "{taken}");
    let (head, heard) = hear(&receiver);
    assert!(
        head.starts_with(&format!("POST /im?mine=1&{query} HTTP/1.1\r\n")),
        "{head}"
    );
    assert_eq!(heard, body);
}

#[test]
fn receipts_of_another_system_outlive_a_kill_and_reach_its_address() {
    let folder = folder();
    let dir = folder.path();
    let configure = |url: &str| {
        let credentials = r#"credentials = { app_id = "1", client_id = "2", client_secret = "s" }"#;
        fs::write(
            dir.join("pushtally.toml"),
            format!(
                "[outgoing]\nallow_networks = [\"127.0.0.0/8\"]\n{CONFIG}receipts_key = \"r3ceipts\"\n\
                 [[app.channel]]\nname = \"honor\"\n{credentials}\nreceipts_relay_to = \"{url}\"\n"
            ),
        )
        .unwrap();
    };
    // Nobody listens any more where it says at first, so the body is still there after the kill.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&format!("http://{}/", gone.local_addr().unwrap()));
    drop(gone);
    let server = Server::start(dir);
    let body = "{ \"statuses\":\t[{\"biTag\":\"theirs\",\"token\":\"t\",\"status\":40000002,\"timestamp\":1}]}\n";
    let path = "/v3/offline_push_report/honor/1400000000/r3ceipts";
    let answer = post(&server.public, &format!("{path}?x=%2f"), body);
    assert_eq!(answer["code"], "0", "{answer}");
    drop(server);

    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    configure(&format!("http://{address}/old?mine=1"));
    let printed = done(dir, &["config", "print"]);
    assert!(!printed.contains("mine=1"), "{printed}");
    let _server = Server::start(dir);
    let (head, heard) = hear(&receiver);
    assert!(
        head.starts_with("POST /old?mine=1&x=%2f HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(heard, body);
}
