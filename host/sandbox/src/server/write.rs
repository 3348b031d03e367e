//! `create`, `update`, `patch`.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::body::{self, Read};
use super::form::Shown;
use super::gate::Request;
use super::read::place;
use super::site::authority;
use crate::access::bindings::RbacKind;
use crate::access::escalation;
use crate::access::kcp::export::through_virtual_workspace;
use crate::actors;
use crate::fields::{
    Applied, FieldManager, JsonPatch, PatchType, manager_of, merge_patch, strategic_merge_patch, unsupported_media_type,
};
use crate::kcp::virtual_workspace::Forward;
use crate::kcp::{self, VirtualWorkspace};
use crate::kinds::Flavour;
use crate::kinds::options::{PatchOptions, WriteOptions};
use crate::lifecycle::{self, Subresource};
use crate::schema::Version;
use crate::status::Failure;
use crate::world::{Change, Place, Serving, World, Writer, Written, typed};

/// What is to be done with an object that a client sent whole.
struct Whole {
    object: Map<String, Value>,
    warnings: Vec<String>,
}

/// A POST.
pub(super) fn create(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let shown = Shown::new(request, serving)?;
    let options = WriteOptions::of_create(&request.query)?;
    let Whole { object, mut warnings } = whole(request, serving, &options)?;
    body::supported(world, serving, Subresource::None, &object, None)?;
    no_escalation(world, request, serving, &object, None)?;
    warnings.extend(warned(serving, &object, None));
    let manager = manager_of(&options.field_manager, request.user_agent());
    let write = Write { serving, request, manager: &manager, dry_run: options.dry_run };
    let written = write.create(world, object)?;
    Ok(answer(world, &shown, &written)?.warning(&warnings))
}

/// A PUT.
pub(super) fn put(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let shown = Shown::new(request, serving)?;
    let options = WriteOptions::of_update(&request.query)?;
    let Whole { object, mut warnings } = whole(request, serving, &options)?;
    let manager = manager_of(&options.field_manager, request.user_agent());
    let write = Write { serving, request, manager: &manager, dry_run: options.dry_run };
    let mut change = |world: &World, old: Option<&Map<String, Value>>| {
        if old.is_none() && serving.facts.create_on_update {
            may_create(world, request)?;
        }
        body::supported(world, serving, subresource(request), &object, old)?;
        no_escalation(world, request, serving, &object, old)?;
        warnings.extend(warned(serving, &object, old));
        Ok(object.clone())
    };
    let written = write.update(world, subresource(request), How::Put, &mut change)?;
    Ok(answer(world, &shown, &written)?.warning(&warnings))
}

/// A PATCH.
pub(super) fn patch(world: &mut World, request: &Request<'_>, serving: &Arc<Serving>) -> Result<Answer, Answer> {
    let media = request.incoming.header(CONTENT_TYPE.as_str());
    let custom = serving.served.custom;
    let kind = PatchType::of(media, custom).ok_or_else(|| unsupported_media_type(custom))?;
    let shown = Shown::new(request, serving)?;
    let options = PatchOptions::of_patch(&request.query, kind)?;
    let mut patch = Patch::read(request, serving, kind)?;
    let subresource = subresource(request);
    let field_manager = match subresource {
        Subresource::Status => serving.managers.status.as_deref(),
        Subresource::None | Subresource::Finalize => serving.managers.object.as_deref(),
    };
    let manager = manager_of(&options.write.field_manager, request.user_agent());
    let apply = kind == PatchType::Apply;
    let write = Write { serving, request, manager: &manager, dry_run: options.write.dry_run };
    let applying = Applying { field_manager, by: &manager, force: options.force.unwrap_or(false) };
    let mut warnings = Vec::new();
    let mut change = |world: &World, old: Option<&Map<String, Value>>| {
        match old {
            None if !apply => return Err(missing(serving, request)),
            None if subresource == Subresource::None => may_create(world, request)?,
            _ => {}
        }
        let mut problems = std::mem::take(&mut patch.problems);
        let patched = patch.apply(serving, old, &applying, world)?;
        let object = body::complete(serving, patched, &mut problems)?;
        warnings = body::judge(serving, options.write.field_validation, problems)?;
        body::supported(world, serving, subresource, &object, old)?;
        no_escalation(world, request, serving, &object, old)?;
        warnings.extend(warned(serving, &object, old));
        Ok(object)
    };
    let how = if apply { How::Apply } else { How::Patch };
    let written = write.update(world, subresource, how, &mut change)?;
    Ok(answer(world, &shown, &written)?.warning(&warnings))
}

