//! RoleBindings and ClusterRoleBindings. Roles have no table of their own.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{age_of, name_of};
use crate::show::table::{AGE, Column, NAME, Part, column, wide};

pub(super) const ROLE_BINDING: &[Column<'static>] = &[
    NAME,
    column(
        "Role",
        "string",
        "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
    ),
    AGE,
    wide("Users", "string", "Users in the roleBinding"),
    wide("Groups", "string", "Groups in the roleBinding"),
    wide("ServiceAccounts", "string", "ServiceAccounts in the roleBinding"),
];

pub(super) const CLUSTER_ROLE_BINDING: &[Column<'static>] = &[
    NAME,
    column(
        "Role",
        "string",
        "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
    ),
    AGE,
    wide("Users", "string", "Users in the clusterRoleBinding"),
    wide("Groups", "string", "Groups in the clusterRoleBinding"),
    wide("ServiceAccounts", "string", "ServiceAccounts in the clusterRoleBinding"),
];

pub(super) fn binding(object: &Map<String, Value>, now: Timestamp) -> Vec<Value> {
    let role = Part::of(object, "roleRef");
    let (mut users, mut groups, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    for subject in Part::of(object, "subjects").list() {
        let name = subject.at("name").text();
        match subject.at("kind").text() {
            "User" => users.push(name.to_owned()),
            "Group" => groups.push(name.to_owned()),
            "ServiceAccount" => accounts.push(format!("{}/{name}", subject.at("namespace").text())),
            _ => {}
        }
    }
    vec![
        name_of(object),
        json!(format!("{}/{}", role.at("kind").text(), role.at("name").text())),
        age_of(object, now),
        json!(users.join(", ")),
        json!(groups.join(", ")),
        json!(accounts.join(", ")),
    ]
}
