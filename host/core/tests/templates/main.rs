//! The template engine from outside: golden files, hostile values, the default set, and the examples of the manual.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it likes")]

mod default_set;
mod fixture;
mod golden;
mod hostile;
mod manual;
