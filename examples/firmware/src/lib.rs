//! What the programs of this workspace share: the board, its Ethernet, its clock, and a log that can be left out.
#![no_std]

pub mod board;
pub mod clock;
pub mod lan9118;
pub mod log;
pub mod net;
pub mod sensors;
pub mod sizes;
