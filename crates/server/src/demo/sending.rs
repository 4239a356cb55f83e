//! The part of the demo that sends: a push, a batch and a push that waits, to phones and through vendors that count for
//! themselves.

use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pushtally_model::Second;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior};

use super::client::Client;
use super::compare::{self, Counts};
use super::crowd::{self, Bound, Crowd, Dead};
use super::screen::{Scene, Screen, Style, grouped};
use super::vendors::{VENDORS, Vendors};
use super::{APP, Asker, Phase, funnel, query_body};
use crate::acts::{Act, Done};
use crate::serve::Server;
use crate::terminal::sayln;

/// Accounts of the batch: phones that are away among them.
const BATCH: u32 = 300;
/// Broadcasts must lie more than a second apart (90024).
const GAP: Duration = Duration::from_millis(2_100);
/// How long the paused push is watched doing nothing.
const PAUSED: Duration = Duration::from_millis(1_200);
/// How long vendors may take to report all that they took, and the ledger to count it; far beyond any that is right.
const REPORTING_MAX: Duration = Duration::from_secs(30);
/// Between two looks at it.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

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
    /// No other push's, also not of an earlier run that was killed and whose pushes go on: vendors are asked by it.
    title: String,
    id: String,
    bound: Bound,
}

/// Where all of it is seen.
#[derive(Clone, Copy)]
struct Stage<'a> {
    server: &'a Server,
    crowd: &'a Crowd,
    vendors: &'a Vendors,
}

/// Sends, waits until the phones and the vendors have answered, compares; answers whether every count agrees.
pub(super) async fn show(
    server: &Server,
    asker: &mut Asker,
    crowd: &Crowd,
    vendors: &Vendors,
    began: Second,
) -> anyhow::Result<bool> {
    let client = asker.client.clone();
    let stage = Stage {
        server,
        crowd,
        vendors,
    };
    let operator = server.operator();
    let steer = async |to: &str| {
        client
            .order(operator, &format!("/v1/apps/{APP}/{to}"))
            .await
    };
    // A run that was killed may have left it paused.
    steer("resume").await?;
    let titled = |title: &str| format!("{title} ({})", began.0);

    let phase = Phase::begin("a push to everybody, over sockets and through nine vendors");
    let everybody = crowd.everybody(Dead::Unknown);
    let push = send(
        &client,
        ("push", "push", titled("Doors open")),
        None,
        everybody,
    )
    .await?;
    stage.watch(&push).await?;
    stage.drop_dead().await?;
    phase.end(&stage.said(&push));

    let batch = BATCH.min(crowd.phones());
    let phase = Phase::begin(&format!("a batch to {batch} accounts"));
    crowd.all_connected().await?;
    let bound = crowd.bound(0..batch, Dead::Dropped);
    let to_some = send(
        &client,
        ("batch", "batch", titled("Only for you")),
        Some(batch),
        bound,
    )
    .await?;
    stage.watch(&to_some).await?;
    phase.end(&stage.said(&to_some));

    let phase = Phase::begin("a push that is paused, then resumed");
    crowd.all_connected().await?;
    tokio::time::sleep(GAP).await;
    steer("pause").await?;
    let everybody = crowd.everybody(Dead::Dropped);
    let paused = send(
        &client,
        ("push", "paused push", titled("Later")),
        None,
        everybody,
    )
    .await?;
    tokio::time::sleep(PAUSED).await;
    let planned = funnel(server, &paused.id).await?.counts()[0];
    sayln!("   paused: {planned} planned after {PAUSED:?}");
    if planned > 0 {
        bail!("a paused push has planned `{planned}` devices");
    }
    steer("resume").await?;
    stage.watch(&paused).await?;
    phase.end(&stage.said(&paused));

    stage.compare(asker, began, &[push, to_some, paused]).await
}

/// A body in the documented form.
fn body(title: &str, accounts: Option<u32>) -> String {
    let mut body = serde_json::json!({
        "From_Account": "administrator",
        // Three pushes of three titles: their bodies differ.
        "MsgRandom": 1,
        "OfflinePushInfo": {"PushFlag": 0, "Title": title, "Desc": "from the demo", "Ext": "{\"entity\":{}}"},
    });
    if let Some(accounts) = accounts {
        body["To_Account"] = (0..accounts).map(crowd::account).collect();
    }
    body.to_string()
}

