//! The vendors' simulators, `pushtally sim`, in a process of their own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::args::VendorName;
use crate::process::Process;

/// Running simulators. They are killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Vendors {
    child: Child,
    said: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) process: Process,
}

impl Vendors {
    /// Starts them; credentials and `channels.toml` are written into the folder.
    pub(crate) fn start(program: &Path, folder: &Path, flags: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(["sim", "--json", "--script", "-", "--dir"])
            .arg(folder)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` cannot be started", program.display()))?;
        let said = child.stdin.take().context("nothing can be said to them")?;
        let answers = child.stdout.take().context("they cannot be heard")?;
        let process = Process::of(child.id());
        let mut vendors = Self {
            child,
            said,
            answers: BufReader::new(answers),
            process,
        };
        let ready = vendors.hear()?;
        ensure!(ready["ready"].is_object(), "the simulators said `{ready}`");
        Ok(vendors)
    }

    /// Has something done, counted from now, such as `0 xiaomi down 30`.
    pub(crate) fn say(&mut self, step: &str) -> anyhow::Result<()> {
        writeln!(self.said, "{step}").context("the simulators have ended")
    }

    /// What they saw so far.
    pub(crate) fn counts(&mut self) -> anyhow::Result<Seen> {
        self.say("counts")?;
        Ok(Seen(self.hear()?))
    }

    fn hear(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).context("the simulators have ended")
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        // Fails when they have ended by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the simulators saw.
#[derive(Debug, Clone)]
pub(crate) struct Seen(Value);

impl Seen {
    /// Pushes of this title that a vendor took, repeats among them.
    pub(crate) fn taken(&self, vendor: VendorName, title: &str) -> u64 {
        self.count(vendor, title, "taken")
    }

    /// Of them, those that the same phone had already.
    pub(crate) fn repeats(&self, vendor: VendorName, title: &str) -> u64 {
        self.count(vendor, title, "repeats")
    }

    /// Phones that have it.
    pub(crate) fn phones(&self, vendor: VendorName, title: &str) -> u64 {
        self.taken(vendor, title) - self.repeats(vendor, title)
    }

    /// When the first of this title was taken, in Unix microseconds; `None` when none was.
    pub(crate) fn first_us(&self, vendor: VendorName, title: &str) -> Option<u64> {
        self.0[vendor.text()]["messages"][title]["first_us"].as_u64()
    }

    fn count(&self, vendor: VendorName, title: &str, name: &str) -> u64 {
        let count = &self.0[vendor.text()]["messages"][title][name];
        count.as_u64().unwrap_or_default()
    }
}
