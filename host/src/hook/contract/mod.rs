//! The versions of the contract with plugins that are served: bindings and one conversion for each.
//!
//! ```text
//!   the host's code ── newest types ──▶ v0_2 ──▶ component of 0.2
//!                            └─ From ─▶ v0_1 ──▶ component of 0.1
//! ```
//! Each version is a [`Contract`]. A published one is frozen. A new one becomes the newest: its file is the one without
//! conversions, and the one that was the newest before gets conversions to it. `wit/` has a folder for each.

use wasmtime::Store;
use wasmtime::component::{Component, InstancePre};

use super::guest::Guest;
use super::{Role, error::Failure, text};

/// The generated bindings of both worlds in a folder, with one set of types.
macro_rules! bindings {
    ($folder:literal) => {
        pub(in super::super) mod reconciler {
            wasmtime::component::bindgen!({ path: $folder, world: "reconciler" });
        }

        pub(in super::super) mod transformer {
            wasmtime::component::bindgen!({
                path: $folder,
                world: "transformer",
                with: {
                    "berthage:plugin/types": super::reconciler::berthage::plugin::types,
                    "berthage:plugin/log": super::reconciler::berthage::plugin::log,
                },
            });
        }

        pub(in super::super) use reconciler::berthage::plugin::types;
    };
}

/// What a component exports, in the newest version's types.
pub(super) trait Contract: Send + Sync {
    /// The version that the component was built against.
    fn version(&self) -> &'static str;

    fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Vec<u8>>;

    fn check_config(
        &self,
        store: &mut Store<Guest>,
        config: &newest::Json,
    ) -> wasmtime::Result<Result<Vec<u8>, Vec<String>>>;

    fn select(
        &self,
        store: &mut Store<Guest>,
        subject: &newest::Json,
        config: &newest::Json,
    ) -> wasmtime::Result<Result<Vec<newest::Selection>, String>>;

    fn plan(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::PlanOutcome, String>>;

    fn report(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::ReportOutcome, String>>;

    fn finalize(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::ReportOutcome, String>>;

    fn transform(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
        objects: &[Vec<u8>],
    ) -> wasmtime::Result<Result<newest::TransformOutcome, String>>;
}

/// The contract of one version, by its generated bindings. The file has `transformed`.
macro_rules! exports {
    ($version:literal) => {
        use wasmtime::Store;
        use wasmtime::component::InstancePre;

        use super::super::Role;
        use super::super::guest::Guest;
        use super::{Contract, newest as host};

        pub(super) const VERSION: &str = $version;

        /// The exports, looked up once.
        enum Exports {
            Reconciler(reconciler::ReconcilerPre<Guest>),
            Transformer(transformer::TransformerPre<Guest>),
        }

        pub(super) fn link(linked: InstancePre<Guest>, role: Role) -> wasmtime::Result<Box<dyn Contract>> {
            Ok(Box::new(match role {
                Role::Reconciler => Exports::Reconciler(reconciler::ReconcilerPre::new(linked)?),
                Role::Transformer => Exports::Transformer(transformer::TransformerPre::new(linked)?),
            }))
        }

        impl Exports {
            fn reconciler(&self) -> wasmtime::Result<&reconciler::ReconcilerPre<Guest>> {
                match self {
                    Self::Reconciler(pre) => Ok(pre),
                    Self::Transformer(_) => Err(super::no_such_hook("a transformer")),
                }
            }
        }

        impl Contract for Exports {
            fn version(&self) -> &'static str {
                VERSION
            }

            fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Vec<u8>> {
                match self {
                    Self::Reconciler(pre) => pre.instantiate(&mut *store)?.berthage_plugin_about().call_describe(store),
                    Self::Transformer(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_about().call_describe(store)
                    }
                }
            }

            fn check_config(
                &self,
                store: &mut Store<Guest>,
                config: &host::Json,
            ) -> wasmtime::Result<Result<Vec<u8>, Vec<String>>> {
                match self {
                    Self::Reconciler(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_about().call_check_config(store, config)
                    }
                    Self::Transformer(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_about().call_check_config(store, config)
                    }
                }
            }

            fn select(
                &self,
                store: &mut Store<Guest>,
                subject: &host::Json,
                config: &host::Json,
            ) -> wasmtime::Result<Result<Vec<host::Selection>, String>> {
                let selected = match self {
                    Self::Reconciler(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_reconcile().call_select(store, subject, config)
                    }
                    Self::Transformer(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_transform().call_select(store, subject, config)
                    }
                };
                Ok(selected?.map(|selected| selected.into_iter().map(Into::into).collect()))
            }

            fn plan(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::PlanOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_plan(store, &input.into())?.map(Into::into))
            }

            fn report(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::ReportOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_report(store, &input.into())?.map(Into::into))
            }

            fn finalize(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::ReportOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_finalize(store, &input.into())?.map(Into::into))
            }

            fn transform(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
                objects: &[Vec<u8>],
            ) -> wasmtime::Result<Result<host::TransformOutcome, String>> {
                let Self::Transformer(pre) = self else { return Err(super::no_such_hook("a reconciler")) };
                let instance = pre.instantiate(&mut *store)?;
                Ok(transformed(instance.berthage_plugin_transform().call_transform(store, &input.into(), objects)?))
            }
        }
    };
}

#[cfg(test)]
mod tests;
mod v0_1;
mod v0_2;

pub(super) use v0_2::reconciler::berthage::plugin::log;
pub(super) use v0_2::types as newest;

/// Makes a contract of a component's exports.
type Link = fn(InstancePre<Guest>, Role) -> wasmtime::Result<Box<dyn Contract>>;

/// What is served, the newest first.
const SERVED: [(&str, Link); 2] = [(v0_2::VERSION, v0_2::link), (v0_1::VERSION, v0_1::link)];

/// The versions that are served, the newest first.
pub(super) fn versions() -> impl Iterator<Item = &'static str> {
    SERVED.iter().map(|(version, _)| *version)
}

/// The exports of a component for `role`, in the newest version of the contract that it has.
///
/// # Errors
/// It is of no version that is served, of another world, or has a function of another type; or it imports what is not there.
pub(super) fn find(
    component: &Component,
    role: Role,
    linked: impl FnOnce(&Component) -> wasmtime::Result<InstancePre<Guest>>,
) -> Result<Box<dyn Contract>, Failure> {
    let has = |interface: &str, version: &str| component.get_export_index(None, exported(interface, version)).is_some();
    let wrong = |wanted: String| Failure::WrongWorld { wanted, role: role.as_str() };
    let found = SERVED.iter().find(|(version, _)| has("about", version));
    let (version, link) = found.ok_or_else(|| wrong(exported("about", v0_2::VERSION)))?;
    let interface = match role {
        Role::Reconciler => "reconcile",
        Role::Transformer => "transform",
    };
    if !has(interface, version) {
        return Err(wrong(exported(interface, version)));
    }
    let linked = linked(component).map_err(|error| Failure::ForbiddenImport {
        import: text::clean(&format!("what is not there: {error:#}"), 256),
    })?;
    // The exports are there: what fails now is the type of one of their functions.
    link(linked, role).map_err(|error| {
        wrong(format!("{} as the contract has it ({:#})", exported(interface, version), error.root_cause()))
    })
}

/// The name of an interface of the contract, as components export and import it.
pub(super) fn exported(interface: &str, version: &str) -> String {
    format!("berthage:plugin/{interface}@{version}")
}

/// The roles are checked when a plugin is loaded: nobody sees this.
fn no_such_hook(role: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("{role} has no such hook"))
}
