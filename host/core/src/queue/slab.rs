//! Numbered places for values: a place stays where it is, so other structures can refer to it by a 4-byte number.

use std::ops::{Index, IndexMut};

/// The number of a place.
pub(super) type Id = u32;

/// No place.
pub(super) const NONE: Id = Id::MAX;

/// Values in numbered places; freed places are used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<Id>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, value: T) -> Id {
        if let Some(id) = self.free.pop() {
            self.places[id as usize] = Some(value);
            return id;
        }
        #[expect(
            clippy::expect_used,
            reason = "four thousand million keys take 250 GB: memory ends before the numbers do"
        )]
        let id = Id::try_from(self.places.len()).ok().filter(|id| *id != NONE).expect("places left in the slab");
        self.places.push(Some(value));
        id
    }

    /// Frees the place, which must be taken.
    pub(super) fn remove(&mut self, id: Id) -> T {
        let value = self.places[id as usize].take();
        self.free.push(id);
        taken(value)
    }
}

impl<T> Index<Id> for Slab<T> {
    type Output = T;

    fn index(&self, id: Id) -> &T {
        taken(self.places[id as usize].as_ref())
    }
}

impl<T> IndexMut<Id> for Slab<T> {
    fn index_mut(&mut self, id: Id) -> &mut T {
        taken(self.places[id as usize].as_mut())
    }
}

#[expect(clippy::expect_used, reason = "like a Vec's index: a number is used only while its place is taken")]
fn taken<T>(place: Option<T>) -> T {
    place.expect("a place that is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_places_are_used_again() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!((slab.remove(a), slab.len()), ('a', 1));
        assert_eq!(slab.insert('c'), a);
        slab[b] = 'd';
        assert_eq!((slab[a], slab[b], slab.len()), ('c', 'd', 2));
    }
}
