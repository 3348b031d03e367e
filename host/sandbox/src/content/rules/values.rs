//! What single values may be, in the words that several kinds share.
//!
//! Facts: `k8s.io/apimachinery/pkg/util/validation/validation.go`, and the small checks of
//! `pkg/apis/{core,apps}/validation/validation.go`.

use serde_json::Value;

use crate::causes::{forbidden, invalid, invalid_value, not_supported, required};
use crate::content::place::Place;
use crate::quote;
use crate::status::Cause;
use crate::validation::names;

type Causes = Vec<Cause>;

const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
const ENVIRONMENT: &str =
    "a valid environment variable name must consist only of printable ASCII characters other than '='";
pub(super) const IMMUTABLE: &str = "field is immutable";
pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// Says each thing that is wrong with a text.
pub(super) fn each(place: &Place<'_>, wrong: &[String], causes: &mut Causes) {
    causes.extend(wrong.iter().map(|why| invalid(place.path(), place.text(), why)));
}

/// A DNS label.
pub(super) fn label(place: &Place<'_>, causes: &mut Causes) {
    each(place, &names::label(place.text()), causes);
}

/// A name with an optional prefix.
pub(super) fn qualified(place: &Place<'_>, causes: &mut Causes) {
    each(place, &names::label_key(place.text()), causes);
}

/// What has to be said.
pub(super) fn said(place: &Place<'_>, causes: &mut Causes) -> bool {
    let is_there = !place.text().is_empty() || !place.is_empty();
    if !is_there {
        causes.push(required(place.path(), ""));
    }
    is_there
}

/// One of some words; they are told in this order.
pub(super) fn one_of(place: &Place<'_>, words: &[&str], causes: &mut Causes) {
    if !words.contains(&place.text()) {
        causes.push(not_supported(place.path(), place.text(), words));
    }
}

/// One of some words, which has to be said.
pub(super) fn said_one_of(place: &Place<'_>, words: &[&str], causes: &mut Causes) {
    if said(place, causes) {
        one_of(place, words, causes);
    }
}

/// Zero or more.
pub(super) fn not_negative(place: &Place<'_>, causes: &mut Causes) {
    if place.number() < 0 {
        causes.push(invalid_value(place.path(), place.value(), "must be greater than or equal to 0"));
    }
}

/// A number that says what it is.
pub(super) fn between(place: &Place<'_>, least: i64, most: i64, causes: &mut Causes) {
    if !(least..=most).contains(&place.number()) {
        let why = format!("must be between {least} and {most}, inclusive");
        causes.push(invalid_value(place.path(), &Value::from(place.number()), &why));
    }
}

/// A port by number.
pub(super) fn port_number(place: &Place<'_>, causes: &mut Causes) {
    between(place, 1, 65535, causes);
}

/// A port by number or by name.
pub(super) fn port(place: &Place<'_>, causes: &mut Causes) {
    if place.value().is_string() {
        each(place, &port_name(place.text()), causes);
    } else {
        port_number(place, causes);
    }
}

/// `IsValidPortName`.
pub(super) fn port_name(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > 15 {
        wrong.push("must be no more than 15 characters");
    }
    if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'-' | b'a'..=b'z' | b'0'..=b'9')) {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        wrong.push("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        wrong.push("must not begin or end with a hyphen");
    }
    wrong.into_iter().map(str::to_owned).collect()
}

/// `IsConfigMapKey`.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if key.len() > 253 {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
        wrong.push(CONFIG_KEY.to_owned());
    }
    match key {
        "." | ".." => wrong.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// `IsRelaxedEnvVarName`, of a name that is not empty.
pub(super) fn environment_name(name: &str) -> Vec<String> {
    let fits = name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=');
    if fits { Vec::new() } else { vec![ENVIRONMENT.to_owned()] }
}

/// `IsHTTPHeaderName`.
pub(super) fn header_name(name: &str) -> Vec<String> {
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Vec::new() } else { vec![HEADER.to_owned()] }
}

/// The mode of a file.
pub(super) fn file_mode(place: &Place<'_>, causes: &mut Causes) {
    if place.is_said() && !(0..=0o777).contains(&place.number()) {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        causes.push(invalid_value(place.path(), place.value(), why));
    }
}

/// A path below something.
pub(super) fn descending(place: &Place<'_>, causes: &mut Causes) {
    if place.text().starts_with('/') {
        causes.push(invalid(place.path(), place.text(), "must be a relative path"));
    }
    without_backsteps(place, causes);
}

/// A path below something whose names the kubelet may use too.
pub(super) fn not_reserved(place: &Place<'_>, causes: &mut Causes) {
    descending(place, causes);
    if place.text().starts_with("..") && !place.text().starts_with("../") {
        causes.push(invalid(place.path(), place.text(), "must not start with '..'"));
    }
}

/// A path without `..`.
pub(super) fn without_backsteps(place: &Place<'_>, causes: &mut Causes) {
    if place.text().split('/').any(|part| part == "..") {
        causes.push(invalid(place.path(), place.text(), "must not contain '..'"));
    }
}

/// A number, or a percentage (`ValidatePositiveIntOrPercent`).
pub(super) fn int_or_percent(place: &Place<'_>, causes: &mut Causes) {
    if !place.value().is_string() {
        not_negative(place, causes);
    } else if percent(place.text()).is_none() {
        causes.push(invalid(place.path(), place.text(), PERCENT));
    }
}

/// Not more than 100 % (`IsNotMoreThan100Percent`).
pub(super) fn at_most_all(place: &Place<'_>, causes: &mut Causes) {
    if place.value().is_string() && percent(place.text()).is_some_and(|percent| percent > 100) {
        causes.push(invalid(place.path(), place.text(), "must not be greater than 100%"));
    }
}

/// How much that is, in units or in percent.
pub(super) fn amount(place: &Place<'_>) -> i64 {
    match place.value() {
        Value::String(text) => percent(text).or_else(|| text.parse().ok()).unwrap_or_default(),
        _ => place.number(),
    }
}

fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// What may not change (`ValidateImmutableField`).
pub(super) fn immutable(new: &Place<'_>, old: &Place<'_>, causes: &mut Causes) {
    if new.value() != old.value() {
        causes.push(shown(new, IMMUTABLE));
    }
}

/// `Invalid value: …: why`, of whatever it is. The order of fields is that of their names.
pub(super) fn shown(place: &Place<'_>, why: &str) -> Cause {
    match place.value() {
        Value::String(text) => invalid(place.path(), text, why),
        value => invalid_value(place.path(), value, why),
    }
}

/// A field that may not be said.
pub(super) fn refused(place: &Place<'_>, why: &str, causes: &mut Causes) {
    if place.is_said() {
        causes.push(forbidden(place.path(), why));
    }
}

/// A value as Go's `json.Marshal` writes it.
pub(super) fn json(value: &Value) -> String {
    quote::json(value)
}
