//! What is compared: counts by route and platform, ours and theirs.

use std::collections::BTreeMap;

use pushtally_model::{Channel, Second, Stage, Window};
use serde::{Deserialize, Serialize};

/// How far the service's clock is ahead of UTC, in seconds: its days begin at midnight in China, as all of its samples do.
pub const UTC8_S: u32 = 8 * 3600;

/// Counts of devices by stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// `TotalCount`.
    pub planned: u64,
    /// `SentCount`.
    pub sent: u64,
    /// `DeliveredCount`.
    pub delivered: u64,
    /// `ClickCount`.
    pub clicked: u64,
}

impl Counts {
    /// The count of a stage.
    #[must_use]
    pub const fn of(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Planned => self.planned,
            Stage::Sent => self.sent,
            Stage::Delivered => self.delivered,
            Stage::Clicked => self.clicked,
        }
    }

    /// Whether every stage is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            planned: self.planned.saturating_add(other.planned),
            sent: self.sent.saturating_add(other.sent),
            delivered: self.delivered.saturating_add(other.delivered),
            clicked: self.clicked.saturating_add(other.clicked),
        }
    }
}

/// What a row is of: a route and a platform, by the numbers of the documented reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// `EventType`: 1 offline, 2 online; others are not documented.
    pub route: u64,
    /// `PushPlatform`: 0 to 8; others are not documented.
    pub platform: u64,
}

impl Place {
    /// The highest `PushPlatform` with a documented meaning.
    pub const PLATFORM_MAX: u64 = 8;

    /// The route's name; the number when it has none.
    #[must_use]
    pub fn route_name(&self) -> String {
        match self.route {
            1 => "offline".to_owned(),
            2 => "online".to_owned(),
            other => other.to_string(),
        }
    }

    /// The platform's name; the number when it has none.
    #[must_use]
    pub fn platform_name(&self) -> String {
        if (self.route, self.platform) == (2, 0) {
            return "online".to_owned();
        }
        let channel = u8::try_from(self.platform).ok();
        match channel.and_then(Channel::from_push_platform) {
            Some(channel) => channel.name().to_owned(),
            None => self.platform.to_string(),
        }
    }
}

/// Where our knowledge of a task comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Events came in through callbacks.
    Imported,
    /// It was sent from here.
    Own,
    /// Nothing ever came of it.
    Unknown,
}

/// Our counts of a task on a route and platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurRow {
    /// What they are of.
    pub place: Place,
    /// Within the window.
    pub within: Counts,
    /// Within the window widened to whole days of UTC+8.
    pub in_days: Counts,
    /// Whenever it was.
    pub ever: Counts,
}

/// Our side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurTask {
    /// The TaskId.
    pub id: String,
    /// How it is known.
    pub origin: Origin,
    /// Its rows, with or without a count in the window.
    pub rows: Vec<OurRow>,
    /// The second of its first event; `None` when it has none.
    pub first: Option<u32>,
    /// The second of its last event.
    pub last: Option<u32>,
}

/// Their side of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TheirTask {
    /// What they say of all rows together.
    pub total: Counts,
    /// By route and platform; rows of the same place are added up.
    pub rows: BTreeMap<Place, Counts>,
}

/// A window widened to whole days of UTC+8.
#[must_use]
pub fn whole_days(window: Window) -> Window {
    let day = u64::from(Second::DAY_S);
    let (start, end) = (u64::from(window.start().0), u64::from(window.end().0));
    let shift = u64::from(UTC8_S);
    // From 1970 on there is no midnight before the first 16 hours; they belong to the day that began before.
    let start = ((start + shift) / day * day).saturating_sub(shift);
    let end = (end + shift).div_ceil(day) * day - shift;
    let second = |s: u64| Second(u32::try_from(s).unwrap_or(u32::MAX));
    Window::new(second(start), second(end)).unwrap_or(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_becomes_whole_days_of_utc8() {
        for (start, end, expected) in [
            // The bounds of the documented sample are midnights.
            (1_741_104_000, 1_741_795_200, (1_741_104_000, 1_741_795_200)),
            (1_741_104_001, 1_741_795_201, (1_741_104_000, 1_741_881_600)),
            (1_741_190_399, 1_741_190_400, (1_741_104_000, 1_741_190_400)),
            (5, 6, (0, 57_600)),
            (u32::MAX - 1, u32::MAX, (4_294_915_200, u32::MAX)),
        ] {
            let window = Window::new(Second(start), Second(end)).unwrap();
            let days = whole_days(window);
            assert_eq!((days.start().0, days.end().0), expected, "{start} {end}");
        }
    }

    #[test]
    fn every_place_has_a_name() {
        let name = |route, platform| {
            let place = Place { route, platform };
            format!("{} {}", place.route_name(), place.platform_name())
        };
        assert_eq!(name(1, 0), "offline unknown");
        assert_eq!(name(1, 8), "offline honor");
        assert_eq!(name(2, 0), "online online");
        assert_eq!(name(1, 9), "offline 9");
        assert_eq!(name(3, 1), "3 apns");
    }
}
