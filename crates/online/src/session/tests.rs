//! The machine by table: what a session does about each input in each phase.

use pushtally_store::StoreError;

use super::*;

const NOW: i64 = 1_764_136_800_000;
const HELLO: &str = r#"{"type":"hello","version":1,"sdkappid":1,"registration_id":"phone","secret":"00112233445566778899aabbccddeeff"}"#;

fn text(json: &str) -> Input {
    Input::Frame(Frame::Text(json.to_owned().into()))
}

fn waiting() -> Session {
    Session::new(NOW)
}

fn admitting() -> Session {
    let mut session = waiting();
    assert!(matches!(session.on(text(HELLO), NOW), Action::Admit(_)));
    session
}

fn open() -> Session {
    let mut session = admitting();
    let action = session.on(Input::Admitted(Ok(())), NOW);
    assert_eq!(action, Action::Welcome);
    session
}

fn closing() -> Session {
    let mut session = open();
    session.on(Input::Signal(Signal::Stop), NOW);
    session
}

fn code(action: &Action) -> u16 {
    match action {
        Action::Close(code, reason) => {
            assert!(reason.len() <= 123, "{reason}");
            *code as u16
        }
        _ => 0,
    }
}

#[test]
fn every_close_code_has_its_cause() {
    let too_long = format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(FRAME_LEN_MAX));
    let busy = StoreError::Busy {
        what: String::new(),
    };
    let signal = Input::Signal;
    for (what, mut session, input, expected) in [
        ("stop", open(), signal(Signal::Stop), 1001),
        (
            "stop before the hello",
            waiting(),
            signal(Signal::Stop),
            1001,
        ),
        (
            "storage cannot say",
            admitting(),
            Input::Admitted(Err(busy.into())),
            1013,
        ),
        ("no JSON", open(), text("hello"), 4400),
        ("no field", open(), text(r#"{"type":"foreground"}"#), 4400),
        ("another type", open(), text(r#"{"type":"shout"}"#), 4400),
        ("a second hello", open(), text(HELLO), 4400),
        ("no hello", waiting(), text(r#"{"type":"ping"}"#), 4400),
        ("binary", open(), Input::Frame(Frame::Binary), 4400),
        (
            "no frame",
            open(),
            Input::Fault(SocketFault::Malformed),
            4400,
        ),
        (
            "nobody",
            admitting(),
            Input::Admitted(Err(OnlineError::Unauthorized)),
            4401,
        ),
        (
            "off",
            admitting(),
            Input::Admitted(Err(OnlineError::Disabled)),
            4403,
        ),
        ("off later", open(), signal(Signal::Disabled), 4403),
        (
            "a later version",
            waiting(),
            text(&HELLO.replace("\"version\":1", "\"version\":2")),
            4406,
        ),
        ("replaced", open(), signal(Signal::Replaced), 4409),
        (
            "no device",
            admitting(),
            Input::Admitted(Err(OnlineError::Unregistered)),
            4410,
        ),
        ("unregistered", open(), signal(Signal::Unregistered), 4410),
        ("too long", open(), text(&too_long), 4413),
        (
            "far too long",
            open(),
            Input::Fault(SocketFault::TooLarge),
            4413,
        ),
    ] {
        assert_eq!(code(&session.on(input, NOW)), expected, "{what}");
        assert_eq!(session.phase, Phase::Closing, "{what}");
    }
}

#[test]
fn after_the_end_nothing_is_said() {
    for input in [
        text(HELLO),
        text("no JSON"),
        Input::Frame(Frame::Binary),
        Input::Fault(SocketFault::TooLarge),
        Input::Admitted(Ok(())),
        Input::Admitted(Err(OnlineError::Unauthorized)),
        Input::Reported(1, Ok(Vec::new())),
        Input::Signal(Signal::Replaced),
        Input::Signal(Signal::Stop),
    ] {
        let shown = format!("{input:?}");
        assert_eq!(closing().on(input, NOW), Action::Nothing, "{shown}");
    }
    let gone = closing().on(Input::Fault(SocketFault::Gone), NOW);
    assert_eq!(gone, Action::End);
}

#[test]
fn frames_of_an_open_session_are_acted_upon() {
    let unknown = || vec![TaskId::new("a").unwrap()];
    let report = ClientReport {
        id: TaskId::new("t").unwrap(),
        stage: pushtally_model::Stage::Clicked,
        channel: pushtally_model::Channel::Apns,
        age_ms: 1500,
    };
    for (input, expected) in [
        (text(r#"{"type":"ping"}"#), Action::Reply(Reply::Pong)),
        (Input::Frame(Frame::Ping), Action::Nothing),
        (Input::Frame(Frame::Pong), Action::Nothing),
        (
            text(r#"{"type":"foreground","on":false}"#),
            Action::Attend(Attention::Background),
        ),
        (
            text(
                r#"{"type":"report","seq":7,"reports":[{"id":"t","stage":"clicked","channel":"apns","age":1500}]}"#,
            ),
            Action::Report(7, vec![report]),
        ),
        (
            Input::Reported(7, Ok(unknown())),
            Action::Reply(Reply::Recorded {
                seq: 7,
                unknown: unknown(),
            }),
        ),
        (
            Input::Reported(
                7,
                Err(StoreError::Failed {
                    what: "disk".to_owned(),
                }),
            ),
            Action::Reply(Reply::Busy {
                seq: 7,
                retry: 1000,
            }),
        ),
    ] {
        assert_eq!(open().on(input, NOW), expected);
    }
}

#[test]
fn the_peers_closing_is_answered_by_its_socket_and_ends_in_time() {
    let mut session = open();
    let close = Frame::Close {
        code: 1000,
        reason: String::new(),
    };
    assert_eq!(session.on(Input::Frame(close), NOW), Action::Nothing);
    assert_eq!(session.due_ms(), NOW + 2_000);
    let tick = |session: &mut Session, at| session.on(Input::Signal(Signal::Tick), at);
    assert_eq!(tick(&mut session, NOW + 1_999), Action::Nothing);
    assert_eq!(tick(&mut session, NOW + 2_000), Action::End);
}

#[test]
fn a_hello_must_come_within_ten_seconds() {
    let mut session = waiting();
    assert_eq!(session.due_ms(), NOW + 10_000);
    // Pings are no hello.
    session.on(Input::Frame(Frame::Ping), NOW + 9_999);
    let tick = |session: &mut Session, at| session.on(Input::Signal(Signal::Tick), at);
    assert_eq!(tick(&mut session, NOW + 9_999), Action::Nothing);
    assert_eq!(code(&tick(&mut session, NOW + 10_000)), 4408);
}

#[test]
fn pings_come_every_minute_and_silence_ends_after_two_and_a_half() {
    let mut session = open();
    let tick =
        |session: &mut Session, s: i64| session.on(Input::Signal(Signal::Tick), NOW + s * 1000);
    assert_eq!(session.due_ms(), NOW + 60_000);
    assert_eq!(tick(&mut session, 59), Action::Nothing);
    assert_eq!(tick(&mut session, 60), Action::Ping);
    assert_eq!(tick(&mut session, 61), Action::Nothing);
    assert_eq!(tick(&mut session, 120), Action::Ping);
    session.on(Input::Frame(Frame::Pong), NOW + 121_000);
    assert_eq!(tick(&mut session, 180), Action::Ping);
    assert_eq!(tick(&mut session, 240), Action::Ping);
    assert_eq!(session.due_ms(), NOW + 271_000);
    assert_eq!(tick(&mut session, 270), Action::Nothing);
    assert_eq!(code(&tick(&mut session, 271)), 4408);
}

#[test]
fn a_socket_that_takes_nothing_for_ten_seconds_is_slow() {
    let mut session = open();
    let tick = |session: &mut Session, at| session.on(Input::Signal(Signal::Tick), at);
    session.on(Input::Blocked, NOW);
    session.on(Input::Flowing, NOW + 9_000);
    session.on(Input::Blocked, NOW + 9_500);
    session.on(Input::Blocked, NOW + 12_000);
    assert_eq!(tick(&mut session, NOW + 19_499), Action::Nothing);
    assert_eq!(session.due_ms(), NOW + 19_500);
    assert_eq!(tick(&mut session, NOW + 19_500), Action::Slow);
}

#[test]
fn too_many_frames_end_the_session() {
    let mut session = open();
    let ping = || Input::Frame(Frame::Ping);
    // The hello was one of the 200.
    for _ in 0..199 {
        assert_eq!(session.on(ping(), NOW), Action::Nothing);
    }
    assert_eq!(code(&session.on(ping(), NOW)), 4429);
}

#[test]
fn the_reason_names_a_field_that_comes_twice() {
    let twice = text(r#"{"type":"foreground","on":true,"on":false}"#);
    let reason = "`on` must come once".to_owned();
    let closed = Action::Close(CloseCode::Malformed, reason);
    assert_eq!(open().on(twice, NOW), closed);
}

#[test]
fn a_long_value_does_not_lengthen_the_reason() {
    let frame = format!(r#"{{"type":"{}"}}"#, "é".repeat(1000));
    let Action::Close(CloseCode::Malformed, reason) = open().on(text(&frame), NOW) else {
        panic!("another action");
    };
    assert!(
        reason.starts_with("`type` must be") && reason.len() <= 123,
        "{reason}"
    );
}
