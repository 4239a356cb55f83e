//! What a run found: a line for each figure as it is known, or one JSON object at the end.
#![expect(clippy::print_stdout, reason = "the report goes to standard output")]

use serde_json::{Map, Value, json};

use crate::latency::Latencies;

/// The figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    figures: Map<String, Value>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            figures: Map::new(),
        }
    }

    /// A heading, and in JSON nothing.
    pub(crate) fn heading(&self, text: &str) {
        if !self.json {
            println!("\n{text}");
        }
    }

    /// A measured figure.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str) {
        self.show(name, &decimal(value), unit);
        self.keep(name, json!({ "value": value, "unit": unit }));
    }

    /// A whole number.
    pub(crate) fn count(&mut self, name: &str, count: u64, unit: &str) {
        self.show(name, &grouped(count), unit);
        self.keep(name, json!({ "value": count, "unit": unit }));
    }

    /// Something that is no number.
    pub(crate) fn fact(&mut self, name: &str, text: &str) {
        self.show(name, text, "");
        self.keep(name, json!(text));
    }

    /// The usual percentiles.
    pub(crate) fn latencies(&mut self, name: &str, latencies: &mut Latencies) {
        let shares = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"), (1.0, "max")];
        let values = latencies.quantiles_ms(&shares.map(|(share, _)| share));
        for ((_, label), ms) in shares.iter().zip(values) {
            self.figure(&format!("{name} {label}"), ms, "ms");
        }
    }

    /// Ends the report.
    pub(crate) fn finish(&self) {
        if self.json {
            println!("{}", Value::Object(self.figures.clone()));
        }
    }

    fn show(&self, name: &str, value: &str, unit: &str) {
        if !self.json {
            println!("{name:<44} {value:>16} {unit}");
        }
    }

    fn keep(&mut self, name: &str, value: Value) {
        self.figures.insert(name.to_owned(), value);
    }
}

/// Enough digits to compare runs by.
fn decimal(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => grouped(value.round() as u64),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_cut() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(grouped(number), expected);
        }
        for (value, expected) in [(0.1234, "0.123"), (12.34, "12.3"), (512_345.6, "512,346")] {
            assert_eq!(decimal(value), expected);
        }
    }
}
