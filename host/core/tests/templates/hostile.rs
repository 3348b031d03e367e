//! Values that try to be more than values, in every position that a template has.

use berthage_core::template::{Layer, Limits, TemplateError, TemplateSet};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TEMPLATE: &str = "\
{% set alias = v %}
apiVersion: v1
kind: Probe
metadata: {name: probe}
field: {{ v }}
flow: {a: {{ v }}, b: [{{ v }}, {{ v }}]}
items:
  - {{ v }}
  - nested: {{ v }}
  -
    {{ v }}
{% for item in [v, v] %}
  - [{{ loop.index }}, {{ item }}]
{% endfor %}
typed: {{ {'list': [v], 'map': {'v': v}} }}
alias: {{ alias }}
chosen: {{ none if false else v }}
{% include '_part.j2' %}
values: {{ values.v }}
next: intact
";

fn set() -> TemplateSet {
    let files = [
        ("10-probe.yaml.j2", TEMPLATE),
        (
            "20-key.yaml.j2",
            "apiVersion: v1\nkind: Key\nmetadata: {name: key}\ndata:\n  {{ k }}: 1\nflow: { {{ k }}: 2}\n",
        ),
        ("_part.j2", "included: {{ v }}\n"),
    ];
    let files = files.into_iter().map(|(name, source)| (name.to_owned(), source.to_owned())).collect();
    TemplateSet::compile(vec![Layer { name: "product".to_owned(), files }], Limits::default()).unwrap()
}

/// A map without its fields that are null: such fields are left out.
fn fields(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

fn expected(v: &Value) -> Value {
    fields(json!({
        "apiVersion": "v1", "kind": "Probe", "metadata": {"name": "probe"},
        "field": v,
        "flow": fields(json!({"a": v, "b": [v, v]})),
        "items": [v, fields(json!({"nested": v})), v, [1, v], [2, v]],
        "typed": {"list": [v], "map": {"v": v}},
        "alias": v, "chosen": v, "included": v,
        // Null in values is "not set", whose field is left out all the same.
        "values": v,
        "next": "intact",
    }))
}

/// Renders `v` everywhere and compares.
fn check(set: &TemplateSet, v: &Value, k: &str) {
    let sealed = json!({ "v": v, "k": k });
    let target = json!({ "v": v });
    let objects = set.render(&sealed, Some(&target)).unwrap_or_else(|error| panic!("{v:?} {k:?}: {error}"));
    let mut wanted = expected(v);
    // Values are merged, and in maps null removes the key.
    if v.is_object() {
        wanted["values"] = without_nulls(v);
    }
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0].object, wanted, "{v:?}");
    assert_eq!(objects[1].object["data"], json!({ k: 1 }));
    assert_eq!(objects[1].object["flow"], json!({ k: 2 }));
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

const STRINGS: &[&str] = &[
    "",
    " ",
    "\n",
    "\n---\n",
    "---",
    "...",
    "a\n---\nkind: Secret\n",
    "a: b",
    "a:",
    ": ",
    "- a",
    "# comment",
    "a # b",
    "'",
    "\"",
    "\\",
    "\"\nkind: Secret\nx: \"",
    "'''",
    "{{ v }}",
    "{% raw %}",
    "{#",
    "}}",
    "{",
    "[",
    "]",
    "}",
    ",",
    "&a",
    "*a",
    "!!str",
    "|",
    ">",
    "%YAML 1.2",
    "@",
    "`",
    "?",
    "? a",
    "<<",
    "=",
    "~",
    "null",
    "Null",
    "true",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "0777",
    "0o17",
    "1e3",
    "1_000",
    "0x1f",
    "1:30",
    ".inf",
    ".nan",
    "-",
    "--",
    "+1",
    "1.10",
    "2026-01-02",
    "\t",
    "\r",
    "\r\n",
    "\u{0}",
    "\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{e000}0\u{e000}",
    " \u{e000}1\u{e000} ",
    "\u{e000}99999999999\u{e000}",
    "🦀",
    "é",
    "e\u{301}",
    "\u{202e}abc",
    "\u{10ffff}",
    "$(POD_NAME)",
    "${x}",
    "`id`",
    "../../etc/passwd",
];

