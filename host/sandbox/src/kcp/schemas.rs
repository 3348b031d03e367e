//! APIResourceSchemas that are bound, compiled once for all workspaces that bind them.
//!
//! Facts: `GenerateBoundCRD` in `pkg/reconciler/apis/apibinding` of kcp: what is bound is a definition in `system:bound-crds`,
//! named by the uid of the schema.

use std::sync::Arc;

use serde_json::Value;

use super::json::{Object, items, text};
use crate::kinds::{Kinds, Served, Support, kcp_export};
use crate::schema::CustomKind;
use crate::status::Failure;
use crate::world::{Defined, Named, Serving, World};

/// The logical cluster of all definitions that are bound.
const BOUND: &str = "system:bound-crds";

/// A schema with an identity.
#[derive(Debug)]
pub struct Compiled {
    /// What it defines.
    pub kind: Arc<CustomKind>,
    /// Its versions that are served.
    pub versions: Vec<Arc<Serving>>,
    /// Its versions that are known and not done here.
    pub refused: Vec<Arc<Served>>,
}

impl Compiled {
    /// The versions that objects have been stored in: the sandbox converts none.
    pub fn stored_versions(&self) -> Vec<String> {
        self.kind.storage().map(|version| version.name.clone()).into_iter().collect()
    }
}

impl World {
    /// An APIResourceSchema of a logical cluster.
    pub(crate) fn api_resource_schema(&self, cluster: &str, name: &str) -> Option<Arc<Object>> {
        self.get(&Named { cluster, group: "apis.kcp.io", plural: "apiresourceschemas", namespace: "", name })
    }

    /// A schema with an identity, which is compiled if nobody has bound it before. Nothing if it is gone and nobody has.
    pub(crate) fn compiled(
        &mut self,
        cluster: &str,
        name: &str,
        uid: &str,
        identity: &str,
    ) -> Result<Option<Arc<Compiled>>, Failure> {
        let key = (uid.into(), identity.into());
        if let Some(compiled) = self.kcp.compiled.get(&key) {
            return Ok(Some(Arc::clone(compiled)));
        }
        let Some(schema) = self.api_resource_schema(cluster, name) else { return Ok(None) };
        if text(&schema, &["metadata", "uid"]) != uid {
            return Ok(None);
        }
        let compiled = Arc::new(self.compile(cluster, &schema, identity)?);
        self.kcp.compiled.insert(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    fn compile(&mut self, cluster: &str, schema: &Object, identity: &str) -> Result<Compiled, Failure> {
        let kind = Arc::new(CustomKind::of_api_resource_schema(schema)?);
        let refused: Vec<Arc<Served>> = if cluster == super::ROOT { refused(&kind) } else { Vec::new() };
        if !refused.is_empty() {
            return Ok(Compiled { kind, versions: Vec::new(), refused });
        }
        let schemas = items(schema, &["spec", "versions"]);
        let schemas =
            schemas.map(|version| version.get("schema").filter(|schema: &&Value| !schema.is_null())).collect();
        let defined = Defined {
            kind: Arc::clone(&kind),
            schemas,
            names: &kind.names,
            terminating: false,
            cluster: Some(BOUND),
            identity,
        };
        let versions = self.define(&defined)?;
        Ok(Compiled { kind, versions, refused })
    }
}

/// Kinds that kcp exports and that are not done here.
fn refused(kind: &CustomKind) -> Vec<Arc<Served>> {
    let kinds = kcp_export(&kind.group);
    let all = kinds.iter().flat_map(Kinds::iter);
    all.filter(|served| served.support == Support::None && served.plural == kind.names.plural).cloned().collect()
}
