//! Why a chore failed: one text that says what went wrong and what to do next.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// The result of a chore.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A text for the person at the terminal; nothing here is handled by code.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// A failure with this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes the closure that turns an error about a file into a failure.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self(format!("cannot use {}: {error}", path.display()))
    }

    /// Makes the closure that puts what was tried before an error.
    pub(crate) fn of<E: Display>(tried: &str) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("cannot {tried}: {error:#}"))
    }
}
