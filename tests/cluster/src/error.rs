//! One error for the whole harness: a sentence for the person who reads the failed test.

use std::fmt;

/// What went wrong, in words, with the end of the log where there is one.
pub struct Error(String);

/// The result of everything here that starts or asks a program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same error, preceded by what was being done.
    #[must_use]
    pub fn while_(self, doing: &str) -> Self {
        Self(format!("{doing}: {}", self.0))
    }
}

// `unwrap` in a test prints Debug, so Debug is the readable form too.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
