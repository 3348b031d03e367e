//! The rules of a schema, on the way through an object.
//!
//! Facts: `apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cel::{Compiled, Variables, compile};
use super::correlation::{Keyed, unchanged};
use super::node::{Node, Reason, Type, Types};
use super::number::go_value;
use super::path::Path;
use crate::causes;
use crate::quote::quote;
use crate::status::{Cause, Failure};

/// `celconfig.RuntimeCELCostBudget`.
const BUDGET: i64 = 10_000_000;
/// `MaxEvaluatedMessageExpressionSizeBytes`.
const MESSAGE_LIMIT: usize = 5 * 1024;

/// The compiled rules of a place and of what is below it.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    compiled: Vec<Compiled>,
    resource: bool,
    items: Option<Box<Rules>>,
    additional: Option<Box<Rules>>,
    properties: BTreeMap<String, Rules>,
}

/// What came of the rules: what does not hold, and what did not hold before either, of which clients are warned.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) causes: Vec<Cause>,
    pub(super) warnings: Vec<String>,
}

impl Rules {
    /// Compiles all rules of a schema; nothing if there are none.
    pub(super) fn of(node: &Node, resource: bool) -> Result<Option<Self>, Failure> {
        let boxed = |node: Option<&Node>| -> Result<Option<Box<Self>>, Failure> {
            Ok(node.map(|node| Self::of(node, node.embedded)).transpose()?.flatten().map(Box::new))
        };
        let mut rules = Self {
            compiled: compile(node, resource)?,
            resource,
            items: boxed(node.items.as_deref())?,
            additional: boxed(node.additional_schema())?,
            properties: BTreeMap::new(),
        };
        for (name, property) in &node.properties {
            if let Some(below) = Self::of(property, property.embedded)? {
                rules.properties.insert(name.clone(), below);
            }
        }
        let none = rules.compiled.is_empty()
            && rules.items.is_none()
            && rules.additional.is_none()
            && rules.properties.is_empty();
        Ok((!none).then_some(rules))
    }

    /// Evaluates them. `ratchet`: what is wrong and was so before is no error.
    pub(super) fn check(
        &self,
        node: &Node,
        value: &Value,
        old: Option<&Value>,
        path: &Path<'_>,
        ratchet: bool,
    ) -> Verdict {
        let mut walk = Walk { verdict: Verdict::default(), budget: BUDGET };
        let before = old.filter(|_| ratchet).map(|old| Pair { value, old, node });
        walk.visit(self, node, value, old, Ratchet { here: before, above: None, root: true }, path);
        walk.verdict
    }
}

/// A place whose old value is known.
#[derive(Clone, Copy)]
struct Pair<'v> {
    value: &'v Value,
    old: &'v Value,
    node: &'v Node,
}

/// What decides whether an error is none.
#[derive(Clone, Copy)]
struct Ratchet<'v> {
    here: Option<Pair<'v>>,
    /// The nearest place above whose old value is known.
    above: Option<Pair<'v>>,
    root: bool,
}

impl<'v> Ratchet<'v> {
    fn forgives(self) -> bool {
        self.here.or(self.above).is_some_and(|pair| unchanged(pair.value, pair.old, pair.node))
    }

    fn key(self, name: &str) -> Self {
        let Some(here) = self.here else { return Self { root: false, ..self } };
        if self.root && matches!(name, "apiVersion" | "kind") {
            return Self { here: None, above: None, root: false };
        }
        let below = match (here.value.get(name), here.old.get(name), here.node.field(name)) {
            (Some(value), Some(old), Some(node)) => Some(Pair { value, old, node }),
            _ => None,
        };
        Self { here: below, above: Some(here), root: false }
    }

    fn item(self, item: &'v Value, old: Option<&'v Value>) -> Self {
        let Some(here) = self.here else { return Self { root: false, ..self } };
        let below = match (old, here.node.items.as_deref()) {
            (Some(old), Some(node)) => Some(Pair { value: item, old, node }),
            _ => None,
        };
        Self { here: below, above: Some(here), root: false }
    }
}

struct Walk {
    verdict: Verdict,
    /// What may still be spent; below zero nothing more is evaluated.
    budget: i64,
}

