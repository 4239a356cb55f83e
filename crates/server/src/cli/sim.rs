//! `pushtally sim`: the vendors' simulators as servers, to try a configuration, a client or a bad day against.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use pushtally_sim::vendor::{Fleet, NoStep, ServiceSettings, Step};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::serve::Signals;
use crate::terminal::{say, sayln};

/// How often counts are told.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// Lines of standard input that wait.
const LINES_MAX: usize = 64;

#[derive(Debug, Args)]
pub(super) struct SimArgs {
    /// Folder for credentials, authorities and `channels.toml`, what a configuration needs. It is made if it is not there.
    #[arg(long, default_value = "./sim-vendors")]
    dir: PathBuf,
    /// The first of nine ports on 127.0.0.1, in the order in which they are told; 0 takes free ones.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=65_527))]
    port: u16,
    /// Where the server that is told with each push, or by a console, takes receipts: its `listen.public_url`.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    public_url: String,
    /// The SDKAppID that receipts are for.
    #[arg(long, default_value_t = 1_400_000_000)]
    sdkappid: u32,
    /// The app's `receipts_key`. Without it vendors that learn the address from their console send no receipts.
    #[arg(long, default_value = "", value_name = "KEY")]
    receipts_key: String,
    /// End after so many seconds; default: at Ctrl-C.
    #[arg(long = "for", value_name = "S")]
    for_s: Option<u64>,
    #[command(flatten)]
    behaviour: BehaviourArgs,
    /// What is done at which second, repeatable: `10 xiaomi down 30`, `5 huawei expire`, `9 all up`.
    #[arg(long, value_name = "STEP")]
    at: Vec<String>,
    /// A file of such steps, one a line; `-` reads them from standard input as they come, counted from then, and
    /// answers the line `counts` with the counts.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print JSON, an object a line; with `--script -` only when asked.
    #[arg(long)]
    json: bool,
}

/// How all of them behave, beside what a token's prefix asks for.
#[derive(Debug, Args)]
struct BehaviourArgs {
    /// Milliseconds from when a push was taken until it arrives and is reported.
    #[arg(long, default_value_t = 100, value_name = "MS")]
    delay: u64,
    /// Of so many that arrived one is clicked; 0 is none.
    #[arg(long, default_value_t = 10, value_name = "N")]
    click_one_in: u64,
    /// Of so many receipts one is sent twice; 0 is none.
    #[arg(long, default_value_t = 20, value_name = "N")]
    repeat_one_in: u64,
    /// Of so many things to report one never is; 0 is none.
    #[arg(long, default_value_t = 0, value_name = "N")]
    lose_one_in: u64,
    /// What happened last is reported first.
    #[arg(long)]
    reorder: bool,
    /// Pushes that are reported together, at most; 1 merges nothing.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    merge_max: u16,
    /// Milliseconds that each answer takes.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    answer: u64,
    /// Pushes that each vendor takes a second, by answering as late as that needs; 0 is no limit.
    #[arg(long, default_value_t = 0, value_name = "N")]
    rate: u32,
    /// Of so many requests one is answered 429; 0 is none.
    #[arg(long, default_value_t = 0, value_name = "N")]
    busy_one_in: u64,
}

impl SimArgs {
    /// The settings of a vendor, which is the `nth`.
    fn settings(&self, name: &str, nth: u16) -> ServiceSettings {
        let behaviour = &self.behaviour;
        let receipts_url = match &*self.receipts_key {
            "" => String::new(),
            key => {
                let (url, app) = (self.public_url.trim_end_matches('/'), self.sdkappid);
                format!("{url}/v3/offline_push_report/{name}/{app}/{key}")
            }
        };
        ServiceSettings {
            port: match self.port {
                0 => 0,
                first => first + nth,
            },
            delay: Duration::from_millis(behaviour.delay),
            click_one_in: behaviour.click_one_in,
            repeat_one_in: behaviour.repeat_one_in,
            lose_one_in: behaviour.lose_one_in,
            reorder: behaviour.reorder,
            merge_max: behaviour.merge_max.into(),
            answer_after: Duration::from_millis(behaviour.answer),
            rate: behaviour.rate,
            busy_one_in: behaviour.busy_one_in,
            receipts_url,
            ..ServiceSettings::default()
        }
    }

    fn steps(&self) -> anyhow::Result<Vec<Step>> {
        let mut text = self.at.join("\n");
        if let Some(path) = self.script.as_ref().filter(|_| !self.is_asked()) {
            let told = || format!("`{}` cannot be read", path.display());
            text = format!(
                "{text}\n{}",
                std::fs::read_to_string(path).with_context(told)?
            );
        }
        let told = |error: NoStep| super::UsageError(error.to_string());
        Ok(Step::read_all(&text).map_err(told)?)
    }

    /// Whether steps come from standard input.
    fn is_asked(&self) -> bool {
        self.script.as_deref().is_some_and(|path| path == "-")
    }
}

