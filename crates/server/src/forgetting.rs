//! Erases what is forgotten within the stated time: one erasing serves all that came together.

use std::sync::Arc;
use std::time::Duration;

use pushtally_model::{Clock, Second};
use pushtally_store::Forgettings;

/// An erasing begins when the oldest forgetting has waited for this part of the stated time: the rest is for doing it, and
/// for trying again.
const WAIT_SHARE: u32 = 2;
/// How often it is looked whether one waits, unless the stated time is short.
const LOOK_EVERY_S_MAX: u32 = 30;

/// Runs for ever. What was left by an earlier process is looked for at once.
pub(crate) async fn run(forgettings: Arc<dyn Forgettings>, within_s: u32, clock: Arc<dyn Clock>) {
    let look_every = Duration::from_secs((within_s / 8).clamp(1, LOOK_EVERY_S_MAX).into());
    loop {
        if let Err(error) = look(&*forgettings, within_s, clock.now()).await {
            tracing::warn!(%error, "what is forgotten cannot be erased yet, trying again");
        }
        tokio::time::sleep(look_every).await;
    }
}

async fn look(
    forgettings: &dyn Forgettings,
    within_s: u32,
    now: Second,
) -> Result<(), pushtally_store::StoreError> {
    let since = forgettings.waiting_since().await?;
    if since.is_some_and(|since| is_due(since, within_s, now)) {
        let erased = forgettings.erase(now).await?;
        tracing::info!(forgettings = erased, "what is forgotten was erased");
    }
    Ok(())
}

fn is_due(since: Second, within_s: u32, now: Second) -> bool {
    now.0 >= since.0.saturating_add(within_s / WAIT_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{Account, AppId};
    use pushtally_store::memory;

    #[tokio::test]
    async fn an_erasing_begins_when_half_of_the_stated_time_has_passed() {
        let forgettings = memory::engine().forgettings;
        let accounts = [Account::new("a").unwrap()];
        let forgot = forgettings.forget_accounts(AppId(7), &accounts, Second(1000));
        forgot.await.unwrap();
        for (now, waits) in [(1000, true), (1029, true), (1030, false), (2000, false)] {
            look(&*forgettings, 60, Second(now)).await.unwrap();
            let since = forgettings.waiting_since().await.unwrap();
            assert_eq!(since.is_some(), waits, "{now}");
        }
    }
}
