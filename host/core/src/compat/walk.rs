//! Two schemas side by side, from the object down to its leaves.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bounds;
use super::problem::Problem;
use super::schema::{Kind, Schema};

/// Keywords that say nothing about objects.
const PROSE: [&str; 6] = ["$schema", "description", "example", "externalDocs", "id", "title"];

/// Keywords that are compared with care, here and in [`bounds`]. Every other one must not change.
const JUDGED: [&str; 33] = [
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
    "uniqueItems",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// Adds what a version's new schema breaks, each with its place.
pub(super) fn compare(version: &str, old: &Value, new: &Value, breaks: &mut Vec<(String, Problem)>) {
    let mut walk = Walk { version, path: Vec::new(), breaks };
    walk.schema(Schema::root(old), Schema::root(new));
}

struct Walk<'a> {
    version: &'a str,
    /// Where it is: names, and `[]` and `*`.
    path: Vec<String>,
    breaks: &'a mut Vec<(String, Problem)>,
}

impl Walk<'_> {
    fn report(&mut self, problem: Problem) {
        let path = self.path.join(".").replace(".[]", "[]");
        let separator = if path.is_empty() { "" } else { " " };
        self.breaks.push((format!("{}{separator}{path}", self.version), problem));
    }

    fn report_at(&mut self, step: &str, problem: Problem) {
        self.path.push(step.to_owned());
        self.report(problem);
        self.path.pop();
    }

    fn below(&mut self, step: &str, old: Schema<'_>, new: Schema<'_>) {
        self.path.push(step.to_owned());
        self.schema(old, new);
        self.path.pop();
    }

    fn schema(&mut self, old: Schema<'_>, new: Schema<'_>) {
        let (was, is) = (old.kind(), new.kind());
        if !is.covers(was) {
            // What follows from that would only be noise.
            return self.report(match was {
                Kind::IntOrString => Problem::NotIntOrString(is.to_string()),
                _ => Problem::TypeChanged { old: was.to_string(), new: is.to_string() },
            });
        }
        if old.flag("nullable") && !new.flag("nullable") {
            self.report(Problem::NotNullable);
        }
        self.default(old, new);
        self.values(old, new);
        for problem in bounds::compare(old, new) {
            self.report(problem);
        }
        self.rules(old, new);
        self.topology(old, new);
        self.others(old, new);
        if was.has("object") {
            self.object(old, new);
        }
        // Whoever declares nothing of the items allows what the parent does.
        if was.has("array") && (old.get("items").is_some() || new.get("items").is_some()) {
            self.below("[]", old.items(), new.items());
        }
    }

    fn default(&mut self, old: Schema<'_>, new: Schema<'_>) {
        match (old.get("default"), new.get("default")) {
            (Some(was), Some(is)) if was != is => {
                self.report(Problem::DefaultChanged { old: was.clone(), new: is.clone() });
            }
            (Some(was), None) => self.report(Problem::DefaultGone(was.clone())),
            _ => {}
        }
    }

    /// What restricts a value without bounding it.
    fn values(&mut self, old: Schema<'_>, new: Schema<'_>) {
        let (was, is) = (old.list("enum"), new.list("enum"));
        if was.is_empty() && !is.is_empty() {
            self.report(Problem::EnumAdded);
        } else if !is.is_empty() {
            for value in was.iter().filter(|value| !is.contains(value)) {
                self.report(Problem::ValueRefused(value.clone()));
            }
        }
        for keyword in ["pattern", "format", "allOf", "anyOf", "oneOf", "not"] {
            // A pattern is for strings only.
            let applies = keyword != "pattern" || old.kind().has("string");
            let is = new.get(keyword).filter(|value| applies && !says_nothing(new, keyword, value));
            let was = old.get(keyword).filter(|value| !says_nothing(old, keyword, value));
            if is.is_some() {
                self.breaks_if(Problem::difference(keyword, was, is));
            }
        }
    }

    fn breaks_if(&mut self, problem: Option<Problem>) {
        if let Some(problem) = problem {
            self.report(problem);
        }
    }

    fn rules(&mut self, old: Schema<'_>, new: Schema<'_>) {
        // With the old self optional, a rule holds at creation too.
        let key = |rule: &Value| (rule["rule"].clone(), rule["optionalOldSelf"] == true);
        let known: Vec<_> = old.list("x-kubernetes-validations").iter().map(key).collect();
        for rule in new.list("x-kubernetes-validations") {
            if !known.contains(&key(rule)) {
                self.report(Problem::RuleAdded(rule["rule"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }

    /// How lists and maps are merged. It is validation too, and what owns a field depends on it.
    fn topology(&mut self, old: Schema<'_>, new: Schema<'_>) {
        for (keyword, usual) in [("x-kubernetes-list-type", "atomic"), ("x-kubernetes-map-type", "granular")] {
            let said = |schema: Schema<'_>| schema.get(keyword).filter(|value| *value != usual).cloned();
            self.breaks_if(Problem::difference(keyword, said(old).as_ref(), said(new).as_ref()));
        }
        let keyword = "x-kubernetes-list-map-keys";
        let keys = |schema: Schema<'_>| {
            let keys: BTreeSet<_> = schema.list(keyword).iter().filter_map(Value::as_str).collect();
            (!keys.is_empty()).then(|| keys.into_iter().collect::<Value>())
        };
        self.breaks_if(Problem::difference(keyword, keys(old).as_ref(), keys(new).as_ref()));
    }

    /// Keywords that nothing else here judges.
    fn others(&mut self, old: Schema<'_>, new: Schema<'_>) {
        let judged = |keyword: &&str| PROSE.contains(keyword) || JUDGED.contains(keyword);
        let keywords: BTreeSet<_> = old.keywords().chain(new.keywords()).filter(|keyword| !judged(keyword)).collect();
        for keyword in keywords {
            self.breaks_if(Problem::difference(keyword, old.get(keyword), new.get(keyword)));
        }
    }

    fn object(&mut self, old: Schema<'_>, new: Schema<'_>) {
        // It requires `apiVersion` and `kind`, and keeps them.
        let embedded = "x-kubernetes-embedded-resource";
        if old.flag(embedded) != new.flag(embedded) && (new.flag(embedded) || !new.preserves()) {
            let said = |schema: Schema<'_>| schema.flag(embedded).then_some(Value::Bool(true));
            self.breaks_if(Problem::difference(embedded, said(old).as_ref(), said(new).as_ref()));
        }
        let (declared, mut names) = (old.properties(), new.properties());
        if old.preserves() && !new.preserves() {
            self.report(Problem::UnknownPruned);
            // That says it of all that was not declared.
            names.clear();
        } else if old.get("additionalProperties").is_some() || new.get("additionalProperties").is_some() {
            match (old.others(), new.others()) {
                (Some(_), None) => self.report(Problem::KeysRefused),
                (Some(was), Some(is)) => self.below("*", was, is),
                (None, _) => {}
            }
        }
        names.extend(declared);
        for name in names {
            match (old.property(name), new.property(name)) {
                // No old object has it: it would have been pruned.
                (None, _) => {}
                (Some(_), None) => self.report_at(name, Problem::PropertyGone),
                (Some(was), Some(is)) => self.below(name, was, is),
            }
        }
        self.required(old, new);
    }

    fn required(&mut self, old: Schema<'_>, new: Schema<'_>) {
        let known = old.list("required");
        for name in new.list("required").iter().filter(|name| !known.contains(name)).filter_map(Value::as_str) {
            if !new.defaults(name) && !old.always_has(name) {
                self.report_at(name, Problem::Required);
            }
        }
    }
}

/// Whether a value restricts nothing: an empty list, and the types of an int-or-string, which generators write out.
fn says_nothing(schema: Schema<'_>, keyword: &str, value: &Value) -> bool {
    let types = [json!({ "type": "integer" }), json!({ "type": "string" })];
    match value.as_array() {
        Some(list) if list.is_empty() => true,
        Some(list) => keyword == "anyOf" && schema.flag("x-kubernetes-int-or-string") && list == &types,
        None => false,
    }
}
