//! Both ends of the socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use pushtally_model::{App, AppId, FixedEntropy, Secret};

use super::*;
use crate::acts::{Act, Acts, Ledger, NewApp, NewToken};
use crate::config::{Config, Declared, Origin, Owned, Storage};
use crate::engine::Purpose;

async fn acts() -> Arc<Acts> {
    let mut config = Config::defaults().unwrap();
    config.storage = Storage::Memory;
    let opened = crate::engine::open(&config, Purpose::Service).unwrap();
    let origin = Origin::File {
        path: std::path::Path::new("p.toml").into(),
        line: 3,
    };
    let declared = vec![Declared {
        app: App::new(AppId(5), Secret::new("k")),
        origin,
    }];
    Arc::new(
        Acts::new(
            opened,
            Ledger::Closed(pushtally_stats::Options::default()),
            Owned {
                apps: declared,
                ..Owned::default()
            },
            Arc::default(),
            Arc::new(FixedEntropy(1)),
            Arc::new(pushtally_model::SystemClock::default()),
        )
        .await
        .unwrap(),
    )
}

#[tokio::test]
async fn acts_travel_both_ways_and_refusals_keep_their_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let control = Control::start(&path, acts().await).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let new = |sdkappid| {
        let callback_token = NewToken::None;
        Act::AppAdd(NewApp {
            sdkappid,
            administrators: Vec::new(),
            key: None,
            callback_token,
            client_key: NewToken::None,
            relay_to: None,
        })
    };
    let done = call(&path, &new(7)).await.unwrap();
    assert!(matches!(done, Some(Done::AppAdded { key: Some(_), .. })));
    let Some(Done::Apps { apps }) = call(&path, &Act::AppList).await.unwrap() else {
        panic!("no apps")
    };
    assert_eq!(
        apps.iter().map(|app| app.sdkappid).collect::<Vec<_>>(),
        [5, 7]
    );
    let refused = call(&path, &new(5)).await.map(|_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "app `5` is declared at p.toml:3, change it there"
    );

    control.stop().await;
    assert!(!path.exists());
    assert!(call(&path, &Act::AppList).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_means_that_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(call(&path, &Act::AppList).await.unwrap().is_none());
    let control = Control::start(&path, acts().await).unwrap();
    assert!(call(&path, &Act::AppList).await.unwrap().is_some());
    control.stop().await;
}

#[tokio::test]
async fn what_is_no_private_socket_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    fs::write(&path, "").unwrap();
    let told = call(&path, &Act::AppList)
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(told.contains("is not a socket"), "{told}");
    let told = Control::start(&path, acts().await).unwrap_err().to_string();
    assert!(told.contains("other than a socket"), "{told}");
    fs::remove_file(&path).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let told = call(&path, &Act::AppList)
        .await
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(told.contains("is open to other users"), "{told}");
}
