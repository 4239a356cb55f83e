//! The stored form of an hour: a series of seconds for each (cell, loss).

use pushtally_model::{Cell, LossId};

use super::{HOUR_S, HOURS, Row, sum_rows};
use crate::wire::{DecodeError, Reader, put_varint};

/// (cell, loss, second) as one comparable number.
fn order(row: &Row) -> u64 {
    u64::from(row.cell_byte()) << 56 | u64::from(row.loss.0) << 16 | u64::from(row.bucket())
}

/// Into the order in which an hour is stored.
pub(super) fn sort(rows: &mut [Row]) {
    rows.sort_unstable_by_key(order);
}

/// Appends an hour's rows, which are in the order of [`sort`], each (second, cell, loss) once.
pub(super) fn encode(rows: &[Row], out: &mut Vec<u8>) {
    let same = |a: &Row, b: &Row| (a.cell_byte(), a.loss) == (b.cell_byte(), b.loss);
    put_varint(out, rows.chunk_by(same).count() as u64);
    for rows in rows.chunk_by(same) {
        let Some(first) = rows.first() else { continue };
        out.push(first.cell_byte());
        put_varint(out, first.loss.0.into());
        put_varint(out, rows.len() as u64);
        let mut next = 0;
        for row in rows {
            let second = row.bucket();
            put_varint(
                out,
                u64::from(second - next) << 1 | u64::from(row.count != 1),
            );
            if row.count != 1 {
                put_varint(out, row.count.into());
            }
            next = second + 1;
        }
    }
}

/// Reads one hour's rows, in the order in which they are stored.
pub(super) fn decode(reader: &mut Reader<'_>, rows: &mut Vec<Row>) -> Result<(), DecodeError> {
    let mut last = None;
    for _ in 0..reader.len()? {
        let cell = Cell::from_byte(reader.byte()?).ok_or_else(|| reader.impossible("cell"))?;
        let loss = LossId(reader.u32()?);
        // Else a second could stand here twice, and the sum of both might not fit.
        if last.replace((cell.byte(), loss)) >= Some((cell.byte(), loss)) {
            return Err(reader.impossible("order of series"));
        }
        let mut next = 0u32;
        for _ in 0..reader.len()? {
            let head = reader.varint()?;
            let second = u64::from(next) + (head >> 1);
            let second = u32::try_from(second).ok().filter(|second| *second < HOUR_S);
            let second = second.ok_or_else(|| reader.impossible("second"))?;
            let count = if head & 1 == 1 { reader.u32()? } else { 1 };
            rows.push(Row::new(second, cell.byte(), loss, count));
            next = second + 1;
        }
    }
    Ok(())
}

/// Appends the stored sum of several stored days.
pub(crate) fn unite(days: &mut [Reader<'_>], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut rows = Vec::new();
    for _ in 0..HOURS {
        rows.clear();
        for day in &mut *days {
            decode(day, &mut rows)?;
        }
        // Few ascending stretches, which the stable sort merges.
        rows.sort_by_key(order);
        sum_rows(&mut rows);
        encode(&rows, out);
    }
    Ok(())
}
