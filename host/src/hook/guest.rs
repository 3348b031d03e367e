//! What belongs to one call: the meter, and the log that the plugin writes to. It ends with the call.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use super::contract::log::Level;
use super::contract::{exported, versions};
use super::limits::{Limits, Meter};
use super::text;

/// The data of a call's store.
pub(super) struct Guest {
    pub(super) meter: Meter,
    pub(super) log: GuestLog,
}

impl Guest {
    pub(super) fn new(limits: &Limits, plugin: &Arc<str>, hook: &'static str) -> Self {
        let log = GuestLog {
            plugin: Arc::clone(plugin),
            hook,
            lines_left: limits.log_lines,
            line: limits.log_line,
            dropped: 0,
            last_error: None,
        };
        Self { meter: Meter::new(limits), log }
    }
}

/// Passes a plugin's lines on to the host's log, as many as are allowed.
pub(super) struct GuestLog {
    plugin: Arc<str>,
    hook: &'static str,
    lines_left: usize,
    line: usize,
    dropped: u64,
    /// The last line of level `error`: a panic's message, when a trap follows.
    pub(super) last_error: Option<String>,
}

impl GuestLog {
    fn emit(&mut self, level: Level, message: String) {
        self.lines_left -= 1;
        let (plugin, hook) = (&*self.plugin, self.hook);
        match level {
            Level::Debug => tracing::debug!(target: "berthage::plugin", plugin, hook, "{message}"),
            Level::Info => tracing::info!(target: "berthage::plugin", plugin, hook, "{message}"),
            Level::Warn => tracing::warn!(target: "berthage::plugin", plugin, hook, "{message}"),
            Level::Error => tracing::error!(target: "berthage::plugin", plugin, hook, "{message}"),
        }
        if level == Level::Error {
            self.last_error = Some(message);
        }
    }

    /// Says how many lines were dropped, once the call is over.
    pub(super) fn close(&self) {
        if self.dropped > 0 {
            let (plugin, hook, dropped) = (&*self.plugin, self.hook, self.dropped);
            tracing::warn!(target: "berthage::plugin", plugin, hook, dropped, "the plugin wrote more log lines than are kept");
        }
    }
}

/// Defines `berthage:plugin/log` of every version, by hand: a line that is dropped is not even copied out of the plugin's memory.
pub(super) fn define_log(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    for version in versions() {
        let mut log = linker.instance(&exported("log", version))?;
        log.func_wrap("emit", |mut store: StoreContextMut<'_, Guest>, (level, message): (Level, WasmStr)| {
            if store.data().log.lines_left == 0 {
                store.data_mut().log.dropped += 1;
                return Ok(());
            }
            let message = text::clean(&message.to_str(&store)?, store.data().log.line);
            store.data_mut().log.emit(level, message);
            Ok(())
        })?;
    }
    Ok(())
}
