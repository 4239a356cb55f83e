//! A server with registered devices and the simulators beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::devices::Devices;
use super::task::{Caller, Standing};
use super::vendors::Vendors;
use crate::args::{FanoutArgs, TargetArgs, VendorName};
use crate::online::Backend;
use crate::report::Report;
use crate::server::{Plan, Setup};
use crate::target::Target;

/// Says which devices a kept folder has.
const MARK: &str = "registered";

/// What is to be there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// Whose devices; `None` is every vendor's.
    pub(super) vendor: Option<VendorName>,
    /// Devices a second that each vendor takes; 0 is no limit.
    pub(super) answers: u32,
    /// Devices a second that each account sends to; 0 is no limit.
    pub(super) sends: u32,
}

impl Wanted {
    /// Devices of one vendor.
    pub(super) fn of(args: &FanoutArgs) -> Self {
        Self {
            vendor: Some(args.vendor),
            ..Self::default()
        }
    }
}

/// All of it. The server runs from the start on.
pub(super) struct Installation {
    pub(super) vendors: Vendors,
    pub(super) target: Target,
    program: PathBuf,
    folder: PathBuf,
    app: u32,
}

impl Installation {
    /// Starts the simulators, which answer at `wanted.answers`, registers the devices, starts the server with accounts at
    /// `wanted.sends`.
    pub(super) fn new(
        args: &TargetArgs,
        fanout: &FanoutArgs,
        wanted: Wanted,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let devices = Devices {
            count: fanout.devices,
            vendor: wanted.vendor,
        };
        // Nobody looks at receipts.
        let mut flags = vec!["--click-one-in".to_owned(), "0".to_owned()];
        flags.extend(["--rate".to_owned(), wanted.answers.to_string()]);
        let plan = Plan::new(args)?;
        let (program, folder) = (plan.program().to_owned(), plan.folder().to_owned());
        let vendors = Vendors::start(&program, &folder, &flags)?;
        let sections = fs::read_to_string(folder.join("channels.toml"))?;
        let (calls, rate) = (fanout.calls, wanted.sends);
        let section = format!("[[app.channel]]\ncalls_max = {calls}\nrate = {rate}\n");
        let sections = sections.replace("[[app.channel]]\n", &section);
        let plan = plan.with_channels(sections);
        let config = plan.write(Setup::Phones)?;
        report.fact("devices", &devices.describe());
        register(&program, &folder, &config, args.app, devices, report)?;
        let target = Target::planned(args, plan, Setup::Phones)?;
        target.describe(report);
        Ok(Self {
            vendors,
            target,
            program,
            folder,
            app: args.app,
        })
    }

    pub(super) fn caller(&self) -> anyhow::Result<Caller<'_>> {
        Caller::new(Backend::new(&self.target, &self.target.access))
    }

    /// How a task stands while no server runs.
    pub(super) fn standing_offline(&self, task: &str) -> anyhow::Result<Standing> {
        let arguments = ["task", "show", &self.app.to_string(), task, "--json"].map(str::to_owned);
        let told = run(
            &self.program,
            &self.folder.join("pushtally.toml"),
            &arguments,
        )?;
        let told: Value = serde_json::from_str(&told).context("the task is told otherwise")?;
        Ok(Standing::new(told))
    }

    /// Takes rows in through the command line: of tags, for example.
    pub(super) fn import(&self, kind: &str, lines: &str) -> anyhow::Result<()> {
        let file = self.folder.join(format!("{kind}.ndjson"));
        fs::write(&file, lines)?;
        let config = self.folder.join("pushtally.toml");
        import(&self.program, &config, kind, self.app, &file)
    }

    /// Stops all; a server that does not stop as it should is an error.
    pub(super) fn stop(self, report: &mut Report) -> anyhow::Result<()> {
        self.target.stop(report)
    }

    /// The devices are not any more as they were registered.
    pub(super) fn spoil(&self) {
        // A folder that has none is as good.
        let _ = fs::remove_file(self.folder.join(MARK));
    }
}

/// Registers devices in a folder, unless they are there.
fn register(
    program: &Path,
    folder: &Path,
    config: &Path,
    app: u32,
    devices: Devices,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mark = folder.join(MARK);
    if let Ok(there) = fs::read_to_string(&mark) {
        ensure!(
            there == devices.describe(),
            "`{}` has {there}, not {}",
            folder.display(),
            devices.describe()
        );
        return Ok(());
    }
    ensure!(
        !folder.join("data").exists(),
        "`{}` has devices that are not known: choose another --folder",
        folder.display()
    );
    let file = folder.join("devices.ndjson");
    devices.write(&file)?;
    let start = Instant::now();
    import(program, config, "devices", app, &file)?;
    let time = start.elapsed();
    report.figure("devices registered after", time.as_secs_f64(), "s");
    fs::write(mark, devices.describe())?;
    Ok(fs::remove_file(file)?)
}

fn import(program: &Path, config: &Path, kind: &str, app: u32, file: &Path) -> anyhow::Result<()> {
    let file = file.to_str().context("the folder's name is no UTF-8")?;
    let arguments = ["import", kind, &app.to_string(), file].map(str::to_owned);
    run(program, config, &arguments).map(drop)
}

fn run(program: &Path, config: &Path, arguments: &[String]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .arg("--config")
        .arg(config)
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "{arguments:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
