//! Rows as earlier releases wrote them, byte for byte.

use super::*;

#[test]
fn an_app_of_the_first_version_is_read_and_written_in_the_second() {
    let first = [V1, 5, 9, 3, 1];
    let row = AppRow {
        devices: 5,
        numbers_end: 9,
        open_tasks: 3,
        paused: true,
        last_broadcast_ms: None,
    };
    assert_eq!(AppRow::decode(&first), Ok(row));
    assert_eq!(row.encode(), Ok(vec![V2, 5, 9, 3, 1, 0]));
    let later = AppRow {
        last_broadcast_ms: Some(1_764_136_800_123),
        ..row
    };
    assert_eq!(AppRow::decode(&later.encode().unwrap()), Ok(later));
    assert_eq!(AppRow::decode(&[3, 5]), Err(RowError::Version(3)));
    assert_eq!(AppRow::decode(&[]), Err(RowError::Bytes));
}
