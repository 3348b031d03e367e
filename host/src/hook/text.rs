//! Text that a plugin wrote and people will read: cleaned and cut.

pub(super) use berthage_core::names::is_dns_label;

/// At most `max` bytes of `text`, without what could change how a terminal or a log shows it: control characters become
/// spaces, marks that turn the writing direction go.
pub(super) fn clean(text: &str, max: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(max));
    for c in text.trim().chars() {
        let c = match c {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c if c.is_control() => ' ',
            c => c,
        };
        if cleaned.len() + c.len_utf8() > max {
            break;
        }
        cleaned.push(c);
    }
    cleaned.trim().to_owned()
}

/// Letters, digits and dashes, beginning and ending with a letter or digit, at most 63.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.len() <= 63
        && text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// A DNS subdomain, as names of objects and API groups are.
pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// One word, `LikeThis`, at most 128 characters.
pub(super) fn is_camel_case(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_and_direction_marks_do_not_pass() {
        assert_eq!(clean(" a\u{1b}[31m\nb\u{202e}c\0 ", 100), "a [31m bc");
    }

    #[test]
    fn names() {
        assert!(is_label("ResourcesAccepted") && is_label("a-1"));
        assert!(!is_label("") && !is_label("a/b") && !is_label("-a") && !is_label("a-") && !is_label(&"a".repeat(64)));
        assert!(is_dns_label("team-labels") && !is_dns_label("Team"));
        assert!(is_dns_subdomain("tmc.kcp.io") && !is_dns_subdomain("a..b") && !is_dns_subdomain(""));
        assert!(is_camel_case("Fine2") && !is_camel_case("fine") && !is_camel_case("A b") && !is_camel_case(""));
        assert!(!is_camel_case(&"A".repeat(129)));
    }

    proptest! {
        #[test]
        fn cleaned_text_is_short_and_harmless(text in "\\PC*|.*", max in 0_usize..64) {
            let cleaned = clean(&text, max);
            prop_assert!(cleaned.len() <= max);
            prop_assert!(!cleaned.contains(char::is_control));
            prop_assert_eq!(clean(&cleaned, max).len() <= cleaned.len(), true);
        }
    }
}
