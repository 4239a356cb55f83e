//! Exports: a row for each event that counted, and no other.

use std::collections::BTreeMap;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pushtally_dispatch::Turn;
use pushtally_model::{Kind, Scope, Window};
use pushtally_store::Claim;
use serde_json::Value;

use super::fixture::{APP, NOW_S, Server, Setup, code, event, events, raw_bytes};
use super::push::register;
use super::series::{Cells, counted};

/// The head and the body of an export. A chunked body is told apart from its lengths.
async fn export_bytes(server: &Server, id: &str, query: &str) -> (String, Vec<u8>) {
    let path = format!("/v1/apps/{APP}/tasks/{id}/export{query}");
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = raw_bytes(server.operator, head.as_bytes()).await;
    let (head, mut rest) = split(&answer, b"\r\n\r\n");
    let head = String::from_utf8(head.to_vec()).unwrap();
    if !head.contains("transfer-encoding: chunked") {
        return (head, rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let (len, after) = split(rest, b"\r\n");
        let len = usize::from_str_radix(std::str::from_utf8(len).unwrap(), 16).unwrap();
        if len == 0 {
            return (head, body);
        }
        body.extend_from_slice(&after[..len]);
        rest = &after[len + 2..];
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let mut windows = bytes.windows(at.len());
    let place = windows.position(|window| window == at).unwrap();
    (&bytes[..place], &bytes[place + at.len()..])
}

async fn export(server: &Server, id: &str, query: &str) -> (String, String) {
    let (head, body) = export_bytes(server, id, query).await;
    (head, String::from_utf8(body).unwrap())
}

/// The rows of a Parquet file as NDJSON tells them.
fn rows_of(file: Vec<u8>) -> Vec<Value> {
    let file = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let value = |(name, field): (&String, &Field)| {
        let value = match field {
            Field::Null => Value::Null,
            Field::Str(text) => Value::from(text.as_str()),
            Field::UInt(number) => Value::from(*number),
            Field::Long(number) => Value::from(*number),
            Field::TimestampMillis(ms) if name == "at" => Value::from(ms / 1000),
            Field::TimestampMillis(ms) => Value::from(*ms),
            other => panic!("{name} is {other}"),
        };
        (name.clone(), value)
    };
    let rows = file.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(value).collect())
        .collect()
}

async fn check_parquet(server: &Server, id: &str) {
    let (_, rows) = export(server, id, "?format=ndjson").await;
    let (head, file) = export_bytes(server, id, "?format=parquet").await;
    let media = "content-type: application/vnd.apache.parquet\r\n";
    assert!(head.contains(media), "{head}");
    let expected: Vec<Value> = rows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows_of(file), expected);
}

fn cells(ndjson: &str) -> Cells {
    let mut cells = BTreeMap::new();
    for line in ndjson.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        // Losses at later stages are no cell of the sums that these are held against.
        if text("step") != "lost" || text("before") == "sent" {
            let cell = (text("route"), text("channel"), text("step"));
            *cells.entry(cell).or_default() += 1;
        }
    }
    cells
}

type Happened = (u8, u8, u8, bool);

async fn check(happened: Vec<Happened>) -> u64 {
    let server = Server::start(Setup::default()).await;
    let all: Vec<_> = happened
        .into_iter()
        .map(|(account, stage, platform, lost)| {
            let account = format!("a{account}");
            let event = event("t", &account, stage, if lost { 410 } else { 0 });
            event.replace(
                r#""PushPlatform":1"#,
                &format!(r#""PushPlatform":{platform}"#),
            )
        })
        .collect();
    assert_eq!(code(&server.import(&events(&all)).await), 0);
    let (head, rows) = export(&server, "t", "?format=ndjson").await;
    assert!(
        head.contains("content-type: application/x-ndjson"),
        "{head}"
    );
    let found = server.state.identities.find_task(APP, Kind::Push, "t");
    let scope = Scope::Task(found.await.unwrap().unwrap().number);
    let tally = server.state.stats.tally(APP, scope, Window::all());
    let expected = counted(&tally.await.unwrap());
    assert_eq!(cells(&rows), expected, "{rows}");
    check_parquet(&server, "t").await;
    server.stop().await;
    expected.values().sum()
}

#[test]
fn the_rows_of_any_history_add_up_to_its_counts() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    });
    // Few accounts, so that much is repeated.
    let one = (0..8_u8, 1..=3_u8, 1..=4_u8, prop::bool::weighted(0.3));
    let ran = runner.run(&prop::collection::vec(one, 1..90), |history| {
        seen.set(seen.get() + runtime.block_on(check(history)));
        Ok(())
    });
    ran.unwrap();
    assert!(seen.get() > 0, "nothing counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_task_is_exported_with_its_devices_and_reasons_while_its_log_is_kept() {
    let server = Server::start(Setup::default()).await;
    register(&server.engine, "a").await;
    let path = format!("/v4/timpush/batch?{}", super::fixture::credentials());
    let body = r#"{"From_Account":"administrator","MsgRandom":1,"To_Account":["a"],"OfflinePushInfo":{"Title":"t"}}"#;
    let reply = server.post(&path, body).await;
    let id = reply["TaskId"].as_str().unwrap();
    while server.state.dispatch.turn(Claim::Any).await == Turn::Worked {}
    let (head, csv) = export(&server, id, "").await;
    assert!(head.contains("content-type: text/csv\r\n"), "{head}");
    let lines: Vec<_> = csv.split_terminator("\r\n").collect();
    let [names, planned, lost] = lines[..] else {
        panic!("{csv}");
    };
    assert_eq!(
        names,
        "device,registration_id,account,route,channel,step,before,code,text,at,recorded_ms,source"
    );
    let (at, ms) = (NOW_S, NOW_S * 1000);
    let begins = "phone of a,a,offline,unknown";
    let expected = format!("{begins},planned,,,,{at},{ms},us");
    assert!(planned.ends_with(&expected), "{planned}");
    let expected = format!("{begins},lost,sent,-2,token not uploaded,{at},{ms},us");
    assert!(lost.ends_with(&expected), "{lost}");
    check_parquet(&server, id).await;
    for (id, query, expected) in [
        (id, "?format=xml", "400"),
        (id, "?form=csv", "400"),
        ("none", "", "404"),
    ] {
        let (head, body) = export(&server, id, query).await;
        assert_eq!(&head[9..12], expected, "{body}");
    }
    server.clock.advance_ms(31 * 86_400_000);
    let (head, body) = export(&server, id, "").await;
    assert_eq!(&head[9..12], "410", "{body}");
    assert!(
        body.contains("urn:pushtally:problem:out-of-reach"),
        "{body}"
    );
    server.stop().await;
}
