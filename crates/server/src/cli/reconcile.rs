//! `pushtally reconcile`: our counts beside those of the Tencent Cloud Chat app whose callbacks are imported.

mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use pushtally_model::{Clock as _, Second, Secret, SystemClock, Window};
use pushtally_reconcile::{
    AskError, Client, ClientSettings, Comparison, DEFAULT_HOST, Facts, Host, KEPT_S, Origin,
    OurRow, OurTask, Pace, Signed, TheirTask, compare,
};
use pushtally_usersig::validate_identifier;
use rustls::pki_types::CertificateDer;
use serde_json::json;

use super::app::secret;
use super::moment::parse_moment;
use super::{COMMAND_THREADS, UsageError, runtime};
use crate::acts::{Act, Done, OurSide, TASKS_A_PAGE};
use crate::config::{Config, read_authorities};
use crate::engine::Purpose;
use crate::terminal::{say, sayln};

/// Where the key is when no file is named.
const KEY_VARIABLE: &str = "TENCENT_CHAT_KEY";
/// Bytes of a key that is read from standard input; theirs have 64.
const KEY_LEN_MAX: u64 = 4096;
/// How long they may take for an answer: three times their own bound.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The window unless it is said: a day less than they keep, so that it is allowed however they count the 30.
const WINDOW_S: u32 = KEPT_S - Second::DAY_S;
/// Tasks of one comparison: two thousand calls, half an hour and more.
const TASKS_MAX: usize = 10_000;

/// What is compared, and how their side is reached.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Our SDKAppID.
    #[arg(value_name = "SDKAPPID")]
    app: u32,
    /// Their SDKAppID, if it is another one.
    #[arg(long)]
    sdkappid: Option<u32>,
    /// File whose first line is the app's key in their console; `-` is standard input. Without it, $TENCENT_CHAT_KEY.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// An administrator of their app.
    #[arg(long, default_value = "administrator", value_name = "USERID")]
    identifier: String,
    /// Where their app is called: the host of its region, or the URL of a simulator on this machine.
    #[arg(long, default_value = DEFAULT_HOST)]
    host: String,
    /// File of further authorities that are trusted, in PEM, beside the usual ones.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Of this task; several times for several. Without any: all imported tasks with an event in the window, and their sum.
    #[arg(long = "task", value_name = "ID")]
    tasks: Vec<String>,
    /// From this moment on: a Unix second, `2026-01-31 16:00:00` (UTC), or `90m`, `2h`, `3d` ago. Default: 29 days ago.
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// Before this moment. Default: now.
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Exit code 0 when both sides are equal, 1 when something differs.
pub(super) fn run(
    arguments: ReconcileArgs,
    config: &Config,
    variables: &[(String, String)],
) -> anyhow::Result<ExitCode> {
    let now = SystemClock::default().now();
    let window = window(arguments.from.as_deref(), arguments.to.as_deref(), now)?;
    check_tasks(&arguments.tasks)?;
    let host = Host::parse(&arguments.host).map_err(|error| UsageError(error.to_string()))?;
    let identifier = &arguments.identifier;
    validate_identifier(identifier).map_err(|error| UsageError(error.to_string()))?;
    let authorities = match &arguments.ca_file {
        Some(path) => authorities(path)?,
        None => Vec::new(),
    };
    let key = key(arguments.key_file.as_ref(), variables)?;
    let their_app = arguments.sdkappid.unwrap_or(arguments.app);
    if their_app == 0 {
        bail!(UsageError(
            "`--sdkappid` must be 1 to 4294967295, not `0`".to_owned()
        ));
    }

    let ours = our_side(config, arguments.app, &arguments.tasks, window)?;
    let signed = Signed::new(host.clone(), their_app, identifier, &key, now);
    let settings = ClientSettings {
        targets: config.targets.clone(),
        authorities,
        timeout: ANSWER_MAX,
        pace: Pace::default(),
    };
    let mut client = Client::new(signed, settings)?;
    let facts = Facts {
        window,
        now,
        first: ours.first.map(Second),
        repeated: ours.repeated,
    };
    let ask = ask(&mut client, &facts, &ours.tasks, arguments.tasks.is_empty());
    let (tasks, overall) = runtime(COMMAND_THREADS)?.block_on(ask)?;
    let equal = tasks.equal && overall.as_ref().is_none_or(|overall| overall.equal);
    if arguments.json {
        let whole = json!({
            "app": arguments.app, "their_app": their_app, "host": host.name(),
            "from": window.start().0, "to": window.end().0,
            "equal": equal, "tasks": tasks.tasks, "overall": overall.map(|overall| overall.tasks),
        });
        sayln!("{whole}");
    } else {
        say!("{}", table::draw(&tasks, overall.as_ref()));
    }
    Ok(ExitCode::from(u8::from(!equal)))
}