async fn send(
    client: &Client,
    (command, what, title): (&str, &'static str, String),
    accounts: Option<u32>,
    bound: Bound,
) -> anyhow::Result<Sent> {
    let body = body(&title, accounts).into_bytes();
    let reply = client.post(&client.command_url(command), body).await?;
    let Reply {
        error_code,
        error_info,
        task_id: id,
    } = serde_json::from_slice(&reply).context("the reply to a push cannot be read")?;
    if error_code != 0 {
        bail!("{what} was refused: {error_code} {error_info}");
    }
    sayln!("   TaskId {id}");
    Ok(Sent {
        what,
        title,
        id,
        bound,
    })
}

impl Stage<'_> {
    /// Draws the ledger's own counts until the phones have answered and the vendors have reported.
    async fn watch(&self, sent: &Sent) -> anyhow::Result<()> {
        let style = Style::detect();
        let mut screen = Screen::new(style);
        let mut tick = tokio::time::interval(style.every());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let seen = self.crowd.seen();
        let answered = async {
            let phones = Crowd::answered(seen, &sent.id, sent.bound).await;
            anyhow::Ok(phones && self.reported(sent).await?)
        };
        let mut answered = pin!(answered);
        loop {
            let ended = tokio::select! {
                ended = answered.as_mut() => Some(ended?),
                _ = tick.tick() => None,
            };
            let push = seen.push(&sent.id);
            let funnel = funnel(self.server, &sent.id).await?;
            let [_, _, delivered, clicked] = funnel.offline().counts;
            let [_, _, to_deliver, to_click] = self.vendors.saw_in_all(&sent.title);
            let bound = &sent.bound;
            screen.draw(&Scene {
                devices: u32::try_from(bound.planned()).unwrap_or(u32::MAX),
                events: push.delivered.get() + push.clicked.get() + delivered + clicked,
                events_all: bound.acknowledging + bound.clicking + to_deliver + to_click,
                of: "reports",
                funnel,
            });
            match ended {
                None => {}
                Some(true) => return Ok(()),
                Some(false) => bail!(
                    "not all phones or vendors have answered {} in time",
                    sent.what
                ),
            }
        }
    }

    /// Waits until everything planned offline has ended and what vendors reported is counted; false when it is not in time.
    async fn reported(&self, sent: &Sent) -> anyhow::Result<bool> {
        let until = Instant::now() + REPORTING_MAX;
        let planned = sent.bound.away + sent.bound.offline.iter().sum::<u64>();
        loop {
            let offline = funnel(self.server, &sent.id).await?.offline();
            let [found, ended, delivered, clicked] = offline.counts;
            let has_ended = found == planned && ended + offline.lost == planned;
            if has_ended && self.vendors.have_reported(&sent.title) {
                let [_, _, to_deliver, to_click] = self.vendors.saw_in_all(&sent.title);
                if (delivered, clicked) == (to_deliver, to_click) {
                    return Ok(true);
                }
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits until the tokens that reach nobody are dropped: nobody plans them again.
    async fn drop_dead(&self) -> anyhow::Result<()> {
        let (until, dead) = (Instant::now() + REPORTING_MAX, self.crowd.dead());
        loop {
            let dropped = self.server.dispatch.health().dropped;
            if dropped == dead {
                return Ok(());
            }
            if Instant::now() >= until {
                bail!("`{dropped}` tokens are dropped, not `{dead}`");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// What the phones and the vendors say.
    fn said(&self, sent: &Sent) -> String {
        let push = self.crowd.seen().push(&sent.id);
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
        let [_, taken, delivered, clicked] = self.vendors.saw_in_all(&sent.title);
        let _ = write!(
            out,
            "\n   vendors: {} taken, {} reported delivered, {} clicked",
            grouped(taken),
            grouped(delivered),
            grouped(clicked)
        );
        out
    }

    /// What the phones and the vendors counted, as the endpoint would say it.
    fn counted(&self, sent: &Sent) -> Counts {
        let push = self.crowd.seen().push(&sent.id);
        let online = [
            sent.bound.connected,
            push.shown.get(),
            push.delivered.get(),
            push.clicked.get(),
        ];
        let mut counts = Counts::default();
        counts.rows.insert((2, 0), online);
        counts.rows.insert((1, 0), [sent.bound.away, 0, 0, 0]);
        for ((channel, number), planned) in VENDORS.iter().zip(sent.bound.offline) {
            let saw = self.vendors.saw(*channel, &sent.title);
            let row = [planned, saw.taken - saw.repeats, saw.delivered, saw.clicked];
            let known = counts.rows.entry((1, *number)).or_default();
            *known = std::array::from_fn(|at| known[at] + row[at]);
        }
        counts.rows.retain(|_, row| row[0] > 0);
        counts
    }

    /// Asks the endpoint about all of them and prints both sides.
    async fn compare(
        &self,
        asker: &mut Asker,
        began: Second,
        sent: &[Sent],
    ) -> anyhow::Result<bool> {
        let phase = Phase::begin("ask the endpoint, the phones and the vendors");
        let ids: Vec<&str> = sent.iter().map(|sent| sent.id.as_str()).collect();
        let query = query_body((began.0, self.server.clock.now().0 + 1), &ids);
        let reply = asker.ask(&query).await?;
        let answered = Counts::all_from_reply(&reply)?;
        sayln!(
            "\nPOST {}\n{query}\n\n{}\n",
            asker.client.shown_url(),
            super::readable(&reply)
        );
        let mut agreed = answered.len() == sent.len();
        for (sent, answered) in sent.iter().zip(&answered) {
            let counted = self.counted(sent);
            sayln!(
                "{} (seen by phones and vendors, answered by the endpoint)",
                sent.what
            );
            sayln!("{}", compare::table("seen", &counted, answered));
            agreed &= counted == *answered;
            agreed &= self.losses(sent).await?;
        }
        agreed &= self.vendors.refused_receipts() == 0;
        sayln!(
            "   Huawei's row is Huawei and HarmonyOS NEXT. APNs and FCM have no receipts: only an app could report.\n"
        );
        phase.end(if agreed {
            "no count differs, and planned = sent + lost on every channel"
        } else {
            "COUNTS DIFFER"
        });
        Ok(agreed)
    }

    /// Names what was lost on which channel; answers whether everything planned was sent or lost.
    async fn losses(&self, sent: &Sent) -> anyhow::Result<bool> {
        let act = Act::TaskShow {
            sdkappid: APP.0,
            id: sent.id.clone(),
        };
        let Done::Task { report } = self.server.acts.perform(act).await? else {
            bail!("the task {} is not shown", sent.id);
        };
        for route in &report.routes {
            for loss in &route.losses {
                sayln!(
                    "   {:>4} lost on {} {} before {}: {} {}",
                    loss.count,
                    route.route,
                    route.channel,
                    loss.before,
                    loss.code,
                    loss.text
                );
            }
        }
        sayln!();
        let closed = |counts: &pushtally_http::operations::Counts| {
            counts.in_flight == 0 && counts.planned == counts.sent + counts.lost
        };
        Ok(report.routes.iter().all(|route| closed(&route.counts)))
    }
}
