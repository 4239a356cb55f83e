//! How urgent the ledger's own threads are: whoever answers a caller goes first.
//!
//! On a machine whose cores are all busy a query would else wait for its turn behind work that nobody waits for.

/// How much the folder yields: callers wait for it, but a query's fraction of a millisecond goes first.
pub(crate) const FOLD: i32 = 5;
/// How much snapshots yield: nobody waits for them.
pub(crate) const SNAPSHOT: i32 = 10;

/// Makes the calling thread less urgent by so many steps of `nice`. Where it cannot, all threads stay equal.
#[cfg(target_os = "linux")]
pub(crate) fn yield_to_callers(nice: i32) {
    // On Linux a priority is a thread's own, and "the calling process" is the calling thread.
    if let Ok(now) = rustix::process::getpriority_process(None) {
        let _ = rustix::process::setpriority_process(None, now + nice);
    }
}

/// Elsewhere a priority would be the whole process's.
#[cfg(not(target_os = "linux"))]
pub(crate) fn yield_to_callers(_nice: i32) {}
