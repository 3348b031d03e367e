//! Whom a user counts as in a logical cluster.
//!
//! A scope restricts a user to clusters; a ServiceAccount counts in its own cluster only and elsewhere as
//! `system:kcp:serviceaccount:CLUSTER:NAMESPACE:NAME`; a warrant is another user whose rights come along.
//!
//! Facts: `pkg/registry/rbac/validation/kcp.go` of kcp's fork of Kubernetes (`EffectiveUsers`, `IsInScope`, `PrefixUser`), with
//! the feature gate `GlobalServiceAccount` on, as by default.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::user::{ANONYMOUS, AUTHENTICATED, SERVICE_ACCOUNT, UNAUTHENTICATED, User};

/// Extra key: the logical cluster that a ServiceAccount is of.
pub const CLUSTER_NAME: &str = "authentication.kcp.io/cluster-name";
/// Extra key: the clusters that a user is restricted to. Each value is a list joined by commas; all values must hold.
pub const SCOPES: &str = "authentication.kcp.io/scopes";
/// Extra key: other users whose rights come along, as JSON.
pub const WARRANT: &str = "authorization.kcp.io/warrant";

const CLUSTER: &str = "cluster:";
/// Every warrant within a warrant doubles its backslashes, so no request holds this many. What is deeper gives no rights.
const MOST_WARRANTS: u8 = 16;

/// Ties a ServiceAccount's user to the logical cluster that it is of.
#[must_use]
pub fn of_cluster(mut user: User, cluster: &str) -> User {
    user.extra.insert(CLUSTER_NAME.to_owned(), vec![cluster.to_owned()]);
    user.extra.insert(SCOPES.to_owned(), vec![format!("{CLUSTER}{cluster}")]);
    user
}

/// Whether the name of a user is that of a ServiceAccount.
pub fn is_service_account(user: &User) -> bool {
    user.name.starts_with(SERVICE_ACCOUNT)
}

/// Whether a user counts as itself in a cluster.
pub fn is_in_scope(user: &User, cluster: &str) -> bool {
    let foreign = match values(user, CLUSTER_NAME) {
        [] => false,
        [one] => one != cluster,
        _ => true,
    };
    let scoped = |scopes: &String| scopes.split(',').any(|scope| scope.strip_prefix(CLUSTER) == Some(cluster));
    !(is_service_account(user) && foreign) && values(user, SCOPES).iter().all(scoped)
}

/// All whom a user counts as in a cluster; for most it is themselves.
pub fn effective_users<'u>(cluster: &str, user: &'u User) -> Vec<Cow<'u, User>> {
    let mut found = Found::default();
    found.collect(cluster, Cow::Borrowed(user), 0);
    if found.authenticated {
        let mut groups = vec![AUTHENTICATED.to_owned()];
        groups.extend(cluster_groups(user));
        found.users.push(Cow::Owned(User::new(ANONYMOUS, groups)));
    }
    if found.unauthenticated {
        found.users.push(Cow::Owned(User::anonymous()));
    }
    found.users
}

/// A user as an APIExport's maximal permission policy names it: name, groups and warrants with a prefix.
pub fn prefixed(user: &User, prefix: &str) -> User {
    prefixed_to(user, prefix, 0)
}

#[derive(Default)]
struct Found<'u> {
    users: Vec<Cow<'u, User>>,
    authenticated: bool,
    unauthenticated: bool,
}

impl<'u> Found<'u> {
    fn collect(&mut self, cluster: &str, user: Cow<'u, User>, depth: u8) {
        let global = match values(&user, CLUSTER_NAME) {
            [home] if is_service_account(&user) => Some(global(&user, home)),
            _ => None,
        };
        let warrants: Vec<User> = values(&user, WARRANT).iter().filter_map(|text| warrant(text)).collect();
        if is_in_scope(&user, cluster) {
            self.users.push(user);
        } else if user.is_in(AUTHENTICATED) {
            self.authenticated = true;
        } else {
            self.unauthenticated = true;
        }
        self.users.extend(global.map(Cow::Owned));
        if depth >= MOST_WARRANTS {
            return;
        }
        for mut warrant in warrants {
            if is_service_account(&warrant) && values(&warrant, CLUSTER_NAME).is_empty() {
                continue;
            }
            let groups = cluster_groups(&warrant);
            warrant.groups.extend(groups);
            self.collect(cluster, Cow::Owned(warrant), depth + 1);
        }
    }
}

