//! The objects that were written last: what is in them is kept read, within bounds. Clones of a store have the same objects: what
//! one of them forgets, the others have to read.

use std::collections::VecDeque;

use super::object::Object;

/// So many bytes of JSON at the most. What is read of them takes ten to twenty times that, of lists of tiny objects eighty.
const BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    objects: VecDeque<Object>,
    bytes: usize,
}

impl Recent {
    /// An object that was just written.
    pub(super) fn add(&mut self, object: &Object) {
        self.bytes += object.json().len();
        self.objects.push_back(object.clone());
        while self.bytes > BYTES
            && let Some(oldest) = self.objects.pop_front()
        {
            self.bytes -= oldest.json().len();
            oldest.forget();
        }
    }
}
