//! The labels of the metrics. Every value comes from a closed set or is capped: no name of a workspace or of an object is
//! ever a label, or the number of series would grow with the installation.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use berthage_core::queue::Priority;
use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// Whose API server a request goes to. One word for all physical clusters: there may be a hundred thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// The hub.
    Hub,
    /// Any physical cluster.
    Physical,
}

impl Server {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Physical => "physical",
        }
    }
}

/// How a reconcile ended, in controller-runtime's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReconcileResult {
    /// Nothing is left to do.
    Success,
    /// To be run again at once.
    Requeue,
    /// To be run again after a delay.
    RequeueAfter,
    /// It failed, and is tried again.
    Error,
    /// It failed, and trying again without a change gives the same.
    TerminalError,
}

impl ReconcileResult {
    pub(super) const ALL: [Self; 5] =
        [Self::Success, Self::Requeue, Self::RequeueAfter, Self::Error, Self::TerminalError];

    /// A terminal error is an error for dashboards, and is counted separately besides.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Requeue => "requeue",
            Self::RequeueAfter => "requeue_after",
            Self::Error | Self::TerminalError => "error",
        }
    }
}

/// The priority as controller-runtime's queue has it: a number, 0 for what is live and -100 for the initial list; in between
/// is what nobody waits for.
pub(super) const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Live => "0",
        Priority::Report => "-50",
        Priority::Background => "-100",
    }
}

/// The word for a method. Extension methods, which are free text, are one word.
pub(super) const fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The status of an answer, `<error>` (client-go's word) when there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Code(pub(super) Option<u16>);

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        match self.0 {
            Some(code) => EncodeLabelValue::encode(&code, encoder),
            None => encoder.write_str("<error>"),
        }
    }
}

/// A name that is known at run time only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name(Arc<str>);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(&self.0)
    }
}

/// Hands out labels for names, up to [`Self::LIMIT`] different ones; `other` after that.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<Arc<str>>>);

impl Names {
    pub(super) const LIMIT: usize = 64;

    pub(super) fn label(&self, name: &str) -> Name {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Name(Arc::clone(known));
        }
        if names.len() >= Self::LIMIT {
            return Name(Arc::from("other"));
        }
        let name: Arc<str> = Arc::from(name);
        names.insert(Arc::clone(&name));
        Name(name)
    }
}

/// Declares a label set.
macro_rules! label_sets {
    ($($name:ident { $($label:ident: $kind:ty),+ })+) => {
        $(
            #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
            pub(super) struct $name { $(pub(super) $label: $kind),+ }
        )+
    };
}

label_sets! {
    ByController { controller: &'static str }
    ByResult { controller: &'static str, result: &'static str }
    ByQueue { name: &'static str, controller: &'static str }
    ByPriority { name: &'static str, controller: &'static str, priority: &'static str }
    ByCode { code: Code, method: &'static str, host: &'static str }
    ByVerb { verb: &'static str, host: &'static str }
    ByLease { name: Name }
    ByReason { reason: &'static str }
    ByHook { plugin: Name, hook: &'static str }
    ByHookOutcome { plugin: Name, hook: &'static str, outcome: &'static str }
    ByEvent { r#type: &'static str, outcome: &'static str }
    ByVersion { version: &'static str }
}
