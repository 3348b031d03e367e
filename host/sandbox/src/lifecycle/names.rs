//! What objects of a kind may be called.
//!
//! `apimachinery/pkg/api/validation/generic.go` and `api/validate/content/{dns,path}.go`.

/// The rule for names of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A DNS subdomain: most kinds, all custom resources.
    Subdomain,
    /// A DNS label: namespaces, services, stateful sets.
    Label,
    /// Whatever can be part of a path: what RBAC is made of.
    PathSegment,
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

impl Names {
    /// What is wrong with a name. With `prefix`, something will be put behind it.
    pub fn wrong(self, name: &str, prefix: bool) -> Vec<String> {
        if self == Self::PathSegment {
            return path_segment(name, prefix);
        }
        let masked = masked(name);
        let name = match &masked {
            Some(masked) if prefix => masked,
            _ => name,
        };
        if self == Self::Label { label(name) } else { subdomain(name) }
    }
}

/// What is wrong with a DNS label of RFC 1123.
pub(super) fn label(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > 63 {
        wrong.push("must be no more than 63 bytes".to_owned());
    }
    if !is_label(name) {
        wrong.push(if is_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            format!(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
                 with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
            )
        });
    }
    wrong
}

fn subdomain(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > 253 {
        wrong.push("must be no more than 253 bytes".to_owned());
    }
    if !is_subdomain(name) {
        wrong.push(format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
             end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{LABEL}(\\.{LABEL})*')"
        ));
    }
    wrong
}

fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    if !prefix && matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"].into_iter().filter(|part| name.contains(part)).map(|part| format!("may not contain '{part}'")).collect()
}

/// A name that ends with a dash, as if something came behind it. It loses a character more, as in Go.
fn masked(name: &str) -> Option<String> {
    let rest = name.strip_suffix('-').filter(|rest| !rest.is_empty())?;
    let mut rest: Vec<char> = rest.chars().collect();
    rest.pop();
    rest.push('a');
    Some(rest.into_iter().collect())
}

fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kubernetes_does() {
        let good = |names: Names, name: &str| names.wrong(name, false).is_empty();
        for name in ["a", "ab", "abc", "a1", "a-1", "a--1--2--b", "0", "01", "012", "1a", "1-a", "1--a--b--2"] {
            assert!(good(Names::Label, name) && good(Names::Subdomain, name), "{name}");
        }
        for name in ["", "A", "ABC", "aBc", "-", "a-", "-a", "_", "a_b", "a b", "ä", "a.", ".a", "a..b"] {
            assert!(!good(Names::Label, name) && !good(Names::Subdomain, name), "{name}");
        }
        assert!(good(Names::Subdomain, "a.b") && !good(Names::Label, "a.b"));
        assert!(good(Names::PathSegment, "system:x Y") && !good(Names::PathSegment, ".."));
        assert_eq!(Names::Label.wrong("a.b", false), ["must not contain dots"]);
        assert_eq!(Names::PathSegment.wrong("a/%", false), ["may not contain '/'", "may not contain '%'"]);
        assert_eq!(Names::Label.wrong(&"a".repeat(64), false), ["must be no more than 63 bytes"]);
        assert_eq!(
            Names::Subdomain.wrong("A", false),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
                 start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
    }

    #[test]
    fn what_is_put_together_may_end_with_a_dash() {
        assert!(Names::Subdomain.wrong("web-", true).is_empty());
        assert!(Names::Label.wrong("a-", true).is_empty());
        assert!(!Names::Subdomain.wrong("-", true).is_empty());
        assert!(Names::PathSegment.wrong("..", true).is_empty());
    }
}
