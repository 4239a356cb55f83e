//! Asking a simulated app for its counts: in fives, signed in, and through bad days.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::time::Duration;

use pushtally_model::{Clock as _, Second, Secret, SystemClock, Window};
use pushtally_reconcile::{AskError, Client, ClientSettings, Host, Pace, Signed};
use pushtally_sim::chat::{BadDay, Chat, ChatRow, ChatSettings};

const APP: u32 = 1_400_000_000;
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
/// Within it an answer from this machine comes, however busy.
const PATIENCE: Duration = Duration::from_secs(30);

async fn app(change: impl FnOnce(&mut ChatSettings)) -> Chat {
    let mut settings = ChatSettings::new(APP, KEY);
    settings.gap = Duration::ZERO;
    settings.rows = (0..12)
        .map(|n| ChatRow {
            task: format!("task-{n}"),
            at: 100 + n,
            event_type: 1,
            platform: 4,
            counts: [10 + u64::try_from(n).unwrap(), 9, 8, 7],
        })
        .collect();
    change(&mut settings);
    Chat::start(settings).await.unwrap()
}

fn client_of(chat: &Chat, identifier: &str, key: &str, timeout: Duration) -> Client {
    let now = SystemClock::default().now();
    let host = Host::parse(&chat.url()).unwrap();
    let signed = Signed::new(host, APP, identifier, &Secret::new(key), now);
    let settings = ClientSettings {
        targets: pushtally_dial::Targets::anywhere(),
        authorities: Vec::new(),
        timeout,
        pace: Pace {
            gap: Duration::ZERO,
            first_wait: Duration::ZERO,
            tries_max: 5,
        },
    };
    Client::new(signed, settings).unwrap()
}

fn client(chat: &Chat) -> Client {
    client_of(chat, "administrator", KEY, PATIENCE)
}

fn window() -> Window {
    Window::new(Second(100), Second(1000)).unwrap()
}

/// What asking for one task comes to, and how many tries were told of.
async fn ask(client: &mut Client) -> (Result<u64, AskError>, usize) {
    let mut told = 0;
    let counted = client.counts(window(), &["task-1"], |_, _| told += 1).await;
    (counted.map(|counted| counted["task-1"].total.planned), told)
}

