//! Which API resources the cluster's syncers may sync: from names as kubectl writes them to groups and versions.

use std::fmt;
use std::str::FromStr;

use berthage_core::api::ApiResource;
use berthage_core::guard::granted;
use kube::Client;
use kube::discovery::Discovery;

use super::RegisterError;
use super::requests::failed;
use crate::access::Side;

/// A resource as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    resource: String,
    version: Option<String>,
    group: String,
}

/// Why the resources cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourcesError {
    /// Not a name.
    #[error(
        "`{0}` is not the name of a resource; write it as kubectl does: services, deployments.apps, deployments.v1.apps"
    )]
    Syntax(String),
    /// The cluster has no such resource.
    #[error(
        "the cluster does not have {0}; give --resources with what the syncer is to sync (`kubectl api-resources` lists what the \
         cluster has, by plural name and group)"
    )]
    Unknown(String),
    /// No syncer is ever given rights on it.
    #[error("{name} cannot be registered: {why}; take it out of --resources")]
    Refused {
        /// The resource.
        name: String,
        /// Why not.
        why: String,
    },
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        for part in self.version.iter().chain((!self.group.is_empty()).then_some(&self.group)) {
            write!(f, ".{part}")?;
        }
        Ok(())
    }
}

impl FromStr for Asked {
    type Err = ResourcesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || ResourcesError::Syntax(text.chars().take(100).collect());
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let mut parts = text.trim().split('.').peekable();
        let resource = parts.next().filter(|part| plain(part)).ok_or_else(syntax)?;
        let version = parts.next_if(|part| is_version(part)).map(ToOwned::to_owned);
        let group: Vec<&str> = parts.collect();
        if !group.iter().all(|part| plain(part)) {
            return Err(syntax());
        }
        Ok(Self { resource: resource.to_owned(), version, group: group.join(".") })
    }
}

/// `v1`, `v2beta1` and their like.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let tail = &rest[digits..];
    let number = tail.strip_prefix("alpha").or_else(|| tail.strip_prefix("beta"));
    digits > 0
        && (tail.is_empty() || number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit())))
}

/// What the cluster serves of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    group: String,
    resource: String,
    /// The preferred one first.
    versions: Vec<String>,
}

/// Finds what was asked for in what is served, sorted and once each.
pub(super) fn resolve(asked: &[Asked], served: &[Served]) -> Result<Vec<ApiResource>, ResourcesError> {
    let mut found = Vec::new();
    for asked in asked {
        let version = served
            .iter()
            .find(|it| it.group == asked.group && it.resource == asked.resource)
            .and_then(|it| match &asked.version {
                Some(version) => it.versions.iter().find(|served| *served == version),
                None => it.versions.first(),
            })
            .ok_or_else(|| ResourcesError::Unknown(asked.to_string()))?;
        found.push(ApiResource {
            group: asked.group.clone(),
            version: version.clone(),
            resource: asked.resource.clone(),
        });
    }
    found.sort();
    found.dedup_by(|a, b| a.group == b.group && a.resource == b.resource);
    match granted(&found, &[]).1.first() {
        None => Ok(found),
        Some(refused) => Err(ResourcesError::Refused {
            name: format!("{}.{}", refused.resource.resource, refused.resource.group).trim_end_matches('.').to_owned(),
            why: refused.why.to_string(),
        }),
    }
}

/// Asks the cluster for what it serves of the groups that are asked for.
pub(super) async fn served(client: &Client, asked: &[Asked]) -> Result<Vec<Served>, RegisterError> {
    let groups: Vec<&str> = asked.iter().map(|asked| asked.group.as_str()).collect();
    let found = Discovery::new(client.clone())
        .filter(&groups)
        .run()
        .await
        .map_err(|error| failed("the cluster's API resources".to_owned(), Side::Physical, &error))?;
    let mut all = Vec::new();
    for group in found.groups() {
        let preferred = group.preferred_version_or_latest();
        let versions = std::iter::once(preferred).chain(group.versions().filter(|version| *version != preferred));
        for version in versions {
            for (resource, _) in group.versioned_resources(version) {
                let known = |it: &&mut Served| it.group == group.name() && it.resource == resource.plural;
                match all.iter_mut().find(known) {
                    Some(Served { versions, .. }) => versions.push(version.to_owned()),
                    None => all.push(Served {
                        group: group.name().to_owned(),
                        resource: resource.plural,
                        versions: vec![version.to_owned()],
                    }),
                }
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked {
        text.parse().unwrap()
    }

    fn served(group: &str, resource: &str, versions: &[&str]) -> Served {
        Served {
            group: group.to_owned(),
            resource: resource.to_owned(),
            versions: versions.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn names_are_read_as_kubectl_writes_them() {
        for (text, resource, version, group) in [
            ("services", "services", None, ""),
            (" deployments.apps ", "deployments", None, "apps"),
            ("deployments.v1.apps", "deployments", Some("v1"), "apps"),
            ("services.v1", "services", Some("v1"), ""),
            ("ingresses.networking.k8s.io", "ingresses", None, "networking.k8s.io"),
            ("widgets.v2beta1.v1.example.org", "widgets", Some("v2beta1"), "v1.example.org"),
        ] {
            let parsed = asked(text);
            assert_eq!(
                (parsed.resource.as_str(), parsed.version.as_deref(), parsed.group.as_str()),
                (resource, version, group)
            );
            assert_eq!(parsed.to_string(), text.trim());
        }
        for text in ["", "*", "*.apps", "deployments/status", "Deployments", "deployments..apps", "a b", "pods."] {
            assert_eq!(text.parse::<Asked>(), Err(ResourcesError::Syntax(text.to_owned())), "{text}");
        }
        for (text, expected) in
            [("v1", true), ("v2alpha3", true), ("v", false), ("vbeta1", false), ("v1beta", false), ("1", false)]
        {
            assert_eq!(is_version(text), expected, "{text}");
        }
    }

    #[test]
    fn the_preferred_version_is_taken_unless_one_is_asked_for() {
        let all = [
            served("", "services", &["v1"]),
            served("apps", "deployments", &["v1", "v1beta1"]),
            served("", "nodes", &["v1"]),
        ];
        let found = resolve(&[asked("services"), asked("deployments.apps"), asked("services.v1")], &all).unwrap();
        let names: Vec<_> =
            found.iter().map(|it| (it.group.as_str(), it.version.as_str(), it.resource.as_str())).collect();
        assert_eq!(names, [("", "v1", "services"), ("apps", "v1", "deployments")]);
        assert_eq!(resolve(&[asked("deployments.v1beta1.apps")], &all).unwrap()[0].version, "v1beta1");

        for unknown in ["pods", "deployments.v2.apps", "deployments"] {
            assert_eq!(resolve(&[asked(unknown)], &all), Err(ResourcesError::Unknown(unknown.to_owned())));
        }
        let refused = resolve(&[asked("nodes")], &all).unwrap_err().to_string();
        assert!(refused.contains("nodes cannot be registered: never given"), "{refused}");
    }
}
