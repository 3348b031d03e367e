//! Workspaces by their paths: `root:teams:harbour`, `root:teams:*`, `root:teams:**`.

/// Whether a workspace is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Its path is not known, and might be one that is meant.
    Unknown,
}

/// Whether a workspace is meant by one of these patterns; all are, if there are none.
pub(super) fn meant(patterns: &[String], workspace: &str, path: Option<&str>) -> Meant {
    if patterns.is_empty() || patterns.iter().any(|pattern| pattern == workspace || pattern == "**") {
        return Meant::Yes;
    }
    // A plain hub's workspace has no path besides its name; a logical cluster's name may be its path, as `root` is.
    let Some(path) = path else {
        return if workspace == crate::key::Workspace::LOCAL { Meant::No } else { Meant::Unknown };
    };
    if patterns.iter().any(|pattern| matches(pattern, path)) { Meant::Yes } else { Meant::No }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut steps) = (pattern.split(':'), path.split(':'));
    loop {
        match (wanted.next(), steps.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(step)) if want == step => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str, path: Option<&str>) -> Meant {
        meant(&[pattern.to_owned()], "2xkq0zzp1lv3yhzb", path)
    }

    #[test]
    fn a_step_is_a_step_and_the_rest_is_any_number_of_them() {
        for (pattern, path, is) in [
            ("root:teams:a", "root:teams:a", true),
            ("root:teams:a", "root:teams:a:b", false),
            ("root:teams:a", "root:teams", false),
            ("root:teams:*", "root:teams:a", true),
            ("root:teams:*", "root:teams:a:b", false),
            ("root:teams:*", "root:teams", false),
            ("root:*:a", "root:teams:a", true),
            ("root:teams:**", "root:teams:a:b", true),
            ("root:teams:**", "root:teams", true),
            ("root:teams:**", "root:teamsters", false),
            ("root:team*", "root:teams", false),
        ] {
            assert_eq!(of(pattern, Some(path)), if is { Meant::Yes } else { Meant::No }, "{pattern} {path}");
        }
    }

    #[test]
    fn a_workspace_is_meant_by_its_name_too_and_what_is_not_known_is_not_guessed() {
        assert_eq!(of("2xkq0zzp1lv3yhzb", None), Meant::Yes);
        assert_eq!(of("**", None), Meant::Yes);
        assert_eq!(meant(&[], "x", None), Meant::Yes);
        assert_eq!(of("root:teams:*", None), Meant::Unknown);
        assert_eq!(meant(&["root".to_owned()], "local", None), Meant::No);
        assert_eq!(meant(&["local".to_owned()], "local", None), Meant::Yes);
    }
}
