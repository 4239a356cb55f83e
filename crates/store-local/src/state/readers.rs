//! The threads that read what takes longer than a few look-ups: a fixed few. The runtime's own threads for blocking work take
//! turns, each with an allocator's heap of its own, of which as many are kept as ever were busy at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use pushtally_store::StoreError;
use tokio::sync::{Semaphore, oneshot};

use crate::error::LocalError;

type Read = Box<dyn FnOnce() + Send>;

pub(super) struct Readers {
    /// `None` once they end.
    reads: Option<SyncSender<Read>>,
    threads: Vec<JoinHandle<()>>,
    /// One for each thread, held until its read is done: so there is always room for who has one.
    places: Arc<Semaphore>,
}

/// The read did not come to its end: a defect that the thread has told of.
#[derive(Debug)]
pub(super) struct Stopped;

impl From<Stopped> for StoreError {
    fn from(_: Stopped) -> Self {
        Self::Io {
            what: "a read of devices or tasks stopped".to_owned(),
        }
    }
}

impl Readers {
    pub(super) fn start(count: usize) -> Result<Self, LocalError> {
        let (sender, reads) = sync_channel(count);
        let mut readers = Self {
            reads: Some(sender),
            threads: Vec::with_capacity(count),
            places: Arc::new(Semaphore::new(count)),
        };
        let reads = Arc::new(Mutex::new(reads));
        for _ in 0..count {
            let reads = Arc::clone(&reads);
            let thread = std::thread::Builder::new()
                .name("pushtally-read".to_owned())
                .spawn(move || serve(&reads));
            readers
                .threads
                .push(thread.map_err(|source| LocalError::Io {
                    what: "start a thread".to_owned(),
                    source,
                })?);
        }
        Ok(readers)
    }

    /// Has something read by one of them. It is read to its end, whether or not its caller waits.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        read: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let (reply, answer) = oneshot::channel();
        let read = Box::new(move || {
            let read = read();
            drop(place);
            // Whoever asked may have gone.
            let _ = reply.send(read);
        });
        let reads = self.reads.as_ref().ok_or(Stopped)?;
        reads.try_send(read).map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.reads = None;
        for thread in self.threads.drain(..) {
            // It catches what a read does.
            let _ = thread.join();
        }
    }
}

fn serve(reads: &Mutex<Receiver<Read>>) {
    loop {
        let read = reads.lock().recv();
        let Ok(read) = read else { return };
        // Its caller is told by the answer that does not come; the thread goes on with the next.
        let _ = catch_unwind(AssertUnwindSafe(read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn as_many_read_at_once_as_there_are_threads_and_the_rest_after_them() {
        let readers = Arc::new(Readers::start(2).unwrap());
        let (begun, begins) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let gone = Arc::new(Mutex::new(gone));
        let reads: Vec<_> = (0..5)
            .map(|nth| {
                let (readers, begun, gone) =
                    (Arc::clone(&readers), begun.clone(), Arc::clone(&gone));
                tokio::spawn(async move {
                    let read = move || {
                        begun.send(nth).unwrap();
                        gone.lock().recv().unwrap();
                        nth
                    };
                    readers.run(read).await.ok()
                })
            })
            .collect();
        let (first, second) = (begins.recv().unwrap(), begins.recv().unwrap());
        assert_ne!(first, second);
        assert!(begins.try_recv().is_err(), "two threads, a third read");
        (0..5).for_each(|_| go.send(()).unwrap());
        for (nth, read) in reads.into_iter().enumerate() {
            assert_eq!(read.await.unwrap(), Some(nth));
        }
    }

    #[tokio::test]
    async fn a_read_that_panics_costs_its_caller_only_and_one_that_nobody_waits_for_gives_its_place_back()
     {
        let readers = Readers::start(1).unwrap();
        let panics = || -> u8 { panic!("on purpose") };
        assert!(readers.run(panics).await.is_err());
        tokio::select! {
            biased;
            _ = readers.run(|| 1) => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(readers.run(|| 2).await.ok(), Some(2));
    }
}
