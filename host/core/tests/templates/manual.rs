//! The examples of `docs/templates.md`, rendered.
//!
//! A fenced block whose first line is `# LAYER/FILE` is a file of that layer over the default set; one that begins with
//! `# rendered` shows a part of an object that the examples of its section make. A section begins with `## ` or `### `.

use std::path::Path;

use serde_json::Value;

use crate::default_set::{product, sealed};
use crate::fixture::Fixture;

#[test]
fn examples_render_as_shown() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/templates.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (mut files, mut shown) = (0, 0);
    for section in manual.split("\n##") {
        let title = section.lines().next().unwrap_or_default();
        let mut fixture = Fixture::parse("");
        fixture.layers.push(product());
        fixture.sealed = sealed();
        let mut wanted = Vec::new();
        for block in section.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let (heading, content) = block.split_once('\n').unwrap();
            match heading.strip_prefix("# ").map(|heading| heading.split_once('/').unwrap_or((heading, ""))) {
                Some(("rendered", kind)) => wanted.push((kind.to_owned(), content.to_owned())),
                Some(("SyncTarget", _)) => {
                    let target: Value = fragment(content);
                    fixture.target = Some(target["spec"]["values"].clone());
                    files += 1;
                }
                Some((layer, file)) if !file.is_empty() => {
                    fixture.add(layer, file, content.to_owned());
                    files += 1;
                }
                _ => {}
            }
        }
        if fixture.layers.len() == 1 && fixture.target.is_none() {
            assert!(wanted.is_empty(), "{title}");
            continue;
        }
        let objects = fixture.render().unwrap_or_else(|error| panic!("{title}: {error}"));
        for (kind, content) in wanted {
            let object = objects.iter().find(|rendered| rendered.object["kind"] == kind.as_str());
            let object = &object.unwrap_or_else(|| panic!("{title}: no {kind}")).object;
            let part = fragment(&content);
            assert!(contains(object, &part), "{title}: {kind} is\n{object:#}\nwhich does not have\n{part:#}");
            shown += 1;
        }
    }
    // Both sides of the convention are in use, or this test would pass without testing anything.
    assert!(files >= 5 && shown >= 5, "{files} files and {shown} results were found");
}

/// YAML of the manual, read by the engine itself.
fn fragment(content: &str) -> Value {
    let mut fixture = Fixture::parse("");
    let wrapped = content.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    fixture.add(
        "manual",
        "10-a.yaml.j2",
        format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nfragment:\n{wrapped}"),
    );
    fixture.render().unwrap_or_else(|error| panic!("{content}: {error}"))[0].object["fragment"].clone()
}

/// Whether all fields of `part` are in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            part.iter().all(|part| whole.iter().any(|whole| contains(whole, part)))
        }
        (whole, part) => whole == part,
    }
}
