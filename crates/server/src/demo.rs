//! `pushtally demo`: sends to phones, plays the callbacks of a foreign push, and compares what the server answers.
//!
//! Everything is real: the server of `serve` in this process, HTTP over the loopback, signed callbacks, UserSigs.
//! Sockets are real, too, and so are the vendors' addresses, which are simulators' with receipts. Only the phones and the
//! foreign push are invented, by a seed; each side counts for itself.

mod client;
mod compare;
mod crowd;
mod folder;
mod naive;
mod plan;
mod player;
mod screen;
mod sending;
mod suggest;
mod vendors;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use pushtally_model::{App, AppId, Kind, Lane, Scope, Second, Window};
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::serve::{Server, Signals};

use crate::terminal::sayln;
use client::Client;
use compare::Counts;
use crowd::{Crowd, Dead};
use folder::Folder;
use plan::Plan;
use player::Player;
use screen::{Funnel, Scene, Screen, Style, grouped};
use vendors::Vendors;

/// The app that the demo declares for itself.
const APP: AppId = AppId(1_400_000_000);
/// How long before now the push is said to have been made: longer than its last event takes.
const TASK_AGE_S: u32 = plan::LENGTH_S + 60;
/// The longest window that the endpoint answers; the overall counts of a kept folder are asked over it.
const OVERALL_SPAN_S: u32 = App::STATISTICS_SPAN_S_MAX;
/// The documented quota is one query a second; this waits it out.
const QUOTA_PAUSE: Duration = Duration::from_millis(1_100);

/// What `pushtally demo` is told.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after the comparison, with exit code 1 if any count differs, instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Continue in the same folder with one more push, instead of emptying it first.
    #[arg(long)]
    keep: bool,
    /// The demo's own folder.
    #[arg(long, default_value = "./demo-data")]
    dir: PathBuf,
    /// Port of the public listener on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Phones that connect over real sockets.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(20..=8_000))]
    phones: u32,
    /// Devices of the foreign push whose callbacks are played.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    devices: u32,
    /// What the invented push depends on; the same seed plays the same events.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
}

