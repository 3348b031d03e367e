//! The clauses of an `Accept` header, in the order in which they are tried.
//!
//! Facts: `ParseAccept` of `github.com/munnerz/goautoneg`. It sorts by an order that is none (a wildcard counts as less than
//! a low quality), so what comes out depends on how it is sorted: up to twelve clauses by insertion, as here.

use crate::status::Failure;

/// One media type that a client takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause<'h> {
    pub(super) kind: &'h str,
    pub(super) subtype: &'h str,
    quality: f64,
    params: Vec<(&'h str, &'h str)>,
}

/// As many as Go sorts by insertion.
const MOST: usize = 12;

impl<'h> Clause<'h> {
    /// The last value of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&'h str> {
        self.params.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn parse(part: &'h str) -> Option<Self> {
        let part = trim(part);
        let (media, params) = part.split_once(';').unwrap_or((part, ""));
        let (kind, subtype) = match media.split_once('/') {
            Some((kind, subtype)) if !subtype.is_empty() => {
                // A second slash at the very end is overlooked.
                let subtype = subtype.strip_suffix('/').filter(|one| !one.contains('/')).unwrap_or(subtype);
                if subtype.contains('/') {
                    return None;
                }
                (trim(kind), trim(subtype))
            }
            other => {
                let kind = trim(other.map_or(media, |(kind, _)| kind));
                if kind != "*" {
                    return None;
                }
                ("*", "*")
            }
        };
        let mut clause = Self { kind, subtype, quality: 1.0, params: Vec::new() };
        for param in params.split(';') {
            let Some((key, value)) = param.split_once('=').filter(|(_, value)| !value.is_empty()) else { continue };
            let value = value.strip_suffix('=').unwrap_or(value);
            if value.contains('=') {
                continue;
            }
            match trim(key) {
                "q" => clause.quality = value.parse::<f32>().map_or(0.0, f64::from),
                key => clause.params.push((key, trim(value))),
            }
        }
        Some(clause)
    }

    fn is_before(&self, other: &Self) -> bool {
        self.quality > other.quality
            || (self.kind != "*" && other.kind == "*")
            || (self.subtype != "*" && other.subtype == "*")
    }
}

/// The clauses of a header, the first one to try first.
pub(super) fn clauses(header: &str) -> Result<Vec<Clause<'_>>, Failure> {
    let mut clauses = Vec::new();
    for clause in header.split(',').filter_map(Clause::parse) {
        if clauses.len() == MOST {
            return Err(Failure::not_in_sandbox("an Accept header with more than twelve media types"));
        }
        clauses.push(clause);
    }
    for last in 1..clauses.len() {
        let mut place = last;
        while let Some([one, other]) = place.checked_sub(1).and_then(|before| clauses.get_mut(before..=place)) {
            if !other.is_before(one) {
                break;
            }
            std::mem::swap(one, other);
            place -= 1;
        }
    }
    Ok(clauses)
}

fn trim(text: &str) -> &str {
    text.trim_matches(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(header: &str) -> Vec<String> {
        let clauses = clauses(header).unwrap();
        clauses.iter().map(|clause| format!("{}/{}", clause.kind, clause.subtype)).collect()
    }

    /// From `TestParseAccept` of goautoneg.
    #[test]
    fn clauses_are_sorted_by_quality() {
        let chrome = "application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,image/png,*/*;q=0.5";
        let expected = ["application/xml", "application/xhtml+xml", "image/png", "text/html", "text/plain", "*/*"];
        assert_eq!(order(chrome), expected);
        assert_eq!(order("text/plain;q=0.5, application/json"), ["application/json", "text/plain"]);
        assert_eq!(order("*/*, application/json;q=0.1"), ["application/json", "*/*"]);
        assert_eq!(order("a, b/c/d, */x, *"), ["*/x", "*/*"]);
        assert_eq!(order("a/b/, c/d//, e/f/g/, h/"), ["a/b"], "one slash at the end is overlooked");
        assert!(clauses(&"a/b,".repeat(13)).is_err());
    }

    #[test]
    fn parameters_are_kept() {
        let clauses = clauses("application/json; as=Table ;v=v1;g=meta.k8s.io;x;y=;z=1=2").unwrap();
        let clause = clauses.first().unwrap();
        assert_eq!(
            (clause.param("as"), clause.param("v"), clause.param("g")),
            (Some("Table"), Some("v1"), Some("meta.k8s.io"))
        );
        assert_eq!((clause.param("x"), clause.param("y"), clause.param("z")), (None, None, None));
    }
}
