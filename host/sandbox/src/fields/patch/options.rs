//! The options of a request that are about field managers (`apis/meta/v1/validation`), and who a writer is.

use super::media::PatchType;
use crate::causes::{forbidden, required};
use crate::quote::is_printable;
use crate::status::Failure;
use crate::validation::{MANAGER_LIMIT, manager_wrong};

/// Checks `fieldManager` and `force` of a PATCH request.
pub fn check_patch_options(patch: PatchType, manager: &str, force: Option<bool>) -> Result<(), Failure> {
    let mut causes = Vec::new();
    if patch == PatchType::Apply {
        if manager.is_empty() {
            causes.push(required("fieldManager", "is required for apply patch"));
        }
    } else if force.is_some() {
        causes.push(forbidden("force", "may not be specified for non-apply patch"));
    }
    causes.extend(manager_wrong(manager, "fieldManager"));
    Failure::if_wrong("meta.k8s.io", "PatchOptions", "", causes)
}

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

    #[test]
    fn an_application_has_a_manager_and_nothing_else_is_forced() {
        let message = |patch, manager, force| check_patch_options(patch, manager, force).map_err(|f| f.message.clone());
        assert_eq!(message(PatchType::Apply, "me", Some(true)), Ok(()));
        assert_eq!(message(PatchType::Merge, "", None), Ok(()));
        assert_eq!(
            message(PatchType::Apply, "", None).unwrap_err(),
            r#"PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#
        );
        assert_eq!(
            message(PatchType::Json, "a\u{7}", Some(false)).unwrap_err(),
            r#"PatchOptions.meta.k8s.io "" is invalid: [force: Forbidden: may not be specified for non-apply patch, fieldManager: Invalid value: "a\a": invalid character U+0007 (at position 1)]"#
        );
        assert!(
            message(PatchType::Apply, &"a".repeat(129), None)
                .unwrap_err()
                .ends_with("Too long: may not be more than 128 bytes")
        );
    }
}
