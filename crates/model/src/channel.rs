//! Channels, routes and stages, and their packed form, the cell.

/// What carries a notification. The numbers are storage numbers and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Channel {
    /// The vendor is not known (a device without a token, an import that does not say).
    Unknown = 0,
    /// Apple.
    Apns = 1,
    /// Xiaomi.
    Xiaomi = 2,
    /// Huawei (Android).
    Huawei = 3,
    /// Google.
    Fcm = 4,
    /// Meizu.
    Meizu = 5,
    /// OPPO.
    Oppo = 6,
    /// vivo.
    Vivo = 7,
    /// HONOR.
    Honor = 8,
    /// HarmonyOS NEXT; shown as platform 3 on the compatible wire.
    Harmony = 9,
    /// Our own socket.
    Online = 10,
}

impl Channel {
    /// Every channel, by storage number.
    pub const ALL: [Self; 11] = [
        Self::Unknown,
        Self::Apns,
        Self::Xiaomi,
        Self::Huawei,
        Self::Fcm,
        Self::Meizu,
        Self::Oppo,
        Self::Vivo,
        Self::Honor,
        Self::Harmony,
        Self::Online,
    ];

    /// The vendors: every channel that takes credentials.
    pub const VENDORS: [Self; 9] = [
        Self::Apns,
        Self::Xiaomi,
        Self::Huawei,
        Self::Harmony,
        Self::Fcm,
        Self::Meizu,
        Self::Oppo,
        Self::Vivo,
        Self::Honor,
    ];

    /// The vendor of a [`Channel::name`].
    #[must_use]
    pub fn vendor(name: &str) -> Option<Self> {
        Self::VENDORS.into_iter().find(|one| one.name() == name)
    }

    /// Whether it reports what became of messages. Apple and Google do not: what their phones got is known from the app's
    /// reports only.
    #[must_use]
    pub const fn sends_receipts(self) -> bool {
        match self {
            Self::Xiaomi
            | Self::Huawei
            | Self::Harmony
            | Self::Meizu
            | Self::Oppo
            | Self::Vivo
            | Self::Honor => true,
            Self::Apns | Self::Fcm | Self::Online | Self::Unknown => false,
        }
    }

    /// The channel of a storage number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The `PushPlatform` of the compatible wire: 0 for online and unknown, Harmony under Huawei's 3.
    #[must_use]
    pub const fn push_platform(self) -> u8 {
        match self {
            Self::Unknown | Self::Online => 0,
            Self::Harmony => Self::Huawei as u8,
            Self::Apns
            | Self::Xiaomi
            | Self::Huawei
            | Self::Fcm
            | Self::Meizu
            | Self::Oppo
            | Self::Vivo
            | Self::Honor => self as u8,
        }
    }

    /// The offline channel that a `PushPlatform` of 0..=8 names.
    #[must_use]
    pub fn from_push_platform(platform: u8) -> Option<Self> {
        if platform <= 8 {
            Self::from_number(platform)
        } else {
            None
        }
    }

    /// The lower-case name used in logs, metrics and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Apns => "apns",
            Self::Xiaomi => "xiaomi",
            Self::Huawei => "huawei",
            Self::Fcm => "fcm",
            Self::Meizu => "meizu",
            Self::Oppo => "oppo",
            Self::Vivo => "vivo",
            Self::Honor => "honor",
            Self::Harmony => "harmony",
            Self::Online => "online",
        }
    }
}

/// How a notification travels: through a vendor, or over our own socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Route {
    /// Through a vendor: `EventType` 1.
    Offline = 1,
    /// Over the socket: `EventType` 2.
    Online = 2,
}

/// How far a notification came. The order is the order of the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Counted in `TotalCount`.
    Planned = 0,
    /// Counted in `SentCount`.
    Sent = 1,
    /// Counted in `DeliveredCount`.
    Delivered = 2,
    /// Counted in `ClickCount`.
    Clicked = 3,
}

impl Stage {
    /// Every stage, in funnel order.
    pub const ALL: [Self; 4] = [Self::Planned, Self::Sent, Self::Delivered, Self::Clicked];
}

