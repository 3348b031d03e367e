//! Who gives up a place, where all tenants share a bounded number of them.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::key::Workspace;

/// What goes first: of the workspace that has most, what was not used for longest. So one tenant with any number of clusters
/// takes no place from others before he has more than each of them. Each entry: whose it is, when it was used last, what it is.
pub fn first_to_go<'a, K>(entries: impl IntoIterator<Item = (&'a Workspace, u64, K)>) -> Option<K> {
    let mut of: HashMap<&Workspace, (usize, u64, K)> = HashMap::new();
    for (workspace, used, what) in entries {
        match of.entry(workspace) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let (count, oldest, victim) = entry.get_mut();
                *count += 1;
                if used < *oldest {
                    (*oldest, *victim) = (used, what);
                }
            }
            std::collections::hash_map::Entry::Vacant(entry) => drop(entry.insert((1, used, what))),
        }
    }
    of.into_values().max_by_key(|(count, oldest, _)| (*count, Reverse(*oldest))).map(|(_, _, victim)| victim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_most_gives_up_what_he_used_longest_ago() {
        let (a, b) = (Workspace::new("a"), Workspace::new("b"));
        let first = |entries: &[(&Workspace, u64)]| first_to_go(entries.iter().map(|(of, used)| (*of, *used, *used)));
        assert_eq!(first(&[]), None);
        assert_eq!(first(&[(&b, 1), (&a, 3), (&a, 2), (&a, 4)]), Some(2));
        assert_eq!(first(&[(&b, 1), (&a, 2)]), Some(1), "where all have as many, the oldest");
    }
}
