//! `kafka-cli`, as its users run it, against the in-process broker.

mod consume;
mod metadata;
mod produce;
mod support;
mod wrong;
