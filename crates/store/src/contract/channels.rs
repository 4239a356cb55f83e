//! Accounts with vendors.

use pushtally_model::{AppId, Channel};

use super::APP;
use crate::ports::{Engine, StoredChannel};

fn account(app: AppId, channel: Channel, cert_id: u32, sealed: &[u8]) -> StoredChannel {
    StoredChannel {
        app,
        channel,
        cert_id,
        sealed: sealed.to_vec(),
    }
}

/// Accounts are listed by app, channel and CertId, replaced whole, and removed one by one.
pub(super) async fn accounts_are_replaced_and_removed_by_key(engine: Engine) {
    let store = &engine.channels;
    assert_eq!(store.channels().await.unwrap(), []);
    let xiaomi = account(APP, Channel::Xiaomi, 1, b"\0\xff one");
    let second = account(APP, Channel::Xiaomi, u32::MAX, b"two");
    let apns = account(APP, Channel::Apns, 7, b"");
    let other = account(AppId(7), Channel::Harmony, 1, b"other");
    let all = [second.clone(), other.clone(), xiaomi, apns.clone()];
    store.put_channels(&all).await.unwrap();
    let newer = account(APP, Channel::Xiaomi, 1, b"newer");
    let again = [newer.clone(), other.clone()];
    store.put_channels(&again).await.unwrap();
    store.put_channels(&[]).await.unwrap();
    assert_eq!(
        store.channels().await.unwrap(),
        [other.clone(), apns.clone(), newer, second.clone()]
    );
    let remove = async |app, cert_id| store.remove_channel(app, Channel::Xiaomi, cert_id).await;
    assert!(remove(APP, 1).await.unwrap());
    assert!(!remove(APP, 1).await.unwrap(), "it is gone");
    assert!(!remove(AppId(7), 1).await.unwrap(), "nothing crosses apps");
    assert_eq!(store.channels().await.unwrap(), [other, apns, second]);
}
