//! What `/proc` tells of a process: CPU time and memory. Linux only; elsewhere there is nothing to tell.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Linux counts CPU time in ticks of 10 ms for user space, whatever the kernel uses itself.
const TICKS_PER_S: f64 = 100.0;
/// How often memory is looked at while a run lasts.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// A process, to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process(String);

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self(pid.to_string())
    }

    pub(crate) fn own() -> Self {
        Self("self".to_owned())
    }

    /// Seconds of CPU that it has used, in user space and in the kernel, all threads.
    pub(crate) fn cpu_s(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The name, in parentheses, may hold anything. After it, user and system time are the 12th and 13th.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut times = rest.split_whitespace().skip(11);
        let ticks: f64 = times.next()?.parse::<f64>().ok()? + times.next()?.parse::<f64>().ok()?;
        Some(ticks / TICKS_PER_S)
    }

    /// Highest resident memory so far, in bytes.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1024)
    }
}

/// Lets threads started from now on wake when they asked to: by default Linux may be 50 µs late, which an open loop
/// would count as the server's latency. Where the file does not exist, the loop is as precise as it is.
pub(crate) fn sleep_precisely() {
    let _ = fs::write("/proc/self/timerslack_ns", "1");
}

/// Watches a process's memory from another thread.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u64>>,
}

impl Watch {
    pub(crate) fn start(process: Process) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut samples = Vec::new();
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                samples.extend(process.resident_bytes());
                next += SAMPLE_INTERVAL;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            samples
        });
        Self { stop, thread }
    }

    /// Resident memory over time, in bytes, evenly sampled.
    pub(crate) fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_asked() {
        let own = Process::own();
        assert!(own.cpu_s().is_some());
        // Looked at first, since other threads take memory meanwhile; the kernel's counts may lag behind by some pages.
        let resident = own.resident_bytes().unwrap();
        assert!(own.peak_bytes().unwrap() + (1 << 20) >= resident);
        assert_eq!(Process::of(u32::MAX).cpu_s(), None);
    }
}
