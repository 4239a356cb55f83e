//! `windows`: a random foreign history, and random windows of it compared with a naive count to the last unit.
//!
//! The history is sent over one connection, so that it is known which of several events was recorded first.

mod naive;
mod random;

use crate::access::now_s;
use crate::args::WindowsArgs;
use crate::bodies::{EVENTS_LEN, task_name};
use crate::client::Connection;
use crate::intake::post;
use crate::random::Random;
use crate::report::Report;
use crate::statistics::{Comparison, Statistics, TASKS_LEN};
use crate::target::Target;
use naive::{Naive, Told};
use random::{HISTORY_S, History};

pub(crate) fn run(target: &Target, args: &WindowsArgs, report: &mut Report) -> anyhow::Result<()> {
    let now_s = now_s();
    let seed = args.seed.unwrap_or(now_s.into());
    report.count("seed", seed, "");
    let mut naive = Naive::new(args.tasks);
    let mut history = History {
        random: Random::new(seed),
        tasks: args.tasks,
        accounts: args.accounts,
        first_s: now_s - HISTORY_S,
        earlier: Vec::new(),
    };
    let mut connection = Connection::open(target.address)?;
    let mut left = args.events;
    while left > 0 {
        let len = left.min(1 + history.random.below(EVENTS_LEN as u32));
        left -= len;
        let events: Vec<Told> = (0..len).map(|_| history.next()).collect();
        let rendered: Vec<String> = events.iter().map(|event| event.render(now_s)).collect();
        post(target, &mut connection, &rendered)?;
        for event in events {
            naive.record(event);
        }
    }
    report.count("events sent", args.events.into(), "events");
    report.count("that count", naive.len(), "events");
    let mut statistics = Statistics::open(target)?;
    let mut comparison = Comparison::default();
    for _ in 0..args.windows {
        let (start_s, end_s) = history.window(&naive);
        // With none named, all count; but only on a server that nobody else has written to are all ours.
        let overall = target.is_fresh() && history.random.one_in(TASKS_LEN as u32 + 1);
        let tasks = if overall {
            Vec::new()
        } else {
            history.some_tasks()
        };
        let names: Vec<String> = tasks.iter().map(|task| task_name(now_s, *task)).collect();
        let answers = statistics.ask(&names, start_s, end_s)?;
        let expected = match tasks.as_slice() {
            [] => vec![naive.overall(start_s, end_s)],
            tasks => tasks
                .iter()
                .map(|task| naive.task(*task, start_s, end_s))
                .collect(),
        };
        for (index, (expected, counted)) in expected.iter().zip(&answers).enumerate() {
            let name = names.get(index).map_or("overall", String::as_str);
            comparison.compare(
                &format!("{name} in [{start_s}, {end_s})"),
                expected,
                counted,
            );
        }
    }
    report.count("windows", args.windows.into(), "");
    comparison.finish("results", report)
}