#[test]
fn hostile_strings_stay_what_they_are() {
    let set = set();
    for text in STRINGS {
        check(&set, &json!(text), text);
        check(&set, &json!({ *text: [text, { *text: text }] }), text);
    }
    check(&set, &json!("x".repeat(1 << 14)), &"k".repeat(1 << 12));
}

#[test]
fn hostile_numbers_stay_what_they_are() {
    let set = set();
    for number in
        [json!(0), json!(-0.0), json!(1e300), json!(5e-324), json!(u64::MAX), json!(i64::MIN), json!(1.0), json!(0.1)]
    {
        check(&set, &number, "k");
    }
}

/// No error repeats a value, whatever goes wrong with it.
#[test]
fn errors_do_not_repeat_values() {
    let expressions = [
        "v.missing",
        "v + 1",
        "v * v",
        "v // 0",
        "-v",
        "v()",
        "v | int",
        "v | float",
        "v | sum",
        "v | map('upper') | list | first",
        "v | attr(v)",
        "v[v]",
        "[1, 2] | map(v) | list",
        "v | round",
        "v is divisibleby v",
        "v | batch(0)",
        "range(v)",
        "dict(v)",
        "v | items | list",
        "{v: 1}[v ~ 'x']",
        "v | format(1, 2)",
        "'%d' | format(v)",
        "v | replace(1)",
        "v | default",
        "v.x.y",
        "[v] | join(v, v)",
        "v | tojson(indent=v)",
        "v | dictsort(by=v)",
        "v | split(1)",
        "v | indent(v)",
        "namespace(v)",
    ];
    for expression in expressions {
        for source in [format!("a: {{{{ {expression} }}}}\n"), format!("a: x{{{{ {expression} }}}}\n")] {
            render_and_check(&source);
        }
    }
    for statement in [
        "{% include v %}",
        "{% extends v %}",
        "{% import v as x %}",
        "{% for a, b in v %}{% endfor %}",
        "{% from v import x %}",
    ] {
        render_and_check(statement);
    }
}

fn render_and_check(source: &str) {
    const MARKER: &str = "hidden";
    for v in [json!("hidden-value"), json!(["hidden-value"]), json!({"hidden": "hidden"})] {
        let files = [("10-a.yaml.j2".to_owned(), source.to_owned())].into();
        let set = TemplateSet::compile(vec![Layer { name: "product".to_owned(), files }], Limits::default()).unwrap();
        // Most fail; those that do not make something that is no object.
        let error = set.render(&json!({ "v": v }), None).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.excerpt().unwrap_or_default());
        assert!(!shown.contains(MARKER), "{source}: {shown}");
    }
}

/// What the engine calls safe text comes from templates alone, so nothing of a value is ever taken for a slot.
#[test]
fn a_value_cannot_pose_as_a_slot() {
    let files = [(
        "10-a.yaml.j2".to_owned(),
        "{% macro m(x) %}{{ x }}{% endmacro %}\n\
         {% set t %}text{% endset %}\n\
         apiVersion: v1\nkind: A\nmetadata: {name: a}\n\
         other: {{ other }}\n\
         a: {{ t | replace('text', v) }}\n\
         b: {{ m('a') | replace('a', v) }}\n"
            .to_owned(),
    )]
    .into();
    let set = TemplateSet::compile(vec![Layer { name: "product".to_owned(), files }], Limits::default()).unwrap();
    let sealed = json!({ "v": "\u{e000}0\u{e000}", "other": {"typed": true} });
    match set.render(&sealed, None) {
        Ok(objects) => assert_ne!(objects[0].object["a"], json!({"typed": true})),
        Err(error) => {
            assert!(matches!(error, TemplateError::PartialValue { .. } | TemplateError::UnusedValue { .. }), "{error}");
        }
    }
}

