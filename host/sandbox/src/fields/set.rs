//! A set of fields of an object: structured-merge-diff's `fieldpath.Set`.
//!
//! A field can be in the set without what is below it, and the other way round: `.metadata.labels` (the map) and
//! `.metadata.labels.app` are two members. Sets borrow names and values from the objects that they were taken from, so that
//! making one allocates little more than its nodes.
//!
//! Go's set keeps members and children in two lists; here a node is both, which changes nothing that can be seen.

use std::cmp::Ordering;
use std::fmt;

use super::element::Element;
use super::shape::{TypeId, Types};

/// A set of fields. A node is only there if it, or something below it, is a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldSet<'a> {
    nodes: Vec<Node<'a>>,
}

/// A field that is a member, or has members below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node<'a> {
    /// Which field.
    pub(super) element: Element<'a>,
    /// Whether it is in the set itself.
    pub(super) member: bool,
    /// What of it is in the set.
    pub(super) children: FieldSet<'a>,
}

impl<'a> FieldSet<'a> {
    /// The empty set.
    pub(super) const fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    /// Whether nothing is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The fields at the top, in their order.
    pub(super) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// Makes room for nodes.
    pub(super) fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve_exact(nodes);
    }

    /// Whether a node stays in, with what is changed in it.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Node<'a>)) {
        self.nodes.retain_mut(|node| {
            keep(node);
            node.member || !node.children.is_empty()
        });
    }

    /// Puts a node in, united with the one that is there. In order it is quick.
    pub(super) fn push(&mut self, node: Node<'a>) {
        if !node.member && node.children.is_empty() {
            return;
        }
        if self.nodes.last().is_none_or(|last| last.element < node.element) {
            self.nodes.push(node);
            return;
        }
        match self.nodes.binary_search_by(|there| there.element.cmp(&node.element)) {
            Ok(place) => {
                if let Some(there) = self.nodes.get_mut(place) {
                    there.member |= node.member;
                    there.children = std::mem::take(&mut there.children).union(node.children);
                }
            }
            Err(place) => self.nodes.insert(place, node),
        }
    }

    /// Puts a field in.
    pub(super) fn insert(&mut self, path: &[Element<'a>]) {
        let Some((first, rest)) = path.split_first() else { return };
        let mut children = FieldSet::new();
        children.insert(rest);
        self.push(Node { element: first.clone(), member: rest.is_empty(), children });
    }

    /// Whether a field is in the set.
    pub(super) fn contains(&self, path: &[Element<'_>]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        self.node(first).is_some_and(|node| if rest.is_empty() { node.member } else { node.children.contains(rest) })
    }

    /// The node of a field.
    pub(super) fn node(&self, element: &Element<'_>) -> Option<&Node<'a>> {
        let place = self.nodes.binary_search_by(|node| node.element.cmp(element)).ok()?;
        self.nodes.get(place)
    }

    /// What is in one of them or in both.
    #[must_use]
    pub(super) fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let mut nodes = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        let (mut left, mut right) = (self.nodes.into_iter().peekable(), other.nodes.into_iter().peekable());
        while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
            match l.element.cmp(&r.element) {
                Ordering::Less => nodes.extend(left.next()),
                Ordering::Greater => nodes.extend(right.next()),
                Ordering::Equal => {
                    if let (Some(l), Some(r)) = (left.next(), right.next()) {
                        let children = l.children.union(r.children);
                        nodes.push(Node { element: l.element, member: l.member || r.member, children });
                    }
                }
            }
        }
        nodes.extend(left);
        nodes.extend(right);
        Self { nodes }
    }

    /// What is in this one and not in the other. A field that goes leaves what is below it.
    #[must_use]
    pub(super) fn difference(self, other: &FieldSet<'_>) -> Self {
        self.without(other, false)
    }

    /// What is in this one, without the fields that are in the other and all that is below those.
    #[must_use]
    pub(super) fn recursive_difference(self, other: &FieldSet<'_>) -> Self {
        self.without(other, true)
    }

    fn without(mut self, other: &FieldSet<'_>, below: bool) -> Self {
        if self.is_empty() || other.is_empty() {
            return self;
        }
        let mut others = other.nodes.iter().peekable();
        self.nodes.retain_mut(|node| {
            while others.peek().is_some_and(|other| other.element < node.element) {
                others.next();
            }
            let Some(other) = others.peek().filter(|other| other.element == node.element) else { return true };
            if other.member && below {
                return false;
            }
            node.member &= !other.member;
            node.children = std::mem::take(&mut node.children).without(&other.children, below);
            node.member || !node.children.is_empty()
        });
        self
    }

    /// What is in both.
    #[must_use]
    pub(super) fn intersection(&self, other: &FieldSet<'_>) -> Self {
        let mut nodes = Vec::new();
        let mut others = other.nodes.iter().peekable();
        for node in &self.nodes {
            while others.peek().is_some_and(|other| other.element < node.element) {
                others.next();
            }
            let Some(other) = others.peek().filter(|other| other.element == node.element) else { continue };
            let member = node.member && other.member;
            let children = node.children.intersection(&other.children);
            if member || !children.is_empty() {
                nodes.push(Node { element: node.element.clone(), member, children });
            }
        }
        Self { nodes }
    }

    /// Whether something is in both.
    pub(super) fn meets(&self, other: &FieldSet<'_>) -> bool {
        let mut others = other.nodes.iter().peekable();
        self.nodes.iter().any(|node| {
            while others.peek().is_some_and(|other| other.element < node.element) {
                others.next();
            }
            others.peek().is_some_and(|other| {
                other.element == node.element && ((node.member && other.member) || node.children.meets(&other.children))
            })
        })
    }

    /// Whether all that is in this one is in the other.
    pub(super) fn is_within(&self, other: &FieldSet<'_>) -> bool {
        let mut others = other.nodes.iter().peekable();
        self.nodes.iter().all(|node| {
            while others.peek().is_some_and(|other| other.element < node.element) {
                others.next();
            }
            others.peek().is_some_and(|other| {
                other.element == node.element
                    && (other.member || !node.member)
                    && node.children.is_within(&other.children)
            })
        })
    }

    /// The set with the declared fields that lead to its members: `.spec.replicas` brings `.spec`, but an item of a list or
    /// a key of a map is not brought by what is in it.
    #[must_use]
    pub(super) fn with_declared_parents(mut self, types: &Types, id: Option<TypeId>) -> Self {
        let atom = id.map(|id| types.atom(id));
        for node in &mut self.nodes {
            let below = match (&node.element, atom) {
                (Element::Field(name), Some(atom)) => atom.map.as_ref().and_then(|map| match map.field(name) {
                    Some(field) => {
                        node.member = true;
                        Some(field.ty)
                    }
                    None => map.element,
                }),
                (Element::Key(_), Some(atom)) => atom.list.as_ref().map(|list| list.element),
                _ => None,
            };
            if !node.children.is_empty() {
                node.children = std::mem::take(&mut node.children).with_declared_parents(types, below);
            }
        }
        self
    }

    /// Each member's path, as Go's `Iterate` gives them: the members of a level come before what is below it.
    pub(super) fn paths(&self) -> Vec<Vec<Element<'a>>> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &mut Vec<Element<'a>>, paths: &mut Vec<Vec<Element<'a>>>) {
        for node in self.nodes.iter().filter(|node| node.member) {
            let mut path = prefix.clone();
            path.push(node.element.clone());
            paths.push(path);
        }
        for node in &self.nodes {
            prefix.push(node.element.clone());
            node.children.collect_paths(prefix, paths);
            prefix.pop();
        }
    }

    /// A copy that borrows nothing.
    pub(super) fn into_owned(self) -> FieldSet<'static> {
        let owned = |node: Node<'a>| Node {
            element: node.element.into_owned(),
            member: node.member,
            children: node.children.into_owned(),
        };
        FieldSet { nodes: self.nodes.into_iter().map(owned).collect() }
    }
}

