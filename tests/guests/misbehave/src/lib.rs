//! A test plugin that behaves, or does what no plugin should: traps, loops, hoards memory, lies.
//!
//! Which of it is chosen for each hook (`check-config`, `select`, `plan`, `report`, `finalize`) by the annotation
//! `misbehave.berthage.dev/<hook>` of the subject, else by the configuration `{"<hook>": "<behaviour>"}`. [`Behaviour`]
//! lists them. Without any the plugin is a good one: it plans a Namespace and a ConfigMap, without templates.

mod behaviour;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use berthage_plugin_sdk::{
    About, Condition, Input, Next, Note, ObjectRef, Plan, Plugin, Reconciler, Report, Selection,
};
use serde::Deserialize;
use serde_json::{Value, json};

pub use behaviour::Behaviour;

/// Prefix of the annotations that choose a behaviour.
pub const ANNOTATION_PREFIX: &str = "misbehave.berthage.dev/";

/// Calls that this instance has seen. The host gives every call a fresh instance, so nobody may ever see a 2.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// The plugin.
#[derive(Debug)]
pub struct Misbehave;

/// The part of the subject that matters here.
#[derive(Debug, Default, Deserialize)]
pub struct Subject {
    /// Metadata.
    #[serde(default)]
    pub metadata: Metadata,
}

/// See [`Subject`].
#[derive(Debug, Default, Deserialize)]
pub struct Metadata {
    /// Annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What to do in `hook`.
pub fn chosen(hook: &str, subject: &Subject, config: &BTreeMap<String, String>) -> Behaviour {
    let annotated = subject.metadata.annotations.get(&format!("{ANNOTATION_PREFIX}{hook}"));
    Behaviour::named(annotated.or_else(|| config.get(hook)).map_or("ok", String::as_str))
}

impl Plugin for Misbehave {
    type Config = BTreeMap<String, String>;
    type Subject = Subject;
    type Facts = Value;

    fn about() -> About {
        About::new("misbehave", env!("CARGO_PKG_VERSION"), "Behaves as badly as it is told to.")
    }

    fn check_config(config: Self::Config) -> Result<Self::Config, Vec<String>> {
        let behaviour = chosen("check-config", &Subject::default(), &config);
        if behaviour == Behaviour::Invalid {
            return Err(vec!["check-config: is told to be invalid".to_owned(), "nothing: else is wrong".to_owned()]);
        }
        behaviour.act();
        Ok(config)
    }

    fn select(subject: &Subject, config: &Self::Config) -> Result<Vec<Selection>, String> {
        match chosen("select", subject, config) {
            Behaviour::Fail => Err("select is told to fail".to_owned()),
            Behaviour::Nothing => Ok(Vec::new()),
            Behaviour::Secrets => Ok(vec![Selection::on_hub("secrets", "", "v1", "Secret").in_namespace("default")]),
            Behaviour::Peers => Ok(vec![
                Selection::on_hub(PEERS, "workload.kcp.io", "v1alpha1", "SyncTarget")
                    .labelled("tier", &["edge"])
                    .field("/spec/values"),
            ]),
            Behaviour::Many => {
                Ok((0..10_000).map(|i| Selection::on_hub(&format!("s{i}"), "", "v1", "ConfigMap")).collect())
            }
            behaviour => {
                behaviour.act();
                Ok(vec![Selection::on_hub("config", "", "v1", "ConfigMap").in_namespace("default").named("misbehave")])
            }
        }
    }
}

/// The selection of [`Behaviour::Peers`].
const PEERS: &str = "peers";

/// What is seen of all peers, whole.
fn peers(input: &Input<Misbehave>) -> Result<Condition, String> {
    let seen: Vec<Value> = input.reads.of(PEERS)?;
    let seen: Vec<String> = seen
        .iter()
        .map(|peer| {
            let (name, rest) = (&peer["metadata"]["name"], peer.as_object().map(|peer| peer.keys().len()));
            format!("{} {} {} {}", name, peer["spec"], peer["metadata"]["labels"], rest.unwrap_or_default())
        })
        .collect();
    Ok(Condition::new("Peers", input.reads.complete(PEERS), "Seen", seen.join(", ")))
}

/// The condition that every outcome has: how many calls this instance has seen.
fn calls() -> Condition {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    Condition::new("Calls", true, "Counted", calls.to_string())
}

impl Reconciler for Misbehave {
    fn plan(input: &Input<Self>) -> Result<Plan, String> {
        let behaviour = chosen("plan", &input.subject, &input.config);
        let mut plan = Plan::settled().condition(calls());
        if chosen("select", &input.subject, &input.config) == Behaviour::Peers {
            plan.conditions.push(peers(input)?);
        }
        match behaviour {
            Behaviour::Fail => return Err("plan is told to fail".to_owned()),
            Behaviour::Hold => plan.hold = true,
            Behaviour::Huge => return Ok(plan.render("syncer", json!({ "huge": "x".repeat(5 << 20) }))),
            Behaviour::Deep => {
                plan.objects.push((0..100).fold(json!({}), |inner, _| json!({ "deeper": inner })));
                return Ok(plan);
            }
            Behaviour::NoObject => return Ok(plan.render("syncer", json!([]))),
            Behaviour::Lowered => {
                plan.conditions.push(Condition::new("Lowered", false, "ToldTo", "lowers Ready").lowers_ready());
            }
            Behaviour::Slash => plan.conditions.push(Condition::new("other/Ready", true, "A", "")),
            Behaviour::BadReason => plan.conditions.push(Condition::new("Fine", true, "not a reason", "")),
            Behaviour::Control => {
                plan.conditions.push(Condition::new(
                    "Fine",
                    true,
                    "Fine",
                    format!("a\u{1b}[31m\n{}", "é".repeat(5000)),
                ));
            }
            Behaviour::Trusting => {
                for peer in input.reads.of::<Value>(PEERS)? {
                    assert!(peer["status"]["conditions"][0]["type"].is_string(), "a status is always there");
                }
            }
            Behaviour::Clock => {
                let said = format!("{} {}", input.now, input.attempt);
                plan.conditions.push(Condition::new("Clock", true, "Told", said));
            }
            Behaviour::Minute => {
                let seconds = input.now.get(17..19).and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
                plan.after = Next::AgainAfter(Duration::from_secs(60_u64.saturating_sub(seconds)));
            }
            Behaviour::Many => {
                plan.conditions.extend((0..10_000).map(|i| Condition::new(&format!("C{i}"), true, "A", "")));
            }
            behaviour => {
                behaviour.act();
                plan.after = behaviour.next();
            }
        }
        if let Some(namespace) = input.facts.pointer("/names/namespace").and_then(Value::as_str) {
            let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
            plan.objects = vec![
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "misbehave", "namespace": namespace},
                       "data": {"behaviour": format!("{behaviour:?}")}}),
            ];
        }
        Ok(plan)
    }

    fn report(input: &Input<Self>) -> Result<Report, String> {
        report("report", input)
    }

    fn finalize(input: &Input<Self>) -> Result<Report, String> {
        report("finalize", input)
    }
}

