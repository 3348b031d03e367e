//! Logs: one line an event on standard error, JSON for machines or text for people.
//!
//! Whatever a field holds stays within its line: tenants choose names and servers choose error messages, and neither may
//! forge lines or steer a terminal. tracing-subscriber escapes some characters in some fields, so every line goes through
//! [`Lines`], whoever formatted it. That is also why the text has no colours.
//!
//! Two sources of secrets are shut: kube's client, which logs whole answers that it cannot parse, and panics, whose
//! messages may hold any value.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::panic::PanicHookInfo;

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Never logged, whatever the filter says: at `warn`, this module of kube logs the body of an answer it cannot parse, which
/// may be a Secret. Our own code logs the error.
const NEVER: &str = "kube_client::client";

/// The compiler of plugins and its runtime: never below `info`, since there they print plugins' code and memory by the
/// megabyte, and nobody who reads this log can do anything with it.
const QUIET: [&str; 4] = ["cranelift", "wasmtime", "regalloc2", "wasmparser"];

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter.
    #[error("the log filter {filter:?} is not `level` or `target=level,…`: give, for instance, info,berthage=debug")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// Something else logs already.
    #[error("logging is set up already")]
    Twice(#[source] TryInitError),
}

/// Sets up logging for the process: events that pass `filter` go to standard error in `format`; without one as text on a
/// terminal, as JSON otherwise. Panics are logged from here on, too.
pub fn init(filter: &str, format: Option<Format>) -> Result<(), TelemetryError> {
    let format = format.unwrap_or_else(|| if io::stderr().is_terminal() { Format::Text } else { Format::Json });
    tracing_subscriber::registry()
        .with(layer(filter, format, io::stderr)?)
        .try_init()
        .map_err(TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// An error with its causes on one line: our messages do not repeat their causes, so a log line needs them all. A cause that
/// a library's message already ends with is left out.
///
/// `tracing::warn!(error = %Causes(&error), "…")`
#[derive(Clone, Copy)]
pub struct Causes<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut message = self.0.to_string();
        f.write_str(&message)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !message.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            message = text;
            next = cause.source();
        }
        Ok(())
    }
}

fn layer<S, W>(filter: &str, format: Format, writer: W) -> Result<impl Layer<S> + use<S, W>, TelemetryError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let allowed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?
        .and(filter_fn(|metadata| {
            let target = metadata.target();
            let noise = *metadata.level() > Level::INFO && QUIET.iter().any(|quiet| target.starts_with(quiet));
            !noise && !target.starts_with(NEVER)
        }));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Lines(writer));
    Ok(match format {
        Format::Text => lines.with_filter(allowed).boxed(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(allowed).boxed(),
    })
}

/// Tells of a panic by place and thread. The message only where it is a literal of the source: one that was put together at
/// run time may hold anything, and no log line is worth a secret.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(withheld: it may hold data)");
    let place = info.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    tracing::error!(
        panic = message,
        place,
        thread = std::thread::current().name(),
        backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace)),
        "a bug in berthage: please report this line; the work at hand is tried again"
    );
}

/// Makes writers that keep every event on its own line.
struct Lines<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

