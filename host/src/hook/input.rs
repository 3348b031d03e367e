//! A hook's input, made ready to cross: JSON is written once, for all hooks and plugins of one reconcile.

use std::sync::OnceLock;

use berthage_core::key::Workspace;
use berthage_core::plugin::{ApplyResult, Input};
use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::contract::newest as types;
use super::digest::{Digest, Digester};
use super::steady::Shift;

/// An input as it crosses to plugins.
///
/// What is not in an outcome's digest does not cross either, but for `now` and `attempt`: `metadata.managedFields` and
/// `metadata.resourceVersion` of the subject and of everything that was read are left out.
#[derive(Debug)]
pub struct Encoded {
    workspace: Workspace,
    /// Without a configuration, which is each plugin's own.
    input: types::Input,
    digest: OnceLock<Digest>,
}

impl Encoded {
    /// The input of a reconcile in `workspace`.
    pub fn new(workspace: &Workspace, input: &Input) -> Self {
        let reads = input.reads.iter().map(|group| types::Group {
            id: group.id.clone(),
            complete: group.complete,
            items: group.items.iter().map(encode_object).collect(),
        });
        Self {
            workspace: workspace.clone(),
            input: types::Input {
                subject: encode_object(&input.subject),
                config: Vec::new(),
                facts: encode(&input.facts),
                reads: reads.collect(),
                results: results(&input.results),
                now: input.now.clone(),
                attempt: input.attempt,
            },
            digest: OnceLock::new(),
        }
    }

    /// The same input after an apply, for `report`: only the results are new.
    #[must_use]
    pub fn with_results(mut self, after: &[ApplyResult]) -> Self {
        self.input.results = results(after);
        self.digest = OnceLock::new();
        self
    }

    /// The workspace whose object this is about.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The digest of everything but `now` and `attempt`.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| {
            let types::Input { subject, config: _, facts, reads, results, now: _, attempt: _ } = &self.input;
            let mut digester = Digester::default();
            digester.part(subject).part(facts).count(reads.len());
            for group in reads {
                digester.part(group.id.as_bytes()).part(&[u8::from(group.complete)]).count(group.items.len());
                for item in &group.items {
                    digester.part(item);
                }
            }
            digester.count(results.len());
            for types::ApplyResult { ref_: object, ok, code, message } in results {
                for part in
                    [&object.group, &object.version, &object.kind, &object.namespace, &object.name, code, message]
                {
                    digester.part(part.as_bytes());
                }
                digester.part(&[u8::from(*ok)]);
            }
            digester.finish()
        })
    }

    /// The time of the input; none if it is no time, as in a recording that somebody wrote by hand.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.input.now.parse().ok()
    }

    /// The input for the plugin with this configuration.
    pub(super) fn with_config(&self, config: &[u8], shift: Shift) -> types::Input {
        let mut input = types::Input { config: config.to_vec(), ..self.input.clone() };
        input.attempt = input.attempt.saturating_add(shift.attempts);
        if let Some(now) = self.now().filter(|_| !shift.later.is_zero()) {
            let later = SignedDuration::try_from(shift.later).unwrap_or(SignedDuration::MAX);
            input.now = now.saturating_add(later).unwrap_or(Timestamp::MAX).to_string();
        }
        input
    }
}

fn results(results: &[ApplyResult]) -> Vec<types::ApplyResult> {
    let crossing = |ApplyResult { object, ok, code, message }: &ApplyResult| types::ApplyResult {
        ref_: types::ObjectRef {
            group: object.group.clone(),
            version: object.version.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        },
        ok: *ok,
        code: code.clone(),
        message: message.clone(),
    };
    results.iter().map(crossing).collect()
}

/// The JSON text of a value.
pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    // Values of serde_json always serialise: their keys are strings.
    serde_json::to_vec(value).unwrap_or_default()
}

/// The JSON text of a Kubernetes object, without what changes at every write.
pub(super) fn encode_object(object: &Value) -> Vec<u8> {
    encode(&Crossing(object))
}

/// An object, on its way to a plugin.
struct Crossing<'a>(&'a Value);

impl Serialize for Crossing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(object) = self.0 else { return self.0.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in object {
            match value {
                Value::Object(metadata) if key == "metadata" => {
                    map.serialize_entry(key, &CrossingMetadata(metadata))?;
                }
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

struct CrossingMetadata<'a>(&'a Map<String, Value>);

impl Serialize for CrossingMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stays = |key: &str| key != "managedFields" && key != "resourceVersion";
        serializer.collect_map(self.0.iter().filter(|(key, _)| stays(key)))
    }
}

#[cfg(test)]
mod tests {
    use berthage_core::plugin::{Group, ObjectRef};
    use serde_json::json;

    use super::*;

    fn input() -> Input {
        Input {
            subject: json!({"metadata": {"name": "a", "resourceVersion": "1", "managedFields": [{}]}, "spec": {"x": 1}}),
            facts: json!({"f": true}),
            reads: vec![Group {
                id: "g".into(),
                complete: true,
                items: vec![json!({"metadata": {"resourceVersion": "7"}})],
            }],
            results: vec![],
            now: "2026-01-01T00:00:00Z".into(),
            attempt: 0,
        }
    }

    fn digest(change: impl FnOnce(&mut Input)) -> Digest {
        let mut input = input();
        change(&mut input);
        Encoded::new(&Workspace::local(), &input).digest()
    }

    #[test]
    fn what_changes_at_every_write_does_not_cross() {
        let encoded = Encoded::new(&Workspace::local(), &input());
        assert_eq!(String::from_utf8(encoded.input.subject).unwrap(), r#"{"metadata":{"name":"a"},"spec":{"x":1}}"#);
        assert_eq!(encoded.input.reads[0].items, [br#"{"metadata":{}}"#]);
        assert_eq!(encode_object(&json!([1])), b"[1]");
    }

    #[test]
    fn the_digest_moves_with_the_input_and_not_with_the_time() {
        let same = digest(|_| ());
        assert_eq!(same, digest(|input| input.now = "2027-01-01T00:00:00Z".into()));
        assert_eq!(same, digest(|input| input.attempt = 9));
        assert_eq!(same, digest(|input| input.subject["metadata"]["resourceVersion"] = json!("2")));
        assert_eq!(same, digest(|input| input.reads[0].items[0]["metadata"]["resourceVersion"] = json!("8")));
        assert_ne!(same, digest(|input| input.subject["spec"]["x"] = json!(2)));
        assert_ne!(same, digest(|input| input.facts = json!({})));
        assert_ne!(same, digest(|input| input.reads[0].complete = false));
        assert_ne!(same, digest(|input| input.reads[0].items.clear()));
        assert_ne!(same, digest(|input| input.reads.clear()));
    }

    #[test]
    fn results_are_part_of_the_digest() {
        let result = |code: &str| ApplyResult {
            object: ObjectRef {
                group: String::new(),
                version: "v1".into(),
                kind: "ConfigMap".into(),
                namespace: "n".into(),
                name: "a".into(),
            },
            ok: code.is_empty(),
            code: code.into(),
            message: String::new(),
        };
        let encoded = |results: Vec<_>| Encoded::new(&Workspace::local(), &input()).with_results(&results);
        assert_ne!(encoded(vec![]).digest(), encoded(vec![result("")]).digest());
        assert_ne!(encoded(vec![result("Forbidden")]).digest(), encoded(vec![result("")]).digest());
    }
}
