//! Making a virtual workspace of an APIExport (`apiexport_apireconciler_reconcile.go`).

use std::sync::Arc;

use super::claimable::BUILT_IN;
use super::{Source, VirtualWorkspace, Visible};
use crate::access::kcp::export::Claim;
use crate::kcp::export::Export;
use crate::kcp::json::text;
use crate::kcp::names;
use crate::kcp::schemas::Compiled;
use crate::kinds::{Served, Support};
use crate::status::Failure;
use crate::world::{Serving, World};

const APIS: &str = "apis.kcp.io";

/// Makes one; what is as it was before stays the same.
pub(crate) fn build(world: &mut World, export: &Export, before: Option<&VirtualWorkspace>) -> VirtualWorkspace {
    let made = VirtualWorkspace { cluster: export.cluster.clone(), name: export.name.clone(), ..Default::default() };
    let mut builder = Builder { world, export, before, made };
    builder.exported();
    let mut claims_bindings = false;
    for claim in &export.claims {
        claims_bindings |= builder.claimed(claim);
    }
    if !claims_bindings {
        builder.bindings();
    }
    builder.made
}

struct Builder<'a> {
    world: &'a mut World,
    export: &'a Export,
    before: Option<&'a VirtualWorkspace>,
    made: VirtualWorkspace,
}

impl Builder<'_> {
    fn exported(&mut self) {
        for resource in &self.export.resources {
            if let Ok(Some((uid, compiled))) = schema(self.world, self.export, &resource.schema) {
                self.add_custom(&self.export.cluster, &uid, &compiled, Visible::Everything);
            }
        }
    }

    /// Whether it is of APIBindings. What is exported comes before what is claimed, and an earlier claim before a later one.
    fn claimed(&mut self, claim: &Claim) -> bool {
        let (group, plural) = (claim.group.as_str(), claim.resource.as_str());
        if self.has(group, plural) {
            return false;
        }
        let export = self.export;
        let value = names::claim_value(group, plural, &claim.identity_hash);
        let mut values = vec![value];
        let bindings = (group, plural) == (APIS, "apibindings");
        if bindings {
            values.push(names::reflexive_value());
        }
        let visible = Visible::Labelled { key: names::claim_key(&export.cluster, &export.name), values };
        if BUILT_IN.iter().any(|one| (one.0, one.1) == (group, plural)) {
            let events = [("", "events"), ("events.k8s.io", "events")];
            let both = events.contains(&(group, plural));
            let targets = if both { &events[..] } else { &[(group, plural)] };
            for (group, plural) in targets.iter().filter(|one| !self.has(one.0, one.1)).copied().collect::<Vec<_>>() {
                let status = BUILT_IN.iter().any(|one| (one.0, one.1) == (group, plural) && one.2);
                self.add_own(group, plural, &export.cluster, usize::from(status), false, visible.clone());
            }
        } else if group == APIS && matches!(plural, "apibindings" | "apiexports" | "apiresourceschemas") {
            let statuses = if plural == "apiresourceschemas" { 0 } else { 2 };
            self.add_own(group, plural, "", statuses, false, visible);
        } else if !claim.identity_hash.is_empty() {
            self.foreign(claim, &visible);
        }
        bindings
    }

    /// A resource of another APIExport. Several with one identity are of one owner, who keeps their schemas together.
    fn foreign(&mut self, claim: &Claim, visible: &Visible) {
        for export in self.world.kcp().exports_of_identity(&claim.identity_hash) {
            let same = |one: &&crate::kcp::export::Exported| *one.group == *claim.group && *one.name == *claim.resource;
            let Some(resource) = export.resources.iter().find(same) else { continue };
            if let Ok(Some((uid, compiled))) = schema(self.world, &export, &resource.schema) {
                self.add_custom(&export.cluster, &uid, &compiled, visible.clone());
            }
        }
    }

    /// Without a claim the bindings of the APIExport are there, too.
    fn bindings(&mut self) {
        let value = names::export_hash(&self.export.cluster, &self.export.name);
        let visible = Visible::Labelled { key: names::EXPORT_LABEL.to_owned(), values: vec![value] };
        self.add_own(APIS, "apibindings", "", 2, true, visible);
    }

    fn has(&self, group: &str, plural: &str) -> bool {
        self.made.sources.contains_key(&(group.into(), plural.into()))
    }

    fn add_custom(&mut self, cluster: &str, uid: &str, compiled: &Compiled, visible: Visible) {
        let (group, plural) = (compiled.kind.group.as_str(), compiled.kind.names.plural.as_str());
        let statuses = compiled.kind.versions.iter().filter(|version| version.status).count();
        for served in &compiled.refused {
            self.made.kinds.insert(Arc::clone(served));
        }
        let versions = compiled
            .versions
            .iter()
            .map(|own| (Arc::clone(own), own.served.through_api_export(cluster, statuses, false)));
        let versions = versions.collect();
        let source = Source { uid: uid.into(), identity: self.export.identity.clone(), visible };
        self.add(group, plural, versions, source);
    }

    /// A kind of the server itself, in all of its versions.
    fn add_own(
        &mut self,
        group: &str,
        plural: &str,
        cluster: &str,
        statuses: usize,
        read_only: bool,
        visible: Visible,
    ) {
        let mut versions = Vec::new();
        for served in self.world.built_in(group, plural) {
            let through = served.through_api_export(cluster, statuses, read_only);
            match self.world.built_in_serving(&served) {
                Some(own) => versions.push((own, through)),
                // Known, and refused: nothing is converted here.
                None => self.made.kinds.insert(Arc::new(Served { support: Support::None, ..through })),
            }
        }
        // Without a claim, kcp makes that of the bindings anew each time.
        let identity = if read_only { "".into() } else { self.export.identity.clone() };
        self.add(group, plural, versions, Source { uid: "".into(), identity, visible });
    }

    fn add(&mut self, group: &str, plural: &str, versions: Vec<(Arc<Serving>, Served)>, source: Source) {
        let key = (group.into(), plural.into());
        let before = self.before.filter(|before| before.sources.get(&key) == Some(&source));
        for (own, through) in versions {
            let kept = before
                .filter(|_| !source.identity.is_empty())
                .and_then(|before| before.servings.get(group, &through.version, plural))
                .filter(|kept| kept.resource == own.resource);
            let serving = kept.cloned().or_else(|| through_export(&own, through).map(Arc::new));
            if let Some(serving) = serving {
                self.made.kinds.insert(Arc::clone(&serving.served));
                self.made.servings.insert(serving);
            }
        }
        self.made.sources.insert(key, source);
    }
}

/// A kind as it is served there: without the fields that a schema lets be selected by.
fn through_export(own: &Serving, through: Served) -> Option<Serving> {
    Some(Serving {
        selectable: through.selectable_fields(&[]).ok()?,
        served: Arc::new(through),
        resource: own.resource,
        facts: own.facts,
        content: own.content.clone(),
        is_stored: own.is_stored,
        identity: own.identity.clone(),
        managers: own.managers.clone(),
    })
}

/// The schema of a resource of an APIExport, with its uid.
fn schema(world: &mut World, export: &Export, name: &str) -> Result<Option<(String, Arc<Compiled>)>, Failure> {
    let Some(schema) = world.api_resource_schema(&export.cluster, name) else { return Ok(None) };
    let uid = text(&schema, &["metadata", "uid"]).to_owned();
    let compiled = world.compiled(&export.cluster, name, &uid, &export.identity)?;
    Ok(compiled.map(|compiled| (uid, compiled)))
}