/// Takes one whole event a write, as tracing-subscriber does it.
struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if line.chars().any(must_be_escaped) {
            let mut safe = String::with_capacity(line.len() + 32);
            for character in line.chars() {
                escape(character, &mut safe);
            }
            safe.push('\n');
            self.0.write_all(safe.as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Control characters, what ends a line in some viewers, and what makes text read in another order than it is written.
const fn must_be_escaped(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// As JSON does it. In a JSON line what is escaped here is always inside a string: JSON itself escapes the rest.
fn escape(character: char, out: &mut String) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if must_be_escaped(character) => {
            // All of them are below U+FFFF: four digits are enough.
            out.push_str("\\u");
            for shift in [12, 8, 4, 0] {
                out.push(char::from_digit(u32::from(character) >> shift & 15, 16).unwrap_or('0'));
            }
        }
        _ => out.push(character),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by `events` under `filter`.
    fn logged(filter: &str, format: Format, events: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(layer(filter, format, move || writer.clone()).unwrap());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const HOSTILE: &str = "a\nERROR forged\r\u{1b}[2J\u{9b}31m\u{7}\0\u{2028}\u{202e}\"}{\tü";

    #[derive(Debug, thiserror::Error)]
    #[error("{HOSTILE} outer")]
    struct Outer(#[source] io::Error);

    fn hostile_events() {
        let span = tracing::info_span!("reconcile", name = %HOSTILE, other = ?HOSTILE, plain = HOSTILE);
        let _inside = span.enter();
        let error = Outer(io::Error::other(HOSTILE));
        tracing::info!(name = %HOSTILE, other = ?HOSTILE, plain = HOSTILE, "{HOSTILE}");
        tracing::warn!(error = &error as &dyn Error, causes = %Causes(&error), "failed");
    }

    /// Attack 29.
    #[test]
    fn nothing_in_a_field_leaves_its_line_or_steers_a_terminal() {
        for format in [Format::Text, Format::Json] {
            let text = logged("info", format, hostile_events);
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.ends_with('\n'));
            let bad = text.chars().find(|character| *character != '\n' && must_be_escaped(*character));
            assert_eq!(bad, None, "{text}");
            assert!(text.contains('ü'), "what is harmless stays: {text}");
        }
    }

    #[test]
    fn json_lines_hold_the_very_values() {
        let text = logged("info", Format::Json, hostile_events);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["message"], HOSTILE);
        assert_eq!(lines[0]["name"], HOSTILE);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["span"]["name"], "reconcile");
        assert_eq!(lines[0]["span"]["plain"], HOSTILE);
        assert_eq!(lines[1]["causes"], format!("{HOSTILE} outer: {HOSTILE}"));
    }

    #[test]
    fn the_filter_decides_by_level_and_target() {
        let events = || {
            tracing::debug!("mine");
            tracing::debug!(target: "other", "not mine");
            tracing::info!(target: "other", "told");
        };
        let text = logged("info,berthage=debug", Format::Text, events);
        assert!(text.contains("mine") && text.contains("told") && !text.contains("not mine"), "{text}");
    }

    /// Attack 28: `kube_client::client` logs bodies.
    #[test]
    fn what_kubes_client_logs_is_never_told() {
        let events = || {
            tracing::error!(target: "kube_client::client", "token: canary");
            tracing::error!(target: "kube_client::client::builder", "canary");
            tracing::error!(target: "kube_runtime::watcher", "seen");
        };
        for filter in ["trace", "kube_client=trace", "kube_client::client=trace,info"] {
            let text = logged(filter, Format::Json, events);
            assert!(!text.contains("canary"), "{text}");
        }
        assert!(logged("trace", Format::Json, events).contains("seen"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error_that_shows_it() {
        let error = layer::<tracing_subscriber::Registry, _>("berthage=loud", Format::Text, io::sink).err().unwrap();
        assert!(error.to_string().contains("\"berthage=loud\""), "{error}");
        assert!(error.source().is_some());
    }

    #[test]
    fn a_second_set_up_is_an_error() {
        let first = init("off", None);
        let _ = std::panic::take_hook();
        assert!(first.is_ok(), "the only test that sets up the process");
        assert!(matches!(init("off", Some(Format::Json)), Err(TelemetryError::Twice(_))));
    }

    #[test]
    fn a_panic_is_told_by_place_and_only_a_literal_message_is_shown() {
        let literal = || panic_with(|| panic!("as planned"));
        let value = "canary".to_owned();
        let formatted = || panic_with(|| panic!("unexpected {value}"));
        let text = logged("error", Format::Json, literal) + &logged("error", Format::Json, formatted);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["panic"], "as planned");
        assert!(lines[0]["place"].as_str().unwrap().contains("telemetry.rs:"), "{text}");
        assert_eq!(lines.len(), 2);
        assert!(!text.contains("canary"), "{text}");
    }

    /// Runs the hook's function for a real panic without making it the hook of the whole test process.
    fn panic_with(panics: impl FnOnce() + std::panic::UnwindSafe) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap();
        let me = std::thread::current().id();
        let before = Arc::new(std::panic::take_hook());
        let others = Arc::clone(&before);
        std::panic::set_hook(Box::new(
            move |info| {
                if std::thread::current().id() == me { log_panic(info) } else { others(info) }
            },
        ));
        assert!(std::panic::catch_unwind(panics).is_err());
        drop(std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| before(info)));
    }
}
