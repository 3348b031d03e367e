//! How many managers that update may be named: the oldest beyond ten become `ancient-changes`
//! (`managedfields/internal/capmanagers.go`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::entry::Entry;

const MAX_UPDATERS: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// Merges the oldest entries of updates until ten are left, those of one version with each other.
pub(super) fn cap(entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    if entries.iter().filter(|entry| !entry.applied).count() <= MAX_UPDATERS {
        return entries;
    }
    let mut named: BTreeMap<String, Entry<'_>> = entries.into_iter().map(|entry| (entry.identifier(), entry)).collect();
    let mut updaters: Vec<(i64, String)> = named
        .iter()
        .filter(|(_, entry)| !entry.applied)
        .map(|(name, entry)| (entry.time.unwrap_or(0), name.clone()))
        .collect();
    updaters.sort();
    let mut left = updaters.len();
    let mut first_of: BTreeMap<String, String> = BTreeMap::new();
    for (_, name) in updaters {
        if left <= MAX_UPDATERS {
            break;
        }
        let Some(entry) = named.get(&name).cloned() else { continue };
        let version = entry.api_version.clone().into_owned();
        let Some(first) = first_of.get(&version) else {
            first_of.insert(version, name);
            continue;
        };
        let bucket_entry = Entry {
            manager: ANCIENT.into(),
            applied: false,
            api_version: Cow::Owned(version),
            subresource: "".into(),
            time: entry.time,
            set: entry.set,
            stored: None,
        };
        let bucket = bucket_entry.identifier();
        // As in a real server: the first one of the version becomes the bucket, unless there is one already.
        let there = match named.remove(&bucket) {
            Some(there) => Some(there),
            None => named.remove(first),
        };
        let set = bucket_entry.set.union(there.map(|there| there.set).unwrap_or_default());
        named.insert(bucket, Entry { set, ..bucket_entry });
        named.remove(&name);
        left -= 1;
    }
    named.into_values().collect()
}
