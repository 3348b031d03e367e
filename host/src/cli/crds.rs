//! `berthage crds`: the API types, as the hub wants them.

use std::path::{Path, PathBuf};

use berthage_core::api::{ClusterRegistration, ReconcilePlugin, SyncTarget};
use berthage_core::compat::{self, CompatError};
use berthage_core::kcp::export::{self, NotADefinition};
use clap::{Args, ValueEnum};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use super::objects::{Documents, ObjectsError};

/// Flags of `berthage crds`.
#[derive(Debug, Args)]
pub struct Crds {
    /// For which hub.
    #[arg(long, value_enum, default_value = "crd", env = "BERTHAGE_CRDS_FORMAT")]
    pub format: Format,
    /// How they are written.
    #[arg(long, value_enum, default_value = "yaml", env = "BERTHAGE_CRDS_OUTPUT")]
    pub output: Output,
    /// On kcp: name of the APIExport, and of the APIBinding.
    #[arg(long, env = "BERTHAGE_EXPORT", value_name = "NAME", default_value = berthage_core::kcp::DEFAULT_EXPORT)]
    pub export: String,
    /// With --format apibinding: path of the workspace that the APIExport is in, such as `root:platform`.
    #[arg(long, env = "BERTHAGE_EXPORT_PATH", value_name = "PATH", required_if_eq("format", "apibinding"))]
    pub export_path: Option<String>,
    /// With --format apibinding: refuse the claims on ClusterRoles and ClusterRoleBindings. The syncers' rights are then granted
    /// by the tenant, as a condition of each SyncTarget says.
    #[arg(long, env = "BERTHAGE_WITHOUT_RBAC")]
    pub without_rbac: bool,
    /// Instead of printing: compare with the types in that file (either format, YAML or JSON), and fail unless every object
    /// that was valid stays valid and keeps all its fields.
    #[arg(long, env = "BERTHAGE_CRDS_CHECK", value_name = "OLD")]
    pub check: Option<PathBuf>,
}

/// For which hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// CustomResourceDefinitions, for a plain Kubernetes API server.
    Crd,
    /// For the workspace of the platform on kcp: APIResourceSchemas, the APIExport, bounds for tenants, and the controller's
    /// account with its rights.
    Apiexport,
    /// For a tenant's workspace on kcp: the APIBinding, with the claims that it accepts.
    Apibinding,
}

/// How they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A YAML document each.
    Yaml,
    /// A JSON List.
    Json,
}

/// The CustomResourceDefinitions.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![SyncTarget::crd(), ClusterRegistration::crd(), ReconcilePlugin::crd()]
}

/// Why the types could not be printed.
#[derive(Debug, thiserror::Error)]
enum CrdsError {
    #[error("a type cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Definition(#[from] NotADefinition),
    #[error("--format apibinding needs --export-path, the workspace that the APIExport is in")]
    NoPath,
    #[error(transparent)]
    Unreadable(#[from] ObjectsError),
    #[error("{} cannot be compared with", path.display())]
    Old { path: PathBuf, source: CompatError },
    #[error("the result cannot be written")]
    Output(#[from] std::io::Error),
    #[error(
        "{count} changes would break objects that are valid now: take them back, or give the new shape a field of its own"
    )]
    Incompatible { count: usize },
}

fn objects(args: &Crds) -> Result<Vec<Value>, CrdsError> {
    let definitions: Vec<Value> = definitions().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    Ok(match args.format {
        Format::Crd => definitions,
        Format::Apiexport => export::provider(&args.export, &definitions)?,
        Format::Apibinding => {
            let path = args.export_path.as_deref().ok_or(CrdsError::NoPath)?;
            vec![export::tenant(&args.export, path, !args.without_rbac)]
        }
    })
}

/// Compares the types with older ones; prints what breaks, a line each.
fn check(path: &Path) -> Result<(), CrdsError> {
    let old = Documents::read(path)?;
    let new: Vec<Value> = definitions().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    let breaks = compat::check(old.all(), &new).map_err(|source| CrdsError::Old { path: path.to_owned(), source })?;
    let lines: Vec<String> = breaks.iter().map(ToString::to_string).collect();
    let text =
        if lines.is_empty() { "every object stays valid and keeps its fields".to_owned() } else { lines.join("\n") };
    super::print(&format!("{text}\n"))?;
    if breaks.is_empty() { Ok(()) } else { Err(CrdsError::Incompatible { count: breaks.len() }) }
}

/// Prints them.
pub fn run(args: &Crds) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(old) = &args.check {
        check(old)?;
        return Ok(());
    }
    let objects = objects(args)?;
    let text = match args.output {
        Output::Yaml => super::documents(&objects)?,
        Output::Json => {
            let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            format!("{}\n", serde_json::to_string_pretty(&list)?)
        }
    };
    super::print(&text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// deploy/crds.yaml is what CI compares the next version with: it lies under each release's tag.
    #[test]
    fn the_file_in_deploy_is_what_is_printed() {
        let definitions: Vec<Value> =
            definitions().iter().map(|definition| serde_json::to_value(definition).unwrap()).collect();
        let printed = super::super::documents(&definitions).unwrap();
        let file = include_str!("../../../deploy/crds.yaml");
        assert!(printed == file, "write it anew: cargo run -p berthage -- crds > deploy/crds.yaml");
    }
}