/// What a ServiceAccount counts as everywhere.
fn global(user: &User, home: &str) -> User {
    let groups = user.groups.iter().filter(|group| *group == AUTHENTICATED).cloned().chain(cluster_groups(user));
    let mut global = User::new(global_name(user, home), groups);
    global.extra.clone_from(&user.extra);
    global
}

fn prefixed_to(user: &User, prefix: &str, depth: u8) -> User {
    let mut out = User { name: format!("{prefix}{}", user.name), uid: user.uid.clone(), ..User::default() };
    if is_service_account(user) {
        let [home] = values(user, CLUSTER_NAME) else {
            let group = if user.is_in(AUTHENTICATED) { AUTHENTICATED } else { UNAUTHENTICATED };
            return User::new(format!("{prefix}{ANONYMOUS}"), [format!("{prefix}{group}")]);
        };
        out.name = format!("{prefix}{}", global_name(user, home));
    }
    out.groups = user.groups.iter().map(|group| format!("{prefix}{group}")).collect();
    for (key, values) in user.extra.iter().filter(|(key, _)| *key != WARRANT) {
        out.extra.insert(key.clone(), values.clone());
    }
    if depth < MOST_WARRANTS {
        let warrants = values(user, WARRANT).iter().filter_map(|text| warrant(text));
        let warrants: Vec<String> = warrants.map(|one| to_warrant(&prefixed_to(&one, prefix, depth + 1))).collect();
        if !warrants.is_empty() {
            out.extra.insert(WARRANT.to_owned(), warrants);
        }
    }
    out
}

/// The name by which a ServiceAccount is known in other clusters.
fn global_name(user: &User, home: &str) -> String {
    let name = user.name.strip_prefix(SERVICE_ACCOUNT).unwrap_or(&user.name);
    format!("system:kcp:serviceaccount:{home}:{name}")
}

/// `system:cluster:NAME` for the clusters that all scopes of a user have in common.
fn cluster_groups(user: &User) -> Vec<String> {
    let mut lists = values(user, SCOPES).iter().map(|scopes| scopes.split(',').collect::<Vec<_>>());
    let Some(first) = lists.next() else { return Vec::new() };
    let common = lists.fold(first, |common, list| common.into_iter().filter(|scope| list.contains(scope)).collect());
    common.into_iter().filter(|scope| scope.starts_with(CLUSTER)).map(|scope| format!("system:{scope}")).collect()
}

fn values<'u>(user: &'u User, key: &str) -> &'u [String] {
    user.extra.get(key).map(Vec::as_slice).unwrap_or_default()
}

