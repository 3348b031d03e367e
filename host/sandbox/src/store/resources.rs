//! Short numbers for what is named over and over: the resources and the logical clusters of a store.

use std::collections::BTreeMap;

/// What objects are kept under: one storage of a real server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: Box<str>,
    /// The plural.
    pub plural: Box<str>,
    /// Whose it is where several have a resource of this name: the identity hash of the `APIExport` that serves it (kcp
    /// keeps those apart by it); empty for all others.
    pub identity: Box<str>,
}

impl Resource {
    /// A resource that only one can serve.
    pub fn new(group: &str, plural: &str) -> Self {
        Self { group: group.into(), plural: plural.into(), identity: "".into() }
    }
}

/// A [`Resource`] of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ResourceId(pub(super) u32);

/// A logical cluster of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub(super) u32);

/// Names and their numbers, which are never given up.
#[derive(Debug, Clone)]
pub(super) struct Numbers<N> {
    numbers: BTreeMap<N, u32>,
}

impl<N> Default for Numbers<N> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new() }
    }
}

impl<N: Ord> Numbers<N> {
    /// The number of a name, a new one if it has none yet.
    pub(super) fn number<Q>(&mut self, name: &Q) -> u32
    where
        Q: Ord + ToOwned<Owned = N> + ?Sized,
        N: std::borrow::Borrow<Q>,
    {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        // More than 4 billion names do not fit into memory.
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// All, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&N, u32)> {
        self.numbers.iter().map(|(name, &number)| (name, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut numbers = Numbers::<String>::default();
        assert_eq!((numbers.number("b"), numbers.number("a"), numbers.number("b")), (0, 1, 0));
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [(&"a".to_owned(), 1), (&"b".to_owned(), 0)]);
    }
}
