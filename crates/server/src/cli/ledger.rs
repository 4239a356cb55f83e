//! `pushtally ledger`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::acts::{Act, Done, LedgerVerified};
use crate::terminal::sayln;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum LedgerCommand {
    /// Print what the log, the snapshot and the names hold.
    Stat {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the head of the hash chain over everything ever appended: keep it elsewhere, and a changed past shows.
    Digest,
    /// Read everything and check it; exit code 1 if anything is not what was written.
    Verify,
}

pub(super) fn run(
    command: &LedgerCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<ExitCode> {
    let act = match command {
        LedgerCommand::Stat { .. } => Act::LedgerStat,
        LedgerCommand::Digest => Act::LedgerDigest,
        LedgerCommand::Verify => Act::LedgerVerify,
    };
    match perform(act)? {
        Done::Stat(stat) if matches!(command, LedgerCommand::Stat { json: true }) => {
            sayln!("{}", serde_json::to_string(&stat)?);
        }
        Done::Stat(stat) => {
            let included: Vec<String> = stat.snapshot_included.iter().map(u64::to_string).collect();
            sayln!(
                "log        batches {} to before {}, {} bytes",
                stat.log_first,
                stat.log_next,
                stat.log_bytes
            );
            sayln!(
                "           {} bytes cut at the last start, never acknowledged",
                stat.torn_bytes_cut
            );
            if included.is_empty() {
                sayln!("snapshot   none yet");
            } else {
                let (batch, bytes) = (included.join(", "), stat.snapshot_bytes);
                sayln!("snapshot   includes batch {batch}, {bytes} bytes");
            }
            sayln!("names      {} tasks, {} devices", stat.tasks, stat.devices);
        }
        Done::Digest { digest, next } => sayln!("{digest} before batch {next}"),
        Done::Verified(verified) => {
            say_verified(&verified);
            if verified.differences_len > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn say_verified(verified: &LedgerVerified) {
    sayln!(
        "log        {} bytes read, every checksum and link holds",
        verified.log_bytes
    );
    sayln!("pages      {} read, every checksum holds", verified.pages);
    sayln!(
        "tasks      {} compared, marks with tallies",
        verified.tasks_compared
    );
    match verified.events_recounted {
        Some(events) => sayln!("recount    {events} events counted anew"),
        None => sayln!("recount    left out: retention has dropped a part of the log"),
    }
    for difference in &verified.differences {
        sayln!("differs    {difference}");
    }
    match verified.differences_len {
        0 => sayln!("ok"),
        differences => sayln!("{differences} differences"),
    }
}