/// The user of a warrant; one that cannot be read gives no rights.
fn warrant(text: &str) -> Option<User> {
    let value: Value = serde_json::from_str(text).ok()?;
    let text = |name| match value.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(value) => value.as_str().map(str::to_owned),
    };
    let mut extra = BTreeMap::new();
    match value.as_object()?.get("extra") {
        None | Some(Value::Null) => {}
        Some(found) => {
            for (key, values) in found.as_object()? {
                extra.insert(key.clone(), strings(values)?);
            }
        }
    }
    let groups = value.get("groups").map_or_else(|| Some(Vec::new()), strings)?;
    Some(User { name: text("user")?, uid: text("uid")?, groups, extra })
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// A user as the text of a warrant.
pub(super) fn to_warrant(user: &User) -> String {
    let mut out = serde_json::Map::new();
    let mut put = |name: &str, value: Value, empty: bool| {
        if !empty {
            out.insert(name.to_owned(), value);
        }
    };
    put("user", json!(user.name), user.name.is_empty());
    put("groups", json!(user.groups), user.groups.is_empty());
    put("extra", json!(user.extra), user.extra.is_empty());
    put("uid", json!(user.uid), user.uid.is_empty());
    Value::Object(out).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, groups: &[&str], extra: &[(&str, &[&str])]) -> User {
        let mut user = User::new(name, groups.iter().copied());
        for (key, values) in extra {
            user.extra.insert((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect());
        }
        user
    }

    /// From `TestIsInScope` in pkg/registry/rbac/validation/kcp_test.go, cluster "this".
    #[test]
    fn scopes() {
        for (scopes, expected) in [
            (&[][..], true),
            (&[""], false),
            (&["cluster:this"], true),
            (&["cluster:another"], false),
            (&["cluster:this", "cluster:another"], false),
            (&["", "cluster:this"], false),
            (&["unknown:foo"], false),
            (&["cluster:another,cluster:this"], true),
            (&["cluster:another,cluster:this", "cluster:this,cluster:other"], true),
            (&[",,cluster:this"], true),
        ] {
            assert_eq!(is_in_scope(&user("a", &[], &[(SCOPES, scopes)]), "this"), expected, "{scopes:?}");
        }
        let account = |clusters: &[&str]| user("system:serviceaccount:ns:sa", &[], &[(CLUSTER_NAME, clusters)]);
        assert!(is_in_scope(&account(&["this"]), "this"));
        assert!(is_in_scope(&account(&[]), "this"));
        assert!(!is_in_scope(&account(&["other"]), "this"));
        assert!(!is_in_scope(&account(&["this", "this"]), "this"));
    }

    /// From `TestAppliesToUserWithWarrantsAndScopes`: which names and groups count in cluster "this".
    #[test]
    fn whom_a_user_counts_as() {
        let names = |user: &User| {
            effective_users("this", user).into_iter().map(|user| user.into_owned().name).collect::<Vec<_>>()
        };
        let sa = "system:serviceaccount:ns:sa";
        assert_eq!(names(&user("a", &[], &[])), ["a"]);
        assert_eq!(
            names(&user("b", &[], &[(WARRANT, &[r#"{"user":"b"}"#, r#"{"user":"a"}"#, "no json"])])),
            ["b", "b", "a"]
        );
        let nested = r#"{"user":"b","extra":{"authorization.kcp.io/warrant":["{\"user\":\"a\"}"]}}"#;
        assert_eq!(names(&user("b", &[], &[(WARRANT, &[nested])])), ["b", "b", "a"]);
        assert_eq!(names(&user("b", &[], &[(WARRANT, &[r#"{"user":"system:serviceaccount:ns:sa"}"#])])), ["b"]);
        assert_eq!(names(&user(sa, &[], &[(CLUSTER_NAME, &["this"])])), [sa, "system:kcp:serviceaccount:this:ns:sa"]);
        assert_eq!(
            names(&user(sa, &[], &[(CLUSTER_NAME, &["other"])])),
            ["system:kcp:serviceaccount:other:ns:sa", ANONYMOUS]
        );
        let local = r#"{"user":"system:serviceaccount:ns:sa","extra":{"authentication.kcp.io/cluster-name":["this"]}}"#;
        assert!(names(&user(sa, &[], &[(CLUSTER_NAME, &["other"]), (WARRANT, &[local])])).contains(&sa.to_owned()));
        assert_eq!(names(&user("a", &[], &[(SCOPES, &["cluster:other"])])), [ANONYMOUS]);
        let groups = |user: &User| {
            effective_users("this", user).into_iter().flat_map(|user| user.into_owned().groups).collect::<Vec<_>>()
        };
        assert_eq!(groups(&user("a", &[], &[(SCOPES, &["cluster:other"])])), [UNAUTHENTICATED]);
        assert_eq!(
            groups(&user("a", &[AUTHENTICATED, "x"], &[(SCOPES, &["cluster:other"])])),
            [AUTHENTICATED, "system:cluster:other"]
        );
    }

    /// From `TestPrefixUser`.
    #[test]
    fn prefixes() {
        let out = prefixed(&user("a", &["g"], &[(WARRANT, &[r#"{"user":"w","groups":["h"]}"#]), ("k", &["v"])]), "p:");
        assert_eq!((out.name.as_str(), out.groups.as_slice()), ("p:a", &["p:g".to_owned()][..]));
        assert_eq!(out.extra[WARRANT], [r#"{"groups":["p:h"],"user":"p:w"}"#]);
        assert_eq!(out.extra["k"], ["v"]);
        let sa = user("system:serviceaccount:ns:sa", &["g"], &[(CLUSTER_NAME, &["c"])]);
        assert_eq!(prefixed(&sa, "p:").name, "p:system:kcp:serviceaccount:c:ns:sa");
        let homeless = user("system:serviceaccount:ns:sa", &["g", AUTHENTICATED], &[]);
        assert_eq!(prefixed(&homeless, "p:"), User::new("p:system:anonymous", ["p:system:authenticated"]));
    }
}
