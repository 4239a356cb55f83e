//! The part of the demo that sends: a push, a batch and a push that waits, to phones that count for themselves.

use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pushtally_model::Second;
use serde::Deserialize;
use tokio::time::MissedTickBehavior;

use super::client::Client;
use super::compare::{self, Counts};
use super::crowd::{self, Bound, Crowd};
use super::screen::{Scene, Screen, Style, grouped};
use super::{Asker, Phase, funnel, query_body};
use crate::serve::Server;
use crate::terminal::sayln;

/// Accounts of the batch: phones that are away among them.
const BATCH: u32 = 300;
/// Broadcasts must lie more than a second apart (90024).
const GAP: Duration = Duration::from_millis(2_100);
/// How long the paused push is watched doing nothing.
const PAUSED: Duration = Duration::from_millis(1_200);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    error_code: i64,
    error_info: String,
    #[serde(default)]
    task_id: String,
}

/// One of the three.
struct Sent {
    what: &'static str,
    id: String,
    bound: Bound,
}

/// Sends, waits until the phones have answered, compares; answers whether every count agrees.
pub(super) async fn show(
    server: &Server,
    asker: &mut Asker,
    crowd: &Crowd,
    began: Second,
) -> anyhow::Result<bool> {
    let client = asker.client.clone();
    let devices = &server.stats.engine().devices;
    let everybody = crowd.everybody(devices.count_devices(super::APP).await?);

    let phase = Phase::begin("a push to everybody");
    let body = body("Doors open", 1, None);
    let push = send(&client, "push", &body, "push", everybody).await?;
    watch(server, crowd, &push).await?;
    phase.end(&said(crowd, &push));

    let batch = BATCH.min(crowd.phones());
    let phase = Phase::begin(&format!("a batch to {batch} accounts"));
    crowd.all_connected().await?;
    let body = self::body("Only for you", 2, Some(0..batch));
    let to_some = send(&client, "batch", &body, "batch", crowd.bound(0..batch)).await?;
    watch(server, crowd, &to_some).await?;
    phase.end(&said(crowd, &to_some));

    let phase = Phase::begin("a push that is paused, then resumed");
    crowd.all_connected().await?;
    tokio::time::sleep(GAP).await;
    let operator = server.operator();
    client
        .order(operator, &format!("/v1/apps/{}/pause", super::APP))
        .await?;
    let body = self::body("Later", 3, None);
    let paused = send(&client, "push", &body, "paused push", everybody).await?;
    tokio::time::sleep(PAUSED).await;
    let counts = funnel(server, &paused.id).await?;
    sayln!("   paused: {} planned after {PAUSED:?}", counts[0]);
    if counts[0] > 0 {
        bail!("a paused push has planned `{}` devices", counts[0]);
    }
    client
        .order(operator, &format!("/v1/apps/{}/resume", super::APP))
        .await?;
    watch(server, crowd, &paused).await?;
    phase.end(&said(crowd, &paused));

    compare(server, asker, crowd, began, &[push, to_some, paused]).await
}

/// A body in the documented form.
fn body(title: &str, random: u32, accounts: Option<std::ops::Range<u32>>) -> String {
    let mut body = serde_json::json!({
        "From_Account": "administrator",
        "MsgRandom": random,
        "OfflinePushInfo": {"PushFlag": 0, "Title": title, "Desc": "from the demo", "Ext": "{\"entity\":{}}"},
    });
    if let Some(accounts) = accounts {
        body["To_Account"] = accounts.map(crowd::account).collect();
    }
    body.to_string()
}

async fn send(
    client: &Client,
    command: &str,
    body: &str,
    what: &'static str,
    bound: Bound,
) -> anyhow::Result<Sent> {
    let reply = client
        .post(&client.command_url(command), body.as_bytes().to_vec())
        .await?;
    let Reply {
        error_code,
        error_info,
        task_id: id,
    } = serde_json::from_slice(&reply).context("the reply to a push cannot be read")?;
    if error_code != 0 {
        bail!("{what} was refused: {error_code} {error_info}");
    }
    sayln!("   TaskId {id}");
    Ok(Sent { what, id, bound })
}

/// Draws the ledger's own counts until the phones have answered.
async fn watch(server: &Server, crowd: &Crowd, sent: &Sent) -> anyhow::Result<()> {
    let style = Style::detect();
    let mut screen = Screen::new(style);
    let mut tick = tokio::time::interval(style.every());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let planned = sent.bound.connected + sent.bound.away;
    let seen = crowd.seen();
    let mut answered = pin!(Crowd::answered(seen, &sent.id, sent.bound));
    loop {
        let ended = tokio::select! {
            ended = answered.as_mut() => Some(ended),
            _ = tick.tick() => None,
        };
        let push = seen.push(&sent.id);
        screen.draw(&Scene {
            counts: funnel(server, &sent.id).await?,
            devices: u32::try_from(planned).unwrap_or(u32::MAX),
            events: push.delivered.get() + push.clicked.get(),
            events_all: sent.bound.acknowledging + sent.bound.clicking,
            of: "reports",
        });
        match ended {
            None => {}
            Some(true) => return Ok(()),
            Some(false) => bail!("the phones have not answered {} in time", sent.what),
        }
    }
}

/// What the phones say.
fn said(crowd: &Crowd, sent: &Sent) -> String {
    let push = crowd.seen().push(&sent.id);
    let mut out = format!(
        "phones: {} shown, {} acknowledged, {} clicked",
        grouped(push.shown.get()),
        grouped(push.delivered.get()),
        grouped(push.clicked.get())
    );
    if push.repeats.get() > 0 {
        let _ = write!(
            out,
            ", {} came again and were not shown",
            push.repeats.get()
        );
    }
    out
}

/// What the phones counted, as the endpoint would say it.
fn counted(crowd: &Crowd, sent: &Sent) -> Counts {
    let push = crowd.seen().push(&sent.id);
    let online = [
        sent.bound.connected,
        push.shown.get(),
        push.delivered.get(),
        push.clicked.get(),
    ];
    let offline = [sent.bound.away, 0, 0, 0];
    let rows = [((1, 0), offline), ((2, 0), online)];
    Counts {
        rows: rows.into_iter().filter(|(_, row)| row[0] > 0).collect(),
    }
}

/// Asks the endpoint about all of them and prints both sides.
async fn compare(
    server: &Server,
    asker: &mut Asker,
    crowd: &Crowd,
    began: Second,
    sent: &[Sent],
) -> anyhow::Result<bool> {
    let phase = Phase::begin("ask the endpoint, and the phones");
    let ids: Vec<&str> = sent.iter().map(|sent| sent.id.as_str()).collect();
    let query = query_body((began.0, server.clock.now().0 + 1), &ids);
    let reply = asker.ask(&query).await?;
    let answered = Counts::all_from_reply(&reply)?;
    sayln!(
        "\nPOST {}\n{query}\n\n{}\n",
        asker.client.shown_url(),
        super::readable(&reply)
    );
    let mut agreed = answered.len() == sent.len();
    for (sent, answered) in sent.iter().zip(&answered) {
        let counted = counted(crowd, sent);
        sayln!("{}", sent.what);
        sayln!("{}", compare::table("phones", &counted, answered));
        agreed &= counted == *answered;
    }
    phase.end(if agreed {
        "no count differs; who was away is planned and lost: no token uploaded (-2)"
    } else {
        "COUNTS DIFFER"
    });
    Ok(agreed)
}
