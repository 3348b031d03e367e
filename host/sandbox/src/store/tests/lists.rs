use super::*;

/// Four objects: `c/a/1`, `c/a/2`, `c/b/3`, `d/a/4` at revisions 2 to 5.
fn four() -> (Store, ResourceId) {
    let (mut store, resource) = store();
    for (cluster, namespace, name) in [("c", "a", "1"), ("c", "a", "2"), ("c", "b", "3"), ("d", "a", "4")] {
        put(&mut store, &key(resource, cluster, namespace, name), name);
    }
    (store, resource)
}

fn limited(limit: i64, continue_token: &str) -> ListOptions<'_> {
    ListOptions { limit, continue_token, ..ListOptions::default() }
}

fn at(resource_version: &str, resource_version_match: Match) -> ListOptions<'_> {
    ListOptions { resource_version, resource_version_match, ..ListOptions::default() }
}

#[test]
fn a_scope_is_what_a_path_says() {
    let (store, resource) = four();
    let all = Scope::all(resource);
    let listed = |scope: Scope<'_>| {
        let page = store.list(&scope, &ListOptions::default(), None).unwrap();
        assert_eq!(store.count(&scope), page.items.len());
        assert_eq!((page.revision, page.remaining, page.continue_token.as_str()), (5, None, ""));
        names(&page.items).concat()
    };
    assert_eq!(listed(all), "1234");
    assert_eq!(listed(all.cluster("c")), "123");
    assert_eq!(listed(all.cluster("c").namespace("a")), "12");
    assert_eq!(listed(all.namespace("a")), "124");
    assert_eq!(listed(all.cluster("c").namespace("a").name("2")), "2");
    assert_eq!(listed(all.cluster("e")), "");
}

#[test]
fn pages_show_the_state_of_the_first() {
    let (mut store, resource) = four();
    let all = Scope::all(resource);
    let first = store.list(&all, &limited(2, ""), None).unwrap();
    assert_eq!((names(&first.items).concat(), first.remaining, first.revision), ("12".into(), Some(2), 5));

    store.remove(&key(resource, "c", "b", "3"), None).unwrap();
    put(&mut store, &key(resource, "c", "b", "31"), "new");
    put(&mut store, &key(resource, "d", "a", "4"), "changed");
    store.remove(&key(resource, "d", "a", "4"), None).unwrap();
    put(&mut store, &key(resource, "d", "a", "4"), "again");

    let second = store.list(&all, &limited(1, &first.continue_token), None).unwrap();
    assert_eq!((names(&second.items).concat(), second.remaining, second.revision), ("3".into(), Some(1), 5));
    let third = store.list(&all, &limited(1, &second.continue_token), None).unwrap();
    assert_eq!((names(&third.items).concat(), label_of(&third.items[0])), ("4".into(), "4".into()));
    assert_eq!((third.remaining, third.continue_token.as_str(), third.revision), (None, "", 5));
}

/// A server looks for more before it asks whether a selector would show it.
#[test]
fn with_a_selector_nothing_is_counted() {
    let (store, resource) = four();
    let odd: Matches<'_> = Some(&|object| matches!(object.name(), "1" | "3"));
    let page = store.list(&Scope::all(resource), &limited(2, ""), odd).unwrap();
    assert_eq!((names(&page.items).concat(), page.remaining), ("13".into(), None));
    let page = store.list(&Scope::all(resource), &limited(2, &page.continue_token), odd).unwrap();
    assert_eq!((page.items.len(), page.continue_token.as_str()), (0, ""));
}

#[test]
fn a_revision_is_shown_exactly_if_asked_for() {
    let (mut store, resource) = four();
    store.remove(&key(resource, "c", "a", "1"), None).unwrap();
    let listed = |options| {
        let page = store.list(&Scope::all(resource), &options, None).unwrap();
        (names(&page.items).concat(), page.revision)
    };
    assert_eq!(listed(at("3", Match::Exact)), ("12".into(), 3));
    assert_eq!(listed(at("3", Match::NotOlderThan)), ("234".into(), 6));
    assert_eq!(listed(at("3", Match::Unset)), ("234".into(), 6));
    assert_eq!(listed(ListOptions { limit: 9, ..at("3", Match::Unset) }), ("12".into(), 3));
    assert_eq!(listed(ListOptions { limit: 1, ..at("0", Match::Unset) }), ("234".into(), 6));
    let one = Scope::all(resource).cluster("c").namespace("a").name("1");
    assert_eq!(store.list(&one, &at("5", Match::Exact), None).unwrap().items.len(), 1);
    assert_eq!(store.list(&one, &at("5", Match::NotOlderThan), None).unwrap().items.len(), 0);
}

