//! A write to the reconciled object itself. A watch may tell of it before its answer comes; that is no news.

use berthage_core::key::Key;
use berthage_core::queue::Priority;

use super::Context;
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
