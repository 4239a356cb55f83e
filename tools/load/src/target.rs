//! The server under load: one that runs already, or one started for the run.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail};

use crate::access::Access;
use crate::args::TargetArgs;
use crate::process::Process;
use crate::report::Report;
use crate::server::{Plan, Server, Setup};

/// Where the server is, what it can be asked, and as whom.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Where its own figures are, if that is known.
    pub(crate) operator: Option<SocketAddr>,
    /// Its process, if that is known.
    pub(crate) process: Option<Process>,
    pub(crate) access: Access,
    /// The same for the app beside it.
    pub(crate) other: Access,
    pub(crate) client_key: String,
    server: Option<Server>,
}

impl Target {
    pub(crate) fn find(args: &TargetArgs, setup: Setup) -> anyhow::Result<Self> {
        let server = match args.spawn {
            true => Some(Server::start(Plan::new(args)?, setup)?),
            false => None,
        };
        Self::of(args, server)
    }

    /// A server that is started as planned.
    pub(crate) fn planned(args: &TargetArgs, plan: Plan, setup: Setup) -> anyhow::Result<Self> {
        Self::of(args, Some(Server::start(plan, setup)?))
    }

    fn of(args: &TargetArgs, server: Option<Server>) -> anyhow::Result<Self> {
        let (address, operator, pid) = match (&server, &args.server) {
            (Some(server), _) => (server.public, Some(server.operator), Some(server.pid())),
            (None, Some(url)) => {
                let operator = args.operator.as_deref().map(resolve).transpose()?;
                (resolve(url)?, operator, args.pid)
            }
            (None, None) => bail!("either --spawn or --server URL is needed"),
        };
        let access = |app| Access {
            host: address.to_string(),
            app,
            key: args.key.clone(),
            token: args.token.clone(),
            administrator: args.administrator.clone(),
        };
        Ok(Self {
            address,
            operator,
            process: pid.map(Process::of),
            access: access(args.app),
            other: access(args.other_app()),
            client_key: args.client_key.clone(),
            server,
        })
    }

    /// Tells what figures depend on beside the server itself.
    pub(crate) fn describe(&self, report: &mut Report) {
        report.count(
            "processors",
            std::thread::available_parallelism().map_or(0, |n| n.get() as u64),
            "",
        );
        if let Some(server) = &self.server {
            report.fact("file system", &server.file_system());
        }
    }

    /// Kills a server that was started for the run.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.spawned()?.kill()
    }

    /// Starts it again, after `kill`.
    pub(crate) fn start_again(&mut self, setup: Setup) -> anyhow::Result<()> {
        let server = self.spawned()?;
        server.start_again(setup)?;
        self.process = Some(Process::of(server.pid()));
        Ok(())
    }

    /// Stops it gracefully and starts it again with another configuration.
    pub(crate) fn set_up(&mut self, setup: Setup, report: &mut Report) -> anyhow::Result<()> {
        self.spawned()?.stop(report)?;
        self.start_again(setup)
    }

    fn spawned(&mut self) -> anyhow::Result<&mut Server> {
        self.server
            .as_mut()
            .context("this command needs a server of its own: --spawn")
    }

    /// Resident memory of the server, if it can be asked.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.process.as_ref().and_then(Process::resident_bytes)
    }

    /// Whether nobody else has ever sent it anything.
    pub(crate) fn is_fresh(&self) -> bool {
        self.server.as_ref().is_some_and(Server::is_temporary)
    }

    /// Tells the server's memory.
    pub(crate) fn report_memory(&self, report: &mut Report) {
        if let Some(bytes) = self.process.as_ref().and_then(Process::peak_bytes) {
            report.figure(
                "server peak resident memory",
                bytes as f64 / 1_048_576.0,
                "MiB",
            );
        }
    }

    /// Tells what the server's folder holds for each of these events.
    pub(crate) fn report_storage(&self, events: u64, report: &mut Report) {
        if let Some(server) = &self.server {
            let bytes = server.storage_bytes();
            report.figure("storage", bytes as f64 / 1_048_576.0, "MiB");
            report.figure(
                "storage per event sent",
                bytes as f64 / events.max(1) as f64,
                "bytes",
            );
        }
    }

    /// Stops a server that was started for the run.
    pub(crate) fn stop(mut self, report: &mut Report) -> anyhow::Result<()> {
        match &mut self.server {
            Some(server) => server.stop(report),
            None => Ok(()),
        }
    }
}

fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    let told = || format!("`{url}` is not of the form http://HOST:PORT");
    let authority = url
        .strip_prefix("http://")
        .with_context(told)?
        .trim_end_matches('/');
    authority
        .to_socket_addrs()
        .with_context(told)?
        .next()
        .with_context(told)
}

/// CPU time from one moment to another, of the server and of this process.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    server: Option<Process>,
    server_s: Option<f64>,
    own_s: Option<f64>,
}

impl CpuMeter {
    pub(crate) fn start(target: &Target) -> Self {
        Self {
            server: target.process.clone(),
            server_s: target.process.as_ref().and_then(Process::cpu_s),
            own_s: Process::own().cpu_s(),
        }
    }

    /// Tells the CPU time since the start, by operation.
    pub(crate) fn report(&self, operations: u64, unit: &str, report: &mut Report) {
        let now = [
            self.server.as_ref().and_then(Process::cpu_s),
            Process::own().cpu_s(),
        ];
        for ((name, before), now) in [("server", self.server_s), ("client", self.own_s)]
            .iter()
            .zip(now)
        {
            if let (Some(before), Some(now)) = (before, now) {
                let us = (now - before) * 1e6 / operations.max(1) as f64;
                report.figure(&format!("{name} CPU"), us, &format!("µs/{unit}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_urls() {
        assert_eq!(
            resolve("http://127.0.0.1:80/").unwrap(),
            "127.0.0.1:80".parse().unwrap()
        );
        for url in [
            "127.0.0.1:80",
            "https://127.0.0.1:80",
            "http://127.0.0.1",
            "",
        ] {
            assert!(resolve(url).is_err(), "{url}");
        }
    }
}
