//! Acting as somebody else.
//!
//! Since 1.36 a server first asks for the narrow right (`impersonate:user-info` of what is impersonated, and
//! `impersonate-on:user-info:VERB` of what is done), then for the old one (`impersonate`). The refusal is that of the first
//! question. A real server remembers for a while which of the two a user had last and asks for that first: then a later refusal
//! is that of the other question.
//!
//! Facts: `pkg/endpoints/filters/impersonation` of `k8s.io/apiserver`; `pkg/server/filters/impersonation.go` of kcp.

mod headers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::headers::Wanted;
use super::attributes::{Attributes, ResourceAttributes};
use super::authority::Authority;
use super::kcp;
use super::user::{
    ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, User, service_account_groups, split_service_account,
};
use crate::quote::quote;
use crate::status::Failure;
use crate::validation::names::subdomain;

const AUTHENTICATION: &str = "authentication.k8s.io";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const NODE: &str = "system:node:";
/// From so many values on, the right to all of them is asked for first.
const MANY: usize = 4;

/// The user to act as, if `requestor` may act as them for what is to be done; otherwise the 403.
pub fn impersonate(
    authority: &Authority<'_>,
    requestor: &User,
    wanted: &Wanted,
    attributes: &Attributes<'_>,
) -> Result<User, Failure> {
    if let Authority::Workspace(workspace) = authority {
        allowed_by_kcp(requestor, wanted)?;
        let mut user = as_wanted(authority, requestor, wanted, attributes)?;
        if !requestor.is_in(MASTERS) {
            let scope = format!("cluster:{}", workspace.cluster);
            user.extra.entry(kcp::users::SCOPES.to_owned()).or_default().push(scope);
        }
        return Ok(user);
    }
    as_wanted(authority, requestor, wanted, attributes)
}

fn as_wanted(
    authority: &Authority<'_>,
    requestor: &User,
    wanted: &Wanted,
    attributes: &Attributes<'_>,
) -> Result<User, Failure> {
    let ask = Asking { authority, requestor };
    let mut first = None;
    for mode in Mode::of(wanted, requestor) {
        match ask.mode(mode, wanted, attributes) {
            Ok(user) => return Ok(user),
            Err(failure) => {
                first.get_or_insert(failure);
            }
        }
    }
    // The old mode is always there, so there is a failure.
    Err(first.unwrap_or_else(Failure::unauthorized))
}

/// Nobody gets into a group of kcp by impersonation who is not in it.
fn allowed_by_kcp(requestor: &User, wanted: &Wanted) -> Result<(), Failure> {
    let special = |group: &str| {
        [
            MASTERS,
            kcp::LOGICAL_CLUSTER_ADMIN,
            kcp::EXTERNAL_LOGICAL_CLUSTER_ADMIN,
            kcp::WORKSPACE_BOOTSTRAPPER,
            kcp::ADMIN,
            AUTHENTICATED,
        ]
        .contains(&group)
    };
    let stolen = |group: &String| special(group) && !requestor.is_in(group);
    if !requestor.is_in(MASTERS) && wanted.groups.iter().any(stolen) {
        let message = "forbidden: impersonation is not allowed for the requestor";
        return Err(Failure::new(403, "Forbidden", message));
    }
    Ok(())
}

/// The ways to be allowed to act as somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Legacy,
}

impl Mode {
    /// Those that are for whom is wanted, in the order in which they are tried.
    fn of(wanted: &Wanted, requestor: &User) -> Vec<Self> {
        let node = node_name(&wanted.name);
        let account = split_service_account(&wanted.name).is_some();
        let mut modes = Vec::new();
        if wanted.only_name() {
            if node.is_some() {
                let own = requestor.extra.get(NODE_NAME).map(Vec::as_slice);
                let own = split_service_account(&requestor.name).is_some()
                    && own == Some(&[node.unwrap_or_default().to_owned()]);
                modes.extend(own.then_some(Self::AssociatedNode));
                modes.push(Self::ArbitraryNode);
            }
            modes.extend(account.then_some(Self::ServiceAccount));
        }
        modes.extend((node.is_none() && !account).then_some(Self::UserInfo));
        modes.push(Self::Legacy);
        modes
    }

    fn name(self) -> &'static str {
        match self {
            Self::AssociatedNode => "associated-node",
            Self::ArbitraryNode => "arbitrary-node",
            Self::ServiceAccount => "serviceaccount",
            Self::UserInfo => "user-info",
            Self::Legacy => "",
        }
    }
}

struct Asking<'a> {
    authority: &'a Authority<'a>,
    requestor: &'a User,
}