/// Values nested by a loop, or in a circle, would overflow the stack where they are compared, printed or dropped.
#[test]
fn nothing_can_be_nested_without_end() {
    // Each ends in an error, save for the third: a name that is set in a loop begins anew with every turn.
    for (source, ends_well) in [
        ("{% set ns = namespace(x=1) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}", false),
        ("{% set ns = dict(x=1) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}", false),
        ("{% for i in range(90000) %}{% set x = [x | default(1)] %}{% endfor %}", true),
        ("{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}", false),
        ("{% for x in [[1]] recursive %}{{ loop([[x]]) }}{% endfor %}", false),
    ] {
        let files = [("10-a.yaml.j2".to_owned(), source.to_owned())].into();
        let set = TemplateSet::compile(vec![Layer { name: "tenant".to_owned(), files }], Limits::default());
        assert_eq!(set.and_then(|set| set.render(&json!({}), None)).is_ok(), ends_well, "{source}");
    }
}

/// The engine recurses for each part of a tag. The longest tags that are let through must fit a thread's stack.
#[test]
fn the_longest_tags_do_not_overflow_the_stack() {
    for (start, part, end) in [
        ("{{ ", "not ", "n }}"),
        ("{{ ", "- ", "n }}"),
        ("{{ n", ".a", " }}"),
        ("{{ n", "[0]", " }}"),
        ("{{ n", "|int", " }}"),
        ("{{ n", "~n", " }}"),
        ("{{ n", "**n", " }}"),
        ("{{ n", " is defined", " }}"),
        ("{{ n", " and n", " }}"),
        ("{{ n", " if n else n", " }}"),
        ("{% for ", "(a, ", ""),
        ("{% set ", "(", "a"),
    ] {
        for parts in [1, 50, 100, 160, 240, 330, 480, 500] {
            let source = format!("{start}{}{end}", part.repeat(parts));
            let files = [("10-a.yaml.j2".to_owned(), source)].into();
            let set = TemplateSet::compile(vec![Layer { name: "tenant".to_owned(), files }], Limits::default());
            let rendered = set.and_then(|set| set.render(&json!({ "n": 1 }), None));
            assert!(rendered.is_err());
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
    ];
    let text = prop_oneof![any::<String>(), prop::sample::select(STRINGS).prop_map(ToOwned::to_owned)];
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text.clone().prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_stays_what_it_is(v in any_json(), k in any::<String>()) {
        check(&set(), &v, &k);
    }

    /// Whatever a tenant could put into a template, compiling and rendering it ends, without a panic.
    #[test]
    fn any_template_ends(parts in prop::collection::vec(prop::sample::select(PARTS), 0..24)) {
        let files = [("10-a.yaml.j2".to_owned(), parts.concat()), ("_p.j2".to_owned(), "p: {{ v }}\n".to_owned())].into();
        let limits = Limits { fuel: 5_000, output_bytes: 10_000, ..Limits::default() };
        if let Ok(set) = TemplateSet::compile(vec![Layer { name: "tenant".to_owned(), files }], limits) {
            let sealed = json!({ "v": "a: b\n---\n", "n": 3 });
            let first = set.render(&sealed, None);
            prop_assert_eq!(set.render(&sealed, None), first);
        }
    }
}

const PARTS: &[&str] = &[
    "apiVersion: v1\nkind: A\nmetadata: {name: a}\n",
    "a: ",
    "b: ",
    "{{ v }}",
    "{{ n }}",
    "{{ {v: n} }}",
    "{{ v",
    "}}",
    "\n",
    "  ",
    "- ",
    "---\n",
    "\"",
    "'",
    "|\n",
    "# ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "{% if n %}",
    "{% else %}",
    "{% endif %}",
    "{% for i in range(n) %}",
    "{{ i }}",
    "{{ loop(v) }}",
    "{% endfor %}",
    "{% set x %}",
    "{% endset %}",
    "{{ x }}",
    "{% macro m(a) %}",
    "{% endmacro %}",
    "{{ m(v) }}",
    "{% call m(1) %}",
    "{% endcall %}",
    "{% include '_p.j2' %}",
    "{% extends '_p.j2' %}",
    "{% block b %}",
    "{% endblock %}",
    "{{ super() }}",
    "{{ self.b() }}",
    "{% filter trim %}",
    "{% endfilter %}",
    "{% autoescape false %}",
    "{% endautoescape %}",
    "{% raw %}",
    "{% endraw %}",
    "{% do m(v) %}",
    "&a ",
    "*a",
    "!t ",
    "? ",
    "<<: ",
    "%YAML 1.2\n",
    "\t",
    "é",
    "\u{85}",
];
