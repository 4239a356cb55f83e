//! Random windows: those that touch add up to the whole, and one that covers a task closes it.

use anyhow::ensure;

use super::ledger::{Counts, Ledger};
use crate::random::Random;

/// Windows that the whole is cut into, at most.
const PIECES_MAX: u32 = 8;
/// How far a window may reach beyond what happened, in seconds.
const BEYOND_S: u32 = 40 * 3600;

/// What windows are compared with.
pub(super) struct Whole<'a> {
    pub(super) tasks: &'a [String],
    pub(super) counts: &'a [Counts],
    /// Nothing happened before this second, nor from the other on.
    pub(super) first_s: u32,
    pub(super) end_s: u32,
}

/// Asks for at least so many random windows; answers how many, and how many of them covered everything.
pub(super) fn compare(
    ledger: &mut Ledger<'_>,
    whole: &Whole<'_>,
    windows: u32,
    random: &mut Random,
) -> anyhow::Result<[u64; 2]> {
    let (mut asked, mut covering) = (0, 0);
    while asked < u64::from(windows) {
        let cuts = cuts(whole, random);
        let mut sums = vec![Counts::default(); whole.tasks.len()];
        for piece in cuts.windows(2) {
            let &[start_s, end_s] = piece else { continue };
            let counts = ledger.ask(whole.tasks, start_s, end_s)?;
            asked += 1;
            for (sum, counts) in sums.iter_mut().zip(&counts) {
                sum.add(counts);
            }
            if start_s <= whole.first_s && whole.end_s <= end_s {
                covering += 1;
                for (task, counts) in whole.tasks.iter().zip(&counts) {
                    let [planned, sent, lost] = counts.ends();
                    ensure!(
                        planned == sent + lost,
                        "`{task}` in [{start_s}, {end_s}): {planned} planned, {sent} sent, {lost} lost before"
                    );
                }
            }
        }
        for ((task, sum), counts) in whole.tasks.iter().zip(&sums).zip(whole.counts) {
            let differences = sum.differences(counts);
            ensure!(
                differences.is_empty(),
                "`{task}` in windows cut at {cuts:?}: {}",
                differences.join("; ")
            );
        }
    }
    Ok([asked, covering])
}

/// Ascending seconds, the first and last of which hold everything between them. Most lie where something happened.
fn cuts(whole: &Whole<'_>, random: &mut Random) -> Vec<u32> {
    let begin_s = whole.first_s - random.below(BEYOND_S);
    let end_s = whole.end_s + random.below(BEYOND_S);
    let mut cuts = vec![begin_s, end_s];
    // Now and then one window holds it all.
    let pieces = if random.one_in(4) { 0 } else { PIECES_MAX };
    for _ in 0..random.below(pieces) {
        let (from_s, to_s) = match random.one_in(4) {
            true => (begin_s, end_s),
            false => (whole.first_s, whole.end_s),
        };
        cuts.push(from_s + random.below(to_s - from_s + 1));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_ascend_and_hold_everything_between_them() {
        let whole = Whole {
            tasks: &[],
            counts: &[],
            first_s: 1_700_000_000,
            end_s: 1_700_000_020,
        };
        let mut random = Random::new(7);
        let (mut single, mut within) = (0, 0);
        for _ in 0..1_000 {
            let cuts = cuts(&whole, &mut random);
            assert!(cuts.is_sorted_by(|a, b| a < b), "{cuts:?}");
            assert!(cuts[0] <= whole.first_s && *cuts.last().unwrap() >= whole.end_s);
            // Losses may be asked for over seven days.
            assert!(cuts.last().unwrap() - cuts[0] <= 7 * 86_400);
            single += usize::from(cuts.len() == 2);
            let inner = |cut: &&u32| (whole.first_s..whole.end_s).contains(*cut);
            within += cuts.iter().filter(inner).count();
        }
        assert!(single > 50 && within > 1_000, "{single} {within}");
    }
}
