//! `berthage crds`: the API types, as the hub wants them.

use berthage_core::api::{ClusterRegistration, SyncTarget};
use clap::{Args, ValueEnum};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

/// Flags of `berthage crds`.
#[derive(Debug, Args)]
pub struct Crds {
    /// How they are written.
    #[arg(long, value_enum, default_value = "yaml", env = "BERTHAGE_CRDS_OUTPUT")]
    pub output: Output,
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
    vec![SyncTarget::crd(), ClusterRegistration::crd()]
}

/// Prints them.
pub fn run(args: &Crds) -> Result<(), Box<dyn std::error::Error>> {
    let text = match args.output {
        Output::Yaml => super::documents(&definitions())?,
        Output::Json => {
            let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": definitions() });
            format!("{}\n", serde_json::to_string_pretty(&list)?)
        }
    };
    super::print(&text)?;
    Ok(())
}
