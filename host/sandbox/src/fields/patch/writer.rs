//! Who a writer is.

use crate::quote::is_printable;
use crate::validation::MANAGER_LIMIT;

/// Who writes: the field manager that the request names, else what its User-Agent has before the first slash.
pub fn manager_of(manager: &str, user_agent: &str) -> String {
    if !manager.is_empty() {
        return manager.to_owned();
    }
    let mut name = String::new();
    for char in user_agent.split('/').next().unwrap_or_default().chars().filter(|char| is_printable(*char)) {
        if name.len() + char.len_utf8() > MANAGER_LIMIT {
            break;
        }
        name.push(char);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_named_by_its_user_agent() {
        assert_eq!(manager_of("me", "kubectl/v1.36"), "me");
        assert_eq!(manager_of("", "kubectl/v1.36.0 (linux/amd64) kubernetes/abc"), "kubectl");
        assert_eq!(manager_of("", "a\u{7}b\u{200b}c"), "abc");
        assert_eq!(manager_of("", &"é".repeat(100)), "é".repeat(64));
        assert_eq!(manager_of("", ""), "");
    }
}
