//! The versions of the contract with plugins that are served: bindings and one conversion for each.
//!
//! ```text
//!   the host's code ── newest types ──▶ v0_2 ──▶ component of 0.2
//!                            └─ From ─▶ v0_1 ──▶ component of 0.1
//! ```
//! A published version is frozen. A new one becomes the newest: its file is the one without conversions, and the one that was
//! the newest before gets conversions to it. `wit/` has a folder for each.

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

/// What a component of one version exports, and its calls in the newest version's types. The file has `transformed`.
macro_rules! exports {
    ($version:literal) => {
        use wasmtime::Store;
        use wasmtime::component::InstancePre;

        use super::super::Role;
        use super::super::guest::Guest;
        use super::newest as host;

        /// The exports, looked up once.
        pub(in super::super) enum Exports {
            Reconciler(reconciler::ReconcilerPre<Guest>),
            Transformer(transformer::TransformerPre<Guest>),
        }

        impl Exports {
            pub(super) const VERSION: &'static str = $version;

            pub(super) fn link(linked: InstancePre<Guest>, role: Role) -> wasmtime::Result<Self> {
                match role {
                    Role::Reconciler => reconciler::ReconcilerPre::new(linked).map(Self::Reconciler),
                    Role::Transformer => transformer::TransformerPre::new(linked).map(Self::Transformer),
                }
            }

            pub(super) fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Vec<u8>> {
                match self {
                    Self::Reconciler(pre) => pre.instantiate(&mut *store)?.berthage_plugin_about().call_describe(store),
                    Self::Transformer(pre) => {
                        pre.instantiate(&mut *store)?.berthage_plugin_about().call_describe(store)
                    }
                }
            }

            pub(super) fn check_config(
                &self,
                store: &mut Store<Guest>,
                config: &Vec<u8>,
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

            pub(super) fn select(
                &self,
                store: &mut Store<Guest>,
                subject: &Vec<u8>,
                config: &Vec<u8>,
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

            pub(super) fn plan(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::PlanOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_plan(store, &input.into())?.map(Into::into))
            }

            pub(super) fn report(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::ReportOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_report(store, &input.into())?.map(Into::into))
            }

            pub(super) fn finalize(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
            ) -> wasmtime::Result<Result<host::ReportOutcome, String>> {
                let instance = self.reconciler()?.instantiate(&mut *store)?;
                Ok(instance.berthage_plugin_reconcile().call_finalize(store, &input.into())?.map(Into::into))
            }

            pub(super) fn transform(
                &self,
                store: &mut Store<Guest>,
                input: host::Input,
                objects: &[Vec<u8>],
            ) -> wasmtime::Result<Result<host::TransformOutcome, String>> {
                let Self::Transformer(pre) = self else { return Err(super::no_such_hook("a reconciler")) };
                let instance = pre.instantiate(&mut *store)?;
                Ok(transformed(instance.berthage_plugin_transform().call_transform(store, &input.into(), objects)?))
            }

            fn reconciler(&self) -> wasmtime::Result<&reconciler::ReconcilerPre<Guest>> {
                match self {
                    Self::Reconciler(pre) => Ok(pre),
                    Self::Transformer(_) => Err(super::no_such_hook("a transformer")),
                }
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

/// Versions that are served, the newest first.
pub(super) const VERSIONS: [&str; 2] = [v0_2::Exports::VERSION, v0_1::Exports::VERSION];

/// What a component exports, in the version of the contract that it was built against.
pub(super) enum Exports {
    V0_1(v0_1::Exports),
    V0_2(v0_2::Exports),
}

/// Passes a call on to the version's own.
macro_rules! dispatch {
    ($exports:expr, $own:ident => $call:expr) => {
        match $exports {
            Exports::V0_1($own) => $call,
            Exports::V0_2($own) => $call,
        }
    };
}

impl Exports {
    /// The exports of a component for `role`, in the newest version of the contract that it has.
    ///
    /// # Errors
    /// It is of no version that is served, of another world, or has a function of another type; or it imports what is not there.
    pub(super) fn find(
        component: &Component,
        role: Role,
        link: impl FnOnce(&Component) -> wasmtime::Result<InstancePre<Guest>>,
    ) -> Result<Self, Failure> {
        let has =
            |interface: &str, version: &str| component.get_export_index(None, exported(interface, version)).is_some();
        let wrong = |wanted: String| Failure::WrongWorld { wanted, role: role.as_str() };
        let version = VERSIONS.into_iter().find(|version| has("about", version));
        let version = version.ok_or_else(|| wrong(exported("about", VERSIONS[0])))?;
        let interface = match role {
            Role::Reconciler => "reconcile",
            Role::Transformer => "transform",
        };
        if !has(interface, version) {
            return Err(wrong(exported(interface, version)));
        }
        let linked = link(component).map_err(|error| Failure::ForbiddenImport {
            import: text::clean(&format!("what is not there: {error:#}"), 256),
        })?;
        // The exports are there: what fails now is the type of one of their functions.
        let found = if version == v0_1::Exports::VERSION {
            v0_1::Exports::link(linked, role).map(Self::V0_1)
        } else {
            v0_2::Exports::link(linked, role).map(Self::V0_2)
        };
        found.map_err(|error| {
            wrong(format!("{} as the contract has it ({:#})", exported(interface, version), error.root_cause()))
        })
    }

    /// The version of the contract.
    pub(super) const fn version(&self) -> &'static str {
        match self {
            Self::V0_1(_) => v0_1::Exports::VERSION,
            Self::V0_2(_) => v0_2::Exports::VERSION,
        }
    }

    pub(super) fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Vec<u8>> {
        dispatch!(self, own => own.describe(store))
    }

    pub(super) fn check_config(
        &self,
        store: &mut Store<Guest>,
        config: &Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, Vec<String>>> {
        dispatch!(self, own => own.check_config(store, config))
    }

    pub(super) fn select(
        &self,
        store: &mut Store<Guest>,
        subject: &Vec<u8>,
        config: &Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<newest::Selection>, String>> {
        dispatch!(self, own => own.select(store, subject, config))
    }

    pub(super) fn plan(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::PlanOutcome, String>> {
        dispatch!(self, own => own.plan(store, input))
    }

    pub(super) fn report(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::ReportOutcome, String>> {
        dispatch!(self, own => own.report(store, input))
    }

    pub(super) fn finalize(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
    ) -> wasmtime::Result<Result<newest::ReportOutcome, String>> {
        dispatch!(self, own => own.finalize(store, input))
    }

    pub(super) fn transform(
        &self,
        store: &mut Store<Guest>,
        input: newest::Input,
        objects: &[Vec<u8>],
    ) -> wasmtime::Result<Result<newest::TransformOutcome, String>> {
        dispatch!(self, own => own.transform(store, input, objects))
    }
}

/// The name of an interface of the contract, as components export and import it.
pub(super) fn exported(interface: &str, version: &str) -> String {
    format!("berthage:plugin/{interface}@{version}")
}

/// The roles are checked when a plugin is loaded: nobody sees this.
fn no_such_hook(role: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("{role} has no such hook"))
}
