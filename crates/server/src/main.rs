//! The binary `pushtally`: reads the command line, runs one command, answers with an exit code.
//!
//! 0 means done, 1 that it failed, 2 that the command line or the configuration is wrong. What a command says goes to
//! standard output, everything else to standard error.

mod acts;
mod allocator;
mod bulk;
mod channels;
mod cli;
mod config;
mod control;
mod demo;
mod engine;
mod forgetting;
mod logs;
mod retention;
mod serve;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::give_back_at_once();
    // Before anything else: with two providers in one process, whoever comes first decides.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a tls provider is already installed");
    }
    cli::run()
}