#[tokio::test]
async fn tasks_are_asked_for_in_fives_and_nothing_else_is_called() {
    let chat = app(|_| {}).await;
    let names: Vec<String> = (0..12).map(|n| format!("task-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let counted = client(&chat).counts(window(), &names, |_, _| {}).await;
    let counted = counted.unwrap();
    assert_eq!(counted.len(), 12);
    for (n, name) in names.iter().enumerate() {
        assert_eq!(counted[*name].total.planned, 10 + n as u64);
        assert_eq!(counted[*name].rows.len(), 1);
    }
    let calls = chat.calls();
    let lens: Vec<usize> = calls.iter().map(|call| call.tasks.len()).collect();
    assert_eq!(lens, [5, 5, 2]);
    let overall = client(&chat).overall(window(), |_, _| {}).await.unwrap();
    assert_eq!(overall.total.sent, 12 * 9);
    for call in calls {
        assert_eq!(call.line, "POST /v4/timpush/all_member_push_statistics");
        assert_eq!(call.code, Some(0));
    }
}

#[tokio::test]
async fn the_documented_rate_is_kept_without_a_refusal() {
    let chat = app(|settings| settings.gap = Duration::from_millis(50)).await;
    let names: Vec<String> = (0..12).map(|n| format!("task-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let now = SystemClock::default().now();
    let host = Host::parse(&chat.url()).unwrap();
    let settings = ClientSettings {
        targets: pushtally_dial::Targets::anywhere(),
        authorities: Vec::new(),
        timeout: PATIENCE,
        pace: Pace {
            gap: Duration::from_millis(50),
            ..Pace::default()
        },
    };
    let signed = Signed::new(host, APP, "administrator", &Secret::new(KEY), now);
    let mut client = Client::new(signed, settings).unwrap();
    for _ in 0..2 {
        let counted = client.counts(window(), &names, |_, _| {}).await;
        assert_eq!(counted.unwrap().len(), 12);
    }
    let codes: Vec<_> = chat.calls().iter().map(|call| call.code).collect();
    assert_eq!(codes, [Some(0); 6]);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let garbage = |body: &str| BadDay::Body(body.to_owned());
    for bad in [
        BadDay::Code(60007),
        BadDay::Code(91000),
        BadDay::Code(90102),
        BadDay::Status(502),
        BadDay::Cut,
        garbage(""),
        garbage("<html>\u{fffd}"),
        garbage(r#"{"ActionStatus":"OK","ErrorCode":0}"#),
    ] {
        let days = [Some(bad.clone()), Some(bad.clone()), None];
        let chat = app(|settings| settings.bad_days = days.into()).await;
        let (counted, told) = ask(&mut client(&chat)).await;
        assert_eq!((counted.unwrap(), told), (11, 2), "{bad:?}");
        assert_eq!(chat.calls().len(), 3, "{bad:?}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_and_made_again() {
    let days = [Some(BadDay::Hang)];
    let chat = app(|settings| settings.bad_days = days.into()).await;
    let mut client = client_of(&chat, "administrator", KEY, Duration::from_millis(200));
    let mut why = Vec::new();
    let counted = client
        .counts(window(), &["task-1"], |error, _| {
            why.push(error.to_string())
        })
        .await;
    // On a busy machine the second one may be late as well: what is asked here is the first.
    if let Ok(counted) = counted {
        assert_eq!(counted["task-1"].total.planned, 11);
    }
    assert!(why[0].ends_with("did not answer within 200ms"), "{why:?}");
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_after_five_tries() {
    let days = vec![Some(BadDay::Code(60007)); 9];
    let chat = app(|settings| settings.bad_days = days.into()).await;
    let (counted, told) = ask(&mut client(&chat)).await;
    let error = counted.unwrap_err().to_string();
    assert!(error.contains("refused with 60007 `a bad day`"), "{error}");
    assert_eq!((told, chat.calls().len()), (4, 5));
}

#[tokio::test]
async fn a_clear_no_is_not_asked_again() {
    let chat = app(|_| {}).await;
    for (identifier, key, code) in [
        ("somebody", KEY, "90009"),
        ("administrator", "another key", "70009"),
    ] {
        let before = chat.calls().len();
        let (counted, told) = ask(&mut client_of(&chat, identifier, key, PATIENCE)).await;
        let error = counted.unwrap_err().to_string();
        assert!(
            error.contains(code) && error.contains("127.0.0.1"),
            "{error}"
        );
        assert!(!error.contains(key), "{error}");
        assert_eq!((told, chat.calls().len()), (0, before + 1));
    }
    for bad in [
        BadDay::Code(90100),
        BadDay::Code(90045),
        BadDay::Code(70020),
        BadDay::Status(404),
    ] {
        chat.change(|settings| settings.bad_days = [Some(bad)].into());
        assert_eq!(ask(&mut client(&chat)).await.1, 0);
    }
}

#[tokio::test]
async fn what_may_not_be_dialled_is_not() {
    let chat = app(|_| {}).await;
    let host = Host::parse(&chat.url()).unwrap();
    let signed = Signed::new(host, APP, "administrator", &Secret::new(KEY), Second(9));
    let settings = ClientSettings {
        targets: pushtally_dial::Targets::default(),
        authorities: Vec::new(),
        timeout: PATIENCE,
        pace: Pace::default(),
    };
    let (counted, told) = ask(&mut Client::new(signed, settings).unwrap()).await;
    let error = counted.unwrap_err();
    assert!(
        error.to_string().contains("outgoing.allow_networks"),
        "{error}"
    );
    assert_eq!((told, chat.calls().len()), (0, 0));
}
