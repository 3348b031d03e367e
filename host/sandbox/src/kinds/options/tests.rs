use super::*;
use crate::fields::PatchType;
use crate::kinds::query::Query;
use crate::store::Match;

fn listed(query: &str) -> Result<ListOptions, String> {
    ListOptions::decode(&Query::parse(query)).map_err(|failure| failure.message.clone())
}

#[test]
fn numbers_are_whole_and_booleans_are_nearly_always_true() {
    let options = listed("limit=500&timeoutSeconds=7&watch=&allowWatchBookmarks=False&sendInitialEvents=0").unwrap();
    assert_eq!((options.limit, options.timeout_seconds), (500, Some(7)));
    assert!(options.watch && !options.allow_watch_bookmarks);
    assert_eq!(options.send_initial_events, Some(false));
    assert_eq!(listed("").unwrap(), ListOptions::default());
    for (query, message) in [
        ("limit=x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("limit=", "strconv.ParseInt: parsing \"\": invalid syntax"),
        (
            "timeoutSeconds=9999999999999999999&limit=x",
            "strconv.ParseInt: parsing \"9999999999999999999\": value out of range",
        ),
        ("limit=x&labelSelector=a%20b", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("fieldSelector=x", "invalid selector: 'x'; can't understand 'x'"),
    ] {
        assert_eq!(listed(query).unwrap_err(), message);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let checked = |query| listed(query).unwrap().check();
    let good = checked("resourceVersion=5&resourceVersionMatch=Exact").unwrap();
    assert_eq!(good.resource_version_match, Match::Exact);
    assert_eq!(
        checked("resourceVersionMatch=Foo").unwrap_err().message,
        "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless \
         resourceVersion is provided, resourceVersionMatch: Unsupported value: \"Foo\": supported values: \"Exact\", \
         \"NotOlderThan\", \"\"]"
    );
    assert_eq!(
        checked("sendInitialEvents=true").unwrap_err().message,
        "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"
    );
}

#[test]
fn writes_are_checked_in_the_order_of_a_server() {
    let query = Query::parse("fieldManager=me&dryRun=All&fieldValidation=Strict");
    let options = WriteOptions::of_create(&query).unwrap();
    assert!(options.dry_run && options.field_validation == FieldValidation::Strict);
    assert_eq!(WriteOptions::of_update(&Query::default()).unwrap().field_validation, FieldValidation::Warn);
    let wrong = Query::parse("dryRun=None&fieldValidation=strict");
    assert_eq!(
        WriteOptions::of_update(&wrong).unwrap_err().message,
        "UpdateOptions.meta.k8s.io \"\" is invalid: [dryRun: Unsupported value: [\"None\"]: supported values: \"All\", \
         fieldValidation: Unsupported value: \"strict\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"]"
    );
    let wrong = Query::parse("dryRun=x&force=true");
    assert_eq!(
        PatchOptions::of_patch(&wrong, PatchType::Merge).unwrap_err().message,
        "PatchOptions.meta.k8s.io \"\" is invalid: [force: Forbidden: may not be specified for non-apply patch, dryRun: \
         Unsupported value: [\"x\"]: supported values: \"All\"]"
    );
    assert_eq!(
        PatchOptions::of_patch(&Query::default(), PatchType::Apply).unwrap_err().message,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
    let apply = PatchOptions::of_patch(&Query::parse("fieldManager=a&force=1"), PatchType::Apply).unwrap();
    assert_eq!(apply.force, Some(true));
}

#[test]
fn a_manager_has_a_length_and_can_be_printed() {
    let message = |query, patch| PatchOptions::of_patch(&Query::parse(query), patch).map_err(|f| f.message.clone());
    assert!(message("fieldManager=me&force=true", PatchType::Apply).is_ok());
    assert!(message("", PatchType::Merge).is_ok());
    assert_eq!(
        message("fieldManager=a%07&force=false", PatchType::Json).unwrap_err(),
        r#"PatchOptions.meta.k8s.io "" is invalid: [force: Forbidden: may not be specified for non-apply patch, fieldManager: Invalid value: "a\a": invalid character U+0007 (at position 1)]"#
    );
    let long = format!("fieldManager={}", "a".repeat(129));
    assert!(message(&long, PatchType::Apply).unwrap_err().ends_with("Too long: may not be more than 128 bytes"));
}

#[test]
fn a_person_is_answered_with_indented_json() {
    let pretty = |query, agent| is_pretty(&Query::parse(query), agent);
    assert!(pretty("", "curl/8") && pretty("", "Mozilla/5.0 (X11)") && pretty("pretty=1", "kubectl"));
    assert!(!pretty("", "kubectl/v1.36") && !pretty("pretty=0", "curl/8") && !pretty("pretty=yes", "curl/8"));
}

#[test]
fn a_table_shows_as_much_of_objects_as_asked() {
    let table = |query| TableOptions::decode(&Query::parse(query)).map(|options| options.include_object);
    assert_eq!(table(""), Ok(IncludeObject::Metadata));
    assert_eq!(table("includeObject=Object"), Ok(IncludeObject::Object));
    assert_eq!(
        table("includeObject=object").unwrap_err().message,
        "Unable to convert to Table as requested: includeObject: Invalid value: \"object\": must be 'Metadata', 'Object', \
         'None', or empty"
    );
}
