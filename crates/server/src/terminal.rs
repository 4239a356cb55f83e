//! Standard output: the one place that prints.

mod bar;

use std::fmt;
use std::io::{ErrorKind, Write as _};

/// Prints what its arguments format to, as `print!` does, but ends quietly when nobody reads any more.
macro_rules! say {
    ($($what:tt)*) => { $crate::terminal::write(format_args!($($what)*)) };
}

/// The same with a line end.
macro_rules! sayln {
    () => { $crate::terminal::write(format_args!("\n")) };
    ($what:literal $($more:tt)*) => { $crate::terminal::write(format_args!("{}\n", format_args!($what $($more)*))) };
}

pub(crate) use bar::Bar;
pub(crate) use {say, sayln};

/// Writes and flushes. Whoever closed the pipe has seen enough: the process ends as if it had been told to. What a
/// server in this process had acknowledged is durable.
pub(crate) fn write(what: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let written = out.write_fmt(what).and_then(|()| out.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => tracing::warn!(%error, "standard output cannot be written"),
    }
}
