//! The formats of names, label keys and label values.
//!
//! Facts: `k8s.io/apimachinery/pkg/util/validation/validation.go`, `pkg/api/validate/content`, `pkg/api/validation/generic.go`.
//! The same check says "characters" in the first and "bytes" in the second; which one a caller uses is kept.

const LABEL_KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DNS1123_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS1123_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const DNS1035_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What names of a kind must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// `NameIsDNSSubdomain`: most kinds, and every custom resource.
    Subdomain,
    /// `NameIsDNSLabel`: namespaces, and since 1.36 Services.
    Label,
    /// `IsPathSegmentName`: roles and their bindings.
    PathSegment,
}

impl NameRule {
    /// What is wrong with a name. With `prefix` it is a `generateName`, to which something is added.
    pub fn check(self, name: &str, prefix: bool) -> Vec<String> {
        match self {
            Self::Subdomain => subdomain(&masked(name, prefix)),
            Self::Label => label(&masked(name, prefix)),
            Self::PathSegment if prefix => path_segment_prefix(name),
            Self::PathSegment => path_segment(name),
        }
    }
}

/// `IsDNS1123Label`.
pub fn label(value: &str) -> Vec<String> {
    let mut wrong = longer_than(value, 63, "characters");
    if !is_label(value) {
        wrong.push(if is_subdomain(value) { "must not contain dots" } else { DNS1123_LABEL }.to_owned());
    }
    wrong
}

/// `IsDNS1035Label`.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut wrong = longer_than(value, 63, "characters");
    if !(is_label(value) && value.starts_with(|first: char| first.is_ascii_lowercase())) {
        wrong.push(DNS1035_LABEL.to_owned());
    }
    wrong
}

/// `IsDNS1123Subdomain`.
pub fn subdomain(value: &str) -> Vec<String> {
    let mut wrong = longer_than(value, 253, "characters");
    if !is_subdomain(value) {
        wrong.push(DNS1123_SUBDOMAIN.to_owned());
    }
    wrong
}

/// `IsPathSegmentName`: what may stand between two slashes of a path.
pub fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    path_segment_prefix(name)
}

/// `IsPathSegmentPrefix`: the same of what something is added to.
fn path_segment_prefix(name: &str) -> Vec<String> {
    ["/", "%"].iter().filter(|part| name.contains(**part)).map(|part| format!("may not contain '{part}'")).collect()
}

/// `IsLabelKey`, also called a qualified name: keys of labels and annotations, finalizers.
pub fn label_key(value: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut parts = value.split('/');
    let first = parts.next().unwrap_or_default();
    let name = match (parts.next(), parts.next()) {
        (None, _) => first,
        (Some(name), None) => {
            if first.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                let mut prefix = longer_than(first, 253, "bytes");
                if !is_subdomain(first) {
                    prefix.push(DNS1123_SUBDOMAIN.to_owned());
                }
                wrong.extend(prefix.into_iter().map(|message| format!("prefix part {message}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {LABEL_KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_word(name) {
        wrong.push(format!("name part {LABEL_KEY}"));
    }
    wrong
}

/// `IsLabelValue`.
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = longer_than(value, 63, "bytes");
    if !(value.is_empty() || is_word(value)) {
        wrong.push(LABEL_VALUE.to_owned());
    }
    wrong
}

/// The last character of a prefix may be a dash, since something follows it. Kubernetes masks two characters; so do we.
fn masked(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        Some(rest) if prefix && !rest.is_empty() => {
            let mut masked = rest.to_owned();
            masked.pop();
            masked.push('a');
            masked
        }
        _ => name.to_owned(),
    }
}

fn longer_than(value: &str, most: usize, unit: &str) -> Vec<String> {
    if value.len() > most { vec![format!("must be no more than {most} {unit}")] } else { Vec::new() }
}

fn is_label(value: &str) -> bool {
    let ends = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = value.as_bytes();
    bytes.first().is_some_and(ends)
        && bytes.last().is_some_and(ends)
        && bytes.iter().all(|byte| ends(byte) || *byte == b'-')
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_label)
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`.
fn is_word(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestIsDNS1123Label` and `TestIsDNS1123Subdomain`.
    #[test]
    fn dns_names() {
        let long = "a".repeat(63);
        for good in [
            "a",
            "ab",
            "abc",
            "a1",
            "a-1",
            "a--1--2--b",
            "0",
            "01",
            "012",
            "0-a",
            "1a",
            "1-a",
            "1--a--b--2",
            long.as_str(),
        ] {
            assert!(label(good).is_empty(), "{good}");
        }
        for bad in [
            "", "A", "ABC", "aBc", "a.", ".a", "a..b", "-", "a-", "-a", "_", "a_", "a_b", "a b", "ä", "a@b", " ", "a ",
            "a\n", "a.b",
        ] {
            assert!(!label(bad).is_empty(), "{bad}");
        }
        assert_eq!(label("a.b"), ["must not contain dots"]);
        assert_eq!(
            subdomain("A"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
                 start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
        assert_eq!(label(&"a".repeat(64)), ["must be no more than 63 characters"]);
        for good in ["a", "a.a", "0.0.0", "a.b-c.1", "a-1.b"] {
            assert!(subdomain(good).is_empty(), "{good}");
        }
        for bad in ["", "A", "a.", ".a", "a..b", "a.-b", "a-.b", "a.B", "a_b"] {
            assert!(!subdomain(bad).is_empty(), "{bad}");
        }
    }

    /// From `TestIsQualifiedName` and `TestIsValidLabelValue`.
    #[test]
    fn labels() {
        let (long_name, long_prefix) = ("a".repeat(63), format!("{}/a", "a".repeat(253)));
        for good in [
            "simple",
            "now-with-dashes",
            "1-starts-with-num",
            "1234",
            "simple/simple",
            "now.with/dots_and-x",
            "UPPER",
            &long_name,
            &long_prefix,
        ] {
            assert!(label_key(good).is_empty(), "{good}");
        }
        for bad in ["nospecialchars%^=@", "-start", "end-", "/a", "a/", "a/b/c", "Prefix/a", "", &"a".repeat(64)] {
            assert!(!label_key(bad).is_empty(), "{bad}");
        }
        assert_eq!(label_key("/a"), ["prefix part must be non-empty"]);
        assert_eq!(label_key("a/").len(), 2);
        for good in ["", "simple", "now-with_dashes.and.dots", "UpperCase"] {
            assert!(label_value(good).is_empty(), "{good}");
        }
        for bad in ["nospecialchars%", "only/one/slash", "-a", "a-", " "] {
            assert!(!label_value(bad).is_empty(), "{bad}");
        }
        assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }

    #[test]
    fn a_prefix_may_end_with_a_dash() {
        assert!(NameRule::Subdomain.check("web-", true).is_empty());
        assert!(!NameRule::Subdomain.check("web-", false).is_empty());
        assert!(!NameRule::Subdomain.check("-", true).is_empty());
        assert!(NameRule::Label.check("a-", true).is_empty());
        assert_eq!(NameRule::PathSegment.check("a/b%", false), ["may not contain '/'", "may not contain '%'"]);
        assert!(NameRule::PathSegment.check("system:x y", false).is_empty());
        assert_eq!(NameRule::PathSegment.check("..", false), ["may not be '..'"]);
        assert!(NameRule::PathSegment.check("..", true).is_empty());
    }
}
