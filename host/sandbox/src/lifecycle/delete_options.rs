//! `metav1.DeleteOptions`, from a body or from a query (`metav1/conversion.go`, `metav1/validation`).

use serde_json::Value;

use super::metadata::Object;
use crate::causes;
use crate::quote::json;
use crate::status::{Cause, Failure};

/// What a deletion was asked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// `gracePeriodSeconds`.
    pub grace_period_seconds: Option<i64>,
    /// `preconditions.uid`.
    pub uid: Option<String>,
    /// `preconditions.resourceVersion`.
    pub resource_version: Option<String>,
    /// `orphanDependents`.
    pub orphan_dependents: Option<bool>,
    /// `propagationPolicy`.
    pub propagation_policy: Option<String>,
    /// `dryRun=All`.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Those in a body. A server takes them with or without their kind.
    pub fn from_body(body: &Object) -> Result<Self, Failure> {
        if !matches!(body.get("kind").and_then(Value::as_str), None | Some("DeleteOptions")) {
            return Err(Failure::not_in_sandbox("a body of another kind than DeleteOptions for a DELETE"));
        }
        let wrong = |field: &str| Failure::not_in_sandbox(&format!("what is wrong with {field} in DeleteOptions"));
        let set = |field: &'static str| body.get(field).filter(|value| !value.is_null()).map(|value| (field, value));
        let preconditions = match set("preconditions") {
            None => None,
            Some((field, value)) => Some(value.as_object().ok_or_else(|| wrong(field))?),
        };
        let condition = |field: &str| -> Result<_, Failure> {
            match preconditions.and_then(|conditions| conditions.get(field)) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => Ok(Some(value.as_str().ok_or_else(|| wrong(field))?.to_owned())),
            }
        };
        let dry = match set("dryRun") {
            None => Vec::new(),
            Some((field, value)) => {
                let values: Option<Vec<&str>> =
                    value.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
                values.ok_or_else(|| wrong(field))?
            }
        };
        Self {
            grace_period_seconds: read(set("gracePeriodSeconds"), Value::as_i64, wrong)?,
            uid: condition("uid")?,
            resource_version: condition("resourceVersion")?,
            orphan_dependents: read(set("orphanDependents"), Value::as_bool, wrong)?,
            propagation_policy: read(set("propagationPolicy"), |value| value.as_str().map(str::to_owned), wrong)?,
            dry_run: false,
        }
        .checked(&dry)
    }

    /// Those in a query, if there is no body.
    pub fn from_query<'a>(query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut dry = Vec::new();
        for (key, value) in query {
            // Of several values the first one counts.
            match key {
                "gracePeriodSeconds" if options.grace_period_seconds.is_none() => {
                    options.grace_period_seconds = Some(integer(value)?);
                }
                "orphanDependents" if options.orphan_dependents.is_none() => {
                    options.orphan_dependents = Some(value != "0" && !value.eq_ignore_ascii_case("false"));
                }
                "propagationPolicy" if options.propagation_policy.is_none() => {
                    options.propagation_policy = Some(value.to_owned());
                }
                "uid" if options.uid.is_none() && !value.is_empty() => options.uid = Some(value.to_owned()),
                "resourceVersion" if options.resource_version.is_none() && !value.is_empty() => {
                    options.resource_version = Some(value.to_owned());
                }
                "dryRun" => dry.push(value),
                _ => {}
            }
        }
        options.checked(&dry)
    }

    /// `ValidateDeleteOptions`.
    fn checked(mut self, dry: &[&str]) -> Result<Self, Failure> {
        let mut wrong = Vec::new();
        if let Some(policy) = &self.propagation_policy {
            if self.orphan_dependents.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                wrong.push(causes::invalid("propagationPolicy", policy, why));
            }
            if !matches!(policy.as_str(), "Foreground" | "Background" | "Orphan") {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                wrong.push(causes::not_supported("propagationPolicy", policy, &supported));
            }
        }
        match dry_run(dry) {
            Ok(dry) => self.dry_run = dry,
            Err(cause) => wrong.push(cause),
        }
        Failure::if_wrong("meta.k8s.io", "DeleteOptions", "", wrong)?;
        Ok(self)
    }
}

/// Whether a request is only tried, by the values of `dryRun`; or what is wrong with them, for the request's options.
pub fn dry_run(values: &[&str]) -> Result<bool, Cause> {
    if values.iter().all(|value| *value == "All") {
        return Ok(!values.is_empty());
    }
    Err(causes::not_supported_text("dryRun", &json(&Value::from(values)), &["All"]))
}

fn read<T>(
    field: Option<(&'static str, &Value)>,
    read: impl Fn(&Value) -> Option<T>,
    wrong: impl Fn(&str) -> Failure,
) -> Result<Option<T>, Failure> {
    field.map(|(name, value)| read(value).ok_or_else(|| wrong(name))).transpose()
}

fn integer(value: &str) -> Result<i64, Failure> {
    value.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        Failure::bad_request(format!("strconv.ParseInt: parsing {value:?}: {why}"))
    })
}
