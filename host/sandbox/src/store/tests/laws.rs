use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const CLUSTERS: [&str; 2] = ["c", "c-d"];
const NAMESPACES: [&str; 2] = ["n", "n-m"];
const NAMES: [&str; 3] = ["o", "o-p", "o.p"];

/// A write of an object by its number: its label, or its removal.
type Write = (usize, Option<u8>);

fn writes() -> impl Strategy<Value = Vec<Write>> {
    prop::collection::vec((0..12_usize, prop::option::weighted(0.7, 0..3_u8)), 1..60)
}

fn nth(resource: ResourceId, n: usize) -> Key<'static> {
    key(resource, CLUSTERS[n % 2], NAMESPACES[n / 2 % 2], NAMES[n / 4])
}

/// Label and revision by key, in the order of keys.
type State = BTreeMap<String, (String, u64)>;

fn state(objects: &[Object]) -> State {
    objects.iter().map(|object| (object.path().to_string(), (label_of(object), object.revision()))).collect()
}

fn write(store: &mut Store, resource: ResourceId, (n, label): Write) {
    let key = nth(resource, n);
    match label {
        Some(label) => {
            put(store, &key, &label.to_string());
        }
        None => {
            let _: Result<Commit, Refusal> = store.remove(&key, None);
        }
    }
}

/// All states of a store, by revision.
fn history(writes: &[Write]) -> (Store, ResourceId, BTreeMap<u64, State>) {
    let (mut store, resource) = store();
    let mut states = BTreeMap::from([(store.revision(), State::new())]);
    for &one in writes {
        write(&mut store, resource, one);
        let page = store.list(&Scope::all(resource), &ListOptions::default(), None).unwrap();
        assert!(page.items.is_sorted_by_key(Object::path));
        states.insert(store.revision(), state(&page.items));
    }
    (store, resource, states)
}

/// What a client knows which began with a state and was told these events.
fn follow(mut known: State, watch: &mut Watch, store: &Store, matches: Matches<'_>) -> State {
    loop {
        let (object, there) = match watch.next(store, matches) {
            Next::Event(Event::Added(object)) => {
                assert!(!known.contains_key(&**object.path()));
                (object, true)
            }
            Next::Event(Event::Modified(object)) => {
                assert!(known.contains_key(&**object.path()));
                (object, true)
            }
            Next::Event(Event::Deleted(object)) => (object, false),
            Next::Nothing => return known,
            other => panic!("{other:?}"),
        };
        let path = object.path().to_string();
        if there {
            known.insert(path, (label_of(&object), object.revision()));
        } else {
            assert!(known.remove(&path).is_some());
        }
    }
}

proptest! {
    /// Every revision is shown as it was.
    #[test]
    fn the_past_does_not_change(writes in writes()) {
        let (store, resource, states) = history(&writes);
        for (revision, state_then) in states {
            let objects = store.view_at(revision).objects(&Scope::all(resource)).unwrap();
            prop_assert_eq!(&state(&objects), &state_then);
            for n in 0..12 {
                let one = store.view_at(revision).get(&nth(resource, n)).unwrap();
                prop_assert_eq!(one.cloned(), objects.iter().find(|object| *object.path() == nth(resource, n).path().unwrap()).cloned());
            }
        }
    }

    /// A list and a watch from there on make up the present, with and without a selector.
    #[test]
    fn a_watch_leads_from_any_revision_to_now(writes in writes()) {
        let (mut store, resource, states) = history(&writes);
        let (_, now) = states.last_key_value().unwrap();
        let odd = |object: &Object| label_of(object) == "1";
        let odds = |state: &State| -> State {
            state.iter().filter(|(_, (label, _))| label == "1").map(|(path, what)| (path.clone(), what.clone())).collect()
        };
        for (revision, then) in &states {
            let from = revision.to_string();
            let options = WatchOptions { resource_version: &from, ..WatchOptions::default() };
            let mut watch = Watch::start(&mut store, &Scope::all(resource), &options, None).unwrap();
            prop_assert_eq!(&follow(then.clone(), &mut watch, &store, None), now);
            let mut watch = Watch::start(&mut store, &Scope::all(resource), &options, Some(&odd)).unwrap();
            prop_assert_eq!(follow(odds(then), &mut watch, &store, Some(&odd)), odds(now));
        }
    }

    /// Pages are the list of the first one's revision, whatever is written between them, and count right.
    #[test]
    fn pages_are_the_list(before in writes(), between in writes(), limit in 1..5_i64, odd: bool) {
        let (mut store, resource, _) = history(&before);
        let is_odd = |object: &Object| label_of(object) == "1";
        let matches: Matches<'_> = if odd { Some(&is_odd) } else { None };
        let whole = store.list(&Scope::all(resource), &ListOptions::default(), matches).unwrap();
        let mut between = between.into_iter();
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let options = ListOptions { limit, continue_token: &token, ..ListOptions::default() };
            let page = store.list(&Scope::all(resource), &options, matches).unwrap();
            prop_assert_eq!(page.revision, whole.revision);
            items.extend(page.items);
            if !odd {
                let rest = i64::try_from(whole.items.len() - items.len()).unwrap();
                prop_assert_eq!(page.remaining.unwrap_or(0), rest);
            }
            if page.continue_token.is_empty() {
                break;
            }
            token = page.continue_token;
            for one in between.by_ref().take(3) {
                write(&mut store, resource, one);
            }
        }
        prop_assert_eq!(items, whole.items);
    }

    /// However little the log holds: a watch is told everything, or ends.
    #[test]
    fn nothing_is_left_out(writes in writes(), changes in 0..6_usize, every in 1..10_usize) {
        let log = LogLimits { changes, ..LogLimits::default() };
        let (mut store, resource) = store_with(Limits { log, ..Limits::default() });
        let scope = Scope::all(resource).cluster("c");
        let options = WatchOptions { resource_version: "1", ..WatchOptions::default() };
        let mut watch = Watch::start(&mut store, &scope, &options, None).unwrap();
        let mut commits = 0;
        let mut seen = 0;
        let mut ended = false;
        for (n, &one) in writes.iter().enumerate() {
            let before = store.revision();
            write(&mut store, resource, one);
            commits += usize::from(store.revision() > before && nth(resource, one.0).cluster == "c");
            if n % every == 0 {
                loop {
                    match watch.next(&store, None) {
                        Next::Event(_) => seen += 1,
                        Next::Nothing => break,
                        Next::End => {
                            ended = true;
                            break;
                        }
                    }
                }
                prop_assert!(ended || seen == commits);
            }
        }
    }
}
