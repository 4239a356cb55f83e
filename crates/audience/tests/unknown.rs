//! Which names are nobody's.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pushtally_audience::Audience;
use pushtally_model::{Account, AppId, DeviceFacts, RegistrationId, Second};
use pushtally_store::{Registration, SecretHash, memory};

const APP: AppId = AppId(1);

#[tokio::test]
async fn unknown_is_who_never_was_an_account_nor_a_phone_of_the_app() {
    let engine = memory::engine();
    let registration = |phone: &str, account: Option<&str>| Registration {
        registration_id: RegistrationId::new(phone).unwrap(),
        account: account.map(|account| Account::new(account).unwrap()),
        secret: SecretHash([7; 32]),
        facts: DeviceFacts::default(),
        at: Second(1),
    };
    for (app, phone, account) in [
        (APP, "phone-a", Some("ann")),
        (APP, "phone-b", Some("bob")),
        // Bob has signed out: without a device, but still somebody.
        (APP, "phone-b", None),
        (APP, "phone-gone", None),
        (AppId(2), "phone-far", Some("far")),
    ] {
        let registration = registration(phone, account);
        let registered = engine
            .devices
            .register_device(app, &registration, 100)
            .await;
        registered.unwrap();
    }
    let gone = RegistrationId::new("phone-gone").unwrap();
    let secret = SecretHash([7; 32]);
    let unregistered = engine
        .devices
        .unregister_device(APP, &gone, secret, Second(1_700_000_000))
        .await;
    unregistered.unwrap();
    let audience = Audience::new(engine.devices.clone(), engine.accounts.clone());
    let ask = async |names: &[&str]| -> Vec<String> {
        let names: Vec<Account> = names
            .iter()
            .map(|name| Account::new(*name).unwrap())
            .collect();
        let unknown = audience.unknown(APP, &names).await.unwrap();
        unknown
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect()
    };
    let names = [
        "nobody",
        "ann",
        "phone-far",
        "bob",
        "phone-a",
        "far",
        "phone-b",
        "phone-gone",
        "Ann",
        "an",
    ];
    assert_eq!(
        ask(&names).await,
        ["nobody", "phone-far", "far", "Ann", "an"],
        "in their order; nothing crosses apps"
    );
    assert_eq!(ask(&["ann", "bob"]).await, [""; 0]);
    assert_eq!(ask(&[]).await, [""; 0]);
    assert_eq!(
        ask(&["x", "x"]).await,
        ["x", "x"],
        "as often as it is asked"
    );
}
