use serde_json::{Value, json};

use super::*;

fn parsed(text: &str) -> Vec<(String, bool, String)> {
    let selector = FieldSelector::parse(text).expect(text);
    selector.terms().iter().map(|term| (term.field.clone(), term.equal, term.value.clone())).collect()
}

/// From `TestSplitTerms`, `TestSplitTerm`, `TestSelectorParse` and `TestUnescapeValue` in fields/selector_test.go.
#[test]
fn what_parses() {
    let term = |field: &str, equal, value: &str| (field.to_owned(), equal, value.to_owned());
    assert_eq!(parsed(""), []);
    assert_eq!(parsed("=,!="), []);
    assert_eq!(parsed("z=c,,x=a"), [term("x", true, "a"), term("z", true, "c")]);
    assert_eq!(parsed("x==a"), [term("x", true, "a")]);
    assert_eq!(parsed("x!=a"), [term("x", false, "a")]);
    assert_eq!(parsed("x=a\\,b\\=c\\\\"), [term("x", true, "a,b=c\\")]);
    assert_eq!(parsed("x="), [term("x", true, "")]);
    assert_eq!(parsed("!x=a"), [term("!x", true, "a")]);
}

#[test]
fn what_does_not_parse_says_why() {
    for (text, message) in [
        ("x", "invalid selector: 'x'; can't understand 'x'"),
        ("x=a,y", "invalid selector: 'x=a,y'; can't understand 'y'"),
        ("x==a==b", "invalid field selector: unescaped character in value: 61"),
        ("x=\\a", "invalid field selector: invalid escape sequence: \\a"),
        ("x=a\\", "invalid field selector: invalid escape sequence: \\"),
    ] {
        let failure = FieldSelector::parse(text).expect_err(text);
        assert_eq!((failure.code, failure.message.as_str()), (400, message));
    }
}

#[test]
fn a_name_that_could_be_in_a_path_is_the_request_s() {
    let name = |text: &str| FieldSelector::parse(text).expect(text).request_name().map(str::to_owned);
    assert_eq!(name("metadata.name=a,type=b"), Some("a".into()));
    assert_eq!(name("metadata.name!=a"), None);
    assert_eq!(name("metadata.name=a/b"), None);
    assert_eq!(name("type=b"), None);
}

#[test]
fn a_kind_has_its_fields_only() {
    let refused = |fields: &SelectableFields, text: &str| {
        fields.convert(FieldSelector::parse(text).expect(text)).map(drop).map_err(|failure| failure.message.clone())
    };
    let (pod, config_map) = (SelectableFields::of("", "Pod"), SelectableFields::of("", "ConfigMap"));
    assert_eq!(refused(&pod, "status.phase=Running,metadata.namespace=a"), Ok(()));
    assert_eq!(refused(&pod, "x=a"), Err("field label not supported: x".into()));
    assert_eq!(
        refused(&SelectableFields::of("", "Node"), "metadata.namespace=a"),
        Err("field label not supported: metadata.namespace".into())
    );
    assert_eq!(
        refused(&config_map, "x=a"),
        Err(r#""x" is not a known field selector: only "metadata.name", "metadata.namespace""#.into())
    );
    assert_eq!(
        refused(&SelectableFields::of("batch", "Job"), "x=a"),
        Err(r#"field label "x" not supported for Job"#.into())
    );
    let custom = SelectableFields::custom(false, &[".spec.color"]).expect("paths");
    assert_eq!(refused(&custom, "spec.color=a,metadata.name=b"), Ok(()));
    assert_eq!(refused(&custom, "metadata.namespace=a"), Err("field label not supported: metadata.namespace".into()));
    assert_eq!(SelectableFields::custom(true, &[".spec.list[0]"]).expect_err("a list").code, 501);
}

#[test]
fn values_are_found() {
    let matches = |fields: &SelectableFields, text: &str, object: &Value| {
        fields.matches(&fields.convert(FieldSelector::parse(text).expect(text)).expect(text), object)
    };
    let pod =
        json!({"metadata": {"name": "a", "namespace": "b"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
    let pods = SelectableFields::of("", "Pod");
    for text in [
        "",
        "spec.host=n",
        "spec.hostNetwork=false",
        "status.phase!=Pending",
        "status.podIPs=",
        "metadata.namespace=b,metadata.name=a",
    ] {
        assert!(matches(&pods, text, &pod), "{text}");
    }
    assert!(!matches(&pods, "spec.nodeName=m", &pod));
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}, "reportingComponent": "kubelet", "source": {}});
    assert!(matches(&SelectableFields::of("", "Event"), "source=kubelet,involvedObject.kind=Pod", &event));
    assert!(matches(
        &SelectableFields::of("events.k8s.io", "Event"),
        "reportingController=kubelet,regarding.kind=Pod",
        &event
    ));
    let custom = SelectableFields::custom(true, &[".spec.color", ".spec['size.of']", ".spec.on"]).expect("paths");
    let object = json!({"metadata": {"name": "c"}, "spec": {"color": "red", "size.of": 3}});
    assert!(matches(&custom, "spec.color=red,spec['size.of']=3,spec.on=", &object));
    assert!(matches(
        &SelectableFields::of("", "Node"),
        "spec.unschedulable=false",
        &json!({"metadata": {"name": "n"}})
    ));
}
