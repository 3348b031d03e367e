use super::*;

fn options(resource_version: &str) -> WatchOptions<'_> {
    WatchOptions { resource_version, ..WatchOptions::default() }
}

/// What a watch tells until there is nothing, each as `<type><name><label>@<revision>`.
fn told(watch: &mut Watch, store: &Store, matches: Matches<'_>) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let (kind, object) = match watch.next(store, matches) {
            Next::Event(Event::Added(object)) => ('+', object),
            Next::Event(Event::Modified(object)) => ('~', object),
            Next::Event(Event::Deleted(object)) => ('-', object),
            Next::Event(Event::Bookmark { revision, initial_events_end }) => {
                told.push(format!("b@{revision}{}", if initial_events_end { " end" } else { "" }));
                continue;
            }
            Next::Event(Event::Error(failure)) => {
                told.push(format!("{} {}", failure.code, failure.message));
                continue;
            }
            Next::Nothing => return told,
            Next::End => {
                told.push("end".to_owned());
                return told;
            }
        };
        let json: Value = serde_json::from_slice(object.json()).unwrap();
        assert_eq!(json["metadata"]["resourceVersion"], object.revision().to_string());
        told.push(format!("{kind}{}{}@{}", object.name(), label_of(&object), object.revision()));
    }
}

#[test]
fn a_watch_is_told_what_happened_since() {
    let (mut store, resource) = store();
    let o = key(resource, "c", "n", "o");
    put(&mut store, &o, "1");
    let mut watch = Watch::start(&mut store, &Scope::all(resource), &options("2"), None).unwrap();
    assert_eq!(told(&mut watch, &store, None), [""; 0]);
    put(&mut store, &o, "2");
    store.remove(&o, None).unwrap();
    put(&mut store, &o, "3");
    assert_eq!(told(&mut watch, &store, None), ["~o2@3", "-o2@4", "+o3@5"]);
    let mut watch = Watch::start(&mut store, &Scope::all(resource), &options("3"), None).unwrap();
    assert_eq!(told(&mut watch, &store, None), ["-o2@4", "+o3@5"]);
}

/// `convertToWatchEvent`.
#[test]
fn what_a_selector_no_longer_selects_is_gone() {
    let (mut store, resource) = store();
    let selected: Matches<'_> = Some(&|object| label_of(object) != "0");
    let mut watch = Watch::start(&mut store, &Scope::all(resource), &options("1"), selected).unwrap();
    let o = key(resource, "c", "n", "o");
    for label in ["0", "1", "2", "0", "3"] {
        put(&mut store, &o, label);
    }
    put(&mut store, &o, "0");
    store.remove(&o, None).unwrap();
    assert_eq!(told(&mut watch, &store, selected), ["+o1@3", "~o2@4", "-o2@5", "+o3@6", "-o3@7"]);
}

#[test]
fn a_watch_is_told_of_its_scope_only() {
    let (mut store, resource) = store();
    let other = store.resource(&Resource::new("", "secrets"));
    let all = Scope::all(resource);
    let scopes = [
        all,
        all.cluster("c"),
        all.cluster("c").namespace("n"),
        all.namespace("n"),
        all.cluster("c").namespace("n").name("o"),
        all.cluster("e"),
    ];
    let mut watches = scopes.map(|scope| Watch::start(&mut store, &scope, &options("1"), None).unwrap());
    for (resource, cluster, namespace, name) in [
        (resource, "c", "n", "o"),
        (resource, "c", "n", "p"),
        (resource, "c", "n-m", "o"),
        (resource, "d", "n", "o"),
        (other, "c", "n", "o"),
    ] {
        put(&mut store, &key(resource, cluster, namespace, name), "");
    }
    let told = watches.each_mut().map(|watch| told(watch, &store, None).concat());
    assert_eq!(told, ["+o@2+p@3+o@4+o@5", "+o@2+p@3+o@4", "+o@2+p@3", "+o@2+p@3+o@5", "+o@2", ""]);
}

#[test]
fn a_change_wakes_the_watches_of_its_topics() {
    let (mut store, resource) = store();
    let all = Watch::start(&mut store, &Scope::all(resource), &options("1"), None).unwrap();
    let c = Watch::start(&mut store, &Scope::all(resource).cluster("c"), &options("1"), None).unwrap();
    let d = Watch::start(&mut store, &Scope::all(resource).cluster("d"), &options("1"), None).unwrap();
    let topics = store.create(&key(resource, "c", "n", "o"), object("")).unwrap().topics;
    let woken = [all, c, d].map(|watch| topics.contains(&watch.topic()));
    assert_eq!(woken, [true, true, false]);
}