/// Both sides of the tasks, and of all together if no task was named.
async fn ask(
    client: &mut Client,
    facts: &Facts,
    ours: &[OurTask],
    with_overall: bool,
) -> anyhow::Result<(Comparison, Option<Comparison>)> {
    let told = |error: &AskError, wait: Duration| {
        // Standard error may be closed; the comparison goes on.
        let _ = writeln!(std::io::stderr(), "{error}; again in {wait:?}");
    };
    let ids: Vec<&str> = ours.iter().map(|task| &*task.id).collect();
    let theirs = client.counts(facts.window, &ids, told).await?;
    let tasks = compare(facts, ours, &theirs);
    if !with_overall {
        return Ok((tasks, None));
    }
    let theirs: TheirTask = client.overall(facts.window, told).await?;
    let together = together(facts, ours);
    let theirs = [(together.id.clone(), theirs)].into();
    Ok((tasks, Some(compare(facts, &[together], &theirs))))
}

/// Our tasks as one, which has no name.
fn together(facts: &Facts, tasks: &[OurTask]) -> OurTask {
    let mut rows: Vec<OurRow> = Vec::new();
    for row in tasks.iter().flat_map(|task| &task.rows) {
        match rows.iter_mut().find(|known| known.place == row.place) {
            Some(known) => known.within = known.within.plus(row.within),
            None => rows.push(*row),
        }
    }
    for row in &mut rows {
        // Tasks without an event in the window are not among these, so nothing is known of other windows.
        (row.in_days, row.ever) = (row.within, row.within);
    }
    OurTask {
        id: String::new(),
        origin: Origin::Imported,
        rows,
        first: facts.first.map(|first| first.0),
        last: tasks.iter().filter_map(|task| task.last).max(),
    }
}

fn our_side(
    config: &Config,
    app: u32,
    tasks: &[String],
    window: Window,
) -> anyhow::Result<OurSide> {
    let mut whole = OurSide {
        tasks: Vec::new(),
        next: Some(0),
        first: None,
        repeated: 0,
    };
    let mut named = tasks.chunks(TASKS_A_PAGE);
    super::perform_all(config, Purpose::Service, |perform| {
        while let Some(place) = whole.next {
            let act = Act::OurSide {
                sdkappid: app,
                tasks: named.next().unwrap_or_default().to_vec(),
                from: window.start().0,
                to: window.end().0,
                place,
            };
            let Done::OurSide(side) = perform(act)? else {
                bail!("the running server gave another answer");
            };
            whole.tasks.extend(side.tasks);
            whole.first = whole.first.or(side.first);
            whole.repeated = side.repeated;
            whole.next = match tasks {
                [] => side.next,
                _ => (named.len() > 0).then_some(0),
            };
            if whole.tasks.len() > TASKS_MAX {
                bail!(UsageError(format!(
                    "more than {TASKS_MAX} tasks have an event in this window: narrow it with `--from` and `--to`"
                )));
            }
        }
        Ok(())
    })?;
    Ok(whole)
}

fn window(from: Option<&str>, to: Option<&str>, now: Second) -> anyhow::Result<Window> {
    let parse = |option: &str, text: Option<&str>, otherwise: Second| {
        let Some(text) = text else {
            return Ok(otherwise);
        };
        parse_moment(text, now.0).map(Second).ok_or_else(|| {
            UsageError(format!(
                "`{option}` must be a Unix second, `2026-01-31 23:59:59`, or `90m`, `2h`, `3d` ago, not `{text}`"
            ))
        })
    };
    let to = parse("--to", to, now)?;
    let from = parse("--from", from, Second(to.0.saturating_sub(WINDOW_S)))?;
    let span = to.0.saturating_sub(from.0);
    if span > KEPT_S {
        bail!(UsageError(format!(
            "`--from` {from} and `--to` {to} are `{span}` seconds apart, more than the `{KEPT_S}` that they answer for"
        )));
    }
    Window::new(from, to)
        .map_err(|_| UsageError(format!("`--from` {from} must be before `--to` {to}")).into())
}

