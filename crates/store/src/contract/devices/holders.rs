//! Tokens that come and go: who had them when, what is given back, what takes their place.

use pushtally_model::{Channel, Number, Second, Secret, Token, TokenKind};

use super::super::APP;
use super::{
    LATER, OTHER, account, device, new, register, registration, rid, secret, token, tokens,
};
use crate::holding::{FORMER_KEPT_S, FORMER_MAX};
use crate::ports::{
    Addressed, DeadToken, DeviceChange, Engine, Registered, Registration, ReplacedToken, Restoring,
    Updated,
};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    a_receipt_is_of_who_had_the_token_then(fresh().await).await;
    whoever_is_gone_is_still_known(fresh().await).await;
    former_holders_are_few_and_forgotten(fresh().await).await;
    dropped_tokens_are_given_back_once(fresh().await).await;
    a_token_is_replaced_where_it_still_is(fresh().await).await;
}

fn at(second: u32) -> Second {
    Second(1_700_000_000 + second)
}

fn alert(value: &str) -> Token {
    token(Channel::Xiaomi, TokenKind::Alert, value)
}

/// A phone with these tokens, and another of a vendor's that plays no part.
fn said(phone: &str, name: Option<&str>, tokens: &[Token], second: u32) -> Registration {
    let mut tokens = tokens.to_vec();
    tokens.push(token(Channel::Vivo, TokenKind::Alert, phone));
    Registration {
        at: at(second),
        ..registration(phone, name, &tokens)
    }
}

async fn holder(engine: &Engine, value: &str, second: u32) -> Option<Number> {
    let asked = Addressed {
        channel: Channel::Xiaomi,
        value: Secret::new(value),
        at: at(second),
    };
    let holders = engine.devices.holders(APP, &[asked]).await.unwrap();
    assert_eq!(holders.len(), 1);
    holders[0]
}

/// By registering, changing and signing in, to the second: the second in which it moves is the new holder's.
async fn a_receipt_is_of_who_had_the_token_then(engine: Engine) {
    let t = [alert("t")];
    let one = new(&engine, APP, &said("p", Some("a"), &t, 0)).await;
    let two = new(&engine, APP, &said("q", Some("b"), &t, 100)).await;
    // Another app's token of this text has holders of its own.
    new(&engine, OTHER, &said("p", None, &t, 50)).await;
    // The first phone has it again, by a change, and then lets go of it.
    let change = async |tokens: &[Token], second| {
        let change = DeviceChange {
            tokens: Some(tokens.to_vec()),
            at: at(second),
            ..DeviceChange::default()
        };
        let devices = &engine.devices;
        let done = devices
            .update_device(APP, &rid("p"), secret("p"), &change)
            .await;
        assert_eq!(done.unwrap(), Updated::Changed(one));
    };
    change(&t, 200).await;
    change(&[], 300).await;
    let three = new(&engine, APP, &said("r", Some("c"), &t, 400)).await;
    // Somebody else signs in on that phone: the token is the new device's.
    let four = new(&engine, APP, &said("r", Some("d"), &t, 500)).await;
    for (second, expected) in [
        (0, one),
        (99, one),
        (100, two),
        (199, two),
        (200, one),
        // Nobody had it: what was under way was the last one's.
        (350, one),
        (400, three),
        (499, three),
        (500, four),
        (5000, four),
    ] {
        assert_eq!(
            holder(&engine, "t", second).await,
            Some(expected),
            "{second}"
        );
    }
    assert_eq!(holder(&engine, "other", 100).await, None);
}

