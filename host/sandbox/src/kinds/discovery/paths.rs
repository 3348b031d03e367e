//! `/`: the paths that there are.

use serde_json::{Value, json};

use super::super::catalog::Catalog;

/// `/`, sorted. Of what a real server has here only that is in it which is served.
pub fn root_paths(catalog: &Catalog<'_>) -> Value {
    let mut paths: Vec<String> =
        ["/api", "/apis", "/apis/", "/healthz", "/livez", "/readyz", "/version"].map(str::to_owned).to_vec();
    paths.extend(catalog.versions("").iter().map(|version| format!("/api/{version}")));
    for group in catalog.groups_by_name() {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(group.versions.iter().map(|version| format!("/apis/{}/{}", group.name, version.name)));
    }
    paths.sort();
    json!({"paths": paths})
}
