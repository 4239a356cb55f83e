//! Devices that an operator imports: with a secret or without, over phones that have one and over those that have none.

use pushtally_model::{Channel, Number, TokenKind};

use super::{APP, LATER, MANY, device, new, register, registration, rid, secret, token};
use crate::ports::{
    DeviceChange, Engine, Registered, Registration, SecretHash, Unregistered, Updated,
};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    an_unclaimed_phone_is_claimed_by_registering(fresh().await).await;
    an_import_needs_no_secret_and_changes_none(fresh().await).await;
    an_import_moves_accounts_tokens_and_keeps_the_bound(fresh().await).await;
}

fn unclaimed(phone: &str, account: Option<&str>) -> Registration {
    Registration {
        secret: SecretHash::UNCLAIMED,
        ..registration(phone, account, &[])
    }
}

async fn import(engine: &Engine, registrations: &[Registration]) -> Vec<Registered> {
    let imported = engine.devices.import_devices(APP, registrations, MANY);
    imported.await.unwrap()
}

async fn import_new(engine: &Engine, registration: &Registration) -> Number {
    match import(engine, std::slice::from_ref(registration)).await[..] {
        [Registered::New { number, .. }] => number,
        ref other => panic!("expected a new device, got {other:?}"),
    }
}

async fn held(engine: &Engine, phone: &str) -> SecretHash {
    let phone = engine.devices.find_phone(APP, &rid(phone)).await.unwrap();
    phone.unwrap().secret
}

/// Nobody acts for it before; registering keeps its number when the account is the same, whether or not facts differ.
async fn an_unclaimed_phone_is_claimed_by_registering(engine: Engine) {
    let p = import_new(&engine, &unclaimed("p", Some("a"))).await;
    assert_eq!(held(&engine, "p").await, SecretHash::UNCLAIMED);
    let change = DeviceChange {
        model: Some("other".to_owned()),
        ..DeviceChange::default()
    };
    for shown in [secret("p"), SecretHash::UNCLAIMED] {
        let p = &rid("p");
        let updated = engine.devices.update_device(APP, p, shown, &change);
        assert_eq!(updated.await.unwrap(), Updated::OtherSecret);
        let gone = engine.devices.unregister_device(APP, p, shown, LATER);
        assert_eq!(gone.await.unwrap(), Unregistered::OtherSecret);
    }
    let claim = registration("p", Some("a"), &[]);
    assert_eq!(
        register(&engine, APP, &claim).await,
        Registered::Claimed { number: p }
    );
    assert_eq!(held(&engine, "p").await, secret("p"));
    assert_eq!(
        register(&engine, APP, &claim).await,
        Registered::Same { number: p }
    );
    let thief = Registration {
        secret: secret("q"),
        ..claim
    };
    assert_eq!(
        register(&engine, APP, &thief).await,
        Registered::OtherSecret
    );

    // With other facts; under another account, which is another device; without a device.
    let q = import_new(&engine, &unclaimed("q", None)).await;
    let mut facts = registration("q", None, &[]);
    facts.facts.model = "Pixel".to_owned();
    assert_eq!(
        register(&engine, APP, &facts).await,
        Registered::Claimed { number: q }
    );
    assert_eq!(
        device(&engine, APP, q).await.unwrap().facts.model,
        "Pixel",
        "a claim is a registration"
    );
    let r = import_new(&engine, &unclaimed("r", Some("a"))).await;
    let signed = registration("r", Some("b"), &[]);
    let Registered::New { replaced, .. } = register(&engine, APP, &signed).await else {
        panic!("expected a new device");
    };
    assert_eq!(replaced, Some(r));
    assert_eq!(held(&engine, "r").await, secret("r"));
    import_new(&engine, &unclaimed("s", Some("gone"))).await;
    let gone = [super::account("gone")];
    let forgettings = &engine.forgettings;
    forgettings
        .forget_accounts(APP, &gone, LATER)
        .await
        .unwrap();
    new(&engine, APP, &registration("s", None, &[])).await;
    assert_eq!(held(&engine, "s").await, secret("s"));
}

/// A claimed phone keeps its secret, shown or not; one that nobody claimed gets the import's.
async fn an_import_needs_no_secret_and_changes_none(engine: Engine) {
    let p = new(&engine, APP, &registration("p", Some("a"), &[])).await;
    let mut other = registration("p", Some("a"), &[]);
    other.secret = secret("q");
    let mut changed = unclaimed("p", Some("a"));
    changed.facts.model = "Pixel".to_owned();
    let asked = [unclaimed("p", Some("a")), other.clone(), changed, other];
    assert_eq!(
        import(&engine, &asked).await,
        [
            Registered::Same { number: p },
            Registered::Same { number: p },
            Registered::Changed { number: p },
            Registered::Changed { number: p },
        ]
    );
    assert_eq!(held(&engine, "p").await, secret("p"));

    let q = import_new(&engine, &registration("q", None, &[])).await;
    assert_eq!(
        held(&engine, "q").await,
        secret("q"),
        "given with the import"
    );
    let r = import_new(&engine, &unclaimed("r", None)).await;
    let asked = [
        unclaimed("q", None),
        unclaimed("r", None),
        registration("r", None, &[]),
        unclaimed("r", None),
    ];
    assert_eq!(
        import(&engine, &asked).await,
        [
            Registered::Same { number: q },
            Registered::Same { number: r },
            Registered::Claimed { number: r },
            Registered::Same { number: r },
        ]
    );
    assert_eq!(held(&engine, "r").await, secret("r"));
}

async fn an_import_moves_accounts_tokens_and_keeps_the_bound(engine: Engine) {
    let t = [token(Channel::Fcm, TokenKind::Alert, "t")];
    let p = new(&engine, APP, &registration("p", Some("a"), &t)).await;
    let mut with_token = unclaimed("q", None);
    with_token.facts.tokens = t.to_vec();
    let asked = [
        unclaimed("p", Some("b")),
        with_token,
        unclaimed("r", None),
        unclaimed("p", Some("b")),
    ];
    let answers = engine.devices.import_devices(APP, &asked, 2).await.unwrap();
    let [
        Registered::New {
            number: b,
            replaced,
        },
        Registered::New { number: q, .. },
        Registered::Full,
        Registered::Same { number },
    ] = answers[..]
    else {
        panic!("got {answers:?}");
    };
    assert_eq!((replaced, number), (Some(p), b));
    assert_eq!(held(&engine, "p").await, secret("p"));
    assert_eq!(device(&engine, APP, q).await.unwrap().facts.tokens, t);
    assert_eq!(engine.devices.count_devices(APP).await.unwrap(), 2);
}