#[test]
fn the_future_is_waited_for_in_vain() {
    let (store, resource) = four();
    let scope = Scope::all(resource);
    for options in [at("6", Match::Exact), at("6", Match::NotOlderThan), at("6", Match::Unset)] {
        let failure = store.list(&scope, &options, None).unwrap_err().failure;
        assert_eq!(failure.message, "Timeout: Too large resource version: 6, current: 5");
        assert_eq!((failure.code, failure.retry_after), (504, 1));
    }
    let one = scope.cluster("c").namespace("a").name("1");
    assert_eq!(store.list(&one, &at("6", Match::Exact), None).unwrap_err().failure.retry_after, 0);
}

#[test]
fn what_was_compacted_is_expired() {
    let (mut store, resource) = four();
    let scope = Scope::all(resource);
    let page = store.list(&scope, &limited(1, ""), None).unwrap();
    put(&mut store, &key(resource, "c", "a", "11"), "new");
    store.compact(6);

    let failure = store.list(&scope, &at("5", Match::Exact), None).unwrap_err();
    assert_eq!((failure.failure.code, failure.failure.reason), (410, "Expired"));
    assert_eq!(failure.failure.message, "The resourceVersion for the provided list is too old.");
    assert_eq!(store.list(&scope, &at("6", Match::Exact), None).unwrap().items.len(), 5);

    let failure = store.list(&scope, &limited(1, &page.continue_token), None).unwrap_err();
    assert!(
        failure.failure.message.starts_with("The provided continue parameter is too old to display a consistent list")
    );
    let status = failure.to_status();
    assert_eq!(status["metadata"]["continue"], failure.continue_token);
    let rest = store.list(&scope, &limited(2, &failure.continue_token), None).unwrap();
    assert_eq!((names(&rest.items), rest.remaining, rest.revision), (vec!["11", "2"], Some(2), 6));
    let rest = store.list(&scope, &limited(2, &rest.continue_token), None).unwrap();
    assert_eq!((names(&rest.items), rest.remaining), (vec!["3", "4"], None));
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let (store, resource) = four();
    let message = |options: &ListOptions<'_>| {
        let failure = store.list(&Scope::all(resource), options, None).unwrap_err().failure;
        (failure.code, failure.message.clone())
    };
    let token = store.list(&Scope::all(resource), &limited(1, ""), None).unwrap().continue_token;
    assert_eq!(
        message(&ListOptions { resource_version: "1", ..limited(1, &token) }),
        (400, "specifying resource version is not allowed when using continue".into())
    );
    assert_eq!(
        message(&at("x", Match::Unset)),
        (
            400,
            r#"invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#
                .into()
        )
    );
}

/// Cases of `TestValidateListOptions` in apimachinery.
#[test]
fn a_query_is_checked_as_a_whole() {
    let list = |resource_version, resource_version_match, continue_token| {
        validate(&QueryOptions { resource_version, resource_version_match, continue_token, ..QueryOptions::default() })
    };
    let watch = |resource_version, resource_version_match, continue_token, send_initial_events| {
        let watch = true;
        validate(&QueryOptions { watch, resource_version, resource_version_match, continue_token, send_initial_events })
    };
    let message = |checked: Result<Match, Failure>| checked.unwrap_err().message.clone();
    assert_eq!(list("", "", ""), Ok(Match::Unset));
    assert_eq!(list("1", "Exact", ""), Ok(Match::Exact));
    assert_eq!(list("0", "NotOlderThan", ""), Ok(Match::NotOlderThan));
    assert_eq!(
        message(list("", "NotOlderThan", "")),
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless \
         resourceVersion is provided"
    );
    assert_eq!(
        message(list("0", "Exact", "")),
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is \
         forbidden for resourceVersion \"0\""
    );
    assert_eq!(
        message(list("1", "x", "")),
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: \"x\": supported values: \
         \"Exact\", \"NotOlderThan\", \"\""
    );
    assert_eq!(list("1", "Exact", "token").unwrap_err().causes.len(), 1);
    assert_eq!(watch("", "", "", None), Ok(Match::Unset));
    assert_eq!(watch("1", "NotOlderThan", "", Some(false)), Ok(Match::NotOlderThan));
    assert_eq!(watch("", "", "", Some(true)).unwrap_err().causes.len(), 1);
    assert_eq!(watch("", "Exact", "", Some(true)).unwrap_err().causes.len(), 2);
    assert_eq!(watch("", "NotOlderThan", "", None).unwrap_err().causes.len(), 1);
    assert_eq!(watch("", "", "token", None).unwrap_err().causes.len(), 1);
}