/// A path as messages show it.
pub(super) struct Path<'p, 'a>(pub(super) &'p [Element<'a>]);

impl fmt::Display for Path<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> FieldSet<'static> {
        let mut set = FieldSet::new();
        for path in paths {
            let path: Vec<Element<'static>> =
                path.split('.').map(|name| Element::Field(name.to_owned().into())).collect();
            set.insert(&path);
        }
        set
    }

    #[test]
    fn a_parent_and_its_child_are_two_members() {
        let parent = set(&["a"]);
        let child = set(&["a.b"]);
        assert_eq!(parent.clone().difference(&child), parent);
        assert_eq!(child.clone().difference(&parent), child);
        assert_eq!(child.clone().recursive_difference(&parent), FieldSet::new());
        assert!(parent.intersection(&child).is_empty());
        assert!(!child.is_within(&parent) && child.is_within(&set(&["a", "a.b"])));
    }

    // From fieldpath/set_test.go, TestSetUnion and its like, shortened.
    #[test]
    fn sets_are_united_cut_and_subtracted() {
        let (left, right) = (set(&["a.b", "a.c", "d"]), set(&["a.c", "e.f", "d.g"]));
        assert_eq!(left.clone().union(right.clone()), set(&["a.b", "a.c", "d", "d.g", "e.f"]));
        assert_eq!(left.intersection(&right), set(&["a.c"]));
        assert_eq!(left.clone().difference(&right), set(&["a.b", "d"]));
        assert_eq!(right.difference(&left), set(&["e.f", "d.g"]));
    }

    #[test]
    fn members_of_a_level_come_before_what_is_below() {
        let shown: Vec<String> =
            set(&["a.b.c", "a.z", "b", "a"]).paths().iter().map(|path| Path(path).to_string()).collect();
        assert_eq!(shown, [".a", ".b", ".a.z", ".a.b.c"]);
    }
}
