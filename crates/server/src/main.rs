//! The binary `pushtally`.
mod config;
fn main() {}
