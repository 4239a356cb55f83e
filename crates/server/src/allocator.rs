//! The allocator of the process, and how long it keeps what was freed. `main` sets it before anything else.

#![expect(
    unsafe_code,
    reason = "an option of the allocator is set through its C interface"
)]

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

#[cfg(feature = "count-allocations")]
mod counted;

#[cfg(feature = "count-allocations")]
pub(crate) use counted::Allocations;

#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;

/// `mi_option_purge_delay` of mimalloc's header; the bindings do not name it.
const PURGE_DELAY: mi_option_t = 15;

/// Makes it give freed memory back to the system at once, not a second later, unless `MIMALLOC_PURGE_DELAY` says otherwise: what a
/// broadcast's plan takes for some milliseconds would be counted on top of what its sending takes.
pub(crate) fn give_back_at_once() {
    // SAFETY: it takes two integers and ignores an option that it does not know. It is not for several threads; there is one yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) }
}
