//! `fanout`: pushes to devices that vendors reach, with the vendors' simulators in a process of their own, so that what
//! they cost is told apart from what the server costs.
//!
//! Devices are registered by `pushtally import`, as an operator would. Every run compares the ledger with what the
//! simulators saw; a difference is an error.

mod bad_day;
mod devices;
pub(crate) mod installation;
mod memory;
mod speed;
pub(crate) mod task;
mod urgent;
pub(crate) mod vendors;

use crate::args::{FanoutArgs, TargetArgs};
use crate::report::Report;

pub(crate) fn run(
    target: &TargetArgs,
    args: &FanoutArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        target.spawn,
        "this command needs a server of its own: --spawn"
    );
    if args.urgent {
        urgent::run(target, args, report)
    } else if args.memory {
        memory::run(target, args, report)
    } else if args.bad_day {
        bad_day::run(target, args, report)
    } else {
        speed::run(target, args, report)
    }
}
