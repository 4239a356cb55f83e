//! The commands that play phones, and what they ask of the server meanwhile.

pub(crate) mod crash;
pub(crate) mod overload;
pub(crate) mod push;
pub(crate) mod reconnect;
pub(crate) mod sockets;

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use pushtally_sim::Calls;
use serde_json::{Value, json};

use crate::access::{Access, now_s};
use crate::statistics::{self, Counts};
use crate::target::Target;

/// Connections of a backend and of an operator: as many as anything here asks at once.
const CALLS_MAX: usize = 8;
/// Pushes to everyone must lie more than a second apart.
const PUSH_GAP: Duration = Duration::from_millis(1_100);

/// An app's backend, and the operator beside it.
pub(crate) struct Backend<'a> {
    access: &'a Access,
    public: Calls,
    operator: Option<Calls>,
    first_s: u32,
}

impl<'a> Backend<'a> {
    pub(crate) fn new(target: &Target, access: &'a Access) -> Self {
        Self {
            access,
            public: Calls::new(target.address, CALLS_MAX),
            operator: target
                .operator
                .map(|address| Calls::new(address, CALLS_MAX)),
            first_s: now_s() - 60,
        }
    }

    /// Who calls.
    pub(crate) fn administrator(&self) -> &str {
        &self.access.administrator
    }

    /// Pushes to everyone and answers the `TaskId`. `random` must differ from call to call.
    pub(crate) async fn push(&self, random: u32) -> anyhow::Result<String> {
        let body = json!({
            "From_Account": self.access.administrator,
            "MsgRandom": random,
            "OfflinePushInfo": {"PushFlag": 0, "Title": "Load", "Desc": "A push to everyone, as long as usual ones."},
        });
        let reply = self.command("push", &body.to_string()).await?;
        let task = reply["TaskId"]
            .as_str()
            .context("the reply has no TaskId")?;
        Ok(task.to_owned())
    }

    /// A task's counts.
    pub(crate) async fn counts(&self, task: &str) -> anyhow::Result<Counts> {
        let tasks = [task.to_owned()];
        let body = statistics::body(&tasks, self.first_s, self.first_s + statistics::SPAN_S);
        let reply = self.command("all_member_push_statistics", &body).await?;
        let counts = statistics::results(&reply, &tasks)?;
        counts.into_iter().next().context("the reply has no result")
    }

    /// Planned, sent, delivered and clicked, over all channels.
    pub(crate) async fn totals(&self, task: &str) -> anyhow::Result<[u64; 4]> {
        let mut totals = [0; 4];
        for row in self.counts(task).await?.values() {
            for (total, count) in totals.iter_mut().zip(row) {
                *total += count;
            }
        }
        Ok(totals)
    }

    /// The task as its operator sees it.
    pub(crate) async fn task(&self, task: &str) -> anyhow::Result<Value> {
        let operator = self
            .operator
            .as_ref()
            .context("the operator listener is not known: --operator URL")?;
        let path = format!("/v1/apps/{}/tasks/{task}", self.access.app);
        let answer = operator.call("GET", &path, None, "").await?.accepted()?;
        Ok(answer.json())
    }

    /// Calls a command of the push service; a refusal is an error.
    pub(crate) async fn command(&self, command: &str, body: &str) -> anyhow::Result<Value> {
        self.call(command, &self.access.command_path(command), body)
            .await
    }

    /// Deletes accounts, which is a command of another service.
    pub(crate) async fn delete_accounts(&self, body: &str) -> anyhow::Result<Value> {
        let command = "account_delete";
        let path = self.access.command_path(command);
        let path = path.replacen("/timpush/", "/im_open_login_svc/", 1);
        self.call(command, &path, body).await
    }

    async fn call(&self, command: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let answer = self.public.call("POST", path, None, body).await?;
        ensure!(
            answer.status == 200,
            "`{command}` was answered with status {}",
            answer.status
        );
        let reply = answer.json();
        match reply["ErrorCode"].as_i64() {
            Some(0) => Ok(reply),
            _ => bail!("`{command}` was refused: {reply}"),
        }
    }
}