fn check_tasks(tasks: &[String]) -> Result<(), UsageError> {
    for (nth, task) in tasks.iter().enumerate() {
        if task.is_empty() {
            return Err(UsageError("`--task` is empty".to_owned()));
        }
        if tasks.iter().take(nth).any(|other| other == task) {
            return Err(UsageError(format!("`--task` `{task}` is given twice")));
        }
    }
    if tasks.len() > TASKS_MAX {
        let count = tasks.len();
        return Err(UsageError(format!(
            "`--task` is given {count} times, more than {TASKS_MAX}"
        )));
    }
    Ok(())
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, UsageError> {
    read_authorities(path).map_err(|reason| {
        UsageError(format!(
            "`--ca-file` must be a file of certificates in PEM: {reason}"
        ))
    })
}

/// The key: from a file, from standard input, or from the variable; never from the command line, where others see it.
fn key(file: Option<&PathBuf>, variables: &[(String, String)]) -> anyhow::Result<Secret> {
    let from_variable = || {
        let found = variables.iter().find(|(name, _)| name == KEY_VARIABLE);
        found.map(|(_, key)| key.trim().to_owned())
    };
    let key = match file {
        Some(path) if path.as_os_str() == "-" => {
            let mut text = String::new();
            let input = std::io::Read::take(std::io::stdin().lock(), KEY_LEN_MAX);
            std::io::BufRead::read_line(&mut std::io::BufReader::new(input), &mut text)
                .context("the key cannot be read from standard input")?;
            text.trim().to_owned()
        }
        Some(path) => secret(path)?,
        None => from_variable().ok_or_else(|| {
            UsageError(format!(
                "the key of their app is missing: name its file with `--key-file`, or set `{KEY_VARIABLE}`"
            ))
        })?,
    };
    if key.is_empty() {
        bail!(UsageError("the key of their app is empty".to_owned()));
    }
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Second = Second(1_800_000_000);

    #[test]
    fn a_window_is_at_most_what_they_keep() {
        let check = |from, to, expected: Result<(u32, u32), &str>| {
            let found = window(from, to, NOW).map(|window| (window.start().0, window.end().0));
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(expected)) => {
                    assert!(error.downcast_ref::<UsageError>().is_some());
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        check(None, None, Ok((NOW.0 - 29 * 86_400, NOW.0)));
        check(Some("2d"), None, Ok((NOW.0 - 2 * 86_400, NOW.0)));
        check(Some("30d"), None, Ok((NOW.0 - KEPT_S, NOW.0)));
        check(
            Some("31d"),
            Some("2d"),
            Ok((NOW.0 - 31 * 86_400, NOW.0 - 2 * 86_400)),
        );
        check(Some("31d"), None, Err("`2678400` seconds apart"));
        check(Some("7"), Some("7"), Err("must be before"));
        check(Some("soon"), None, Err("`--from` must be"));
        check(None, Some("-1"), Err("`--to` must be"));
    }

    #[test]
    fn tasks_are_named_once() {
        let check = |tasks: &[&str], expected: Option<&str>| {
            let tasks: Vec<String> = tasks.iter().map(|task| (*task).to_owned()).collect();
            let error = check_tasks(&tasks).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected);
        };
        check(&[], None);
        check(&["a", "b"], None);
        check(&["a", ""], Some("`--task` is empty"));
        check(&["a", "b", "a"], Some("`--task` `a` is given twice"));
    }

    #[test]
    fn a_key_comes_from_the_variable_when_no_file_is_named() {
        let variable = |value: &str| [(KEY_VARIABLE.to_owned(), value.to_owned())];
        assert_eq!(key(None, &variable(" k \n")).unwrap(), Secret::new("k"));
        for (variables, expected) in [(&variable("")[..], "is empty"), (&[], "is missing")] {
            let error = key(None, variables).unwrap_err();
            assert!(error.downcast_ref::<UsageError>().is_some());
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn our_tasks_together_are_their_sums() {
        let counts = |n| pushtally_reconcile::Counts {
            planned: n,
            sent: n,
            delivered: 0,
            clicked: 0,
        };
        let task = |platform, n: u64, last| OurTask {
            id: n.to_string(),
            origin: Origin::Imported,
            rows: vec![OurRow {
                place: pushtally_reconcile::Place { route: 1, platform },
                within: counts(n),
                in_days: counts(n + 1),
                ever: counts(n + 2),
            }],
            first: Some(1),
            last: Some(last),
        };
        let facts = Facts {
            window: Window::all(),
            now: NOW,
            first: Some(Second(5)),
            repeated: 0,
        };
        let whole = together(&facts, &[task(1, 3, 8), task(1, 4, 9), task(2, 5, 7)]);
        let sums: Vec<_> = whole
            .rows
            .iter()
            .map(|row| (row.place.platform, row.within.sent, row.ever.sent))
            .collect();
        assert_eq!(sums, [(1, 7, 7), (2, 5, 5)]);
        assert_eq!((whole.first, whole.last), (Some(5), Some(9)));
    }
}
