//! Lines for the host's log. At most 64 lines of 1 KiB a call are kept.

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// What happened.
    Info,
    /// Somebody should look.
    Warn,
    /// Something is wrong.
    Error,
}

/// A line for the plugin's author.
pub fn debug(message: impl AsRef<str>) {
    emit(Level::Debug, message.as_ref());
}

/// A line that says what happened.
pub fn info(message: impl AsRef<str>) {
    emit(Level::Info, message.as_ref());
}

/// A line that somebody should look at.
pub fn warn(message: impl AsRef<str>) {
    emit(Level::Warn, message.as_ref());
}

/// A line about something that is wrong.
pub fn error(message: impl AsRef<str>) {
    emit(Level::Error, message.as_ref());
}

#[cfg(target_family = "wasm")]
fn emit(level: Level, message: &str) {
    crate::glue::emit(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn emit(level: Level, message: &str) {
    LINES.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    static LINES: std::cell::RefCell<Vec<(Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The lines of this thread since the last call of this function. For tests; not there in a build for WebAssembly.
#[cfg(not(target_family = "wasm"))]
pub fn taken() -> Vec<(Level, String)> {
    LINES.take()
}
