//! `tenancy.kcp.io`: workspaces and their types.

use serde_json::{Value, json};

use super::parts::{
    PATH, atomic, conditions, defaulted, dictionary, filled, flag, initializers, list, matching, named, object, phase,
    ruled, selector, text, whole, with, workspace_type,
};
use super::{AGE, Definition};

const GROUP: &str = "tenancy.kcp.io";

pub(super) const ALL: &[Definition] = &[
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "workspaceauthenticationconfigurations",
        kind: "WorkspaceAuthenticationConfiguration",
        short: &[],
        status: false,
        columns: &[],
        prefix: "v250827-717cfea84",
        schema: authentication,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "workspaces",
        kind: "Workspace",
        short: &["ws"],
        status: true,
        columns: &[
            ("Type", "string", ".spec.type.name"),
            ("Region", "string", ".metadata.labels['region']"),
            ("Phase", "string", ".status.phase"),
            ("URL", "string", ".spec.URL"),
            AGE,
        ],
        prefix: "v260522-2bf05df66",
        schema: workspace,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "workspacetypes",
        kind: "WorkspaceType",
        short: &[],
        status: true,
        columns: &[],
        prefix: "v260519-96f2749",
        schema: types,
    },
];

/// It is not done here (requests for it are answered 501), so nothing of its content is written down.
fn authentication() -> Value {
    whole(&[], json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}), None)
}

fn workspace() -> Value {
    let mounted = ruled(
        object(
            &["apiVersion", "kind", "name"],
            [("apiVersion", text()), ("kind", text()), ("name", text()), ("namespace", text())],
        ),
        &[
            ("apiVersion is immutable", "has(oldSelf.apiVersion) == has(self.apiVersion)"),
            ("kind is immutable", "has(oldSelf.kind) == has(self.kind)"),
            ("name is immutable", "has(oldSelf.name) == has(self.name)"),
        ],
    );
    let mount = ruled(object(&["ref"], [("ref", mounted)]), &[("mount is immutable", "self == oldSelf")]);
    let of_type = ruled(
        workspace_type(),
        &[
            ("name is immutable", "self.name == oldSelf.name"),
            ("path is immutable", "has(oldSelf.path) == has(self.path)"),
            ("path is immutable", "!has(oldSelf.path) || !has(self.path) || self.path == oldSelf.path"),
        ],
    );
    let spec = object(
        &[],
        [
            ("URL", text()),
            ("cluster", ruled(text(), &[("cluster is immutable", "self == oldSelf")])),
            ("location", object(&[], [("selector", selector([]))])),
            ("mount", mount),
            ("type", of_type),
        ],
    );
    let spec = ruled(
        spec,
        &[
            ("URL cannot be unset", "!has(oldSelf.URL) || has(self.URL)"),
            ("cluster cannot be unset", "!has(oldSelf.cluster) || has(self.cluster)"),
        ],
    );
    let status = object(
        &[],
        [
            ("conditions", conditions()),
            ("initializers", initializers()),
            ("phase", phase()),
            ("terminators", initializers()),
        ],
    );
    let name = json!({
        "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    });
    let metadata = object(&[], [("name", name)]);
    named(&["spec"], metadata, defaulted(spec, json!({})), Some(defaulted(status, json!({}))))
}

fn types() -> Value {
    let rules = || {
        let rule = object(
            &["verbs"],
            [
                ("apiGroups", atomic(&text())),
                ("nonResourceURLs", atomic(&text())),
                ("resourceNames", atomic(&text())),
                ("resources", atomic(&text())),
                ("verbs", atomic(&text())),
            ],
        );
        list(&rule)
    };
    let limit = || {
        let limit = object(&[], [("none", flag()), ("types", with(list(&workspace_type()), "minItems", json!(1)))]);
        with(limit, "oneOf", json!([{"required": ["none"]}, {"required": ["types"]}]))
    };
    let export = object(&["export"], [("export", text()), ("path", matching(PATH))]);
    let child = defaulted(workspace_type(), json!({"name": "universal", "path": "root"}));
    let spec = object(
        &[],
        [
            ("additionalWorkspaceLabels", dictionary()),
            ("authenticationConfigurations", list(&object(&["name"], [("name", text())]))),
            ("defaultAPIBindingLifecycle", json!({"type": "string", "enum": ["InitializeOnly", "Maintain"]})),
            ("defaultAPIBindings", list(&export)),
            ("defaultChildWorkspaceType", child),
            ("extend", object(&[], [("with", list(&workspace_type()))])),
            ("initializer", flag()),
            ("initializerPermissions", rules()),
            ("limitAllowedChildren", limit()),
            ("limitAllowedParents", limit()),
            ("terminator", flag()),
            ("terminatorPermissions", rules()),
        ],
    );
    let address = object(
        &["url"],
        [("type", json!({"type": "string", "enum": ["initializing", "terminating"]})), ("url", filled())],
    );
    let status = object(&[], [("conditions", conditions()), ("virtualWorkspaces", list(&address))]);
    let name = json!({
        "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        "not": {"enum": ["system", "any"]},
    });
    named(&[], object(&[], [("name", name)]), spec, Some(status))
}