impl Walk {
    fn visit<'v>(
        &mut self,
        rules: &Rules,
        node: &'v Node,
        value: &'v Value,
        old: Option<&'v Value>,
        ratchet: Ratchet<'v>,
        path: &Path<'_>,
    ) {
        if value.is_null() {
            return;
        }
        let old = old.filter(|old| !old.is_null());
        self.own(rules, node, value, old, ratchet, path);
        match value {
            Value::Array(items) => {
                let (Some(below), Some(schema)) = (&rules.items, &node.items) else { return };
                let keyed = Keyed::of(node, old);
                for (index, item) in items.iter().enumerate() {
                    if self.budget < 0 {
                        return;
                    }
                    let before = keyed.get(item);
                    self.visit(below, schema, item, before, ratchet.item(item, before), &path.index(index));
                }
            }
            Value::Object(fields) => {
                let before = |name: &str| old.and_then(|old| old.get(name));
                for (name, value) in fields {
                    if self.budget < 0 {
                        return;
                    }
                    if let (Some(below), Some(schema)) = (&rules.additional, node.additional_schema()) {
                        self.visit(below, schema, value, before(name), ratchet.key(name), &path.key(name));
                    } else if let (Some(below), Some(schema)) = (rules.properties.get(name), node.properties.get(name))
                    {
                        self.visit(below, schema, value, before(name), ratchet.key(name), &path.child(name));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The rules of the place itself.
    fn own<'v>(
        &mut self,
        rules: &Rules,
        node: &'v Node,
        value: &'v Value,
        old: Option<&'v Value>,
        ratchet: Ratchet<'v>,
        path: &Path<'_>,
    ) {
        if rules.compiled.is_empty() || self.budget < 0 {
            return;
        }
        let ty = node.types.written();
        let told = |why: &str| causes::invalid(path.field(), ty, why);
        let variables = Variables { node, resource: rules.resource, own: value, old };
        for compiled in &rules.compiled {
            if self.budget <= 0 {
                self.stop(told(
                    "validation failed due to running out of cost budget, no further validation rules will be run",
                ));
                return;
            }
            if compiled.uses_old && old.is_none() && compiled.rule.optional_old_self != Some(true) {
                continue;
            }
            let outcome = compiled.holds(variables);
            let cost = i64::try_from(outcome.cost).unwrap_or(i64::MAX);
            if cost > self.budget {
                self.stop(told(
                    "validation failed due to running out of cost budget, no further validation rules will be run",
                ));
                return;
            }
            self.budget -= cost;
            let rule = short(compiled);
            match outcome.result {
                Ok(true) => {}
                Ok(false) => self.broken(compiled, variables, ratchet, path),
                Err(error) if outcome.over => {
                    let why = format!(
                        "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {rule}"
                    );
                    self.stop(told(&why));
                    return;
                }
                Err(error) if error.starts_with("no such overload") => {
                    let why = format!(
                        "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule}"
                    );
                    self.verdict.causes.push(told(&why));
                }
                Err(error) => self.verdict.causes.push(told(&format!("{error} evaluating rule: {rule}"))),
            }
            if self.budget < 0 {
                return;
            }
        }
    }

    fn stop(&mut self, cause: Cause) {
        self.verdict.causes.push(cause);
        self.budget = -1;
    }

    /// A rule that does not hold.
    fn broken(&mut self, compiled: &Compiled, variables: Variables<'_>, ratchet: Ratchet<'_>, path: &Path<'_>) {
        let field = match (&compiled.field, path.field()) {
            (Some(below), field) if field == "<nil>" => below.clone(),
            (Some(below), field) if below.starts_with('[') => format!("{field}{below}"),
            (Some(below), field) => format!("{field}.{below}"),
            (None, field) => field,
        };
        let node = variables.node;
        let mut detail = None;
        if let Some(outcome) = compiled.message(variables) {
            let cost = i64::try_from(outcome.cost).unwrap_or(i64::MAX);
            let why = if cost > self.budget {
                Some("messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run".to_owned())
            } else if outcome.over {
                let source = quote(&compiled.rule.message_expression);
                Some(format!(
                    "no further validation rules will be run due to call cost exceeds limit for messageExpression: {source}"
                ))
            } else {
                None
            };
            if let Some(why) = why {
                let cause = causes::invalid(field, node.types.written(), &why);
                self.say(cause, compiled, ratchet);
                self.budget = -1;
                return;
            }
            self.budget -= cost;
            // A message that cannot be told is not: the rule's own takes its place.
            detail = outcome
                .result
                .ok()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty() && text.len() <= MESSAGE_LIMIT && !text.contains('\n'));
        }
        let rule = &compiled.rule;
        let detail = detail.unwrap_or_else(|| match rule.message.as_str() {
            "" => format!("failed rule: {}", short(compiled)),
            message => message.trim().to_owned(),
        });
        let omitted = matches!(node.types, Types::One(Type::Object | Type::Array));
        let value = go_value(variables.own);
        let cause = match rule.reason {
            Some(Reason::Forbidden) => causes::forbidden(field, &detail),
            Some(Reason::Required) => causes::required(field, &detail),
            Some(Reason::Duplicate) if omitted => causes::duplicate_omitted(field),
            Some(Reason::Duplicate) => causes::duplicate_text(field, &value),
            _ if omitted => causes::invalid_omitted(field, &detail),
            _ => causes::invalid_text(field, &value, &detail),
        };
        self.say(cause, compiled, ratchet);
    }

    fn say(&mut self, cause: Cause, compiled: &Compiled, ratchet: Ratchet<'_>) {
        if !compiled.uses_old && ratchet.forgives() {
            self.verdict.warnings.push(causes::text(&cause));
        } else {
            self.verdict.causes.push(cause);
        }
    }
}

/// What a rule is called in an error: its message, or itself.
fn short(compiled: &Compiled) -> &str {
    let rule = &compiled.rule;
    if rule.message.is_empty() { rule.rule.trim() } else { rule.message.trim() }
}
