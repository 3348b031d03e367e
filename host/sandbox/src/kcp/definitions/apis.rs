//! `apis.kcp.io`: what is exported, and what is bound.

use serde_json::{Value, json};

use super::parts::{
    atomic, conditions, defaulted, export, filled, flag, keyed, list, matching, object, ruled, secret_reference,
    selector, text, texts, whole, with,
};
use super::{AGE, Definition};

const GROUP: &str = "apis.kcp.io";

pub(super) const ALL: &[Definition] = &[
    Definition {
        group: GROUP,
        version: "v1alpha2",
        plural: "apibindings",
        kind: "APIBinding",
        short: &[],
        status: true,
        columns: &[AGE, ("Ready", "string", r#".status.conditions[?(@.type=="Ready")].status"#)],
        prefix: "",
        schema: binding,
    },
    Definition {
        group: GROUP,
        version: "v1alpha2",
        plural: "apiexports",
        kind: "APIExport",
        short: &[],
        status: true,
        columns: &[AGE],
        prefix: "",
        schema: api_export,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "apiexportendpointslices",
        kind: "APIExportEndpointSlice",
        short: &[],
        status: true,
        columns: &[("Export", "string", ".spec.export.name"), ("Partition", "string", ".spec.partition"), AGE],
        prefix: "",
        schema: endpoint_slice,
    },
    Definition {
        group: GROUP,
        version: "v1alpha1",
        plural: "apiresourceschemas",
        kind: "APIResourceSchema",
        short: &[],
        status: false,
        columns: &[AGE],
        prefix: "",
        schema: resource_schema,
    },
];

fn claim_selector() -> Value {
    selector([("matchAll", flag())])
}

/// A permission claim, with more fields beside.
fn claim<const N: usize>(required: &[&str], more: [(&str, Value); N]) -> Value {
    let group = "^(|[a-z0-9]([-a-z0-9]*[a-z0-9](\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?)$";
    let mut claim = object(
        required,
        [
            ("group", defaulted(matching(group), json!(""))),
            ("resource", matching("^[a-z][-a-z0-9]*[a-z0-9]$")),
            ("identityHash", defaulted(text(), json!(""))),
            ("verbs", json!({"type": "array", "items": text(), "minItems": 1, "x-kubernetes-list-type": "set"})),
            ("defaultSelector", claim_selector()),
        ],
    );
    for (name, schema) in more {
        claim["properties"][name] = schema;
    }
    claim
}

/// What a tenant answers with.
fn scope() -> Value {
    ruled(claim_selector(), &[("Permission claim selector is immutable", "self == oldSelf")])
}

fn reference() -> Value {
    ruled(object(&[], [("export", export())]), &[("APIExport reference must not be changed", "self == oldSelf")])
}

fn binding() -> Value {
    let keys = ["group", "resource", "identityHash"];
    let answer = claim(
        &["resource", "selector", "state", "verbs"],
        [("selector", scope()), ("state", json!({"type": "string", "enum": ["Accepted", "Rejected"]}))],
    );
    let applied = claim(&["resource", "selector", "verbs"], [("selector", scope())]);
    let schema =
        object(&["UID", "identityHash", "name"], [("UID", filled()), ("identityHash", filled()), ("name", filled())]);
    let bound = object(
        &["group", "resource", "schema"],
        [
            ("group", text()),
            ("resource", text()),
            ("schema", schema),
            ("storageVersions", with(texts(), "x-kubernetes-list-type", json!("set"))),
        ],
    );
    let spec = object(&["reference"], [("reference", reference()), ("permissionClaims", keyed(&answer, &keys))]);
    let status = object(
        &[],
        [
            ("apiExportClusterName", text()),
            ("appliedPermissionClaims", keyed(&applied, &keys)),
            ("boundResources", keyed(&bound, &["group", "resource"])),
            ("conditions", conditions()),
            ("exportPermissionClaims", list(&claim(&["resource", "verbs"], []))),
            ("phase", json!({"type": "string", "enum": ["", "Binding", "Bound"]})),
        ],
    );
    whole(&["spec"], spec, Some(status))
}

fn api_export() -> Value {
    let one_of = |fields: &[&str]| -> Value { fields.iter().map(|field| json!({"required": [field]})).collect() };
    let typed = object(&["kind", "name"], [("apiGroup", text()), ("kind", text()), ("name", text())]);
    let typed = with(typed, "x-kubernetes-map-type", json!("atomic"));
    let elsewhere = object(&["identityHash", "reference"], [("identityHash", text()), ("reference", typed)]);
    let storage = object(&[], [("crd", json!({"type": "object"})), ("virtual", elsewhere)]);
    let storage = with(storage, "oneOf", one_of(&["crd", "virtual"]));
    let storage =
        ruled(storage, &[("Exactly one of crd or virtual must be set", "has(self.crd) != has(self.virtual)")]);
    let resource = object(
        &["group", "name", "schema"],
        [("group", text()), ("name", text()), ("schema", text()), ("storage", defaulted(storage, json!({"crd": {}})))],
    );
    let policy = with(object(&[], [("local", json!({"type": "object"}))]), "oneOf", one_of(&["local"]));
    let spec = object(
        &[],
        [
            ("identity", object(&[], [("secretRef", secret_reference())])),
            ("maximalPermissionPolicy", policy),
            ("permissionClaims", keyed(&claim(&["resource", "verbs"], []), &["group", "resource"])),
            ("resources", keyed(&resource, &["name", "group"])),
        ],
    );
    let status = object(
        &[],
        [
            ("conditions", conditions()),
            ("identityHash", text()),
            ("virtualWorkspaces", list(&object(&["url"], [("url", filled())]))),
        ],
    );
    whole(&[], spec, Some(status))
}

fn endpoint_slice() -> Value {
    let exclusive = (
        "matchAll and selector are mutually exclusive",
        "!(has(self.matchAll) && self.matchAll && has(self.selector))",
    );
    let shards = ruled(object(&[], [("matchAll", flag()), ("selector", selector([]))]), &[exclusive]);
    let endpoint = object(&["url"], [("shards", shards), ("url", filled())]);
    let export = ruled(export(), &[("APIExport reference must not be changed", "self == oldSelf")]);
    let status = object(
        &[],
        [("conditions", conditions()), ("endpoints", keyed(&endpoint, &["url"])), ("shardSelector", text())],
    );
    whole(&[], object(&["export"], [("export", export), ("partition", text())]), Some(status))
}

fn resource_schema() -> Value {
    let names = object(
        &["kind", "plural"],
        [
            ("categories", atomic(&text())),
            ("kind", text()),
            ("listKind", text()),
            ("plural", text()),
            ("shortNames", atomic(&text())),
            ("singular", text()),
        ],
    );
    let client = object(
        &[],
        [
            ("caBundle", json!({"type": "string", "format": "byte"})),
            ("url", json!({"type": "string", "format": "uri"})),
        ],
    );
    let webhook = object(
        &["conversionReviewVersions"],
        [("clientConfig", client), ("conversionReviewVersions", atomic(&text()))],
    );
    let conversion = object(
        &["strategy"],
        [("strategy", json!({"type": "string", "enum": ["None", "Webhook"]})), ("webhook", webhook)],
    );
    let conversion = ruled(
        conversion,
        &[(
            "Webhook must be specified if strategy=Webhook",
            "(self.strategy == 'None' && !has(self.webhook))  || (self.strategy == 'Webhook' && has(self.webhook))",
        )],
    );
    let spec = object(
        &["group", "names", "scope", "versions"],
        [
            ("conversion", conversion),
            ("group", text()),
            (
                "nameValidation",
                json!({"type": "string", "default": "DNS1123Subdomain", "enum": ["DNS1123Subdomain", "PathSegmentName"]}),
            ),
            ("names", names),
            ("scope", json!({"type": "string", "enum": ["Cluster", "Namespaced"]})),
            ("versions", with(keyed(&version(), &["name"]), "minItems", json!(1))),
        ],
    );
    let several = (
        "Conversion must be specified when multiple versions exist",
        "size(self.versions) == 1 || (size(self.versions) > 1 && has(self.conversion))",
    );
    whole(&[], ruled(spec, &[several]), None)
}

/// A version of an APIResourceSchema.
fn version() -> Value {
    let column = object(
        &["jsonPath", "name", "type"],
        [
            ("description", text()),
            ("format", text()),
            ("jsonPath", text()),
            ("name", text()),
            ("priority", json!({"type": "integer", "format": "int32"})),
            ("type", text()),
        ],
    );
    let scale = object(
        &["specReplicasPath", "statusReplicasPath"],
        [("labelSelectorPath", text()), ("specReplicasPath", text()), ("statusReplicasPath", text())],
    );
    let schema = json!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "x-kubernetes-preserve-unknown-fields": true,
    });
    object(
        &["name", "schema", "served", "storage"],
        [
            ("additionalPrinterColumns", keyed(&column, &["name"])),
            ("deprecated", flag()),
            ("deprecationWarning", text()),
            ("name", with(matching("^v[1-9][0-9]*([a-z]+[1-9][0-9]*)?$"), "minLength", json!(1))),
            ("schema", schema),
            ("selectableFields", atomic(&object(&["jsonPath"], [("jsonPath", text())]))),
            ("served", defaulted(flag(), json!(true))),
            ("storage", flag()),
            ("subresources", object(&[], [("scale", scale), ("status", json!({"type": "object"}))])),
        ],
    )
}
