//! An event's place among its app's events, as one number. Pure.
//!
//! Invariant: a place is the position of a batch in the log and the event's index among those of its app in that batch which
//! can be sent. It follows from the log alone, so whoever reads an event again, at whatever time, finds the same place.

/// Bits for the index. The number then fits exactly into the 53 bits that JSON's readers keep until the log has had 68
/// thousand million batches: four years of commits every 2 ms, which is how often there is one at most.
const INDEX_BITS: u32 = 17;
/// The highest index. A batch with more events of one app gives this one to all that are left: they are sent and repeated
/// together.
pub(crate) const INDEX_MAX: u32 = (1 << INDEX_BITS) - 1;

/// The place of an event.
pub(crate) const fn place(position: u64, index: u32) -> u64 {
    let index = if index < INDEX_MAX { index } else { INDEX_MAX };
    position << INDEX_BITS | index as u64
}

/// The place that includes everything up to and with the batch at a position.
pub(crate) const fn end_of(position: u64) -> u64 {
    place(position, INDEX_MAX)
}

/// The batch that a place lies in.
pub(crate) const fn position_of(place: u64) -> u64 {
    place >> INDEX_BITS
}

/// The last batch of which nothing lies after a place.
pub(crate) const fn passed(place: u64) -> u64 {
    let position = position_of(place);
    if place == end_of(position) {
        position
    } else {
        position.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_as_the_log_and_say_what_is_passed() {
        assert!(place(7, 0) < place(7, 1));
        assert!(place(7, 1) < end_of(7));
        assert!(end_of(7) < place(8, 0));
        assert_eq!(place(7, u32::MAX), end_of(7));
        for (place, expected) in [
            (0, 0),
            (place(1, 0), 0),
            (place(8, 3), 7),
            (end_of(8), 8),
            (end_of(0), 0),
        ] {
            assert_eq!(passed(place), expected, "{place}");
        }
        assert_eq!(position_of(place(1 << 35, 5)), 1 << 35);
        assert!(end_of((1 << 36) - 1) < 1 << 53);
    }
}
