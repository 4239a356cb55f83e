//! What is done to vendors' services at which second: lines such as `10 xiaomi down 30`.

use std::time::Duration;

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Every request is answered 503.
    Down,
    /// It serves again.
    Up,
    /// Every access that it gave expires.
    Expire,
}

/// A deed, when, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long after the script began.
    pub after: Duration,
    /// The vendor's name; `None` is all of them.
    pub vendor: Option<String>,
    /// What is done.
    pub deed: Deed,
}

/// A line that is no step.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not of the form `SECONDS VENDOR|all down [SECONDS] | up | expire`")]
pub struct NoStep(String);

impl Step {
    /// Reads a line. `down` with a time is two steps.
    pub fn read(line: &str) -> Result<Vec<Self>, NoStep> {
        let told = || NoStep(line.to_owned());
        let seconds = |text: &str| {
            let seconds = text.parse::<f64>().ok();
            let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            seconds.ok_or_else(told)
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let [after, vendor, deed @ ..] = words.as_slice() else {
            return Err(told());
        };
        let (after, vendor) = (seconds(after)?, *vendor);
        let vendor = (vendor != "all").then(|| vendor.to_owned());
        let step = |after, deed| Self {
            after,
            vendor: vendor.clone(),
            deed,
        };
        Ok(match deed {
            ["down"] => vec![step(after, Deed::Down)],
            ["down", time] => {
                let up = after.saturating_add(seconds(time)?);
                vec![step(after, Deed::Down), step(up, Deed::Up)]
            }
            ["up"] => vec![step(after, Deed::Up)],
            ["expire"] => vec![step(after, Deed::Expire)],
            _ => return Err(told()),
        })
    }

    /// Reads a script: a step a line, in any order; empty lines and what follows `#` are not read.
    pub fn read_all(text: &str) -> Result<Vec<Self>, NoStep> {
        let mut steps = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                steps.extend(Self::read(line)?);
            }
        }
        steps.sort_by_key(|step| step.after);
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_and_ordered() {
        let text =
            "# a bad day\n 5 huawei expire \n\n1.5 xiaomi down 2 # for two seconds\n9 all up";
        let said: Vec<_> = Step::read_all(text)
            .unwrap()
            .into_iter()
            .map(|step| (step.after.as_millis(), step.vendor, step.deed))
            .collect();
        let xiaomi = || Some("xiaomi".to_owned());
        let expected = [
            (1_500, xiaomi(), Deed::Down),
            (3_500, xiaomi(), Deed::Up),
            (5_000, Some("huawei".to_owned()), Deed::Expire),
            (9_000, None, Deed::Up),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_no_step_is_refused_and_named() {
        for line in [
            "xiaomi down",
            "1 xiaomi",
            "1 xiaomi explode",
            "-1 xiaomi down",
            "1 xiaomi down x",
            "1 xiaomi up 2",
        ] {
            let told = Step::read_all(line).unwrap_err().to_string();
            assert!(told.contains(line), "{told}");
        }
    }
}