/// A write on its way to the store: through a virtual workspace, through what kcp admits, or straight.
struct Write<'a> {
    serving: &'a Serving,
    request: &'a Request<'a>,
    manager: &'a str,
    dry_run: bool,
}

/// What kind of request changes an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Put,
    Patch,
    Apply,
}

impl Write<'_> {
    fn create(&self, world: &mut World, mut object: Map<String, Value>) -> Result<Written, Failure> {
        if (&*self.serving.served.group, &*self.serving.served.plural) == ("", "pods") {
            let Place { cluster, namespace } = place(self.request, self.serving);
            actors::kubernetes::admission::admit(world, cluster, namespace, &mut object)?;
        }
        let name = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        if let Some(through) = &self.request.site.through {
            return self.forward(through, &name, Subresource::None).create(world, object);
        }
        self.admit(world, &name, Subresource::None, &mut object, None)?;
        let writer = Writer { manager: self.manager, dry_run: self.dry_run, ..Writer::default() };
        world.create(self.serving, place(self.request, self.serving), object, &writer)
    }

    fn update(
        &self,
        world: &mut World,
        subresource: Subresource,
        how: How,
        change: &mut Change<'_>,
    ) -> Result<Written, Failure> {
        let name = &*self.request.info.name;
        let apply = how == How::Apply;
        if let Some(through) = &self.request.site.through {
            return self.forward(through, name, subresource).update(world, apply, change);
        }
        let writer = Writer { manager: self.manager, dry_run: self.dry_run, put: how == How::Put, apply };
        let mut admitted = |world: &World, old: Option<&Map<String, Value>>| {
            let mut new = change(world, old)?;
            self.admit(world, name, subresource, &mut new, old)?;
            Ok(new)
        };
        world.update(self.serving, place(self.request, self.serving), name, subresource, &writer, &mut admitted)
    }

    fn forward<'f>(&'f self, through: &'f VirtualWorkspace, name: &'f str, subresource: Subresource) -> Forward<'f> {
        Forward {
            through,
            serving: self.serving,
            user: &self.request.site.user,
            place: place(self.request, self.serving),
            name,
            subresource,
            manager: self.manager,
            dry_run: self.dry_run,
        }
    }

    /// What kcp does to a write, and refuses.
    fn admit(
        &self,
        world: &World,
        name: &str,
        subresource: Subresource,
        new: &mut Map<String, Value>,
        old: Option<&Map<String, Value>>,
    ) -> Result<(), Failure> {
        if world.flavour != Flavour::Kcp {
            return Ok(());
        }
        let user = &self.request.site.user;
        let write =
            kcp::Request { user, place: place(self.request, self.serving), serving: self.serving, subresource, name };
        kcp::admit(world, &write, new, old)
    }
}

/// A patch that was read.
struct Patch {
    content: Content,
    problems: Vec<String>,
}

enum Content {
    Json(JsonPatch),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

/// Who applies, and how.
struct Applying<'a> {
    field_manager: Option<&'a FieldManager>,
    by: &'a str,
    force: bool,
}

impl Patch {
    fn read(request: &Request<'_>, serving: &Serving, kind: PatchType) -> Result<Self, Failure> {
        let read = body::parse(request.incoming).map_err(|why| match kind {
            PatchType::Apply => Failure::bad_request(format!("error decoding YAML: {why}")),
            _ => Failure::bad_request(format!("error decoding patch: {why}")),
        })?;
        let Read { value, mut problems } = read;
        let content = match kind {
            PatchType::Json => {
                let patch = JsonPatch::read(&value)?;
                problems.extend(patch.unknown_fields().iter().cloned());
                Content::Json(patch)
            }
            PatchType::Merge => Content::Merge(value),
            PatchType::Strategic => Content::Strategic(value),
            PatchType::Apply => {
                let read = Read { value, problems: Vec::new() };
                not_another_version(serving, &read.value)?;
                let (object, _) = body::object(serving, read, &request.incoming.body)?;
                Content::Apply(Value::Object(object))
            }
        };
        Ok(Self { content, problems })
    }

