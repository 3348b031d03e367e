//! The hooks as the host calls them: JSON in, outcome out.
//!
//! The exported functions of a component do nothing but call these, so a test on the developer's machine goes the same way
//! as production does.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::input::{ApplyResult, Input, RawGroup, Reads};
use crate::outcome::{Next, Plan, Report, Transformed};
use crate::plugin::{Plugin, Reconciler, Transformer};
use crate::selection::Selection;

/// The input of a hook as it crosses the border.
#[derive(Debug)]
pub struct RawInput {
    pub(crate) subject: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) facts: Vec<u8>,
    pub(crate) reads: Vec<RawGroup>,
    pub(crate) results: Vec<ApplyResult>,
    pub(crate) now: String,
    pub(crate) attempt: u32,
}

impl RawInput {
    /// An input with this subject and these facts, an empty configuration and nothing else. `now` is the start of 2026.
    pub fn new(subject: &Value, facts: &Value) -> Self {
        Self {
            subject: subject.to_string().into_bytes(),
            config: b"{}".to_vec(),
            facts: facts.to_string().into_bytes(),
            reads: Vec::new(),
            results: Vec::new(),
            now: "2026-01-01T00:00:00Z".to_owned(),
            attempt: 0,
        }
    }

    /// With this configuration, which is not checked: see [`check_config`].
    #[must_use]
    pub fn config(mut self, config: &Value) -> Self {
        self.config = config.to_string().into_bytes();
        self
    }

    /// With what a selection found.
    #[must_use]
    pub fn read(mut self, id: &str, complete: bool, items: &[Value]) -> Self {
        let items = items.iter().map(|item| item.to_string().into_bytes()).collect();
        self.reads.push(RawGroup { id: id.to_owned(), complete, items });
        self
    }

    /// With how the apply of one object went.
    #[must_use]
    pub fn result(mut self, result: ApplyResult) -> Self {
        self.results.push(result);
        self
    }
}

/// Why an input did not become an [`Input`].
enum Undecoded {
    /// The subject does not fit the plugin's type: its owner can mend that.
    Subject(String),
    /// The host sent something else than the contract says.
    Other(String),
}

/// JSON into a type; the error begins with the path of the field.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    // Keeping track of the path costs time, so it is done only for a text that has an error in it.
    serde_json::from_slice(json).or_else(|_| {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(json)).map_err(|error| {
            let path = error.path().to_string();
            let what = error.into_inner().to_string();
            // Line and column mean nothing to somebody who never saw the text.
            let what = what.split(" at line ").next().unwrap_or_default();
            if path == "." { what.to_owned() } else { format!("{path}: {what}") }
        })
    })
}

fn decode<P: Plugin>(raw: RawInput) -> Result<Input<P>, Undecoded> {
    let other = |what: &str, error: String| Undecoded::Other(format!("{what} of the input: {error}"));
    Ok(Input {
        config: parse(&raw.config).map_err(|error| other("the configuration", error))?,
        facts: parse(&raw.facts).map_err(|error| other("the facts", error))?,
        subject: parse(&raw.subject).map_err(Undecoded::Subject)?,
        reads: Reads(raw.reads),
        results: raw.results,
        now: raw.now,
        attempt: raw.attempt,
    })
}

/// `describe`: a JSON object.
pub fn describe<P: Plugin>() -> Vec<u8> {
    serde_json::to_vec(&P::about()).unwrap_or_default()
}

/// `check-config`: the configuration with defaults filled in.
///
/// # Errors
/// What is wrong, a line each.
pub fn check_config<P: Plugin>(config: &[u8]) -> Result<Vec<u8>, Vec<String>> {
    let config = parse(config).map_err(|error| vec![error])?;
    let config = P::check_config(config)?;
    serde_json::to_vec(&config).map_err(|error| vec![error.to_string()])
}

