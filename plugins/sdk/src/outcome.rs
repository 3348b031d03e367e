//! What a hook answers.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::selection::ObjectRef;

/// What should be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Template sets to render.
    pub renders: Vec<Render>,
    /// Complete objects besides the rendered ones.
    pub objects: Vec<Value>,
    /// Leave everything downstream as it is; `renders` and `objects` are ignored.
    pub hold: bool,
    /// Conditions for the status.
    pub conditions: Vec<Condition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}

impl Plan {
    /// Nothing desired yet, nothing until something changes.
    pub const fn settled() -> Self {
        Self {
            renders: Vec::new(),
            objects: Vec::new(),
            hold: false,
            conditions: Vec::new(),
            notes: Vec::new(),
            after: Next::Settled,
        }
    }

    /// Leave everything as it is, for the time that `after` says.
    pub fn hold(after: Next) -> Self {
        Self { hold: true, after, ..Self::settled() }
    }

    /// Adds a template set to render.
    #[must_use]
    pub fn render(mut self, set: &str, values: Value) -> Self {
        self.renders.push(Render { set: set.to_owned(), values });
        self
    }

    /// Adds a condition.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

/// A set of templates to render, with values of the lowest layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Render {
    /// Name of the template set. Served: `syncer`.
    pub set: String,
    /// A JSON object.
    pub values: Value,
}

/// What a plugin has to say after an apply, or while its subject is being deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Conditions for the status.
    pub conditions: Vec<Condition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}

impl Report {
    /// Nothing to say.
    pub const fn settled() -> Self {
        Self::next(Next::Settled)
    }

    /// Nothing to say but what comes next.
    pub const fn next(after: Next) -> Self {
        Self { conditions: Vec::new(), notes: Vec::new(), after }
    }

    /// Adds a condition.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }
}

/// What a transformer made of the desired objects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transformed {
    /// The desired objects: all of them, also those that were not changed.
    pub objects: Vec<Value>,
    /// Conditions for the status.
    pub conditions: Vec<Condition>,
    /// Wishes for Events.
    pub notes: Vec<Note>,
    /// What comes next.
    pub after: Next,
}

impl Transformed {
    /// These objects, and nothing to say.
    pub const fn new(objects: Vec<Value>) -> Self {
        Self { objects, conditions: Vec::new(), notes: Vec::new(), after: Next::Settled }
    }

    /// No answer now, for the reason that `after` gives: what runs goes on.
    pub fn none(after: Next) -> Self {
        Self { after, ..Self::new(Vec::new()) }
    }

    /// Refuses what it was given: nothing is applied until the subject, the configuration or what was read changes. The
    /// reason (one CamelCase word) and the message become the condition `<plugin>/Accepted`.
    pub fn refused(reason: &str, message: impl Into<String>) -> Self {
        Self::none(Next::invalid(reason, message))
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known.
    Unknown,
}

impl Status {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One aspect of the subject's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Name, of letters, digits and dashes, at most 63. The host puts the plugin's name and a slash before it.
    pub kind: String,
    /// Whether it holds.
    pub status: Status,
    /// One CamelCase word, at most 128 characters.
    pub reason: String,
    /// For people: what is so, and what to do next. At most 1 KiB is kept.
    pub message: String,
    /// While this condition is False, Ready is too.
    pub lowers_ready: bool,
}

impl Condition {
    /// A condition that does not touch Ready.
    pub fn new(kind: &str, status: impl Into<Status>, reason: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            status: status.into(),
            reason: reason.to_owned(),
            message: message.into(),
            lowers_ready: false,
        }
    }

    /// Makes Ready False while this condition is.
    #[must_use]
    pub fn lowers_ready(mut self) -> Self {
        self.lowers_ready = true;
        self
    }
}

/// An important change, for people: becomes an Event when it was not said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// One CamelCase word.
    pub reason: String,
    /// At most 1 KiB is kept.
    pub message: String,
}

impl Note {
    /// A note that all is well.
    pub fn normal(reason: &str, message: impl Into<String>) -> Self {
        Self { warning: false, reason: reason.to_owned(), message: message.into() }
    }

    /// A note that somebody should look.
    pub fn warning(reason: &str, message: impl Into<String>) -> Self {
        Self { warning: true, reason: reason.to_owned(), message: message.into() }
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Next {
    /// Nothing until something changes.
    Settled,
    /// Again after that time (whole milliseconds), or when something changes.
    AgainAfter(Duration),
    /// Something is missing: again when one of these changes.
    WaitingFor(Vec<ObjectRef>),
    /// A passing fault: again with backoff.
    Retry {
        /// One CamelCase word.
        reason: String,
        /// For people.
        message: String,
    },
    /// The subject or the configuration is wrong: again when it changes. What runs goes on.
    Invalid {
        /// One CamelCase word.
        reason: String,
        /// For people: the field and what is wrong with it.
        message: String,
    },
}

impl Next {
    /// A passing fault.
    pub fn retry(reason: &str, message: impl Into<String>) -> Self {
        Self::Retry { reason: reason.to_owned(), message: message.into() }
    }

    /// Something that only a change of the subject or of the configuration mends.
    pub fn invalid(reason: &str, message: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.to_owned(), message: message.into() }
    }
}
