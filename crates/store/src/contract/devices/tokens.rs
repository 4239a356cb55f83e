//! Tokens: whose they are.

use pushtally_model::{Channel, DroppedToken, Token, TokenKind};

use super::super::APP;
use super::{LATER, OTHER, device, new, register, registration, rid, secret, token, tokens};
use crate::ports::{
    Addressed, DeadToken, DeviceChange, Engine, Registered, Registration, Unregistered, Updated,
};

/// A token of another device of the app moves; the same text of another vendor, kind or app is another token.
pub(super) async fn a_token_moves_to_who_registers_it(engine: Engine) {
    let alert = token(Channel::Apns, TokenKind::Alert, "t");
    let voip = token(Channel::Apns, TokenKind::Voip, "t");
    let fcm = token(Channel::Fcm, TokenKind::Alert, "t");
    let all = [alert.clone(), voip.clone(), fcm.clone()];
    let one = new(&engine, APP, &registration("p", Some("a"), &all)).await;
    let elsewhere = new(&engine, OTHER, &registration("p", None, &all)).await;
    let taker = registration("q", Some("b"), std::slice::from_ref(&alert));
    let two = new(&engine, APP, &taker).await;
    assert_eq!(tokens(&engine, one).await, [voip.clone(), fcm.clone()]);
    assert_eq!(tokens(&engine, two).await, std::slice::from_ref(&alert));
    let asked = [
        (Channel::Apns, alert.value.clone()),
        (Channel::Fcm, fcm.value.clone()),
        (Channel::Vivo, alert.value.clone()),
        (Channel::Apns, pushtally_model::Secret::new("nobody's")),
    ];
    let asked = asked.map(|(channel, value)| Addressed {
        channel,
        value,
        at: LATER,
    });
    let holders = engine.devices.holders(APP, &asked).await.unwrap();
    assert_eq!(holders, [Some(two), Some(one), None, None]);
    let other = device(&engine, OTHER, elsewhere).await.unwrap();
    assert_eq!(other.facts.tokens, all, "nothing crosses apps");

    // It comes back, with another certificate; and once more at the same time as a second one.
    let recertified = Token {
        cert_id: 2,
        ..alert.clone()
    };
    let back = [recertified.clone(), voip.clone(), fcm.clone()];
    let answer = register(&engine, APP, &registration("p", Some("a"), &back)).await;
    assert_eq!(answer, Registered::Changed { number: one });
    assert_eq!(tokens(&engine, two).await, []);
    assert_eq!(tokens(&engine, one).await, back);
    let three = new(&engine, APP, &registration("r", None, &[recertified, fcm])).await;
    assert_eq!(tokens(&engine, one).await, [voip]);
    assert_eq!(tokens(&engine, three).await.len(), 2);

    // A token that nobody has any more is nobody's.
    let gone = engine
        .devices
        .unregister_device(APP, &rid("r"), secret("r"), LATER)
        .await;
    assert_eq!(gone.unwrap(), Unregistered::Done(three));
    let answer = register(&engine, APP, &taker).await;
    assert_eq!(answer, Registered::Changed { number: two });
    assert_eq!(tokens(&engine, two).await, [alert]);
    assert_eq!(tokens(&engine, one).await.len(), 1);
}

/// The same by a change, and what a change drops is free.
pub(super) async fn a_token_moves_to_who_changes_to_it(engine: Engine) {
    let (x, y) = (
        token(Channel::Vivo, TokenKind::Alert, "x"),
        token(Channel::Vivo, TokenKind::Alert, "y"),
    );
    let one = new(
        &engine,
        APP,
        &registration("p", None, std::slice::from_ref(&x)),
    )
    .await;
    let two = new(
        &engine,
        APP,
        &registration("q", None, std::slice::from_ref(&y)),
    )
    .await;
    let change = |tokens: &[Token]| DeviceChange {
        tokens: Some(tokens.to_vec()),
        ..DeviceChange::default()
    };
    let update = async |phone, tokens: &[Token]| {
        let devices = &engine.devices;
        let (id, secret) = (rid(phone), secret(phone));
        devices
            .update_device(APP, &id, secret, &change(tokens))
            .await
            .unwrap()
    };
    assert_eq!(
        update("q", std::slice::from_ref(&x)).await,
        Updated::Changed(two)
    );
    assert_eq!(tokens(&engine, one).await, []);
    assert_eq!(
        update("p", std::slice::from_ref(&y)).await,
        Updated::Changed(one)
    );
    assert_eq!(
        tokens(&engine, two).await,
        [x],
        "`y` was free, nothing else moved"
    );
    assert_eq!(update("p", &[y]).await, Updated::Same(one));
}