/// Runs the demo.
pub(crate) async fn run(arguments: DemoArgs) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let folder = Folder::open(&arguments.dir, arguments.keep)?;
    let phase = Phase::begin("start nine vendors, as simulators");
    let data = folder.data();
    let (vendors, path) = Vendors::start(folder.dir(), &data, arguments.port).await?;
    let config = Config::load(Some(&path), Vec::new())?;
    crate::logs::start(&config.log);
    phase.end(&format!("their accounts are in {}", path.display()));
    let phase = Phase::begin("start a server");
    let server = Server::start(&config).await?;
    phase.end(&format!(
        "http://{}, data in {}",
        server.public(),
        data.display()
    ));

    let shown = tokio::select! {
        shown = show(&arguments, &server, &vendors, &folder) => shown.map(Some),
        _ = signals.next() => Ok(None),
    };
    let agreed = match shown {
        Ok(Some((agreed, crowd))) => {
            if !arguments.once {
                sayln!(
                    "Serving until Ctrl-C, the phones stay connected. `./demo --keep` continues with these counts."
                );
                signals.next().await;
            }
            crowd.disperse().await;
            Ok(agreed)
        }
        Ok(None) => Ok(true),
        Err(error) => Err(error),
    };
    let phase = Phase::begin("stop the server");
    server.stop(config.stop_grace).await?;
    phase.end("everything acknowledged is kept");
    Ok(if agreed? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Sends, plays, asks, compares; answers whether every count agrees, and the phones, who stay connected.
async fn show(
    arguments: &DemoArgs,
    server: &Server,
    vendors: &Vendors,
    folder: &Folder,
) -> anyhow::Result<(bool, Crowd)> {
    let app = server.directory.get(APP);
    let app = app.context("the demo's app cannot be found")?;
    let now = server.clock.now();
    let client = Client::new(server.public(), &app, now)?;
    let mut asker = Asker {
        client: client.clone(),
        last: None,
    };
    let phones = arguments.phones;
    let phase = Phase::begin(&format!("{} phones register", grouped(phones.into())));
    let place = crowd::place(server.public(), &app)?;
    let known = server.stats.engine().devices.count_devices(APP).await?;
    let crowd = Crowd::gather(&place, &app, (arguments.seed, phones), known, now).await?;
    let bound = crowd.everybody(Dead::Unknown);
    phase.end(&format!(
        "{} are connected; vendors know {} of those that are behind or away, {} are away and have no token",
        grouped(bound.connected),
        grouped(bound.offline.iter().sum()),
        grouped(bound.away)
    ));
    let sent = sending::show(server, &mut asker, &crowd, vendors, now).await?;
    let played = play(arguments, server, &mut asker, folder).await?;
    Ok((sent && played, crowd))
}

/// Plays the callbacks of a foreign push, asks, compares; answers whether every count agrees.
async fn play(
    arguments: &DemoArgs,
    server: &Server,
    asker: &mut Asker,
    folder: &Folder,
) -> anyhow::Result<bool> {
    let plan = invent(arguments.seed, arguments.devices).await?;
    let now = server.clock.now();
    let client = asker.client.clone();
    let overall = query_body((now.0.saturating_sub(OVERALL_SPAN_S), now.0), &[]);
    let before = Counts::from_reply(&asker.ask(&overall).await?)?;

    let phase = Phase::begin(&format!(
        "play it to {} devices over HTTP",
        grouped(arguments.devices.into())
    ));
    let task_time = Second(now.0.saturating_sub(TASK_AGE_S));
    let task_id = format!(
        "{:x}_{:x}_demo_{:x}",
        server.clock.now_ms(),
        APP.0,
        arguments.seed
    );
    let query = query_body((task_time.0, now.0), &[&task_id]);
    let player = Player::new(
        plan,
        task_id,
        task_time,
        client.clone(),
        Arc::clone(&server.clock),
    );
    let player = Arc::new(player);
    watch(server, &player, arguments.devices).await?;
    phase.end("every callback was answered after its events were durable");

    let phase = Phase::begin("ask the endpoint");
    let played = player.counts();
    let task_agrees = compare_task(asker, &query, &played).await?;
    let after = Counts::from_reply(&asker.ask(&overall).await?)?;
    let overall_agrees = after == before.plus(&played);
    let (was, is) = (grouped(before.total()[0]), grouped(after.total()[0]));
    let verdict = if overall_agrees {
        "exactly this push more"
    } else {
        "NOT this push more"
    };
    sayln!("Overall TotalCount of this folder: {was} before, {is} now, in all rows {verdict}.");
    let agreed = task_agrees && overall_agrees;
    phase.end(if agreed {
        "no count differs"
    } else {
        "COUNTS DIFFER"
    });

    if !arguments.once {
        sayln!("What to try next:\n");
        sayln!(
            "{}",
            suggest::lines(&client, &player, server.operator(), &folder.data())?
        );
    }
    Ok(agreed)
}

async fn invent(seed: u64, devices: u32) -> anyhow::Result<Plan> {
    let phase = Phase::begin("invent a push");
    let plan = tokio::task::spawn_blocking(move || Plan::new(seed, devices)).await?;
    let calls = plan.events.len().div_ceil(player::EVENTS_MAX);
    let (events, repeats) = (
        grouped(plan.events.len() as u64),
        grouped(plan.repeats as u64),
    );
    phase.end(&format!(
        "{events} events in {calls} callbacks, {repeats} of them repeats"
    ));
    Ok(plan)
}

/// Prints the request, the reply and both counts; answers whether they are equal.
async fn compare_task(asker: &mut Asker, query: &str, played: &Counts) -> anyhow::Result<bool> {
    let reply = asker.ask(query).await?;
    sayln!(
        "\nPOST {}\n{query}\n\n{}\n",
        asker.client.shown_url(),
        readable(&reply)
    );
    let answered = Counts::from_reply(&reply)?;
    sayln!("{}", compare::table("played", played, &answered));
    Ok(*played == answered)
}

/// A reply with a line for each result and row, for reading; nothing else of it is touched.
fn readable(reply: &[u8]) -> String {
    String::from_utf8_lossy(reply)
        .replace("{\"EventType\"", "\n  {\"EventType\"")
        .replace("{\"TaskID\"", "\n{\"TaskID\"")
}

/// Draws the ledger's own counts while the player plays.
async fn watch(server: &Server, player: &Arc<Player>, devices: u32) -> anyhow::Result<()> {
    let style = Style::detect();
    let mut screen = Screen::new(style);
    let mut tick = tokio::time::interval(style.every());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut playing = pin!(player.play());
    loop {
        let ended = tokio::select! {
            ended = playing.as_mut() => Some(ended),
            _ = tick.tick() => None,
        };
        let scene = Scene {
            funnel: funnel(server, &player.task_id).await?,
            devices,
            events: player.acknowledged(),
            events_all: player.plan.events.len() as u64,
            of: "events",
        };
        screen.draw(&scene);
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// The counts of a task, straight from the ledger: drawing must not use the endpoint's quota up.
async fn funnel(server: &Server, task_id: &str) -> anyhow::Result<Funnel> {
    let known = server
        .stats
        .engine()
        .identities
        .find_task(APP, Kind::Push, task_id)
        .await?;
    let Some(task) = known else {
        return Ok(Funnel::default());
    };
    let tally = server
        .stats
        .tally(APP, Scope::Task(task.number), Window::all())
        .await?;
    let mut funnel = Funnel::default();
    for (cell, count) in tally.cells() {
        let row = funnel.rows.entry((cell.route(), cell.channel()));
        let row = row.or_default();
        match (cell.lane(), cell.lane().stage()) {
            (_, Some(stage)) => row.counts[stage as usize] += count,
            (Lane::LostBeforeSent, None) => row.lost += count,
            _ => {}
        }
    }
    Ok(funnel)
}

/// The body of a query in a window, for these tasks or, without any, overall.
fn query_body((start, end): (u32, u32), task_ids: &[&str]) -> String {
    let ids: Vec<String> = task_ids.iter().map(|id| format!("\"{id}\"")).collect();
    let ids = ids.join(",");
    format!(r#"{{"StartTime":{start},"EndTime":{end},"TaskID":[{ids}]}}"#)
}

/// Asks the endpoint no more often than its documented quota allows.
#[derive(Debug)]
struct Asker {
    client: Client,
    last: Option<Instant>,
}

impl Asker {
    async fn ask(&mut self, body: &str) -> anyhow::Result<Bytes> {
        if let Some(last) = self.last {
            tokio::time::sleep(QUOTA_PAUSE.saturating_sub(last.elapsed())).await;
        }
        let reply = self
            .client
            .post(&self.client.query_url(), body.to_owned().into_bytes())
            .await;
        self.last = Some(Instant::now());
        reply
    }
}

/// A step of the demo and how long it takes.
#[derive(Debug)]
struct Phase(Instant);

impl Phase {
    fn begin(what: &str) -> Self {
        sayln!("== {what}");
        Self(Instant::now())
    }

    fn end(&self, found: &str) {
        sayln!("   {found} ({:.2} s)\n", self.0.elapsed().as_secs_f64());
    }
}
