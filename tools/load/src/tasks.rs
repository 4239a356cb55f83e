//! `tasks`: many tasks of a fixed number of devices, memory over time, and a late event for the oldest of them.

use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, ensure};

use crate::access::now_s;
use crate::args::TasksArgs;
use crate::bodies::{EVENTS_LEN, render, task_name};
use crate::client::Connection;
use crate::history::{FILLED_S, count};
use crate::intake::{self, Plan, post, turns};
use crate::process::Watch;
use crate::report::Report;
use crate::sequence::{Event, recipient};
use crate::statistics::{Comparison, Counts, SPAN_S, Statistics};
use crate::target::{CpuMeter, Target};

/// Each device is sent to and delivered to.
const EVENTS_PER_DEVICE: u64 = 2;
/// Seconds over which a task's devices are sent to, and after which they are delivered to.
const TASK_S: u64 = 60;
/// In how many parts of the run memory is told.
const PARTS: usize = 5;

pub(crate) fn run(target: &Target, args: &TasksArgs, report: &mut Report) -> anyhow::Result<()> {
    ensure!(
        args.devices <= args.population,
        "--devices is more than --population"
    );
    let campaign = Campaign {
        run: now_s(),
        first_s: now_s() - FILLED_S,
        tasks: args.tasks,
        devices: args.devices,
        population: args.population,
    };
    let watch = target.process.clone().map(Watch::start);
    let cpu = CpuMeter::start(target);
    let mut sent = campaign.send(target, args.connections)?;
    let samples = watch.map(Watch::stop).unwrap_or_default();
    sent.report(report);
    cpu.report(sent.events(), "event", report);
    report_memory(&samples, report);
    target.report_memory(report);
    target.report_storage(sent.events(), report);
    campaign.compare(target, args.compare, report)?;
    late_event(target, &campaign, report)
}

fn report_memory(samples: &[u64], report: &mut Report) {
    for part in 1..=PARTS {
        let until = samples.len() * part / PARTS;
        let from = samples.len() * (part - 1) / PARTS;
        if let Some(bytes) = samples.get(from..until).and_then(|part| part.iter().max()) {
            let percent = 100 * part / PARTS;
            report.figure(
                &format!("server memory, highest until {percent} %"),
                *bytes as f64 / 1_048_576.0,
                "MiB",
            );
        }
    }
}

/// A click on the first task, long after: it counts, and its repeat does not.
fn late_event(target: &Target, campaign: &Campaign, report: &mut Report) -> anyhow::Result<()> {
    let mut connection = Connection::open(target.address)?;
    let mut statistics = Statistics::open(target)?;
    let mut expected = campaign.counts(0);
    let late = Event {
        at: now_s(),
        stage: 3,
        ..campaign.event(0)
    };
    count(&mut expected, late.stage, late.recipient);
    for time in ["first", "second"] {
        post(target, &mut connection, &[render(campaign.run, &late)])?;
        let tasks = [task_name(campaign.run, 0)];
        let answers = statistics.ask(&tasks, campaign.first_s, campaign.first_s + SPAN_S)?;
        let counted = answers.first().context("no result")?;
        ensure!(
            *counted == expected,
            "the {time} late event: expected {expected:?}, counted {counted:?}"
        );
    }
    report.fact("late event for the oldest task, sent twice", "counts once");
    Ok(())
}

/// The tasks, one after another over the days, and their devices.
#[derive(Debug, Clone, Copy)]
struct Campaign {
    run: u32,
    first_s: u32,
    tasks: u32,
    devices: u32,
    population: u32,
}

impl Campaign {
    fn send(self, target: &Target, connections: u32) -> anyhow::Result<intake::Sent> {
        let events = u64::from(self.tasks) * u64::from(self.devices) * EVENTS_PER_DEVICE;
        let plan = Plan {
            run: self.run,
            task_time_s: self.first_s,
            calls: events.div_ceil(EVENTS_LEN as u64),
            rate: None,
            until: None,
        };
        let next = AtomicU64::new(0);
        let mut sources: Vec<_> = (0..connections)
            .map(|_| turns(&next, events, move |index| self.event(index)))
            .collect();
        intake::run(target, &plan, &mut sources)
    }

    fn event(self, index: u64) -> Event {
        let of_task = u64::from(self.devices) * EVENTS_PER_DEVICE;
        let (task, index) = (index / of_task, index % of_task);
        let (device, stage) = (index / EVENTS_PER_DEVICE, index % EVENTS_PER_DEVICE);
        let since = task * (u64::from(FILLED_S) - 2 * TASK_S) / u64::from(self.tasks);
        Event {
            task: task as u32,
            recipient: recipient(task as u32, device, self.population),
            at: self.first_s + (since + device % TASK_S + stage * TASK_S) as u32,
            stage: stage as u8 + 1,
        }
    }

    fn counts(self, task: u32) -> Counts {
        let mut counts = Counts::new();
        for device in 0..self.devices {
            let recipient = recipient(task, device.into(), self.population);
            count(&mut counts, 1, recipient);
            count(&mut counts, 2, recipient);
        }
        counts
    }

    fn compare(self, target: &Target, tasks: u32, report: &mut Report) -> anyhow::Result<()> {
        let mut statistics = Statistics::open(target)?;
        let mut comparison = Comparison::default();
        let apart = (self.tasks / tasks.clamp(1, self.tasks)) as usize;
        let chosen = (0..self.tasks).step_by(apart).take(tasks as usize);
        let expected = chosen.map(|task| (task_name(self.run, task), self.counts(task)));
        comparison.tasks(&mut statistics, self.first_s, expected)?;
        comparison.finish("tasks", report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_campaign_sends_each_device_each_stage_once() {
        let campaign = Campaign {
            run: 1,
            first_s: 1_000,
            tasks: 7,
            devices: 50,
            population: 60,
        };
        let mut seen = HashSet::new();
        for index in 0..700 {
            let Event {
                task,
                recipient,
                at,
                stage,
            } = campaign.event(index);
            assert!(task < 7 && recipient < 60 && (1_000..1_000 + FILLED_S).contains(&at));
            assert!(seen.insert((task, recipient, stage)));
        }
        let total: u64 = campaign.counts(3).values().map(|row| row[2]).sum();
        assert_eq!(total, 50);
    }
}
