//! Differences that are known, each with its reason.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{ConformanceError, Difference, Kind};

/// One line of `differences.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// On this kind of server only.
    pub on: Option<Kind>,
    /// The full name of a step; `*` stands for any characters.
    pub step: String,
    /// Where in the answer; `*` stands for any characters.
    pub path: String,
    /// Only where the sandbox has nothing.
    #[serde(default)]
    pub missing: bool,
    /// Why it is so, and may stay so.
    #[serde(default)]
    pub reason: String,
    /// What will end it: a part of the sandbox that is not there yet.
    #[serde(default)]
    pub waits_for: String,
}

/// All that are known.
#[derive(Debug, Clone)]
pub struct Accepted(Vec<Entry>);

/// What was found of the differences of one run.
#[derive(Debug, Default)]
pub struct Judged {
    /// What nobody knows of.
    pub unknown: Vec<Difference>,
    /// How many are known.
    pub known: usize,
    /// What is listed and is no difference any more.
    pub stale: Vec<Entry>,
    /// What is listed without a reason.
    pub unexplained: Vec<Entry>,
}

impl Accepted {
    /// Those of this crate.
    pub fn read() -> Result<Self, ConformanceError> {
        Self::read_from(&super::folder().join("differences.json"))
    }

    /// Those of a file.
    pub fn read_from(path: &Path) -> Result<Self, ConformanceError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConformanceError::File { path: path.to_owned(), source })?;
        let entries =
            serde_json::from_str(&text).map_err(|source| ConformanceError::Form { path: path.to_owned(), source })?;
        Ok(Self(entries))
    }

    /// Sorts the differences from a server of a kind.
    pub fn judge(&self, kind: Kind, differences: Vec<Difference>) -> Judged {
        let entries: Vec<&Entry> = self.0.iter().filter(|entry| entry.on.is_none_or(|on| on == kind)).collect();
        let mut used = vec![false; entries.len()];
        let mut judged = Judged::default();
        for difference in differences {
            let mut known = false;
            for (entry, used) in entries.iter().zip(&mut used) {
                let place = matches(&entry.step, &difference.step) && matches(&entry.path, &difference.path);
                if place && (!entry.missing || difference.sandbox.is_none()) {
                    known = true;
                    *used = true;
                }
            }
            if known {
                judged.known += 1;
            } else {
                judged.unknown.push(difference);
            }
        }
        let unused = entries.iter().zip(&used).filter(|(_, used)| !**used);
        judged.stale = unused.map(|(entry, _)| (*entry).clone()).collect();
        let unexplained = entries.iter().filter(|entry| entry.reason.is_empty() && entry.waits_for.is_empty());
        judged.unexplained = unexplained.map(|entry| (*entry).clone()).collect();
        judged
    }
}

impl Judged {
    /// Nothing is to be done.
    pub fn is_fine(&self) -> bool {
        self.unknown.is_empty() && self.stale.is_empty() && self.unexplained.is_empty()
    }

    /// What is to be done, for people.
    pub fn report(&self) -> String {
        let mut lines: Vec<String> = self.unknown.iter().map(ToString::to_string).collect();
        let listed = |entry: &Entry| format!("step {:?}, path {:?}", entry.step, entry.path);
        lines.extend(self.stale.iter().map(|entry| format!("no difference any more, take it off: {}", listed(entry))));
        lines.extend(self.unexplained.iter().map(|entry| format!("listed without a reason: {}", listed(entry))));
        lines.push(format!("{} differences that are not listed, {} that are", self.unknown.len(), self.known));
        lines.join("\n")
    }
}

/// Whether a text is as a pattern says, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b/c", true),
            ("*/c", "a/b/c", true),
            ("a*b*c", "a/b/c", true),
            ("a*d*c", "a/b/c", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_listed_has_to_be_a_difference_and_to_have_a_reason() {
        let entry = |step: &str, reason: &str| Entry {
            on: None,
            step: step.to_owned(),
            path: "*".to_owned(),
            missing: false,
            reason: reason.to_owned(),
            waits_for: String::new(),
        };
        let accepted = Accepted(vec![entry("known", "it is so"), entry("gone", "it was so"), entry("known", "")]);
        let difference =
            |step: &str| Difference { step: step.to_owned(), path: "code".to_owned(), real: None, sandbox: None };
        let judged = accepted.judge(Kind::Kubernetes, vec![difference("known"), difference("new")]);
        assert_eq!((judged.known, judged.unknown.len()), (1, 1));
        assert_eq!(judged.stale, [entry("gone", "it was so")]);
        assert_eq!(judged.unexplained, [entry("known", "")]);
        assert!(!judged.is_fine());
    }
}
