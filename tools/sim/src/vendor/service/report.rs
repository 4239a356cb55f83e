//! The phones behind a service, and the receipts that tell of them: late, merged, repeated, reordered or lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc;

use super::{Shared, is_one_in, now_ms};
use crate::vendor::{Fate, Happened, ReceiptCall, Taken};

/// Times that a receipt is sent until it is answered 200. A vendor that tries again does so for longer.
const ATTEMPTS_MAX: u32 = 7;

/// A push on its way to a phone.
#[derive(Debug)]
pub(super) struct Arriving {
    /// When it was taken.
    pub(super) at: Instant,
    pub(super) taken: Taken,
}

/// What was counted so far, to find the one of so many.
#[derive(Debug, Default)]
struct Passed {
    arrived: u64,
    happened: u64,
    receipts: u64,
}

/// Reports in rounds: what was taken during one becomes one call or a few.
pub(super) async fn run(mut arriving: mpsc::UnboundedReceiver<Arriving>, shared: Arc<Shared>) {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let settings = &shared.settings;
    let mut passed = Passed::default();
    loop {
        let mut round = Vec::new();
        if arriving
            .recv_many(&mut round, settings.merge_max.max(1))
            .await
            == 0
        {
            return;
        }
        // From the last one on, so that none is reported before its time.
        if let Some(last) = round.last() {
            tokio::time::sleep_until((last.at + settings.delay).into()).await;
        }
        let mut calls = Vec::new();
        for happened in passed.happen(round, &shared) {
            let receipts = shared.counter.receipts(&happened, now_ms());
            if receipts.is_empty() {
                continue;
            }
            shared.tally.lock().report(&happened);
            calls.extend(receipts);
            passed.receipts += 1;
            if is_one_in(settings.repeat_one_in, passed.receipts) {
                // Told a second time, in a call of its own: with a signature of its own, where there is one.
                calls.extend(shared.counter.receipts(&happened, now_ms()));
            }
        }
        if settings.reorder {
            calls.reverse();
        }
        for receipt in &calls {
            deliver(&client, receipt, &shared).await;
        }
    }
}

impl Passed {
    /// What the phones do with these, less what is never reported: arrivals, clicks, and who is gone.
    fn happen(&mut self, round: Vec<Arriving>, shared: &Shared) -> [Vec<(Taken, Happened)>; 3] {
        let settings = &shared.settings;
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        let [delivered, clicked, gone] = &mut all;
        for Arriving { taken, .. } in round {
            match Fate::of(&taken.token) {
                Fate::Mute => continue,
                Fate::Lost => {
                    gone.push((taken, Happened::Gone));
                    continue;
                }
                _ => {}
            }
            self.arrived += 1;
            if is_one_in(settings.click_one_in, self.arrived) {
                clicked.push((taken.clone(), Happened::Clicked));
            }
            delivered.push((taken, Happened::Delivered));
        }
        for happened in &mut all {
            happened.retain(|_| {
                self.happened += 1;
                let is_lost = is_one_in(settings.lose_one_in, self.happened);
                if is_lost {
                    shared.tally.lock().lose();
                }
                !is_lost
            });
            if settings.reorder {
                happened.reverse();
            }
        }
        all
    }
}

/// Delivers a receipt; again a few times when it is not answered with 200.
async fn deliver(
    client: &Client<HttpConnector, Full<Bytes>>,
    receipt: &ReceiptCall,
    shared: &Shared,
) {
    let url = if receipt.url.is_empty() {
        &shared.settings.receipts_url
    } else {
        &receipt.url
    };
    if url.is_empty() {
        return;
    }
    for attempt in 0..ATTEMPTS_MAX {
        let mut request = Request::post(url);
        for (name, value) in &receipt.headers {
            request = request.header(*name, value);
        }
        let Ok(request) = request.body(Full::new(Bytes::from(receipt.body.clone()))) else {
            break;
        };
        if let Ok(response) = client.request(request).await
            && response.status() == 200
        {
            let _ = response.into_body().collect().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
    }
    shared.refused_receipts.fetch_add(1, Ordering::AcqRel);
}
