//! `berthage render`: the manifests for a SyncTarget from files, with the controller's own code.

use std::path::PathBuf;
use std::sync::Arc;

use berthage_core::api::{ClusterInfo, ClusterRegistration, ClusterRegistrationStatus, SyncTarget};
use berthage_core::key::{Key, Kind, Workspace};
use clap::{Args, ValueEnum};

use super::objects::{Documents, ObjectsError};
use crate::args::ShareArgs;
use crate::controller::{self, ControllerError};
use crate::metrics::Metrics;
use crate::reconcile::offline;
use crate::store::{Held, Store};
use crate::wire::Wire;

/// Flags of `berthage render`.
#[derive(Debug, Args)]
pub struct Render {
    /// File with the SyncTarget, YAML or JSON; `-` is standard input. Its ClusterRegistration may be in it too.
    #[arg(long, short = 'f', env = "BERTHAGE_RENDER_TARGET", value_name = "FILE")]
    pub target: PathBuf,
    /// File with its ClusterRegistration. Without one: as if it accepted everything.
    #[arg(long, env = "BERTHAGE_RENDER_REGISTRATION", value_name = "FILE")]
    pub registration: Option<PathBuf>,
    /// The workspace whose templates are used.
    #[arg(long, env = "BERTHAGE_RENDER_WORKSPACE", value_name = "NAME", default_value = Workspace::LOCAL)]
    pub workspace: String,
    /// Kubernetes version of the physical cluster, as templates see it.
    #[arg(long, env = "BERTHAGE_RENDER_CLUSTER_VERSION", value_name = "VERSION", default_value = "v1.36.0")]
    pub cluster_version: String,
    /// How it is written.
    #[arg(long, value_enum, default_value = "yaml", env = "BERTHAGE_RENDER_OUTPUT")]
    pub output: Output,
    /// Plugins and templates.
    #[command(flatten)]
    pub share: ShareArgs,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A YAML document each.
    Yaml,
    /// A JSON List.
    Json,
}

/// Why nothing is rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A file cannot be used.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The files do not belong together.
    #[error(
        "the ClusterRegistration is {found}, and the SyncTarget's spec.clusterRef names {wanted}; give the one that it names"
    )]
    AnotherRegistration {
        /// That of the file.
        found: String,
        /// That of the target.
        wanted: String,
    },
    /// What was read cannot be written as JSON again.
    #[error("the SyncTarget cannot be held: {0}")]
    Unheld(#[from] serde_json::Error),
    /// Plugins or templates.
    #[error(transparent)]
    Making(#[from] ControllerError),
    /// The controller would not apply anything either.
    #[error("{reason}: {message}")]
    Refused {
        /// The reason that the condition would have.
        reason: &'static str,
        /// Its message.
        message: String,
    },
    /// The manifests cannot be written as YAML.
    #[error("the manifests cannot be written as YAML: {0}")]
    Yaml(String),
}

/// Prints the manifests.
pub fn run(args: &Render) -> Result<(), Box<dyn std::error::Error>> {
    let text = render(args)?;
    super::print(&text)?;
    Ok(())
}

/// The manifests as text.
pub fn render(args: &Render) -> Result<String, RenderError> {
    let documents = Documents::read(&args.target)?;
    let mut target: SyncTarget = documents.one()?;
    // A file has no uid; the names hang on one.
    target.metadata.uid.get_or_insert_with(|| "00000000-0000-0000-0000-000000000000".to_owned());
    target.metadata.resource_version.get_or_insert_with(|| "1".to_owned());
    let wanted = target.spec.cluster_ref.name.clone();
    let given = match &args.registration {
        Some(path) => Some(Documents::read(path)?.one()?),
        None => documents.find::<ClusterRegistration>()?,
    };
    let mut registration = given.unwrap_or_else(|| stand_in(&wanted));
    let found = registration.metadata.name.clone().unwrap_or_default();
    if found != wanted {
        return Err(RenderError::AnotherRegistration { found, wanted });
    }
    let info = ClusterInfo { version: args.cluster_version.clone(), uid: String::new(), access: None };
    registration.status =
        Some(ClusterRegistrationStatus { cluster_info: Some(info), ..ClusterRegistrationStatus::default() });

    let workspace = Workspace::new(&args.workspace);
    let name = target.metadata.name.clone().unwrap_or_default();
    let key = Key::target(&workspace, &name);
    let store = Arc::new(Store::offline(&workspace));
    let held = Held::of(Kind::Target, &wire(&target, "SyncTarget")?)?;
    let registered = wire(&registration, "ClusterRegistration")?;
    store.upsert(&Key::registration(&workspace, &wanted), &registered)?;
    let making = controller::making(&args.share, store, &Metrics::new())?;
    let now = jiff::Timestamp::now();
    let subject = offline::Subject { key: &key, held, object: target, registration: &registration, now };
    let objects = offline::manifests(&making, subject)
        .map_err(|finding| RenderError::Refused { reason: finding.reason.as_str(), message: finding.message })?;
    let objects: Vec<_> = objects.into_iter().map(|desired| desired.object).collect();
    match args.output {
        Output::Yaml => super::documents(&objects).map_err(|error| RenderError::Yaml(error.to_string())),
        Output::Json => {
            Ok(format!("{:#}\n", serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects })))
        }
    }
}

fn stand_in(name: &str) -> ClusterRegistration {
    use berthage_core::api::{ClusterRegistrationSpec, KubeConfigSecretRef};
    let secret =
        KubeConfigSecretRef { namespace: "default".to_owned(), name: name.to_owned(), key: "kubeconfig".to_owned() };
    ClusterRegistration::new(
        name,
        ClusterRegistrationSpec { location: None, kube_config_secret_ref: secret, accepted_workload_types: Vec::new() },
    )
}

fn wire<T: serde::Serialize>(object: &T, kind: &str) -> Result<Wire, serde_json::Error> {
    let mut wire: Wire = serde_json::from_str(&serde_json::to_string(object)?)?;
    wire.kind = Some(kind.to_owned());
    wire.metadata.uid.get_or_insert_with(String::new);
    Ok(wire)
}