/// Unregistered, with a deleted account, dropped: their numbers stay known, in the order of what was asked.
async fn whoever_is_gone_is_still_known(engine: Engine) {
    let mut numbers = Vec::new();
    for phone in ["p", "q", "r"] {
        let said = said(phone, Some(phone), &[alert(phone)], 0);
        numbers.push(new(&engine, APP, &said).await);
    }
    let devices = &engine.devices;
    let gone = devices
        .unregister_device(APP, &rid("p"), secret("p"), at(10))
        .await;
    gone.unwrap();
    let gone = engine
        .forgettings
        .forget_accounts(APP, &[account("q")], at(10))
        .await;
    gone.unwrap();
    let dead = DeadToken {
        number: numbers[2],
        token: alert("r"),
        since_ms: None,
    };
    assert_eq!(devices.drop_tokens(APP, &[dead], at(10)).await.unwrap(), 1);
    let asked = ["r", "p", "nobody", "q"].map(|value| Addressed {
        channel: Channel::Xiaomi,
        value: Secret::new(value),
        at: at(9),
    });
    let holders = devices.holders(APP, &asked).await.unwrap();
    let expected = [Some(numbers[2]), Some(numbers[0]), None, Some(numbers[1])];
    assert_eq!(holders, expected);
    // Before the device there was no holder.
    let before = Addressed {
        at: Second(at(0).0 - 1),
        ..asked[1].clone()
    };
    assert_eq!(devices.holders(APP, &[before]).await.unwrap(), [None]);
}

/// A token that two phones take from each other has a bounded past, and every past ends.
async fn former_holders_are_few_and_forgotten(engine: Engine) {
    let t = [alert("t")];
    let mut turns = Vec::new();
    for turn in 0..2 * FORMER_MAX as u32 {
        let phone = if turn % 2 == 0 { "p" } else { "q" };
        let answer = register(&engine, APP, &said(phone, None, &t, turn)).await;
        turns.push(match answer {
            Registered::New { number, .. } | Registered::Changed { number } => number,
            other => panic!("{other:?}"),
        });
    }
    let last = turns.len() - 1;
    for (turn, number) in turns.iter().enumerate() {
        let expected = (turn + FORMER_MAX >= last).then_some(*number);
        assert_eq!(holder(&engine, "t", turn as u32).await, expected, "{turn}");
    }
    let forget = async |before| engine.devices.forget_former_holders(before).await.unwrap();
    // The last but one ceased with the last turn.
    let ceased = at(last as u32);
    assert_eq!(forget(ceased).await, FORMER_MAX as u64 - 1);
    assert_eq!(
        holder(&engine, "t", last as u32 - 1).await,
        Some(turns[last - 1])
    );
    assert_eq!(forget(Second(ceased.0 + 1)).await, 1);
    assert_eq!(forget(Second(u32::MAX)).await, 0);
    assert_eq!(holder(&engine, "t", last as u32).await, Some(turns[last]));
    assert_eq!(FORMER_KEPT_S, 2_592_000, "30 days, as documented");
}

