//! `pushtally audience`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::acts::{Act, AudienceVerified, Done};
use crate::terminal::sayln;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum AudienceCommand {
    /// Compare the index over devices with their records; exit code 1 if anything differs.
    Verify {
        /// One app instead of all.
        #[arg(long, value_name = "SDKAPPID")]
        app: Option<u32>,
    },
}

pub(super) fn run(
    command: AudienceCommand,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<ExitCode> {
    let AudienceCommand::Verify { app } = command;
    let Done::AudienceVerified { apps } = perform(Act::AudienceVerify { sdkappid: app })? else {
        return Ok(ExitCode::SUCCESS);
    };
    apps.iter().for_each(say);
    let differences: usize = apps.iter().map(|app| app.differences.len()).sum();
    if differences > 0 {
        sayln!("{differences} differences");
        return Ok(ExitCode::FAILURE);
    }
    sayln!("ok");
    Ok(ExitCode::SUCCESS)
}

fn say(app: &AudienceVerified) {
    let (id, devices) = (app.sdkappid, app.devices);
    sayln!("{id:<10} {devices} devices compared with the index");
    for difference in &app.differences {
        sayln!("differs    {difference}");
    }
}
