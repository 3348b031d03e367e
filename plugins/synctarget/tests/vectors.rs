//! Every file in `vectors/`: one call and its outcome. The host's tests send the same files through the component.

use std::fs;
use std::path::Path;

use berthage_plugin_sdk::call::{self, RawInput};
use berthage_plugin_synctarget::Builtin;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vector {
    hook: String,
    subject: Value,
    config: Value,
    facts: Value,
    reads: Vec<Group>,
    expect: Value,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    complete: bool,
    items: Vec<Value>,
}

#[test]
fn every_vector_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let vector: Vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let config = call::check_config::<Builtin>(vector.config.to_string().as_bytes()).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        let input = vector
            .reads
            .iter()
            .fold(RawInput::new(&vector.subject, &vector.facts), |input, group| {
                input.read(&group.id, group.complete, &group.items)
            })
            .config(&config);
        let outcome = match vector.hook.as_str() {
            "select" => {
                let subject = vector.subject.to_string();
                serde_json::to_value(
                    call::select::<Builtin>(subject.as_bytes(), config.to_string().as_bytes()).unwrap(),
                )
            }
            "plan" => serde_json::to_value(call::plan::<Builtin>(input).unwrap()),
            "report" => serde_json::to_value(call::report::<Builtin>(input).unwrap()),
            "finalize" => serde_json::to_value(call::finalize::<Builtin>(input).unwrap()),
            hook => panic!("{}: no hook {hook}", path.display()),
        };
        assert_eq!(outcome.unwrap(), vector.expect, "{}", path.display());
        count += 1;
    }
    assert!(count >= 10, "only {count} vectors");
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused() {
    let problems = |config: &str| call::check_config::<Builtin>(config.as_bytes()).unwrap_err();
    assert!(problems(r#"{"defaultImage": ""}"#)[0].starts_with("defaultImage: must not be empty"));
    assert!(problems(r#"{"defaultImage": "a b"}"#)[0].starts_with("defaultImage: is not an image"));
    assert!(problems(r#"{"image": "a"}"#)[0].contains("image"));
    assert_eq!(call::check_config::<Builtin>(b"{}").unwrap(), b"{}");
}
