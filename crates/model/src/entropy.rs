//! Randomness as an argument.

use std::fmt;

/// Gives random bytes.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills the buffer, or fails when the system has none to give.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), std::io::Error>;
}

/// The operating system's generator, fit for keys.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system"
    )]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), std::io::Error> {
        getrandom::fill(buffer).map_err(std::io::Error::other)
    }
}

/// The same bytes every time, for tests.
#[derive(Debug, Clone, Copy)]
pub struct FixedEntropy(pub u8);

impl Entropy for FixedEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), std::io::Error> {
        buffer.fill(self.0);
        Ok(())
    }
}
