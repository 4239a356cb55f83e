//! Prints so many lines for `pushtally import devices`: phones of different accounts, each with a token.
//!
//! `cargo run --release -p pushtally-server --example device_lines 10000000 > devices.ndjson`

use std::io::{BufWriter, Write as _};

fn main() -> anyhow::Result<()> {
    let lines: u64 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for n in 0..lines {
        // Spread as names and tokens of real phones are, and the same in every run.
        let spread = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        writeln!(
            out,
            r#"{{"registration_id":"{spread:016X}-{n:08}","account":"user{n}","tokens":[{{"channel":"fcm","token":"{spread:016x}{n:016x}{spread:016x}"}}],"model":"Pixel 9","system":"Android","system_version":"16","app_version":"3.2.0","notifications":"granted","language":"zh-Hans"}}"#
        )?;
    }
    out.flush()?;
    Ok(())
}
