//! Runs public clients, unmodified but for the host, against a server that it starts: `pushtally-clients PROGRAM`.
//!
//! Each step prints what was done; the first answer that is not as expected ends the run with exit code 1.

mod certificate;
mod cycle;
mod server;

use std::path::PathBuf;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let program = std::env::args_os().nth(1).map(PathBuf::from);
    let program =
        program.context("usage: pushtally-clients PROGRAM (the `pushtally` to run against)")?;
    let server = server::Server::start(&program)?;
    // SAFETY: nothing else runs yet; OpenSSL reads it when the first client is made.
    unsafe { std::env::set_var("SSL_CERT_FILE", server.certificate()) };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(cycle::run(&server))?;
    println!("all as expected");
    Ok(())
}
