//! Who is planned, and over which routes. Pure.

use pushtally_channel::Attention;
use pushtally_model::{Channel, Reach};

/// The ways on which a device is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) online: bool,
    pub(crate) offline: Option<Channel>,
}

/// The ways on which an addressed device is planned, from whether it is connected at this moment.
pub(crate) fn ways(reach: Reach, attention: Option<Attention>, online_only: bool) -> Ways {
    let offline = match attention {
        _ if online_only || reach.is_dropped => None,
        // In front, the app shows the push itself; a vendor's copy would be a second one.
        Some(Attention::Foreground) => None,
        // Behind, both count; but what has no token is reached over its socket, so it is not lost for want of one.
        Some(Attention::Background) => reach.token.map(|_| reach.offline()),
        None => Some(reach.offline()),
    };
    Ways {
        online: attention.is_some(),
        offline,
    }
}

/// The ways as channels, the socket first.
pub(crate) fn channels(ways: Ways) -> impl Iterator<Item = Channel> {
    let online = ways.online.then_some(Channel::Online);
    online.into_iter().chain(ways.offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Attention::{Background, Foreground};
    use Channel::{Apns, Huawei, Online, Unknown};

    #[test]
    fn a_device_is_planned_by_its_connection_its_token_and_its_vendor() {
        let (token, vendor) = (Some(Apns), Some(Huawei));
        for (row, (token, vendor, attention, online_only), (online, offline)) in [
            (1, (token, vendor, Some(Foreground), false), (true, None)),
            (2, (None, None, Some(Foreground), false), (true, None)),
            (
                3,
                (token, vendor, Some(Background), false),
                (true, Some(Apns)),
            ),
            (4, (None, vendor, Some(Background), false), (true, None)),
            (5, (None, None, Some(Background), false), (true, None)),
            (6, (token, vendor, None, false), (false, Some(Apns))),
            (7, (None, vendor, None, false), (false, Some(Huawei))),
            (8, (None, None, None, false), (false, Some(Unknown))),
            (9, (None, Some(Online), None, false), (false, Some(Unknown))),
            (10, (token, None, Some(Foreground), true), (true, None)),
            (11, (token, None, Some(Background), true), (true, None)),
            (12, (token, None, None, true), (false, None)),
        ] {
            let mut reach = Reach {
                token,
                vendor,
                is_dropped: false,
            };
            let found = ways(reach, attention, online_only);
            assert_eq!(found, Ways { online, offline }, "row {row}");
            reach.is_dropped = true;
            let found = ways(reach, attention, online_only);
            let offline = None;
            assert_eq!(found, Ways { online, offline }, "row {row}, dropped");
        }
    }
}
