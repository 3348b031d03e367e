//! The options of a request that are about field managers (`apis/meta/v1/validation`), and who a writer is.

use super::super::print::{printable, quoted};
use super::media::PatchType;
use crate::status::{Cause, Failure};

/// `FieldManagerMaxLength`
const MAX_LENGTH: usize = 128;

/// Checks `fieldManager` and `force` of a PATCH request.
pub fn check_patch_options(patch: PatchType, manager: &str, force: Option<bool>) -> Result<(), Failure> {
    let mut causes = Vec::new();
    let mut wrong = |reason, field: &str, message: String| causes.push(Cause { reason, message, field: field.into() });
    if patch == PatchType::Apply {
        if manager.is_empty() {
            wrong("FieldValueRequired", "fieldManager", "Required value: is required for apply patch".into());
        }
    } else if force.is_some() {
        wrong("FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch".into());
    }
    if manager.len() > MAX_LENGTH {
        wrong("FieldValueTooLong", "fieldManager", format!("Too long: may not be more than {MAX_LENGTH} bytes"));
    }
    for (place, char) in manager.char_indices().filter(|(_, char)| !printable(*char)) {
        let message = format!(
            "Invalid value: {}: invalid character U+{:04X} (at position {place})",
            quoted(manager),
            u32::from(char)
        );
        wrong("FieldValueInvalid", "fieldManager", message);
    }
    if causes.is_empty() { Ok(()) } else { Err(Failure::invalid("meta.k8s.io", "PatchOptions", "", causes)) }
}

/// Who writes: the field manager that the request names, else what its User-Agent has before the first slash.
pub fn manager_of(manager: &str, user_agent: &str) -> String {
    if !manager.is_empty() {
        return manager.to_owned();
    }
    let mut name = String::new();
    for char in user_agent.split('/').next().unwrap_or_default().chars().filter(|char| printable(*char)) {
        if name.len() + char.len_utf8() > MAX_LENGTH {
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