/// `select`. A subject that does not decode selects nothing: `plan` is where that is said.
///
/// # Errors
/// The configuration does not decode, or the plugin says that something unexpected happened.
pub fn select<P: Plugin>(subject: &[u8], config: &[u8]) -> Result<Vec<Selection>, String> {
    let config = parse(config).map_err(|error| format!("the configuration: {error}"))?;
    match serde_json::from_slice(subject) {
        Ok(subject) => P::select(&subject, &config),
        Err(_) => Ok(Vec::new()),
    }
}

fn invalid_subject(error: &str) -> Next {
    Next::invalid("SubjectInvalid", format!("the object is not what the plugin expects: {error}"))
}

/// `plan`. A subject that does not decode holds everything and is reported as invalid.
///
/// # Errors
/// The rest of the input does not decode, or the plugin says that something unexpected happened.
pub fn plan<P: Reconciler>(raw: RawInput) -> Result<Plan, String> {
    match decode::<P>(raw) {
        Ok(input) => P::plan(&input),
        Err(Undecoded::Subject(error)) => Ok(Plan::hold(invalid_subject(&error))),
        Err(Undecoded::Other(error)) => Err(error),
    }
}

/// `report`. A subject that does not decode is reported as invalid.
///
/// # Errors
/// As [`plan`].
pub fn report<P: Reconciler>(raw: RawInput) -> Result<Report, String> {
    match decode::<P>(raw) {
        Ok(input) => P::report(&input),
        Err(Undecoded::Subject(error)) => Ok(Report::next(invalid_subject(&error))),
        Err(Undecoded::Other(error)) => Err(error),
    }
}

/// `finalize`. A subject that does not decode is let go: a broken object must be deletable.
///
/// # Errors
/// As [`plan`].
pub fn finalize<P: Reconciler>(raw: RawInput) -> Result<Report, String> {
    match decode::<P>(raw) {
        Ok(input) => P::finalize(&input),
        Err(Undecoded::Subject(_)) => Ok(Report::settled()),
        Err(Undecoded::Other(error)) => Err(error),
    }
}

