//! What may happen in a history.

use proptest::prelude::*;
use pushtally_model::{Channel, TaskState};

use crate::labelled::{self, LabelStep};

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Register {
        app: usize,
        phone: u32,
        account: Option<u8>,
        tokens: Vec<u8>,
        wrong: bool,
        max: u64,
    },
    Update {
        app: usize,
        phone: u32,
        tokens: Option<Vec<u8>>,
        model: Option<u8>,
    },
    Unregister {
        app: usize,
        phone: u32,
    },
    /// Of whoever has it, as known so many milliseconds ago.
    Drop {
        app: usize,
        token: u8,
        ago_ms: i64,
    },
    Restore {
        app: usize,
        channel: Channel,
        ago_s: u32,
    },
    Replace {
        app: usize,
        token: u8,
        by: u8,
        ago_ms: i64,
    },
    Accept {
        app: usize,
        n: u32,
        batch: bool,
        shards: Option<Vec<u16>>,
        limits: (u32, u32, usize),
    },
    SetState {
        n: u32,
        state: TaskState,
    },
    Revoke {
        n: u32,
        instead: bool,
    },
    SetAppPaused {
        app: usize,
        paused: bool,
    },
    ClaimAll {
        urgent: bool,
    },
    Note {
        pick: usize,
        numbers: Vec<u32>,
    },
    Finish {
        pick: usize,
        next: Vec<(Option<u16>, bool)>,
    },
    Release {
        pick: usize,
        after_ms: i64,
    },
    Reopen {
        task: u64,
        shards: Vec<u16>,
    },
    Labels {
        app: usize,
        step: LabelStep,
    },
    Audit,
    Time {
        ms: i64,
    },
    Restart,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let tokens = || prop::collection::btree_set(0..5u8, 0..3);
    let tokens = move || tokens().prop_map(|tokens| tokens.into_iter().collect::<Vec<u8>>());
    let state = prop_oneof![
        Just(TaskState::Running),
        Just(TaskState::Paused),
        Just(TaskState::Cancelled)
    ];
    prop_oneof![
        8 => (0..2usize, 0..6u32, prop::option::of(0..3u8), tokens(), prop::bool::weighted(0.1), 2..8u64)
            .prop_map(|(app, phone, account, tokens, wrong, max)| Step::Register { app, phone, account, tokens, wrong, max }),
        3 => (0..2usize, 0..6u32, prop::option::of(tokens()), prop::option::of(0..3u8))
            .prop_map(|(app, phone, tokens, model)| Step::Update { app, phone, tokens, model }),
        3 => (0..2usize, 0..6u32).prop_map(|(app, phone)| Step::Unregister { app, phone }),
        3 => (0..2usize, 0..5u8, 0..4000i64).prop_map(|(app, token, ago_ms)| Step::Drop { app, token, ago_ms }),
        2 => (0..2usize, prop_oneof![Just(Channel::Fcm), Just(Channel::Apns)], 0..9u32)
            .prop_map(|(app, channel, ago_s)| Step::Restore { app, channel, ago_s }),
        2 => (0..2usize, 0..5u8, 0..5u8, 0..4000i64).prop_map(|(app, token, by, ago_ms)| Step::Replace { app, token, by, ago_ms }),
        5 => (0..2usize, 0..8u32, any::<bool>(), prop::option::of(prop::collection::vec(0..4u16, 0..4)), (1..6u32, 0..3u32, 1..6usize))
            .prop_map(|(app, n, batch, shards, limits)| Step::Accept { app, n, batch, shards, limits }),
        2 => (0..8u32, state).prop_map(|(n, state)| Step::SetState { n, state }),
        2 => (0..8u32, any::<bool>()).prop_map(|(n, instead)| Step::Revoke { n, instead }),
        1 => (0..2usize, any::<bool>()).prop_map(|(app, paused)| Step::SetAppPaused { app, paused }),
        4 => any::<bool>().prop_map(|urgent| Step::ClaimAll { urgent }),
        4 => (any::<usize>(), prop::collection::vec((prop::option::of(0..4u16), any::<bool>()), 0..3))
            .prop_map(|(pick, next)| Step::Finish { pick, next }),
        3 => (any::<usize>(), prop::collection::btree_set(0..9u32, 0..4))
            .prop_map(|(pick, numbers)| Step::Note { pick, numbers: numbers.into_iter().collect() }),
        2 => (any::<usize>(), 0..5000i64).prop_map(|(pick, after_ms)| Step::Release { pick, after_ms }),
        1 => (1..9u64, prop::collection::vec(0..4u16, 0..3)).prop_map(|(task, shards)| Step::Reopen { task, shards }),
        10 => (0..2usize, labelled::step()).prop_map(|(app, step)| Step::Labels { app, step }),
        1 => Just(Step::Audit),
        2 => (0..3000i64).prop_map(|ms| Step::Time { ms }),
        1 => Just(Step::Restart),
    ]
}