/// Runs them until a signal, the end of the time, or the end of standard input if steps come from there.
pub(super) async fn run(arguments: SimArgs) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let mut steps = arguments.steps()?;
    let nth = std::cell::Cell::new(0);
    let fleet = Fleet::start(|name| arguments.settings(name, nth.replace(nth.get() + 1)))
        .await
        .context("the vendors cannot be started")?;
    for step in &steps {
        if let Some(name) = &step.vendor
            && !fleet.vendors.contains_key(&**name)
        {
            return Err(super::UsageError(format!("there is no vendor `{name}`")).into());
        }
    }
    describe(&arguments, &fleet)?;

    let began = Instant::now();
    let ends = arguments.for_s.map(|s| began + Duration::from_secs(s));
    let (said, mut lines) = mpsc::channel(LINES_MAX);
    // Kept, so that nothing is heard rather than the end.
    let _said = match arguments.is_asked() {
        true => {
            std::thread::spawn(move || listen(&said));
            None
        }
        false => Some(said),
    };
    let is_told = !(arguments.json && arguments.is_asked());
    let mut screen = Screen::new(arguments.json);
    let mut tick = interval(TELL_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = steps.first().map(|step| began + step.after);
        tokio::select! {
            () = at(ends) => break,
            () = at(next) => fleet.act(&steps.remove(0))?,
            _ = tick.tick(), if is_told => screen.tell(&fleet, began.elapsed()),
            _ = signals.next() => break,
            line = lines.recv() => match line.as_deref().map(str::trim) {
                None => break,
                Some("counts") => sayln!("{}", counts(&fleet)),
                Some(line) => {
                    let further = Step::read(line)?.into_iter().map(|step| Step {
                        after: began.elapsed() + step.after,
                        ..step
                    });
                    steps.extend(further);
                    steps.sort_by_key(|step| step.after);
                }
            },
        }
    }
    screen.tell(&fleet, began.elapsed());
    Ok(())
}

/// At this moment, if at all.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Passes lines of standard input on, until it ends.
fn listen(said: &mpsc::Sender<String>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if said.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Writes the folder and tells where everything is.
fn describe(arguments: &SimArgs, fleet: &Fleet) -> anyhow::Result<()> {
    let SimArgs { dir, .. } = arguments;
    let told = || format!("`{}` cannot be written", dir.display());
    std::fs::create_dir_all(dir).with_context(told)?;
    let sections = fleet.write(dir, "").with_context(told)?;
    std::fs::write(dir.join("channels.toml"), &sections).with_context(told)?;
    if arguments.json {
        let urls: Value = fleet
            .vendors
            .iter()
            .map(|(name, vendor)| ((*name).to_owned(), vendor.service.url().into()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        sayln!("{}", json!({"ready": urls}));
        return Ok(());
    }
    for (name, vendor) in &fleet.vendors {
        let authority = match vendor.service.certificate() {
            Some(_) => format!(
                "  authority {}",
                dir.join(format!("{name}-ca.pem")).display()
            ),
            None => String::new(),
        };
        let credentials = dir.join(format!("{name}.json"));
        sayln!(
            "{name:<8} {:<24} credentials {}{authority}",
            vendor.service.url(),
            credentials.display()
        );
    }
    let file = dir.join("channels.toml");
    sayln!(
        "\nThis belongs under the app's [[app]] of a configuration in {}, which needs `allow_networks = [\"127.0.0.1\"]` in its \
         [outgoing]; it is also in {}:\n\n{sections}",
        dir.display(),
        file.display()
    );
    if arguments.receipts_key.is_empty() {
        sayln!(
            "Without --receipts-key there are receipts only of vendors that are told an address with each push.\n"
        );
    }
    sayln!(
        "A token that starts with gone- bad- rate- quota- fail- lost- or mute- asks for that; every other is taken.\n"
    );
    Ok(())
}

/// What they saw, as an object.
fn counts(fleet: &Fleet) -> Value {
    let of = |service: &pushtally_sim::vendor::Service| {
        let counts = service.counts();
        let messages: serde_json::Map<String, Value> = service
            .messages()
            .into_iter()
            .map(|(title, message)| {
                let counts = json!({
                    "taken": message.taken, "repeats": message.repeats, "delivered": message.delivered,
                    "clicked": message.clicked, "first_us": message.first_us,
                });
                (title, counts)
            })
            .collect();
        json!({
            "requests": counts.requests, "taken": counts.taken, "repeats": counts.repeats,
            "delivered": counts.delivered, "clicked": counts.clicked,
            "lost_receipts": counts.lost_receipts, "refused_receipts": counts.refused_receipts,
            "messages": messages,
        })
    };
    fleet
        .vendors
        .iter()
        .map(|(name, vendor)| ((*name).to_owned(), of(&vendor.service)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Tells counts: over each other on a terminal, elsewhere only when they have changed.
struct Screen {
    json: bool,
    over: bool,
    drawn: usize,
    last: String,
}

impl Screen {
    fn new(json: bool) -> Self {
        Self {
            json,
            over: !json && std::io::stdout().is_terminal(),
            drawn: 0,
            last: String::new(),
        }
    }

    fn tell(&mut self, fleet: &Fleet, elapsed: Duration) {
        if self.json {
            sayln!("{}", counts(fleet));
            return;
        }
        let table = table(fleet);
        if table == self.last && !self.over {
            return;
        }
        if self.over && self.drawn > 0 {
            say!("\x1b[{}A", self.drawn);
        }
        let text = format!("after {:.0} s\n{table}", elapsed.as_secs_f64());
        self.drawn = text.lines().count();
        for line in text.lines() {
            if self.over {
                say!("\x1b[2K");
            }
            sayln!("{line}");
        }
        self.last = table;
    }
}

fn table(fleet: &Fleet) -> String {
    let mut out = String::from(
        "vendor    requests     taken  repeats  delivered   clicked  lost receipts  refused receipts\n",
    );
    for (name, vendor) in &fleet.vendors {
        let counts = vendor.service.counts();
        let _ = writeln!(
            out,
            "{name:<8} {:>9} {:>9} {:>8} {:>10} {:>9} {:>14} {:>17}",
            counts.requests,
            counts.taken,
            counts.repeats,
            counts.delivered,
            counts.clicked,
            counts.lost_receipts,
            counts.refused_receipts
        );
    }
    out
}