/// `transform`. A subject that does not decode is refused.
///
/// # Errors
/// The rest of the input or an object does not decode, or the plugin says that something unexpected happened.
pub fn transform<P: Transformer>(raw: RawInput, objects: &[Vec<u8>]) -> Result<Transformed, String> {
    let input = match decode::<P>(raw) {
        Ok(input) => input,
        Err(Undecoded::Subject(error)) => return Ok(Transformed::none(invalid_subject(&error))),
        Err(Undecoded::Other(error)) => return Err(error),
    };
    let objects = objects
        .iter()
        .map(|object| serde_json::from_slice(object).map_err(|error| format!("an object to transform: {error}")))
        .collect::<Result<_, _>>()?;
    P::transform(&input, objects)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::{About, Condition, Next, ObjectRef};

    struct Counter;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default = "two")]
        factor: u32,
    }

    fn two() -> u32 {
        2
    }

    #[derive(Deserialize)]
    struct Subject {
        count: u32,
    }

    impl Plugin for Counter {
        type Config = Config;
        type Subject = Subject;
        type Facts = crate::Empty;

        fn about() -> About {
            About::new("counter", "1.2.3", "Counts.")
        }

        fn check_config(config: Config) -> Result<Config, Vec<String>> {
            if config.factor == 0 { Err(vec!["factor: must not be 0".to_owned()]) } else { Ok(config) }
        }

        fn select(subject: &Subject, _: &Config) -> Result<Vec<Selection>, String> {
            Ok(vec![
                Selection::on_hub("all", "", "v1", "ConfigMap").named(&subject.count.to_string()).in_namespace("n"),
            ])
        }
    }

    impl Reconciler for Counter {
        fn plan(input: &Input<Self>) -> Result<Plan, String> {
            let found = input.reads.of::<Value>("all")?.len();
            let product = input.subject.count * input.config.factor;
            let message = format!("{product} of {found}, complete: {}", input.reads.complete("all"));
            Ok(Plan::settled().condition(Condition::new("Counted", true, "Counted", message)))
        }
    }

    impl Transformer for Counter {
        fn transform(_: &Input<Self>, mut objects: Vec<Value>) -> Result<Transformed, String> {
            objects.reverse();
            Ok(Transformed::new(objects))
        }
    }

    #[test]
    fn describe_is_json() {
        let about: Value = serde_json::from_slice(&describe::<Counter>()).unwrap();
        assert_eq!(
            about,
            json!({"name": "counter", "version": "1.2.3", "description": "Counts.",
                   "subject": {"group": "workload.kcp.io", "version": "v1alpha1", "kind": "SyncTarget"}})
        );
    }

    #[test]
    fn a_configuration_gets_its_defaults_or_its_problems() {
        assert_eq!(check_config::<Counter>(b"{}").unwrap(), br#"{"factor":2}"#);
        assert_eq!(check_config::<Counter>(br#"{"factor":0}"#).unwrap_err(), ["factor: must not be 0"]);
        assert_eq!(
            check_config::<Counter>(br#"{"factor":"x"}"#).unwrap_err(),
            ["factor: invalid type: string \"x\", expected u32"]
        );
        let unknown = check_config::<Counter>(br#"{"facto":1}"#).unwrap_err();
        assert!(unknown[0].contains("facto"), "{unknown:?}");
    }

    #[test]
    fn hooks_get_what_was_sent() {
        let config = check_config::<Counter>(b"{}").unwrap();
        let selections = select::<Counter>(br#"{"count":7}"#, &config).unwrap();
        assert_eq!((selections[0].names.as_slice(), selections[0].namespace.as_str()), (&["7".to_owned()][..], "n"));
        let input = RawInput::new(&json!({"count": 7}), &json!({})).config(&json!({"factor": 3})).read(
            "all",
            true,
            &[json!({}), json!({})],
        );
        assert_eq!(plan::<Counter>(input).unwrap().conditions[0].message, "21 of 2, complete: true");
        let input = RawInput::new(&json!({"count": 7}), &json!({})).config(&json!({"factor": 3}));
        let transformed = transform::<Counter>(input, &[b"1".to_vec(), b"2".to_vec()]).unwrap();
        assert_eq!(transformed.objects, [json!(2), json!(1)]);
    }

    #[test]
    fn a_subject_that_does_not_decode_is_invalid_and_still_deletable() {
        let input = || RawInput::new(&json!({"count": "many"}), &json!({})).config(&json!({"factor": 3}));
        assert_eq!(select::<Counter>(br#"{"count":"many"}"#, br#"{"factor":1}"#).unwrap(), []);
        let planned = plan::<Counter>(input()).unwrap();
        assert!(planned.hold);
        assert!(matches!(planned.after, Next::Invalid { ref reason, .. } if reason == "SubjectInvalid"));
        assert!(matches!(report::<Counter>(input()).unwrap().after, Next::Invalid { .. }));
        assert_eq!(finalize::<Counter>(input()).unwrap(), Report::settled());
        assert!(matches!(transform::<Counter>(input(), &[]).unwrap().after, Next::Invalid { .. }));
    }

    #[test]
    fn what_the_host_got_wrong_is_an_error() {
        let mut input = RawInput::new(&json!({"count": 1}), &json!({})).config(&json!({"factor": 3}));
        input.facts = b"[".to_vec();
        assert!(plan::<Counter>(input).unwrap_err().contains("facts"));
        let input = RawInput::new(&json!({"count": 1}), &json!({})).config(&json!({"factor": 3}));
        assert!(transform::<Counter>(input, &[b"{".to_vec()]).unwrap_err().contains("object"));
        assert!(select::<Counter>(b"{}", b"null").is_err());
    }

    #[test]
    fn results_and_log_lines_are_kept() {
        let object = ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: "A".into(),
            namespace: "n".into(),
            name: "a".into(),
        };
        let input = RawInput::new(&json!({}), &json!({})).result(ApplyResult {
            object,
            ok: false,
            code: "Forbidden".into(),
            message: "no".into(),
        });
        assert_eq!(input.results.len(), 1);
        crate::log::warn("look");
        assert_eq!(crate::log::taken(), [(crate::log::Level::Warn, "look".to_owned())]);
        assert_eq!(crate::log::taken(), []);
    }
}
