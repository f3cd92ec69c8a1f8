//! The codec judged by Apache's own classes.