impl Asking<'_> {
    fn mode(&self, mode: Mode, wanted: &Wanted, attributes: &Attributes<'_>) -> Result<User, Failure> {
        let narrow = mode != Mode::Legacy;
        let verb = if narrow { format!("impersonate:{}", mode.name()) } else { "impersonate".to_owned() };
        if narrow {
            let on = format!("impersonate-on:{}:{}", mode.name(), attributes.verb());
            self.ask(&attributes.with_verb(&on))?;
        }
        let mut user = User {
            name: wanted.name.clone(),
            uid: wanted.uid.clone(),
            groups: wanted.groups.clone(),
            extra: wanted.extra.clone(),
        };
        let named = |group, resource, namespace, name| ResourceAttributes {
            verb: &verb,
            group,
            resource,
            subresource: "",
            namespace,
            name,
        };
        let group = if narrow { AUTHENTICATION } else { "" };
        let mut who = named(group, "users", "", wanted.name.as_str());
        if narrow && let Some(name) = node_name(&wanted.name) {
            let any = mode == Mode::AssociatedNode;
            who = named(group, "nodes", "", if any { "*" } else { name });
            user.groups = vec!["system:nodes".to_owned()];
        }
        if let Some((namespace, name)) = split_service_account(&wanted.name) {
            who = named(group, "serviceaccounts", namespace, name);
            if wanted.groups.is_empty() {
                user.groups = service_account_groups(namespace).into();
            }
        }
        self.ask(&Attributes::Resource(who))?;
        if !wanted.uid.is_empty() {
            self.ask(&Attributes::Resource(named(AUTHENTICATION, "uids", "", &wanted.uid)))?;
        }
        self.groups(narrow, &wanted.groups, &named(group, "groups", "", ""))?;
        self.extra(narrow, &wanted.extra, &named(AUTHENTICATION, "userextras", "", ""))?;
        let group = if user.name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        if !user.is_in(group) && (user.name == ANONYMOUS || !user.is_in(UNAUTHENTICATED)) {
            user.groups.push(group.to_owned());
        }
        Ok(user)
    }

    fn groups(&self, narrow: bool, groups: &[String], base: &ResourceAttributes<'_>) -> Result<(), Failure> {
        if narrow {
            for (bad, name, why) in [
                ("", "", "impersonating the empty string group is not allowed"),
                (MASTERS, MASTERS, "impersonating the system:masters group is not allowed"),
            ] {
                if groups.iter().any(|group| group == bad) {
                    let base = ResourceAttributes { name, ..*base };
                    return Err(Attributes::Resource(base).forbidden(self.requestor, why));
                }
            }
            let all = Attributes::Resource(ResourceAttributes { name: "*", ..*base });
            if groups.len() >= MANY && self.ask(&all).is_ok() {
                return Ok(());
            }
        }
        groups.iter().try_for_each(|name| self.ask(&Attributes::Resource(ResourceAttributes { name, ..*base })))
    }

    fn extra(
        &self,
        narrow: bool,
        extra: &BTreeMap<String, Vec<String>>,
        base: &ResourceAttributes<'_>,
    ) -> Result<(), Failure> {
        if narrow {
            if let Some(why) = extra.iter().find_map(|(key, values)| extra_wrong(key, values)) {
                return Err(Attributes::Resource(*base).forbidden(self.requestor, &why));
            }
            let count: usize = extra.values().map(Vec::len).sum();
            let all = Attributes::Resource(ResourceAttributes { subresource: "*", name: "*", ..*base });
            if count >= MANY && self.ask(&all).is_ok() {
                return Ok(());
            }
        }
        for (key, values) in extra {
            for name in values {
                self.ask(&Attributes::Resource(ResourceAttributes { subresource: key, name, ..*base }))?;
            }
        }
        Ok(())
    }

    fn ask(&self, attributes: &Attributes<'_>) -> Result<(), Failure> {
        let verdict = self.authority.authorize(self.requestor, attributes);
        if verdict.is_allowed() { Ok(()) } else { Err(attributes.forbidden(self.requestor, &verdict.reason())) }
    }
}

/// What the narrow mode does not let be impersonated.
fn extra_wrong(key: &str, values: &[String]) -> Option<String> {
    if key.is_empty() {
        return Some("impersonating the empty string key in extra is not allowed".to_owned());
    }
    if let Some(why) = path_wrong(key) {
        return Some(format!("impersonating an invalid key in extra is not allowed: {why}"));
    }
    if key != key.to_lowercase() {
        return Some(format!("impersonating a non-lowercase key in extra is not allowed: {}", quote(key)));
    }
    values
        .iter()
        .any(String::is_empty)
        .then(|| "impersonating the empty string value in extra is not allowed".to_owned())
}

/// `IsDomainPrefixedPath`: such as `example.com/key`.
fn path_wrong(key: &str) -> Option<String> {
    use crate::causes::{self, invalid};
    use crate::quote::aggregate;

    let field = "extra.key";
    let line = |value: &str, why: &str| causes::text(&invalid(field, value, why));
    let Some((host, path)) = key.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty()) else {
        return Some(line(key, "must be a domain-prefixed path (such as \"acme.io/foo\")"));
    };
    let mut wrong: Vec<String> = subdomain(host).iter().map(|why| line(host, why)).collect();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    if !path.bytes().all(allowed) {
        let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        wrong.push(line(path, why));
    }
    (!wrong.is_empty()).then(|| aggregate(&wrong))
}

fn node_name(user: &str) -> Option<&str> {
    user.strip_prefix(NODE).filter(|name| subdomain(name).is_empty())
}
