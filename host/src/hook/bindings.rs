//! The generated bindings of `wit/plugin.wit`, the only ones. `convert` turns them into the host's own types.

/// The world `reconciler`, with `log` and `types`.
pub(super) mod reconciler {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "reconciler",
    });
}

/// The world `transformer`, with the types of [`reconciler`].
pub(super) mod transformer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "transformer",
        with: {
            "berthage:plugin/types": super::reconciler::berthage::plugin::types,
            "berthage:plugin/log": super::reconciler::berthage::plugin::log,
        },
    });
}

pub(super) use reconciler::berthage::plugin::{log, types};
