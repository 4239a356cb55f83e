//! Who is admitted, and which fault is told first.

use std::sync::atomic::Ordering;

use pushtally_model::{App, AppId, Quota, Secret};

use super::fixture::{
    APP, KEY, NOW_S, STATISTICS, Server, Setup, app, around, code, credentials, credentials_of,
    send, usersig,
};

/// Every request has all the faults of those after it; only the first is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_told_in_the_documented_order() {
    let mut off = app();
    off.hosts = vec!["push.example".to_owned()];
    off.enabled = false;
    off.administrators = vec!["boss".to_owned()];
    off.quotas.insert(
        "all_member_push_statistics".to_owned(),
        Quota { per_second: 1 },
    );
    let server = Server::start(Setup {
        apps: vec![off.clone()],
        ..Setup::default()
    })
    .await;
    let check = async |path: String, expected: u64| {
        let reply = server.post(&path, "no JSON").await;
        assert_eq!(code(&reply), expected, "{path}: {reply}");
    };
    let at = |query: &str| format!("{STATISTICS}?{query}");
    check("/v4/timpush/no_such_command".to_owned(), 60009).await;
    check(format!("{STATISTICS}/"), 60009).await;
    check(STATISTICS.to_owned(), 60012).await;
    check(at("sdkappid=0"), 60025).await;
    check(at("sdkappid=7"), 60025).await;
    check(
        at("sdkappid=7&identifier=a&usersig=b&random=1&contenttype=json"),
        70020,
    )
    .await;
    check(at(&credentials_of("administrator", "%0A")), 70002).await;
    check(at(&credentials_of("administrator", "garbage")), 70003).await;
    let made = |key: &str, identifier: &str, app: u32, time: i64| {
        at(&credentials_of(
            "administrator",
            &usersig(key, identifier, app, time),
        ))
    };
    check(made("other", "other", 7, 0), 70014).await;
    check(made("other", "other", APP.0, 0), 70013).await;
    check(made("other", "administrator", APP.0, 0), 70001).await;
    check(made("other", "administrator", APP.0, NOW_S), 70009).await;
    check(made(KEY, "administrator", APP.0, NOW_S), 90009).await;
    off.administrators = vec!["administrator".to_owned()];
    server.state.directory.replace([off.clone()]);
    check(at(&credentials()), 90045).await;
    off.enabled = true;
    server.state.directory.replace([off.clone()]);
    check(at(&credentials()), 60003).await;
    check(at(&credentials()), 60007).await;
    off.keys = Vec::new();
    server.state.directory.replace([off.clone()]);
    check(at(&credentials()), 70016).await;
    off.hosts = vec!["other.example".to_owned()];
    server.state.directory.replace([off]);
    check(at(&credentials_of("administrator", "garbage")), 60026).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_post_is_answered_and_always_with_an_envelope() {
    let server = Server::start(Setup::default()).await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for path in [
            STATISTICS,
            "/v4/timpush/x",
            "/v1/events",
            "/",
            "/favicon.ico",
        ] {
            let request = http::Request::builder()
                .method(method)
                .uri(path)
                .header("host", "x");
            let (status, reply) =
                send(server.public, request.body(Default::default()).unwrap()).await;
            assert_eq!((status, code(&reply)), (200, 60002), "{method} {path}");
        }
    }
    assert_eq!(code(&server.post("/", "").await), 60009);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_are_for_each_app_and_not_used_up_by_strangers() {
    let mut one = app();
    one.quotas.clear();
    let mut two = App::new(AppId(5), Secret::new("second"));
    two.administrators = vec!["admin".to_owned()];
    let server = Server::start(Setup {
        apps: vec![one, two],
        ..Setup::default()
    })
    .await;
    let body = around("[]");
    let stranger = format!(
        "{STATISTICS}?{}",
        credentials_of(
            "administrator",
            &usersig("x", "administrator", APP.0, NOW_S)
        )
    );
    for _ in 0..5 {
        assert_eq!(code(&server.post(&stranger, &body).await), 70009);
    }
    assert_eq!(code(&server.statistics(&body).await), 0);
    assert_eq!(code(&server.statistics(&body).await), 60007);
    let second = usersig("second", "admin", 5, NOW_S);
    let second = format!(
        "{STATISTICS}?sdkappid=5&identifier=admin&usersig={second}&random=1&contenttype=json"
    );
    assert_eq!(code(&server.post(&second, &body).await), 0);
    server.quota_ns.fetch_add(1_000_000_000, Ordering::SeqCst);
    assert_eq!(code(&server.statistics(&body).await), 0);
    assert_eq!(code(&server.statistics(&body).await), 60007);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_crosses_apps() {
    let mut other = App::new(AppId(5), Secret::new("second"));
    other.quotas.insert(
        "all_member_push_statistics".to_owned(),
        Quota { per_second: 0 },
    );
    let server = Server::start(Setup {
        apps: vec![app(), other],
        ..Setup::default()
    })
    .await;
    let sent = super::fixture::events(&[super::fixture::event("t1", "a", 1, 0)]);
    assert_eq!(code(&server.import(&sent).await), 0);
    let theirs = usersig("second", "administrator", 5, NOW_S);
    let theirs = format!(
        "{STATISTICS}?sdkappid=5&identifier=administrator&usersig={theirs}&random=1&contenttype=json"
    );
    for tasks in ["[]", r#"["t1"]"#] {
        let reply = server.post(&theirs, &around(tasks)).await;
        assert_eq!(reply["Results"][0]["TotalCount"], 0, "{reply}");
    }
    assert_eq!(
        server.statistics(&around(r#"["t1"]"#)).await["Results"][0]["TotalCount"],
        1
    );
    server.stop().await;
}
