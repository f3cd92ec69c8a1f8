//! Other clients' codecs.
