//! Which group and which version come first in discovery.
//!
//! Facts: `apiVersionPriorities` of `cmd/kube-apiserver/app/aggregator.go` and `DefaultGenericAPIServicePriorities`;
//! `makeAPIService` of `crdregistration_controller.go`; `CompareKubeAwareVersionStrings` of `apimachinery/pkg/version`.

use std::cmp::Ordering;

/// Priorities of a group and of one of its versions.
pub(super) fn of(group: &str, version: &str) -> (u16, u16) {
    match (group, version) {
        ("", _) => (18_000, 1),
        // The aggregator puts itself first.
        ("apiregistration.k8s.io", _) => (20_000, 15),
        ("apps", _) => (17_800, 15),
        ("events.k8s.io", _) => (17_750, 15),
        ("authentication.k8s.io", _) => (17_700, 15),
        ("authorization.k8s.io", _) => (17_600, 15),
        ("autoscaling", "v2") => (17_500, 30),
        ("autoscaling", _) => (17_500, 15),
        ("batch", _) => (17_400, 15),
        ("certificates.k8s.io", _) => (17_300, 15),
        ("networking.k8s.io", _) => (17_200, 15),
        ("policy", _) => (17_100, 15),
        ("rbac.authorization.k8s.io", _) => (17_000, 15),
        ("storage.k8s.io", _) => (16_800, 15),
        ("admissionregistration.k8s.io" | "apiextensions.k8s.io", _) => (16_700, 15),
        ("scheduling.k8s.io", _) => (16_600, 15),
        ("coordination.k8s.io", _) => (16_500, 15),
        ("node.k8s.io", _) => (16_300, 15),
        ("discovery.k8s.io", _) => (16_200, 15),
        ("resource.k8s.io", _) => (16_200, 21),
        ("flowcontrol.apiserver.k8s.io", _) => (16_100, 21),
        _ => (1000, 100),
    }
}

/// Orders versions of one group: the preferred one first.
pub(super) fn versions(group: &str, one: &str, other: &str) -> Ordering {
    of(group, other).1.cmp(&of(group, one).1).then_with(|| kube_aware(other, one))
}

/// `v2` is more than `v1`, which is more than `v1beta1`, which is more than `v1alpha2`, which is more than anything else; and
/// of two others the one that is less as text is more.
pub(crate) fn kube_aware(one: &str, other: &str) -> Ordering {
    match (numbers(one), numbers(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => other.cmp(one),
    }
}

/// How stable it is, and its numbers: `^v([\d]+)(?:(alpha|beta)([\d]+))?$`, with numbers that Go's `int` holds.
fn numbers(version: &str) -> Option<(u8, i64, i64)> {
    let (major, rest) = digits(version.strip_prefix('v')?)?;
    if rest.is_empty() {
        return Some((2, major, 0));
    }
    let (stability, rest) = match rest.strip_prefix("beta") {
        Some(rest) => (1, rest),
        None => (0, rest.strip_prefix("alpha")?),
    };
    let (minor, rest) = digits(rest)?;
    rest.is_empty().then_some((stability, major, minor))
}

fn digits(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `TestCompareKubeAwareVersionStrings` and the comment of the function.
    #[test]
    fn versions_are_compared_as_kubernetes_does() {
        let mut all = ["foo10", "v1", "v11alpha2", "v2", "foo1", "v10", "v12alpha1", "v3beta1", "v11beta2", "v10beta3"];
        all.sort_by(|one, other| kube_aware(other, one));
        let order = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"];
        assert_eq!(all, order);
        assert_eq!(kube_aware("v1", "v1"), Ordering::Equal);
        assert_eq!(kube_aware("v1beta", "v1alpha1"), Ordering::Less);
    }

    #[test]
    fn a_built_in_group_may_prefer_another_version() {
        assert_eq!(versions("autoscaling", "v2", "v1"), Ordering::Less);
        assert_eq!(versions("example.com", "v1", "v1beta1"), Ordering::Less);
        assert_eq!(versions("example.com", "v1alpha1", "v1beta1"), Ordering::Greater);
    }
}