/// A dead token goes from who still has it, and is kept apart until the phone says something new.
pub(super) async fn a_dead_token_is_dropped_unless_it_is_anothers_or_newer(engine: Engine) {
    let alert = token(Channel::Apns, TokenKind::Alert, "t");
    let voip = token(Channel::Apns, TokenKind::Voip, "t");
    let all = [alert.clone(), voip.clone()];
    let said = registration("p", None, &all);
    let one = new(&engine, APP, &said).await;
    let dead = |number, token: &Token, since_ms| DeadToken {
        number,
        token: token.clone(),
        since_ms,
    };
    let dropped =
        async |app, all: &[DeadToken]| engine.devices.drop_tokens(app, all, LATER).await.unwrap();

    let registered_ms = i64::from(said.at.0) * 1000;
    let elsewhere = token(Channel::Apns, TokenKind::Alert, "other");
    let not = [
        dead(one, &elsewhere, None),
        dead(one, &alert, Some(registered_ms - 1)),
        dead(pushtally_model::Number(one.0 + 1), &alert, None),
    ];
    assert_eq!(dropped(APP, &not).await, 0);
    assert_eq!(dropped(OTHER, &[dead(one, &alert, None)]).await, 0);
    assert_eq!(tokens(&engine, one).await, all);

    let both = [
        dead(one, &alert, Some(registered_ms)),
        dead(one, &alert, None),
    ];
    assert_eq!(dropped(APP, &both).await, 1);
    let device_now = device(&engine, APP, one).await.unwrap();
    assert_eq!(device_now.facts.tokens, [voip]);
    let kept = DroppedToken {
        token: alert.clone(),
        at: LATER,
    };
    assert_eq!(device_now.dropped, [kept]);
    assert!(device_now.is_dropped());

    // Registering brings it back, and what is said of tokens is what counts.
    assert_eq!(
        register(&engine, APP, &said).await,
        Registered::Changed { number: one }
    );
    let back = device(&engine, APP, one).await.unwrap();
    assert_eq!(
        (back.facts.tokens, back.dropped),
        (all.to_vec(), Vec::new())
    );
    assert_eq!(dropped(APP, &[dead(one, &alert, None)]).await, 1);
    let silent = DeviceChange {
        language: Some("en".to_owned()),
        ..DeviceChange::default()
    };
    let change = async |change: &DeviceChange| {
        let devices = &engine.devices;
        devices
            .update_device(APP, &rid("p"), secret("p"), change)
            .await
            .unwrap()
    };
    assert_eq!(change(&silent).await, Updated::Changed(one));
    assert!(device(&engine, APP, one).await.unwrap().is_dropped());
    let none = DeviceChange {
        tokens: Some(vec![token(Channel::Apns, TokenKind::Voip, "t")]),
        ..DeviceChange::default()
    };
    assert_eq!(change(&none).await, Updated::Changed(one));
    assert!(!device(&engine, APP, one).await.unwrap().is_dropped());

    // What it says later is newer than what its vendor knew then.
    let again = Registration {
        at: pushtally_model::Second(said.at.0 + 60),
        ..said.clone()
    };
    assert_eq!(
        register(&engine, APP, &again).await,
        Registered::Changed { number: one }
    );
    let stale = dead(one, &alert, Some(registered_ms + 59_999));
    assert_eq!(dropped(APP, &[stale]).await, 0);
    assert_eq!(
        dropped(APP, &[dead(one, &alert, Some(registered_ms + 60_000))]).await,
        1
    );

    // The token is free for another.
    let two = new(
        &engine,
        APP,
        &registration("q", None, std::slice::from_ref(&alert)),
    )
    .await;
    assert_eq!(tokens(&engine, two).await, [alert]);
}
