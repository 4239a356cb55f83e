//! Tokens: whose they are.

use pushtally_model::{Channel, Token, TokenKind};

use super::super::APP;
use super::{OTHER, device, new, register, registration, rid, secret, token, tokens};
use crate::ports::{DeviceChange, Engine, Registered, Unregistered, Updated};

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
        .unregister_device(APP, &rid("r"), secret("r"))
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