/// Only of that channel, those credentials and that time; not what is another's now, nor of who has spoken since.
async fn dropped_tokens_are_given_back_once(engine: Engine) {
    let recertified = Token {
        cert_id: 2,
        ..alert("r")
    };
    let mut numbers = Vec::new();
    for (phone, held) in [
        ("p", alert("p")),
        ("q", alert("q")),
        ("r", recertified.clone()),
        ("s", alert("s")),
        ("u", alert("u")),
    ] {
        numbers.push(new(&engine, APP, &said(phone, None, &[held], 0)).await);
    }
    let [p, q, r, s, u] = numbers[..] else {
        panic!("{numbers:?}")
    };
    let devices = &engine.devices;
    let drop_at = async |number, token: Token, second| {
        let dead = DeadToken {
            number,
            token,
            since_ms: None,
        };
        devices.drop_tokens(APP, &[dead], at(second)).await.unwrap()
    };
    for (number, held, second) in [
        (p, alert("p"), 10),
        (p, token(Channel::Vivo, TokenKind::Alert, "p"), 60),
        (q, alert("q"), 60),
        (r, recertified, 60),
        (s, alert("s"), 60),
        (u, alert("u"), 60),
    ] {
        assert_eq!(drop_at(number, held, second).await, 1);
    }
    // One says that it has none, of another the token is a new phone's.
    let speaks = said("s", None, &[], 70);
    assert_eq!(
        register(&engine, APP, &speaks).await,
        Registered::Changed { number: s }
    );
    new(&engine, APP, &said("v", None, &[alert("u")], 70)).await;

    let restore = async |app, cert_id, since| {
        let what = Restoring {
            channel: Channel::Xiaomi,
            cert_id,
            since: at(since),
        };
        let all: Vec<Number> = numbers.iter().copied().chain([Number(9_999)]).collect();
        devices
            .restore_tokens(app, &all, &what, at(100))
            .await
            .unwrap()
    };
    assert_eq!(restore(OTHER, None, 0).await, 0);
    assert_eq!(restore(APP, Some(2), 61).await, 0);
    assert_eq!(restore(APP, Some(2), 60).await, 1, "of `r`");
    assert_eq!(restore(APP, None, 60).await, 1, "of `q`");
    assert_eq!(restore(APP, None, 60).await, 0, "once");
    let back = device(&engine, APP, q).await.unwrap();
    assert_eq!((back.facts.tokens.len(), back.dropped.len()), (2, 0));
    assert_eq!(back.facts.tokens[0], alert("q"), "in the order of channels");
    assert_eq!(back.said_at, at(100));
    assert!(!back.is_dropped());
    for (number, held, kept) in [(p, 0, 2), (s, 1, 0), (u, 1, 1)] {
        let device = device(&engine, APP, number).await.unwrap();
        let found = (device.facts.tokens.len(), device.dropped.len());
        assert_eq!(found, (held, kept), "{number}");
    }
    for (second, expected) in [(59, Some(q)), (80, Some(q)), (100, Some(q))] {
        assert_eq!(holder(&engine, "q", second).await, expected);
    }
    // What the vendor knew before it was given back takes it away no more; what it says later does.
    let dead = |since: Second| DeadToken {
        number: q,
        token: alert("q"),
        since_ms: Some(i64::from(since.0) * 1000),
    };
    for (since, dropped) in [(at(99), 0), (at(100), 1)] {
        let done = devices.drop_tokens(APP, &[dead(since)], at(110)).await;
        assert_eq!(done.unwrap(), dropped);
    }
}

/// As a vendor says, not if the phone has registered since, never to the loss of another.
async fn a_token_is_replaced_where_it_still_is(engine: Engine) {
    let one = new(&engine, APP, &said("p", None, &[alert("old")], 10)).await;
    let two = new(&engine, APP, &said("q", None, &[alert("taken")], 10)).await;
    let replace = async |app, number, from: &str, to: &str, second| {
        let replaced = ReplacedToken {
            number,
            token: alert(from),
            value: Secret::new(to),
            since_ms: i64::from(at(second).0) * 1000,
        };
        let devices = &engine.devices;
        devices
            .replace_tokens(app, &[replaced], LATER)
            .await
            .unwrap()
    };
    for (number, from, to, second) in [
        (one, "other", "new", 20),
        (one, "old", "new", 9),
        (one, "old", "taken", 20),
        (one, "old", "old", 20),
        (two, "old", "new", 20),
        (Number(9_999), "old", "new", 20),
    ] {
        assert_eq!(
            replace(APP, number, from, to, second).await,
            0,
            "{from} {to}"
        );
    }
    assert_eq!(replace(OTHER, one, "old", "new", 20).await, 0);
    assert_eq!(tokens(&engine, two).await.len(), 2);
    assert_eq!(replace(APP, one, "old", "new", 20).await, 1);
    assert_eq!(replace(APP, one, "old", "new", 20).await, 0, "once");
    let device = device(&engine, APP, one).await.unwrap();
    assert_eq!(device.facts.alert_token(), Some(&alert("new")));
    assert_eq!((device.said_at, device.dropped.len()), (at(10), 0));
    assert_eq!(holder(&engine, "old", 20).await, Some(one));
    assert_eq!(holder(&engine, "new", 4000).await, Some(one));
    assert_eq!(holder(&engine, "taken", 20).await, Some(two));
}
