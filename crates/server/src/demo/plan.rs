//! The invented push: which device is told what when, and in which order the callbacks arrive. Pure; a seed decides.

/// Seconds from the push to its last event.
pub(super) const LENGTH_S: u32 = SEND_S + DELIVER_S + CLICK_S + REPEAT_S;
const SEND_S: u32 = 240;
const DELIVER_S: u32 = 60;
const CLICK_S: u32 = 500;
/// A repeat may carry a time this much later than its first.
const REPEAT_S: u32 = 5;

/// Milliseconds by which callbacks overtake each other.
const REORDER_MS: u64 = 4_000;
/// Milliseconds by which the late ones are late.
const LATE_MS: u64 = 900_000;
/// Parts of a thousand: repeated, late, with a repeat that states a later time.
const REPEATED: u64 = 50;
const LATE: u64 = 10;
const REPEATED_LATER: u64 = 300;

/// A channel of the invented push, rates in parts of a thousand.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    pub(super) event_type: u8,
    pub(super) push_platform: u8,
    share: u64,
    refused: u64,
    delivered: u64,
    clicked: u64,
}

const fn offline(
    name: &'static str,
    push_platform: u8,
    share: u64,
    refused: u64,
    delivered: u64,
    clicked: u64,
) -> Profile {
    Profile {
        name,
        event_type: 1,
        push_platform,
        share,
        refused,
        delivered,
        clicked,
    }
}

/// The shares add up to a thousand. APNs and FCM report no delivery, but clicks come from the app itself.
pub(super) const PROFILES: [Profile; 9] = [
    offline("APNs", 1, 220, 30, 0, 50),
    offline("Xiaomi", 2, 150, 60, 780, 70),
    offline("Huawei", 3, 130, 50, 810, 60),
    offline("FCM", 4, 90, 110, 0, 40),
    offline("Meizu", 5, 10, 140, 550, 30),
    offline("OPPO", 6, 120, 70, 700, 60),
    offline("vivo", 7, 110, 80, 720, 60),
    offline("HONOR", 8, 50, 40, 800, 70),
    Profile {
        name: "online",
        event_type: 2,
        push_platform: 0,
        share: 120,
        refused: 5,
        delivered: 990,
        clicked: 150,
    },
];

/// Why devices are lost, as vendors and the platform name it.
const LOSSES: [(i64, &str); 4] = [
    (-1, "certificate id not set"),
    (-2, "token not uploaded"),
    (1, "regid_invalid"),
    (410, "Unregistered"),
];

/// One event of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Played {
    pub(super) device: u32,
    /// Index into `PROFILES`.
    pub(super) channel: u8,
    /// 1 sent, 2 reached, 3 clicked.
    pub(super) stage: u8,
    /// Seconds after the push.
    pub(super) after_s: u32,
    /// Index into `LOSSES` plus one; 0 is success.
    loss: u8,
}

impl Played {
    pub(super) fn profile(&self) -> &'static Profile {
        &PROFILES[usize::from(self.channel) % PROFILES.len()]
    }

    /// `ErrCode` and `ErrInfo`.
    pub(super) fn outcome(&self) -> (i64, &'static str) {
        let loss = usize::from(self.loss).checked_sub(1);
        loss.and_then(|loss| LOSSES.get(loss))
            .copied()
            .unwrap_or((0, "OK"))
    }
}

/// All events in the order in which they arrive.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) events: Vec<Played>,
    /// How many of them repeat another.
    pub(super) repeats: usize,
}

impl Plan {
    pub(super) fn new(seed: u64, devices: u32) -> Self {
        let mut dice = Dice(seed);
        let mut arrivals = Arrivals::default();
        for device in 0..devices {
            play_device(&mut dice, device, &mut arrivals);
        }
        let Arrivals {
            mut events,
            repeats,
        } = arrivals;
        // Ties are broken by the event itself, so that the order depends on the seed alone.
        events.sort_unstable_by_key(|(at_ms, event)| {
            (*at_ms, event.device, event.stage, event.after_s)
        });
        Self {
            events: events.into_iter().map(|(_, event)| event).collect(),
            repeats,
        }
    }
}

