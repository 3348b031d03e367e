//! The built-in behaviour of a SyncTarget: which values the template set `syncer` is rendered with.
//!
//! It is a plugin like any other: it sees what the contract shows to every plugin, and may be replaced by one of your own.
//! - [`logic`] decides, from typed input alone;
//! - [`rights`] derives the syncer's rights in the physical cluster from what was granted;
//! - this file is the border.

pub mod logic;
pub mod rights;

use berthage_plugin_sdk::{About, Input, Plan, Plugin, Reconciler, Report, Selection, export_reconciler, facts::Facts};

use logic::{Config, SyncTarget};

/// The plugin.
#[derive(Debug)]
pub struct Builtin;

impl Plugin for Builtin {
    type Config = Config;
    type Subject = SyncTarget;
    type Facts = Facts;

    fn about() -> About {
        About::new("synctarget", env!("CARGO_PKG_VERSION"), "Runs one syncer for a SyncTarget in its physical cluster.")
    }

    fn check_config(config: Config) -> Result<Config, Vec<String>> {
        config.checked()
    }

    fn select(subject: &SyncTarget, _: &Config) -> Result<Vec<Selection>, String> {
        Ok(vec![logic::registration(subject)])
    }
}

impl Reconciler for Builtin {
    fn plan(input: &Input<Self>) -> Result<Plan, String> {
        let registrations = input.reads.of(logic::REGISTRATION)?;
        Ok(logic::plan(&input.subject, &input.config, &input.facts, registrations.first()))
    }

    fn report(input: &Input<Self>) -> Result<Report, String> {
        Ok(logic::report(&input.facts))
    }
}

export_reconciler!(Builtin);