#[test]
fn a_watch_from_nowhere_begins_with_what_is_there() {
    let (mut store, resource) = store();
    for name in ["b", "a"] {
        put(&mut store, &key(resource, "c", "n", name), "");
    }
    let scope = Scope::all(resource).cluster("c");
    for version in ["", "0"] {
        let mut watch = Watch::start(&mut store, &scope, &options(version), None).unwrap();
        assert_eq!(told(&mut watch, &store, None), ["+a@3", "+b@2"]);
        let mut watch =
            Watch::start(&mut store, &scope, &WatchOptions { bookmarks: true, ..options(version) }, None).unwrap();
        assert_eq!(watch.bookmark(&store), None);
        assert_eq!(told(&mut watch, &store, None), ["+a@3", "+b@2", "b@3 end"]);
        let without = WatchOptions { send_initial_events: Some(false), bookmarks: true, ..options(version) };
        let mut watch = Watch::start(&mut store, &scope, &without, None).unwrap();
        assert_eq!(told(&mut watch, &store, None), [""; 0]);
        assert_eq!(watch.bookmark(&store), Some(Event::Bookmark { revision: 3, initial_events_end: false }));
    }
    // It begins with what is there now, even if it would be content with less.
    let with = WatchOptions { send_initial_events: Some(true), bookmarks: true, ..options("2") };
    let mut watch = Watch::start(&mut store, &scope, &with, None).unwrap();
    put(&mut store, &key(resource, "c", "n", "c"), "");
    assert_eq!(told(&mut watch, &store, None), ["+a@3", "+b@2", "b@3 end", "+c@4"]);
}

#[test]
fn a_bookmark_says_only_what_was_told() {
    let (mut store, resource) = store();
    let bookmarks = WatchOptions { bookmarks: true, ..options("1") };
    let mut watch = Watch::start(&mut store, &Scope::all(resource).cluster("c"), &bookmarks, None).unwrap();
    put(&mut store, &key(resource, "d", "n", "o"), "");
    assert_eq!(watch.bookmark(&store), Some(Event::Bookmark { revision: 2, initial_events_end: false }));
    put(&mut store, &key(resource, "c", "n", "o"), "");
    assert_eq!(watch.bookmark(&store), None);
    assert_eq!(told(&mut watch, &store, None), ["+o@3"]);
    assert_eq!(watch.bookmark(&store), Some(Event::Bookmark { revision: 3, initial_events_end: false }));
    let silent = Watch::start(&mut store, &Scope::all(resource), &options("1"), None).unwrap();
    assert_eq!(silent.bookmark(&store), None);
}

#[test]
fn the_future_is_waited_for() {
    let (mut store, resource) = store();
    let mut watch = Watch::start(&mut store, &Scope::all(resource), &options("3"), None).unwrap();
    for name in ["a", "b", "c"] {
        put(&mut store, &key(resource, "c", "n", name), "");
    }
    assert_eq!(told(&mut watch, &store, None), ["+c@4"]);
    let with = WatchOptions { send_initial_events: Some(true), ..options("5") };
    let mut watch = Watch::start(&mut store, &Scope::all(resource), &with, None).unwrap();
    assert_eq!(told(&mut watch, &store, None), ["504 Timeout: Too large resource version: 5, current: 4", "end"]);
}

#[test]
fn a_watch_from_before_the_log_is_told_so() {
    let (mut store, resource) = store();
    for name in ["a", "b", "c"] {
        put(&mut store, &key(resource, "c", "n", name), "");
    }
    store.compact(3);
    let mut start = |version| Watch::start(&mut store, &Scope::all(resource), &options(version), None).unwrap();
    let (mut old, mut kept) = (start("2"), start("3"));
    assert_eq!(told(&mut old, &store, None), ["410 too old resource version: 2 (3)", "end"]);
    assert_eq!(told(&mut kept, &store, None), ["+c@4"]);
    let wrong = Watch::start(&mut store, &Scope::all(resource), &options("x"), None).unwrap_err();
    assert_eq!((wrong.code, wrong.reason), (500, ""));
}

#[test]
fn only_a_watch_that_missed_something_ends() {
    let log = LogLimits { changes: 3, ..LogLimits::default() };
    let (mut store, resource) = store_with(Limits { log, ..Limits::default() });
    put(&mut store, &key(resource, "c", "n", "o"), "");
    let start = |cluster, store: &mut Store| {
        Watch::start(store, &Scope::all(resource).cluster(cluster), &options("2"), None).unwrap()
    };
    let (mut quiet, mut slow) = (start("c", &mut store), start("d", &mut store));
    for name in ["1", "2", "3", "4"] {
        put(&mut store, &key(resource, "d", "n", name), "");
    }
    put(&mut store, &key(resource, "c", "n", "o"), "x");
    assert_eq!(told(&mut quiet, &store, None), ["~ox@7"]);
    assert_eq!(told(&mut slow, &store, None), ["end"]);
}

#[test]
fn the_log_holds_so_many_bytes() {
    let log = LogLimits { bytes: 100_000, ..LogLimits::default() };
    let (mut store, resource) = store_with(Limits { log, ..Limits::default() });
    let o = key(resource, "c", "n", "o");
    for _ in 0..30 {
        put(&mut store, &o, &"x".repeat(10_000));
    }
    // Each change holds the object before it, of a little more than 10,000 bytes.
    let oldest = store.log.floor(Topic::all(resource));
    assert_eq!(store.revision() - oldest, 9);
}