fn report(hook: &str, input: &Input<Misbehave>) -> Result<Report, String> {
    let behaviour = chosen(hook, &input.subject, &input.config);
    if behaviour == Behaviour::Fail {
        return Err(format!("{hook} is told to fail"));
    }
    behaviour.act();
    let failed = input.results.iter().filter(|result| !result.ok).count();
    Ok(Report::next(behaviour.next())
        .condition(calls())
        .note(Note::normal("Reported", format!("{failed} of {} applies failed", input.results.len()))))
}

impl Behaviour {
    /// What comes next, for the behaviours that are about that.
    fn next(self) -> Next {
        match self {
            Self::Retry => Next::retry("ToldToRetry", "is told to ask for a retry"),
            Self::Invalid => Next::invalid("ToldInvalid", "is told to find the object wrong"),
            Self::Again => Next::AgainAfter(Duration::from_millis(1500)),
            Self::Wait => Next::WaitingFor(vec![ObjectRef {
                group: String::new(),
                version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: "default".to_owned(),
                name: "misbehave".to_owned(),
            }]),
            _ => Next::Settled,
        }
    }
}

/// The border, by hand: what the SDK would never let cross is put in here.
#[cfg(target_family = "wasm")]
mod border {
    use berthage_plugin_sdk::glue::{AboutGuest, ReconcileGuest, ReconcilerComponent, about, reconcile, types};

    use super::{Behaviour, Misbehave, Subject, chosen};

    struct Border;

    type Good = ReconcilerComponent<Misbehave>;

    impl AboutGuest for Border {
        fn describe() -> Vec<u8> {
            <Good as AboutGuest>::describe()
        }

        fn check_config(config: Vec<u8>) -> Result<Vec<u8>, Vec<String>> {
            <Good as AboutGuest>::check_config(config)
        }
    }

    impl ReconcileGuest for Border {
        fn select(subject: Vec<u8>, config: Vec<u8>) -> Result<Vec<types::Selection>, String> {
            <Good as ReconcileGuest>::select(subject, config)
        }

        fn plan(input: types::Input) -> Result<types::PlanOutcome, String> {
            let subject: Subject = serde_json::from_slice(&input.subject).unwrap_or_default();
            let config = serde_json::from_slice(&input.config).unwrap_or_default();
            let behaviour = chosen("plan", &subject, &config);
            let mut outcome = <Good as ReconcileGuest>::plan(input)?;
            match behaviour {
                Behaviour::Json => outcome.objects.push(b"{\"kind\": ".to_vec()),
                Behaviour::Status => outcome.conditions[0].status = "Maybe".to_owned(),
                Behaviour::Level => outcome.notes.push(types::Note {
                    level: "Alarm".to_owned(),
                    reason: "A".to_owned(),
                    message: String::new(),
                }),
                _ => {}
            }
            Ok(outcome)
        }

        fn report(input: types::Input) -> Result<types::ReportOutcome, String> {
            <Good as ReconcileGuest>::report(input)
        }

        fn finalize(input: types::Input) -> Result<types::ReportOutcome, String> {
            <Good as ReconcileGuest>::finalize(input)
        }
    }

    about::export!(Border with_types_in berthage_plugin_sdk::glue::about);
    reconcile::export!(Border with_types_in berthage_plugin_sdk::glue::reconcile);
}
