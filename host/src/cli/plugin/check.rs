//! `berthage plugin check`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Check, PluginCommandError, engine, load};
use crate::hook::Limits;

pub(super) fn run(args: &Check, mut print: impl FnMut(&str) -> std::io::Result<()>) -> Result<(), PluginCommandError> {
    let config: Value = serde_json::from_str(&args.config).map_err(PluginCommandError::Config)?;
    let plugin = load(&args.file, config, &engine()?)?;
    let (world, plugin) = (plugin.world(), plugin.plugin());
    let mut text = plugin.name().to_owned();
    if let Some(about) = plugin.about() {
        let _ = writeln!(text, " {}\n  {}", about.version, about.description);
    }
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<10} {value}");
    };
    line("world", world);
    line("contract", plugin.contract().unwrap_or_default());
    if let Some(digest) = plugin.digest() {
        line("digest", &format!("sha256:{digest}"));
    }
    if let Ok(file) = std::fs::metadata(&args.file) {
        line("size", &format!("{} KiB", file.len().div_ceil(1024)));
    }
    line("config", &String::from_utf8_lossy(plugin.config().unwrap_or_default()));
    let limits = Limits::default();
    let limits = format!("{:?} and {} MiB a call", limits.deadline, limits.memory >> 20);
    line("limits", &limits);
    print(&text)?;
    Ok(())
}
