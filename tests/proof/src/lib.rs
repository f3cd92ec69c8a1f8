//! Every entry to the codec, exported, so that the linker keeps all that a program could reach through it.
//!
//! The names of what is exported from the codec begin with `proof_`, from the state machines with `machine_`. Those that
//! begin with `proof_client_` are one API each as a client uses it (write the request, read the response): what a
//! message costs is what linking them alone takes. `proof_walk_` goes through what was read.
#![no_std]

mod client;
#[cfg(not(feature = "twelve"))]
mod data;
#[cfg(not(feature = "twelve"))]
mod frames;
#[cfg(not(feature = "twelve"))]
mod machine;
#[cfg(not(feature = "twelve"))]
mod messages;
#[cfg(not(feature = "twelve"))]
mod records;
#[cfg(not(feature = "twelve"))]
mod streams;
#[cfg(any(feature = "walk", not(feature = "twelve")))]
mod walk;

use core::panic::PanicInfo;

/// What the search has to find.
#[cfg(feature = "spoiled")]
#[unsafe(no_mangle)]
pub fn proof_spoiled(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}

/// Who reaches this has a panic in it.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