/// What can be marked once for a (task, device, route, channel): a stage reached or a stage lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Stage planned.
    Planned = 0,
    /// Stage sent: one of the two ends.
    Sent = 1,
    /// Stage delivered.
    Delivered = 2,
    /// Stage clicked.
    Clicked = 3,
    /// Lost between planned and sent: the other end.
    LostBeforeSent = 4,
    /// Lost between sent and delivered.
    LostBeforeDelivered = 5,
    /// Lost between delivered and clicked.
    LostBeforeClicked = 6,
}

impl Lane {
    /// Every lane, by storage number.
    pub const ALL: [Self; 7] = [
        Self::Planned,
        Self::Sent,
        Self::Delivered,
        Self::Clicked,
        Self::LostBeforeSent,
        Self::LostBeforeDelivered,
        Self::LostBeforeClicked,
    ];

    /// The lane of a stage that was reached.
    #[must_use]
    pub const fn reached(stage: Stage) -> Self {
        match stage {
            Stage::Planned => Self::Planned,
            Stage::Sent => Self::Sent,
            Stage::Delivered => Self::Delivered,
            Stage::Clicked => Self::Clicked,
        }
    }

    /// The lane of a stage that was not reached. Nothing is lost before it is planned.
    #[must_use]
    pub const fn lost(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Planned => None,
            Stage::Sent => Some(Self::LostBeforeSent),
            Stage::Delivered => Some(Self::LostBeforeDelivered),
            Stage::Clicked => Some(Self::LostBeforeClicked),
        }
    }

    /// The stage this lane counts, if it is not a loss.
    #[must_use]
    pub const fn stage(self) -> Option<Stage> {
        match self {
            Self::Planned => Some(Stage::Planned),
            Self::Sent => Some(Stage::Sent),
            Self::Delivered => Some(Stage::Delivered),
            Self::Clicked => Some(Stage::Clicked),
            Self::LostBeforeSent | Self::LostBeforeDelivered | Self::LostBeforeClicked => None,
        }
    }
}

/// A (route, channel, lane) in one byte: bit 7 is the route, bits 6..3 the channel, bits 2..0 the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u8);

impl Cell {
    /// Packs the three.
    #[must_use]
    pub const fn new(route: Route, channel: Channel, lane: Lane) -> Self {
        let route = match route {
            Route::Offline => 0,
            Route::Online => 0x80,
        };
        Self(route | ((channel as u8) << 3) | lane as u8)
    }

    /// The byte as stored.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Reads a stored byte; `None` for one that no version writes.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        let known =
            ((byte >> 3) & 0xF) < Channel::ALL.len() as u8 && (byte & 7) < Lane::ALL.len() as u8;
        known.then_some(Self(byte))
    }

    /// The route.
    #[must_use]
    pub const fn route(self) -> Route {
        if self.0 & 0x80 == 0 {
            Route::Offline
        } else {
            Route::Online
        }
    }

    /// The channel.
    #[must_use]
    pub const fn channel(self) -> Channel {
        Channel::ALL[((self.0 >> 3) & 0xF) as usize]
    }

    /// The lane.
    #[must_use]
    pub const fn lane(self) -> Lane {
        Lane::ALL[(self.0 & 7) as usize]
    }

    /// The same route and channel, another lane.
    #[must_use]
    pub const fn with_lane(self, lane: Lane) -> Self {
        Self((self.0 & !7) | lane as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_survives_its_byte() {
        let mut known = 0;
        for byte in 0..=u8::MAX {
            if let Some(cell) = Cell::from_byte(byte) {
                known += 1;
                assert_eq!(
                    Cell::new(cell.route(), cell.channel(), cell.lane()).byte(),
                    byte
                );
            }
        }
        assert_eq!(known, 2 * Channel::ALL.len() * Lane::ALL.len());
    }

    #[test]
    fn vendors_are_all_channels_but_the_socket_and_the_unknown() {
        for channel in Channel::ALL {
            let is_vendor = !matches!(channel, Channel::Unknown | Channel::Online);
            let found = Channel::vendor(channel.name());
            assert_eq!(found, is_vendor.then_some(channel));
        }
    }

    #[test]
    fn harmony_shows_as_huawei_and_online_as_zero() {
        assert_eq!(Channel::Harmony.push_platform(), 3);
        assert_eq!(Channel::Online.push_platform(), 0);
        assert_eq!(Channel::from_push_platform(9), None);
        for platform in 1..=8 {
            assert_eq!(
                Channel::from_push_platform(platform).map(Channel::push_platform),
                Some(platform)
            );
        }
    }
}
