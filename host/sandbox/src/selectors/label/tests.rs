use proptest::prelude::*;
use serde_json::json;

use super::*;

fn error(text: &str) -> String {
    LabelSelector::parse(text).expect_err(text).message.clone()
}

/// From `TestSelectorParse` in labels/selector_test.go.
#[test]
fn what_parses() {
    for (text, shown) in [
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("", ""),
        ("x!=a,y=b", "x!=a,y=b"),
        ("x=", "x="),
        ("x= ", "x="),
        ("x=,z= ", "x=,z="),
        ("x= ,z= ", "x=,z="),
        ("!x", "!x"),
        ("x>1", "x>1"),
        ("x>1,z<5", "x>1,z<5"),
        ("z in (b,a), y", "y,z in (a,b)"),
        ("x in (in,notin)", "x in (in,notin)"),
        ("x notin ()", "x notin ()"),
        ("x in (,a,)", "x in (,a)"),
        ("x==a", "x==a"),
        ("in", "in"),
        ("x\0,y", "x,y"),
        ("x,y\0\0,z", "x,y"),
    ] {
        let selector = LabelSelector::parse(text).expect(text);
        assert_eq!(selector.to_string(), shown, "{text}");
    }
}

#[test]
fn what_does_not_parse_says_why() {
    for (text, message) in [
        ("x=a||y=b", r#"unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must"#),
        ("x==a==b", "found '==', expected: ',' or 'end of string'"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        (
            "x<a",
            r#"unable to parse requirement: values[0]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer"#,
        ),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("x in (a,", "unable to parse requirement: found '', expected: ',', or identifier"),
        ("x a", "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        (",x", "found ',', expected: !, identifier, or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        ("x=(a", "unable to parse requirement: found '(', expected: identifier"),
        ("-x", r#"unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of"#),
    ] {
        assert!(error(text).starts_with(message), "{text}: {}", error(text));
    }
    assert_eq!(LabelSelector::parse(",").expect_err("").code, 400);
}

/// From `TestSelectorMatches`.
#[test]
fn matching() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    for (text, pairs, expected) in [
        ("", &[("x", "y")][..], true),
        ("x=y", &[("x", "y")], true),
        ("x=y,z=w", &[("x", "y"), ("z", "w")], true),
        ("x!=y,z!=w", &[("x", "z"), ("z", "a")], true),
        ("notin=in", &[("notin", "in")], true),
        ("x", &[("x", "z")], true),
        ("!x", &[("y", "z")], true),
        ("x>1", &[("x", "2")], true),
        ("x<1", &[("x", "0")], true),
        ("x=z", &[], false),
        ("x=y", &[("x", "z")], false),
        ("x=y,z=w", &[("x", "w"), ("z", "w")], false),
        ("x!=y,z!=w", &[("x", "z"), ("z", "w")], false),
        ("x", &[("y", "z")], false),
        ("!x", &[("x", "z")], false),
        ("x>1", &[("x", "0")], false),
        ("x>1", &[("x", "a")], false),
        ("x<1", &[("x", "2")], false),
        ("x in (a,b)", &[("x", "b")], true),
        ("x notin (a)", &[], true),
        ("x notin (a)", &[("x", "a")], false),
    ] {
        let selector = LabelSelector::parse(text).expect(text);
        assert_eq!(selector.matches(&labels(pairs)), expected, "{text} {pairs:?}");
        assert_eq!(selector.matches(pairs), expected);
    }
    assert!(!LabelSelector::nothing().matches(&labels(&[("x", "y")])));
    assert!(LabelSelector::everything().matches(&None::<&Map<String, Value>>));
}

/// From `TestLabelSelectorAsSelector`.
#[test]
fn objects() {
    let read = |object: Value| LabelSelector::from_object(Some(&object)).map(|selector| selector.to_string());
    assert_eq!(LabelSelector::from_object(None), Ok(LabelSelector::nothing()));
    assert_eq!(read(json!({})), Ok(String::new()));
    assert_eq!(
        read(
            json!({"matchLabels": {"foo": "bar"}, "matchExpressions": [{"key": "baz", "operator": "In", "values": ["qux", "norf"]}]})
        ),
        Ok("baz in (norf,qux),foo=bar".into())
    );
    assert_eq!(read(json!({"matchExpressions": [{"key": "baz", "operator": "DoesNotExist"}]})), Ok("!baz".into()));
    assert_eq!(
        read(json!({"matchExpressions": [{"key": "a", "operator": "In"}]})),
        Err("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty".into())
    );
    assert_eq!(
        read(json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]})),
        Err(r#""Gt" is not a valid label selector operator"#.into())
    );
}

#[test]
fn an_object_is_refused_field_by_field() {
    let object = json!({"matchLabels": {"-a": "b"}, "matchExpressions": [
        {"key": "a", "operator": "In"}, {"key": "a", "operator": "Exists", "values": ["b"]}, {"key": "a", "operator": "Gt", "values": ["-"]},
    ]});
    let wrong: Vec<String> = validate(&object, "spec.selector").iter().map(crate::causes::text).collect();
    let starts = [
        r#"spec.selector.matchLabels: Invalid value: "-a": name part must consist of"#,
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        r#"spec.selector.matchExpressions[2].operator: Invalid value: "Gt": not a valid selector operator"#,
        r#"spec.selector.matchExpressions[2].values[0]: Invalid value: "-": a valid label must"#,
    ];
    assert_eq!(wrong.len(), starts.len());
    for (wrong, start) in wrong.iter().zip(starts) {
        assert!(wrong.starts_with(start), "{wrong}");
    }
}

proptest! {
    /// What is shown parses to the same, but for the order of equal keys.
    #[test]
    fn shown_selectors_parse_again(text in "[a-c !=,<>()in]{0,24}") {
        if let Ok(selector) = LabelSelector::parse(&text) {
            let shown = selector.to_string();
            let again = LabelSelector::parse(&shown).expect(&shown);
            prop_assert_eq!(again.to_string(), shown);
        }
    }
}
