//! The traits that a plugin implements.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::about::About;
use crate::input::Input;
use crate::outcome::{Plan, Report, Transformed};
use crate::selection::Selection;

/// What every plugin has.
pub trait Plugin {
    /// The configuration. Give fields `#[serde(default)]` and the type `#[serde(deny_unknown_fields)]`: the host shows the
    /// defaults that were filled in, and a misspelt field is an error instead of a surprise.
    type Config: Serialize + DeserializeOwned;
    /// The part of the subject that the plugin looks at. What is not declared is not decoded.
    type Subject: DeserializeOwned;
    /// The part of the host's facts that the plugin looks at.
    type Facts: DeserializeOwned;

    /// Name, version, description and kind of subject.
    fn about() -> About;

    /// Checks what the types cannot say, and returns the configuration that the hooks get.
    ///
    /// # Errors
    /// What is wrong, a line each, beginning with the path of the field.
    fn check_config(config: Self::Config) -> Result<Self::Config, Vec<String>> {
        Ok(config)
    }

    /// What the other hooks want to read. A function of subject and configuration.
    ///
    /// # Errors
    /// Something unexpected; the host repeats the call with backoff.
    fn select(subject: &Self::Subject, config: &Self::Config) -> Result<Vec<Selection>, String> {
        let _ = (subject, config);
        Ok(Vec::new())
    }
}

/// The behaviour of a kind.
///
/// The `Err` of these functions means that something unexpected happened: what is downstream is left alone and the call is
/// repeated with backoff. What a plugin expects to happen it says with [`crate::Next`].
pub trait Reconciler: Plugin {
    /// What should be there. What is not in the answer is removed, within the deletion budget.
    fn plan(input: &Input<Self>) -> Result<Plan, String>;

    /// Called after an apply, with its results in the input.
    fn report(input: &Input<Self>) -> Result<Report, String> {
        let _ = input;
        Ok(Report::settled())
    }

    /// Called while the subject is being deleted, before what belongs to it is. [`crate::Next::Settled`] lets the clean-up
    /// begin.
    fn finalize(input: &Input<Self>) -> Result<Report, String> {
        let _ = input;
        Ok(Report::settled())
    }
}

/// A change to what a reconciler wants.
pub trait Transformer: Plugin {
    /// The desired objects in, the desired objects out. [`Transformed::refused`] says no.
    ///
    /// # Errors
    /// Something unexpected: nothing is applied, what runs goes on, and the call is repeated with backoff.
    fn transform(input: &Input<Self>, objects: Vec<Value>) -> Result<Transformed, String>;
}

/// For a plugin that has no configuration, or does not look at its subject or at the facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}
