//! A server with registered devices and the simulators beside it.

use std::fs;
use std::net::SocketAddr;
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
pub(crate) struct Wanted {
    /// Whose devices; `None` is every vendor's.
    pub(crate) vendor: Option<VendorName>,
    /// Devices a second that each vendor takes; 0 is no limit.
    pub(crate) answers: u32,
    /// Devices a second that each account sends to; 0 is no limit.
    pub(crate) sends: u32,
}

impl Wanted {
    /// Devices of one vendor.
    pub(crate) fn of(args: &FanoutArgs) -> Self {
        Self {
            vendor: Some(args.vendor),
            ..Self::default()
        }
    }
}

/// The devices that are to be registered, and how the accounts and simulators are.
pub(crate) struct Made<'a> {
    /// What tells these devices from others.
    pub(crate) described: String,
    /// Writes them as `pushtally import devices` reads them.
    pub(crate) write: &'a dyn Fn(&Path) -> std::io::Result<()>,
    /// What the simulators are started with.
    pub(crate) flags: Vec<String>,
    /// Lines that each account's section has beside its own.
    pub(crate) account: String,
    /// Where the server listens for vendors' receipts, if it does.
    pub(crate) receipts: Option<SocketAddr>,
}

/// All of it. The server runs from the start on.
pub(crate) struct Installation {
    pub(crate) vendors: Vendors,
    pub(crate) target: Target,
    program: PathBuf,
    folder: PathBuf,
    app: u32,
}

impl Installation {
    /// Starts the simulators, which answer at `wanted.answers`, registers the devices, starts the server with accounts at
    /// `wanted.sends`.
    pub(crate) fn new(
        args: &TargetArgs,
        fanout: &FanoutArgs,
        wanted: Wanted,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let devices = Devices {
            count: fanout.devices,
            vendor: wanted.vendor,
        };
        let (calls, rate) = (fanout.calls, wanted.sends);
        // Nobody looks at receipts.
        let mut flags = vec!["--click-one-in".to_owned(), "0".to_owned()];
        flags.extend(["--rate".to_owned(), wanted.answers.to_string()]);
        let made = Made {
            described: devices.describe(),
            write: &|path| devices.write(path),
            flags,
            account: format!("calls_max = {calls}\nrate = {rate}\n"),
            receipts: None,
        };
        Self::of(args, made, report)
    }

    /// The same for devices of any kind.
    pub(crate) fn of(
        args: &TargetArgs,
        made: Made<'_>,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let mut plan = Plan::new(args)?;
        let (program, folder) = (plan.program().to_owned(), plan.folder().to_owned());
        let vendors = Vendors::start(&program, &folder, &made.flags)?;
        let sections = fs::read_to_string(folder.join("channels.toml"))?;
        let section = format!("[[app.channel]]\n{}", made.account);
        plan = plan.with_channels(sections.replace("[[app.channel]]\n", &section));
        if let Some(at) = made.receipts {
            plan = plan.with_receipts(at);
        }
        let config = plan.write(Setup::Phones)?;
        report.fact("devices", &made.described);
        register(&program, &folder, &config, args.app, &made, report)?;
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

    pub(crate) fn caller(&self) -> anyhow::Result<Caller<'_>> {
        Caller::new(Backend::new(&self.target, &self.target.access))
    }

    /// How a task stands while no server runs.
    pub(crate) fn standing_offline(&self, task: &str) -> anyhow::Result<Standing> {
        let arguments = ["task", "show", &self.app.to_string(), task, "--json"].map(str::to_owned);
        let told = run(
            &self.program,
            &self.folder.join("pushtally.toml"),
            &arguments,
        )?;
        let told: Value = serde_json::from_str(&told).context("the task is told otherwise")?;
        Ok(Standing::new(told))
    }

    /// Has a command done for the app, as an operator would.
    pub(crate) fn command(&self, words: [&str; 2], of: &str) -> anyhow::Result<String> {
        let [what, how] = words;
        let arguments = [what, how, &self.app.to_string(), of].map(str::to_owned);
        let config = self.folder.join("pushtally.toml");
        run(&self.program, &config, &arguments)
    }

    /// Takes rows in through the command line: of tags, for example.
    pub(crate) fn import(&self, kind: &str, lines: &str) -> anyhow::Result<()> {
        let file = self.folder.join(format!("{kind}.ndjson"));
        fs::write(&file, lines)?;
        let config = self.folder.join("pushtally.toml");
        import(&self.program, &config, kind, self.app, &file)
    }

    /// Stops all; a server that does not stop as it should is an error.
    pub(crate) fn stop(self, report: &mut Report) -> anyhow::Result<()> {
        self.target.stop(report)
    }

    /// The devices are not any more as they were registered.
    pub(crate) fn spoil(&self) {
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
    made: &Made<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mark = folder.join(MARK);
    if let Ok(there) = fs::read_to_string(&mark) {
        ensure!(
            there == made.described,
            "`{}` has {there}, not {}",
            folder.display(),
            made.described
        );
        return Ok(());
    }
    ensure!(
        !folder.join("data").exists(),
        "`{}` has devices that are not known: choose another --folder",
        folder.display()
    );
    let file = folder.join("devices.ndjson");
    (made.write)(&file)?;
    let start = Instant::now();
    import(program, config, "devices", app, &file)?;
    let time = start.elapsed();
    report.figure("devices registered after", time.as_secs_f64(), "s");
    fs::write(mark, &made.described)?;
    Ok(fs::remove_file(file)?)
}

/// Takes rows of a kind in through the command line.
pub(crate) fn import(
    program: &Path,
    config: &Path,
    kind: &str,
    app: u32,
    file: &Path,
) -> anyhow::Result<()> {
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
