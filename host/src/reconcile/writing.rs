//! A write to the reconciled object itself. A watch may tell of it before its answer comes; that is no news.

use std::time::Duration;

use berthage_core::key::Key;
use berthage_core::queue::Priority;
use berthage_core::reason::Reason;
use berthage_core::status::patch;

use serde::Serialize;

use super::{After, Context};
use crate::access::{Failure, Side};
use crate::hub::Version;
use crate::store::Held;

/// A write that is under way. Dropped without an answer it may have been done or not: what was told meanwhile counts.
pub(super) struct Writing<'a> {
    ctx: &'a Context,
    key: &'a Key,
    answered: bool,
}

impl<'a> Writing<'a> {
    /// Before the request is sent.
    pub(super) fn begin(ctx: &'a Context, key: &'a Key) -> Self {
        ctx.making.store.begin_write(key);
        Self { ctx, key, answered: false }
    }

    /// Takes in the answer; what else depends on the object has to be looked at again.
    pub(super) fn answered(mut self, held: Held) -> Vec<Key> {
        self.answered = true;
        self.end(Some(held))
    }

    fn end(&self, answer: Option<Held>) -> Vec<Key> {
        let written = self.ctx.making.store.end_write(self.key, answer);
        if written.overtaken {
            (self.ctx.wake)(self.key.clone(), Priority::Live);
        }
        written.others
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        for other in self.end(None) {
            (self.ctx.wake)(other, Priority::Live);
        }
    }
}

/// Writes a status, where something of it is different; who else reads what was written is looked at again.
pub(super) async fn status<S: Serialize + Sync>(
    ctx: &Context,
    key: &Key,
    at: &Version<'_>,
    old: &S,
    new: &S,
) -> Result<(), After> {
    let (Ok(before), Ok(after)) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return Err(After::Retry { reason: Reason::ObjectInvalid, delay: None, due: None });
    };
    let Some(change) = patch::diff(&before, &after) else { return Ok(()) };
    let writing = Writing::begin(ctx, key);
    match ctx.hub.patch_status(key, at, &change).await {
        Ok(wire) => {
            match Held::of(key.kind, &wire) {
                // The echo on the watch is no news any more.
                Ok(held) => {
                    for other in writing.answered(held) {
                        (ctx.wake)(other, Priority::Report);
                    }
                }
                Err(error) => tracing::warn!(%key, %error, "the hub's answer cannot be held"),
            }
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of(Side::Hub, &error);
            tracing::info!(%key, error = failure.message, "the status could not be written");
            let delay = failure.is_conflict().then_some(Duration::ZERO);
            Err(After::Retry { reason: Reason::HubWriteFailed, delay, due: None })
        }
    }
}
