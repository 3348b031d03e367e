//! A server with its controllers, for tests.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kubernetes::{AtOnce, Bootstrap, Kubelet, NodeSpec, Pace, bootstrap_cluster, kubernetes};
use super::reading::later;
use super::{Actors, Next, shared};
use crate::access::tokens::Tokens;
use crate::content;
use crate::kinds::Flavour;
use crate::lifecycle::{DeleteOptions, Subresource};
use crate::store::Limits;
use crate::world::{Named, World, typed};

/// The cluster of all objects.
pub(super) const CLUSTER: &str = "one";

/// When tests begin.
pub(super) const BEGIN: &str = "2026-11-24T12:00:00Z";

/// One cluster and its controllers.
pub(super) struct Fixture {
    pub(super) world: World,
    pub(super) actors: Actors,
}

impl Fixture {
    /// A plain cluster with the namespace `default`, where pods run at once.
    pub(super) fn kubernetes() -> Self {
        Self::with(Pace::default(), Box::new(AtOnce))
    }

    /// A plain cluster with this pace.
    pub(super) fn with(pace: Pace, kubelet: Box<dyn Kubelet>) -> Self {
        Self::new(Flavour::Kubernetes, Actors::new(kubernetes("CERTIFICATE", pace, kubelet)))
    }

    /// A workspace of kcp.
    pub(super) fn kcp() -> Self {
        Self::new(Flavour::Kcp, Actors::new(shared("CERTIFICATE")))
    }

    fn new(flavour: Flavour, actors: Actors) -> Self {
        let tokens = Tokens::new(&[7; 32], "https://sandbox", Vec::new());
        let mut world = World::new(flavour, Limits::default(), tokens, 1).unwrap();
        world.now = BEGIN.parse().unwrap();
        world.add_cluster(CLUSTER);
        let mut fixture = Self { world, actors };
        fixture.make(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}));
        fixture.settle();
        fixture
    }

    /// Adds a node that takes so many pods.
    pub(super) fn node(&mut self, name: &str, pods: u32) {
        let node = NodeSpec { name: name.to_owned(), cpu: "4".to_owned(), memory: "8Gi".to_owned(), pods };
        bootstrap_cluster(&mut self.world, CLUSTER, &Bootstrap { nodes: vec![node], light: true }).unwrap();
        self.settle();
    }

    /// Adds an object as a client does.
    pub(super) fn make(&mut self, object: Value) -> Value {
        let (group, version) = object["apiVersion"].as_str().unwrap().split_once('/').unwrap_or(("", "v1"));
        let kind = object["kind"].as_str().unwrap();
        let served = self.world.served_as(CLUSTER, group, version, kind).unwrap_or_else(|| panic!("{kind}"));
        let serving = self.world.stored(CLUSTER, &served.group, &served.plural).unwrap();
        let mut object = object;
        content::default(&served.group, &served.plural, &mut object);
        let made = self.world.make(CLUSTER, &served.group, &served.plural, object, "client");
        Value::Object(typed(&serving, (*made.unwrap_or_else(|failure| panic!("{failure:?}"))).clone()))
    }

    /// Where an object is; a plural names a kind of any group.
    pub(super) fn named<'n>(&self, plural: &'n str, namespace: &'n str, name: &'n str) -> (String, Named<'n>) {
        let serving = self.world.all_stored(CLUSTER).into_iter().find(|serving| serving.served.plural == plural);
        let group = serving.unwrap_or_else(|| panic!("{plural}")).served.group.to_string();
        (group, Named { cluster: CLUSTER, group: "", plural, namespace, name })
    }

    /// An object, or null.
    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Value {
        let (group, named) = self.named(plural, namespace, name);
        self.world.get(&Named { group: &group, ..named }).map_or(Value::Null, |object| Value::Object((*object).clone()))
    }

    /// All objects of a kind in a namespace.
    pub(super) fn list(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let (group, _) = self.named(plural, namespace, "");
        let all = self.world.list(CLUSTER, &group, plural, Some(namespace));
        all.iter().map(|object| Value::Object((*object.map().unwrap()).clone())).collect()
    }

    /// Changes an object as a client does.
    pub(super) fn change(&mut self, plural: &str, namespace: &str, name: &str, change: impl FnMut(&mut Value)) {
        self.write(plural, namespace, name, Subresource::None, change);
    }

    /// Changes the status of an object.
    pub(super) fn change_status(&mut self, plural: &str, namespace: &str, name: &str, change: impl FnMut(&mut Value)) {
        self.write(plural, namespace, name, Subresource::Status, change);
    }

    fn write(
        &mut self,
        plural: &str,
        namespace: &str,
        name: &str,
        part: Subresource,
        mut change: impl FnMut(&mut Value),
    ) {
        let (group, named) = self.named(plural, namespace, name);
        let written = self.world.change(&Named { group: &group, ..named }, part, "client", |object| {
            let mut value = Value::Object(std::mem::take(object));
            change(&mut value);
            *object = value.as_object().unwrap().clone();
        });
        written.unwrap_or_else(|failure| panic!("{failure:?}"));
    }

    /// Deletes an object.
    pub(super) fn delete(&mut self, plural: &str, namespace: &str, name: &str) {
        self.delete_with(plural, namespace, name, None);
    }

    /// Deletes an object and says what becomes of its dependents.
    pub(super) fn delete_with(&mut self, plural: &str, namespace: &str, name: &str, policy: Option<&str>) {
        let (group, named) = self.named(plural, namespace, name);
        let options = DeleteOptions { propagation_policy: policy.map(str::to_owned), ..DeleteOptions::default() };
        self.world.discard(&Named { group: &group, ..named }, &options).unwrap_or_else(|failure| panic!("{failure:?}"));
    }

    /// Lets the controllers act until there is nothing to do, and makes sure that it is so: when they look at everything again,
    /// they write nothing.
    pub(super) fn settle(&mut self) -> Next {
        self.act();
        let revision = self.world.store.revision();
        self.actors.begin(&self.world);
        let next = self.act();
        assert_eq!(self.world.store.revision(), revision, "they are never done");
        next
    }

    /// Puts other controllers in the place of those that are there, as when a server starts again.
    pub(super) fn restart(&mut self) {
        self.actors = Actors::new(kubernetes("CERTIFICATE", Pace::default(), Box::new(AtOnce)));
        self.actors.begin(&self.world);
    }

    fn act(&mut self) -> Next {
        match self.actors.act(&mut self.world, 20_000) {
            Next::Now => panic!("they never end"),
            next => next,
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, seconds: i64) {
        self.world.now = later(self.world.now, seconds);
        self.settle();
    }

    /// So many seconds after the begin.
    pub(super) fn after(seconds: i64) -> Timestamp {
        later(BEGIN.parse().unwrap(), seconds)
    }
}

/// The conditions of an object: type, status and reason.
pub(super) fn conditions(object: &Value) -> Vec<(&str, &str, &str)> {
    let all = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .map(|condition| {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            (text("type"), text("status"), text("reason"))
        })
        .collect()
}
