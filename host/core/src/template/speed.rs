//! Times of the engine on the default set, stage by stage, in CPU time of this thread. Run with
//! `cargo test --release -p berthage-core --lib -- --ignored --nocapture template::speed`.

use std::hint::black_box;
use std::path::Path;

use serde_json::{Value, json};

use super::{Emitted, Layer, Limits, TemplateSet, emit};

fn product() -> Layer {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    let files = std::fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap())).collect();
    Layer { name: "product".to_owned(), files }
}

fn sealed() -> Value {
    let id = "0123456789abcdef0123456789abcdef";
    let verbs = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    json!({
        "target": { "name": "edge-1", "uid": "6f1c9a52-0d4e-4c38-9b0a-4a8f4f7a2d11", "workspace": "1x2y3z" },
        "names": {
            "id": id, "namespace": format!("kcp-syncer-{id}"), "syncer": "berthage-syncer",
            "downstreamRole": format!("berthage-syncer-{id}"), "kubeconfigSecret": "berthage-hub-kubeconfig",
            "hub": format!("berthage-syncer-{id}")
        },
        "syncer": {
            "image": "ghcr.io/berthage/syncer:v0.1.0", "replicas": 2, "resources": null, "heartbeatInterval": "30s",
            "resyncPeriod": "10m"
        },
        "cluster": { "name": "edge-1", "location": null, "version": "v1.36.0" },
        "credential": { "secretName": "berthage-hub-kubeconfig", "type": "ClientCertificate" },
        "hub": { "namespace": "default" },
        "rbac": { "rules": [
            { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs },
            { "apiGroups": [""], "resources": ["configmaps", "services"], "verbs": verbs }
        ] }
    })
}

/// CPU time of this thread, in nanoseconds.
fn cpu_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn measure(what: &str, mut run: impl FnMut()) {
    const ROUNDS: usize = 7;
    run();
    // Rounds of about 50 ms: the kernel counts in ticks.
    let begin = cpu_time();
    let mut runs = 0_u64;
    while cpu_time() - begin < 50_000_000 {
        (0..16).for_each(|_| run());
        runs += 16;
    }
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = cpu_time();
        (0..runs).for_each(|_| run());
        times.push((cpu_time() - begin) / runs);
    }
    times.sort_unstable();
    println!("{what:<46}{:>8}.{:01} µs", times[0] / 1000, times[0] % 1000 / 100);
}

#[test]
#[ignore = "prints times, which mean something in a release build only"]
fn stages() {
    let set = TemplateSet::compile(vec![product()], Limits::default()).unwrap();
    let sealed = sealed();
    let values = json!({ "labels": { "team": "edge" }, "tolerations": [{ "operator": "Exists" }] });
    let values = values.as_object().unwrap();
    let context = set.context(&sealed, None).unwrap();
    let output = |name: &str| set.engine.render(name, &context).unwrap();
    let names: Vec<&str> = set.templates.iter().map(|template| template.name.as_str()).collect();
    let skeleton = |at: usize, text: &str| set.templates[at].cache.skeleton(text, 64).unwrap();

    println!("{} objects", set.render(&sealed, None).unwrap().len());
    measure("render, all of it", || drop(black_box(set.render(black_box(&sealed), None))));
    measure("  context from the sealed values", || drop(black_box(set.context(black_box(&sealed), None))));
    measure("  language: templates to text and values", || {
        for name in &names {
            drop(black_box(output(name)));
        }
    });
    let outputs: Vec<_> = names.iter().map(|name| output(name)).collect();
    measure("  text to skeletons that are kept", || {
        for (at, output) in outputs.iter().enumerate() {
            drop(black_box(skeleton(at, &output.text)));
        }
    });
    measure("  text to skeletons that are not", || {
        for output in &outputs {
            drop(black_box(super::skeleton::Cache::default().skeleton(&output.text, 64)));
        }
    });
    let skeletons: Vec<_> = outputs.iter().enumerate().map(|(at, output)| skeleton(at, &output.text)).collect();
    measure("  values copied, for the next line", || {
        for output in &outputs {
            drop(black_box(output.values.slots.clone()));
        }
    });
    measure("  skeletons and values to objects (and that)", || {
        for (output, skeleton) in outputs.iter().zip(&skeletons) {
            drop(black_box(skeleton.fill(&mut output.values.slots.clone())));
        }
    });
    println!();
    measure("render with a target's values", || {
        drop(black_box(set.render(black_box(&sealed), Some(&Value::Object(values.clone())))));
    });
    measure("  merge and check against the schema", || drop(black_box(set.values.with(black_box(values)))));
    let merged = set.values.with(values).unwrap();
    measure("  as the language sees them", || drop::<Emitted>(black_box(emit::to_template_map(black_box(&merged)))));
    println!();
    let product = product();
    measure("compile", || drop(black_box(TemplateSet::compile(vec![product.clone()], Limits::default()))));
    measure("compile and render once", || {
        drop(black_box(TemplateSet::compile(vec![product.clone()], Limits::default()).unwrap().render(&sealed, None)));
    });
}
