//! Which queue a call to pass on waits in.

use std::fmt;

use pushtally_model::{AppId, Channel};

/// Calls that go to one receiver. Lines do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayLine {
    /// Webhook calls that an app accepted.
    Webhooks(AppId),
    /// Receipts of an app that a vendor sent and that are not, or not only, of our messages.
    Receipts(AppId, Channel),
}

impl RelayLine {
    /// Whose calls they are.
    #[must_use]
    pub const fn app(self) -> AppId {
        match self {
            Self::Webhooks(app) | Self::Receipts(app, _) => app,
        }
    }

    /// The line of a name, if it is one: the opposite of `Display`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let line = match name.split_once('-') {
            None => Self::Webhooks(AppId(name.parse().ok()?)),
            Some((app, vendor)) => {
                Self::Receipts(AppId(app.parse().ok()?), Channel::vendor(vendor)?)
            }
        };
        // `+7` and `007` are numbers, too, but nobody's name.
        (line.to_string() == name).then_some(line)
    }
}

impl From<AppId> for RelayLine {
    fn from(app: AppId) -> Self {
        Self::Webhooks(app)
    }
}

/// Its name in logs and on disk: `1400000000`, `1400000000-huawei`.
impl fmt::Display for RelayLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhooks(app) => write!(f, "{app}"),
            Self::Receipts(app, channel) => write!(f, "{app}-{}", channel.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_by_its_name_and_nothing_else_is() {
        let app = AppId(1_400_000_000);
        let receipts = Channel::VENDORS.map(|vendor| RelayLine::Receipts(app, vendor));
        for line in receipts.into_iter().chain([RelayLine::Webhooks(app)]) {
            assert_eq!(RelayLine::parse(&line.to_string()), Some(line));
        }
        assert_eq!(
            RelayLine::Receipts(app, Channel::Huawei).to_string(),
            "1400000000-huawei"
        );
        for name in [
            "",
            "+7",
            "007",
            "7-",
            "7-nokia",
            "7-HONOR",
            "-honor",
            "7-online",
            "lost+found",
        ] {
            assert_eq!(RelayLine::parse(name), None, "{name}");
        }
    }
}