fn play_device(dice: &mut Dice, device: u32, arrivals: &mut Arrivals) {
    let channel = dice.channel();
    let profile = &PROFILES[usize::from(channel)];
    let sent_s = dice.below(SEND_S.into()) as u32;
    let event = |stage, after_s, loss| Played {
        device,
        channel,
        stage,
        after_s,
        loss,
    };
    if dice.per_mille(profile.refused) {
        arrivals.add(dice, event(1, sent_s, loss_of(device)));
        return;
    }
    arrivals.add(dice, event(1, sent_s, 0));
    let reached_s = sent_s + dice.below(DELIVER_S.into()) as u32;
    let delivered = dice.per_mille(profile.delivered);
    if delivered {
        arrivals.add(dice, event(2, reached_s, 0));
    } else if profile.delivered > 0 && dice.per_mille(100) {
        arrivals.add(dice, event(2, reached_s, loss_of(device)));
    }
    if (delivered || profile.delivered == 0) && dice.per_mille(profile.clicked) {
        let clicked_s = reached_s + dice.below(CLICK_S.into()) as u32;
        arrivals.add(dice, event(3, clicked_s, 0));
    }
}

/// A reason that depends on the device, so that a repeat gives the same one.
fn loss_of(device: u32) -> u8 {
    1 + (device % LOSSES.len() as u32) as u8
}

#[derive(Debug, Default)]
struct Arrivals {
    events: Vec<(u64, Played)>,
    repeats: usize,
}

impl Arrivals {
    /// Adds an event at a jittered time, and now and then a repeat of it.
    fn add(&mut self, dice: &mut Dice, event: Played) {
        let at_ms = arrival_ms(dice, event.after_s);
        self.events.push((at_ms, event));
        if dice.per_mille(REPEATED) {
            let mut repeat = event;
            if dice.per_mille(REPEATED_LATER) {
                repeat.after_s += 1 + dice.below(REPEAT_S.into()) as u32;
            }
            let at_ms = arrival_ms(dice, repeat.after_s);
            self.events.push((at_ms, repeat));
            self.repeats += 1;
        }
    }
}

fn arrival_ms(dice: &mut Dice, after_s: u32) -> u64 {
    let late_ms = if dice.per_mille(LATE) {
        dice.below(LATE_MS)
    } else {
        0
    };
    u64::from(after_s) * 1000 + dice.below(REORDER_MS) + late_ms
}

/// SplitMix64: small, and the same on every machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn per_mille(&mut self, parts: u64) -> bool {
        self.below(1000) < parts
    }

    fn channel(&mut self) -> u8 {
        let mut rest = self.below(1000);
        for (at, profile) in PROFILES.iter().enumerate() {
            match rest.checked_sub(profile.share) {
                Some(left) => rest = left,
                None => return at as u8,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_plays_the_same_push_every_time() {
        let (one, same, other) = (
            Plan::new(7, 2_000),
            Plan::new(7, 2_000),
            Plan::new(8, 2_000),
        );
        assert_eq!(one.events, same.events);
        assert_ne!(one.events, other.events);
    }

    #[test]
    fn the_push_has_everything_that_makes_counting_hard() {
        let plan = Plan::new(1, 20_000);
        let share = |count: usize| count as f64 / plan.events.len() as f64;
        assert!(
            (0.04..0.06).contains(&share(plan.repeats)),
            "{}",
            plan.repeats
        );
        let facts: HashSet<_> = plan
            .events
            .iter()
            .map(|event| (event.device, event.stage))
            .collect();
        assert_eq!(facts.len(), plan.events.len() - plan.repeats);
        let backwards = plan
            .events
            .windows(2)
            .filter(|pair| pair[1].after_s < pair[0].after_s)
            .count();
        assert!(share(backwards) > 0.3, "{backwards}");
        assert!(plan.events.iter().all(|event| event.after_s <= LENGTH_S));
        assert!(
            plan.events
                .iter()
                .any(|event| event.outcome().0 == 410 && event.stage == 2)
        );
        let channels: HashSet<_> = plan.events.iter().map(|event| event.channel).collect();
        assert_eq!(channels.len(), PROFILES.len());
        assert_eq!(
            PROFILES.iter().map(|profile| profile.share).sum::<u64>(),
            1000
        );
    }

    #[test]
    fn a_device_is_told_one_outcome_of_a_stage() {
        let plan = Plan::new(3, 5_000);
        let outcomes: HashSet<_> = plan
            .events
            .iter()
            .map(|event| (event.device, event.stage, event.outcome().0))
            .collect();
        assert_eq!(outcomes.len(), plan.events.len() - plan.repeats);
    }
}
