//! The client on a host, against the in-process broker over real sockets. One program, so that it is linked once.

mod cancel;
mod deliver;
mod host;
mod illegal;
mod setup;
