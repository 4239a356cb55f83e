//! A push and how it stands in the ledger, as its operator is told.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::vendors::Seen;
use crate::args::VendorName;
use crate::online::Backend;
use crate::report::Report;

/// Between two looks at a task: it costs the server some of what is measured.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How a task stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing(Value);

/// A channel's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) planned: u64,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
}

impl Counts {
    fn read(value: &Value) -> Self {
        let count = |name: &str| value[name].as_u64().unwrap_or_default();
        Self {
            planned: count("planned"),
            sent: count("sent"),
            lost: count("lost"),
        }
    }

    pub(crate) const fn ended(self) -> u64 {
        self.sent + self.lost
    }
}

impl Standing {
    /// What `pushtally task show --json` and the operator's listener tell alike.
    pub(crate) const fn new(told: Value) -> Self {
        Self(told)
    }

    pub(crate) fn total(&self) -> Counts {
        Counts::read(&self.0["total"])
    }

    pub(crate) fn of(&self, vendor: VendorName) -> Counts {
        let row = self.rows().find(|row| row["channel"] == vendor.text());
        row.map(Counts::read).unwrap_or_default()
    }

    /// Whether all that this many devices were planned for has ended, and no job is left.
    pub(crate) fn has_ended(&self, planned: u64) -> bool {
        let total = self.total();
        self.0["jobs_left"] == 0 && total.planned == planned && total.ended() == planned
    }

    /// Tells why devices were lost.
    pub(crate) fn report_losses(&self, report: &mut Report) {
        for row in self.rows() {
            let losses = row["losses"].as_array().into_iter().flatten();
            for loss in losses {
                let text = |name: &str| loss[name].as_str().unwrap_or_default().to_owned();
                let channel = row["channel"].as_str().unwrap_or_default();
                let name = format!("lost on {channel}: {} {}", loss["code"], text("text"));
                report.count(&name, loss["count"].as_u64().unwrap_or_default(), "");
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.0["routes"].as_array().into_iter().flatten()
    }
}

/// Calls the server and waits, on a runtime of its own.
pub(crate) struct Caller<'a> {
    runtime: Runtime,
    backend: Backend<'a>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(backend: Backend<'a>) -> anyhow::Result<Self> {
        Ok(Self {
            runtime: crate::crowd::runtime()?,
            backend,
        })
    }

    /// Calls a command of the push service; a refusal is an error.
    pub(crate) fn command(&self, command: &str, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        self.runtime.block_on(self.backend.command(command, &body))
    }

    /// Deletes accounts; the reply says what became of each.
    pub(crate) fn delete_accounts(&self, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        self.runtime.block_on(self.backend.delete_accounts(&body))
    }

    /// Pushes to everyone, or to whom `to` says, and answers the TaskId.
    pub(crate) fn push(&self, command: &str, title: &str, to: Value) -> anyhow::Result<String> {
        let mut body = json!({
            "From_Account": self.backend.administrator(),
            "MsgRandom": 1,
            "OfflinePushInfo": {"PushFlag": 0, "Title": title, "Desc": "A push as long as usual ones are."},
        });
        if let (Some(body), Value::Object(to)) = (body.as_object_mut(), to) {
            body.extend(to);
        }
        if command == "push" {
            // More than a second must lie between two broadcasts of an app.
            std::thread::sleep(Duration::from_millis(1_100));
        }
        let body = body.to_string();
        let reply = self
            .runtime
            .block_on(self.backend.command(command, &body))?;
        let task = reply["TaskId"].as_str();
        Ok(task.context("the reply has no TaskId")?.to_owned())
    }

    pub(crate) fn standing(&self, task: &str) -> anyhow::Result<Standing> {
        let told = self.runtime.block_on(self.backend.task(task))?;
        Ok(Standing::new(told))
    }

    /// Waits until a task stands so.
    pub(crate) fn wait(
        &self,
        task: &str,
        patience: Duration,
        stands: impl Fn(&Standing) -> bool,
    ) -> anyhow::Result<Standing> {
        let until = Instant::now() + patience;
        loop {
            let standing = self.standing(task)?;
            if stands(&standing) {
                return Ok(standing);
            }
            ensure!(
                Instant::now() < until,
                "the push has not come so far in {patience:?}: {}",
                standing.0
            );
            thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// Whether the ledger closes for a vendor, and says what its simulator saw.
pub(crate) fn check(
    vendor: VendorName,
    standing: &Standing,
    planned: u64,
    seen: &Seen,
    title: &str,
) -> anyhow::Result<()> {
    let (name, counts) = (vendor.text(), standing.of(vendor));
    ensure!(
        counts.planned == planned,
        "{name}: {} are planned, not {planned}",
        counts.planned
    );
    ensure!(
        counts.planned == counts.ended(),
        "{name}: the ledger does not close: {counts:?}"
    );
    let phones = seen.phones(vendor, title);
    ensure!(
        counts.sent == phones,
        "{name}: {} are sent, {phones} phones have it",
        counts.sent
    );
    Ok(())
}