    /// What it makes of an object.
    fn apply(
        &self,
        serving: &Serving,
        old: Option<&Map<String, Value>>,
        applying: &Applying<'_>,
        world: &World,
    ) -> Result<Map<String, Value>, Failure> {
        let live = old.map(|old| Value::Object(typed(serving, old.clone())));
        let base = |live: Option<Value>| live.unwrap_or_else(|| Value::Object(Map::new()));
        let patched = match &self.content {
            Content::Json(patch) => patch.apply(base(live))?,
            Content::Merge(patch) => merge_patch(base(live), patch)?,
            Content::Strategic(patch) => {
                let shape = serving.managers.object.as_deref().map(FieldManager::shape);
                let shape = shape.ok_or_else(|| Failure::not_in_sandbox("strategic merge patches of this kind"))?;
                strategic_merge_patch(shape, base(live), patch)?
            }
            Content::Apply(applied) => {
                let manager = applying.field_manager;
                let manager = manager.ok_or_else(|| Failure::not_in_sandbox("server-side apply of this kind"))?;
                let now = world.now.as_second();
                match manager.apply(live.as_ref(), applied, applying.by, applying.force, now)? {
                    Applied::Unchanged => base(live),
                    Applied::Changed(object) => object,
                }
            }
        };
        match patched {
            Value::Object(object) => Ok(object),
            _ => Err(Failure::bad_request("the patch makes something of the object that is none")),
        }
    }
}

/// 400: an apply patch of another version.
fn not_another_version(serving: &Serving, value: &Value) -> Result<(), Failure> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, expected) = (text("apiVersion"), serving.served.api_version());
    if version.is_empty() || version == expected || text("kind") != serving.served.kind {
        return Ok(());
    }
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    Err(Failure::bad_request(format!("invalid object type: {group}/{version}, Kind={}", text("kind"))))
}

fn whole(request: &Request<'_>, serving: &Serving, options: &WriteOptions) -> Result<Whole, Failure> {
    let read = body::read(request.incoming, &serving.served.kind)?;
    let (object, mut problems) = body::object(serving, read, &request.incoming.body)?;
    let object = body::complete(serving, object, &mut problems)?;
    let warnings = body::judge(serving, options.field_validation, problems)?;
    Ok(Whole { object, warnings })
}

fn subresource(request: &Request<'_>) -> Subresource {
    match request.info.subresource {
        "status" => Subresource::Status,
        "finalize" => Subresource::Finalize,
        _ => Subresource::None,
    }
}

fn missing(serving: &Serving, request: &Request<'_>) -> Failure {
    Failure::not_found(&serving.served.group, &serving.served.plural, &request.info.name)
}

/// What would create an object has to be allowed to.
fn may_create(world: &World, request: &Request<'_>) -> Result<(), Failure> {
    request.site.may(world, &request.info.attributes().with_verb("create"))
}

/// 403 for who would give rights away that they do not have.
fn no_escalation(
    world: &World,
    request: &Request<'_>,
    serving: &Serving,
    object: &Map<String, Value>,
    old: Option<&Map<String, Value>>,
) -> Result<(), Failure> {
    let Some(kind) = RbacKind::of_resource(&serving.served.group, &serving.served.plural) else { return Ok(()) };
    let cluster = request.site.cluster();
    // What is kept does not say what it is, and what was sent does: no difference.
    let whole = |object: &Map<String, Value>| Value::Object(typed(serving, object.clone()));
    let (new, old) = (whole(object), old.map(whole));
    let write = escalation::Write {
        kind,
        namespace: request.info.namespace,
        name: &request.info.name,
        new: &new,
        old: old.as_ref(),
    };
    // Through a virtual workspace it arrives with a warrant for everything.
    let user = match &request.site.through {
        Some(_) => &through_virtual_workspace(&request.site.user, cluster),
        None => &request.site.user,
    };
    escalation::check(&authority(world, cluster), user, &write)
}

/// What a client is warned of.
fn warned(serving: &Serving, object: &Map<String, Value>, old: Option<&Map<String, Value>>) -> Vec<String> {
    let Some(version) = serving.version() else { return Vec::new() };
    let mut warnings: Vec<String> = version.deprecation.iter().cloned().collect();
    warnings.extend(Version::finalizer_warnings(object, old));
    let owners = object.get("metadata").and_then(|metadata| metadata.get("ownerReferences"));
    let duplicates = lifecycle::duplicates(owners.and_then(Value::as_array).map_or(&[], Vec::as_slice));
    if !duplicates.is_empty() {
        warnings.push(lifecycle::duplicates_warning(&duplicates, false));
    }
    warnings
}

fn answer(world: &World, shown: &Shown, written: &Written) -> Result<Answer, Failure> {
    Ok(match written {
        Written::Created(object) => Answer::json(201, shown.stored(object, world.now)?),
        Written::Stored(object) => Answer::json(200, shown.stored(object, world.now)?),
        Written::Told { object, created } => {
            Answer::json(if *created { 201 } else { 200 }, shown.one(object, world.now)?)
        }
    })
}
