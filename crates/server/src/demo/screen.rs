//! The funnel while it fills: bars that move on a terminal and a row for each channel, plain lines once a second elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use pushtally_model::{Channel, Route};

use super::compare::Row;
use crate::terminal::{say, sayln};

/// No line is longer, whatever the terminal.
const WIDTH: usize = 80;
const BAR_LEN: usize = WIDTH - 24;
const STAGES: [(&str, &str); 4] = [
    ("planned", "\x1b[34m"),
    ("sent", "\x1b[36m"),
    ("delivered", "\x1b[32m"),
    ("clicked", "\x1b[33m"),
];

/// How the funnel is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Bars { colour: bool },
    Lines,
}

impl Style {
    /// What standard output can show.
    pub(super) fn detect() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !std::io::stdout().is_terminal()
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
        {
            return Self::Lines;
        }
        Self::Bars {
            colour: !set("NO_COLOR"),
        }
    }

    /// How often it is drawn.
    pub(super) fn every(self) -> Duration {
        match self {
            Self::Bars { .. } => Duration::from_millis(100),
            Self::Lines => Duration::from_secs(1),
        }
    }
}

/// A task's counts by route and channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Funnel {
    pub(super) rows: BTreeMap<(Route, Channel), FunnelRow>,
}

/// A channel's counts: its stages, and who was lost before sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FunnelRow {
    pub(super) counts: Row,
    pub(super) lost: u64,
}

impl Funnel {
    /// All channels together.
    pub(super) fn counts(&self) -> Row {
        sum(self.rows.values())
    }

    /// The channels that are not the socket, together.
    pub(super) fn offline(&self) -> FunnelRow {
        let rows = self.rows.iter();
        let rows = rows.filter(|((route, _), _)| *route == Route::Offline);
        let rows: Vec<&FunnelRow> = rows.map(|(_, row)| row).collect();
        FunnelRow {
            counts: sum(rows.iter().copied()),
            lost: rows.iter().map(|row| row.lost).sum(),
        }
    }
}

fn sum<'a>(rows: impl Iterator<Item = &'a FunnelRow>) -> Row {
    rows.fold(Row::default(), |sum, row| {
        std::array::from_fn(|at| sum[at] + row.counts[at])
    })
}

/// What is shown at one moment.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) funnel: Funnel,
    pub(super) devices: u32,
    pub(super) events: u64,
    pub(super) events_all: u64,
    /// What is counted by the two: `events`, `reports`.
    pub(super) of: &'static str,
}

/// Draws scenes over each other.
#[derive(Debug)]
pub(super) struct Screen {
    style: Style,
    started: Instant,
    /// Lines that stand there.
    drawn: usize,
    last: (Instant, u64),
}

impl Screen {
    pub(super) fn new(style: Style) -> Self {
        let now = Instant::now();
        Self {
            style,
            started: now,
            drawn: 0,
            last: (now, 0),
        }
    }

    pub(super) fn draw(&mut self, scene: &Scene) {
        let now = Instant::now();
        let (before, events_before) = self.last;
        let rate = scene.events.saturating_sub(events_before) as f64
            / (now - before).as_secs_f64().max(0.001);
        self.last = (now, scene.events);
        let elapsed = now - self.started;
        match self.style {
            Style::Lines => sayln!("{}", line(scene, rate, elapsed)),
            Style::Bars { colour } => {
                let drawn = bars(scene, rate, elapsed, colour);
                match self.drawn {
                    0 => say!("{drawn}"),
                    lines => say!("\x1b[{lines}A{drawn}"),
                }
                self.drawn = drawn.lines().count();
            }
        }
    }
}

fn line(scene: &Scene, rate: f64, elapsed: Duration) -> String {
    let [planned, sent, delivered, clicked] = scene.funnel.counts();
    let elapsed = elapsed.as_secs_f64();
    format!(
        "{elapsed:5.1} s  planned {planned} sent {sent} delivered {delivered} clicked {clicked}  {rate:.0} {}/s",
        scene.of
    )
}

fn bars(scene: &Scene, rate: f64, elapsed: Duration, colour: bool) -> String {
    let mut out = String::new();
    for ((name, paint), count) in STAGES.iter().zip(scene.funnel.counts()) {
        let len = (count as usize * BAR_LEN / scene.devices.max(1) as usize).min(BAR_LEN);
        let (paint, plain) = if colour {
            (*paint, "\x1b[0m")
        } else {
            ("", "")
        };
        let bar = "█".repeat(len);
        let _ = writeln!(
            out,
            "\x1b[2K  {name:<9} {:>10}  {paint}{bar}{plain}",
            grouped(count)
        );
    }
    let (events, all, elapsed) = (
        grouped(scene.events),
        grouped(scene.events_all),
        elapsed.as_secs_f64(),
    );
    let (rate, of) = (grouped(rate as u64), scene.of);
    let _ = writeln!(
        out,
        "\x1b[2K  {events} of {all} {of}, {rate} a second, {elapsed:.1} s"
    );
    let _ = write!(out, "\x1b[2K  {:<9}", "");
    let heads = STAGES.iter().map(|(name, _)| *name).chain(["lost"]);
    heads.for_each(|head| _ = write!(out, " {head:>10}"));
    out.push('\n');
    for ((route, channel), row) in &scene.funnel.rows {
        let _ = write!(out, "\x1b[2K  {:<9}", name(*route, *channel));
        let counts = row.counts.into_iter().chain([row.lost]);
        counts.for_each(|count| _ = write!(out, " {:>10}", grouped(count)));
        out.push('\n');
    }
    out
}

/// Who has no token has no channel either.
fn name(route: Route, channel: Channel) -> &'static str {
    match (route, channel) {
        (Route::Offline, Channel::Unknown) => "no token",
        (_, channel) => channel.name(),
    }
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let check = |number, expected| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn bars_fit_and_have_no_colour_where_none_is_wanted() {
        let row = |counts, lost| FunnelRow { counts, lost };
        let rows = [
            (
                (Route::Online, Channel::Online),
                row([1_000_000, 500_000, 500_000, 1], 7),
            ),
            (
                (Route::Offline, Channel::Xiaomi),
                row([1_000_000, 500_000, 0, 0], 9),
            ),
            ((Route::Offline, Channel::Unknown), row([0, 0, 0, 0], 0)),
        ];
        let scene = Scene {
            funnel: Funnel {
                rows: BTreeMap::from(rows),
            },
            devices: 2_000_000,
            events: 3_900_000,
            events_all: 3_900_000,
            of: "events",
        };
        let drawn = bars(&scene, 123_456.7, Duration::from_millis(61_500), false);
        assert_eq!(drawn.lines().count(), STAGES.len() + 5);
        for line in drawn.lines() {
            let line = line.strip_prefix("\x1b[2K").unwrap();
            assert!(
                !line.contains('\x1b') && line.chars().count() <= WIDTH,
                "{line}"
            );
        }
        assert_eq!(
            drawn.matches('█').count(),
            BAR_LEN + BAR_LEN / 2 + BAR_LEN / 4
        );
        for (row, lost) in [("online", "7"), ("xiaomi", "9"), ("no token", "0")] {
            let found = drawn.lines().find(|line| line.contains(row)).unwrap();
            assert!(found.ends_with(lost), "{found}");
        }
        assert_eq!(scene.funnel.offline(), row([1_000_000, 500_000, 0, 0], 9));
        assert!(bars(&scene, 0.0, Duration::ZERO, true).contains("\x1b[34m"));
        assert!(line(&scene, 1.0, Duration::ZERO).len() <= WIDTH + 20);
    }
}
