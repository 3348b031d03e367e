//! Compiling the rules of one place of a schema.

use std::cell::Cell;
use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::ast::{Expr, Kind};
use super::check::{Ty, check};
use super::convert::convert;
use super::eval::{Evaluation, OVER_LIMIT};
use super::parser::parse;
use super::shape::Shape;
use super::value::Val;
use crate::quote::quote;
use crate::schema::field_path;
use crate::schema::node::{Node, Rule};
use crate::schema::re2;
use crate::status::Failure;

/// `celconfig.PerCallLimit`.
const LIMIT: u64 = 1_000_000;

/// A rule that can be evaluated.
#[derive(Debug, Clone)]
pub(in crate::schema) struct Compiled {
    pub(in crate::schema) rule: Rule,
    /// It looks at what was there before.
    pub(in crate::schema) uses_old: bool,
    /// Its `fieldPath`, as errors write it.
    pub(in crate::schema) field: Option<String>,
    expression: Expr,
    message: Option<Expr>,
    patterns: BTreeMap<String, Regex>,
}

/// What a rule is evaluated about.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) struct Variables<'v> {
    pub(in crate::schema) node: &'v Node,
    /// It has `apiVersion`, `kind` and `metadata`.
    pub(in crate::schema) resource: bool,
    pub(in crate::schema) own: &'v Value,
    pub(in crate::schema) old: Option<&'v Value>,
}

/// What came of an evaluation, and what it cost.
pub(in crate::schema) struct Outcome<T> {
    pub(in crate::schema) result: Result<T, String>,
    pub(in crate::schema) cost: u64,
    /// It cost too much.
    pub(in crate::schema) over: bool,
}

/// Compiles the rules of a place. The failure says what of which rule the sandbox does not take.
pub(in crate::schema) fn compile(node: &Node, resource: bool) -> Result<Vec<Compiled>, Failure> {
    let shape = Shape::Node(node, resource);
    node.rules
        .iter()
        .filter(|rule| !rule.rule.trim().is_empty())
        .map(|rule| {
            let refuse = |text: &str, why: &str| {
                Failure::not_in_sandbox(&format!("the CEL expression {} of a custom resource ({why})", quote(text)))
            };
            let own = Ty::of(shape).ok_or_else(|| refuse(&rule.rule, "its schema has no type"))?;
            let old = match rule.optional_old_self {
                Some(true) => Ty::Optional(Box::new(own.clone())),
                _ => own.clone(),
            };
            let mut patterns = BTreeMap::new();
            let mut compiled = |text: &str, wanted: &Ty<'_>| -> Result<Expr, String> {
                let expr = parse(text)?;
                let mut scope = vec![("self", own.clone()), ("oldSelf", old.clone())];
                let ty = check(&expr, &mut scope)?;
                if std::mem::discriminant(&ty) != std::mem::discriminant(wanted) {
                    return Err("its type".to_owned());
                }
                self::patterns(&expr, &mut patterns)?;
                Ok(expr)
            };
            let expression = compiled(&rule.rule, &Ty::Bool).map_err(|why| refuse(&rule.rule, &why))?;
            let message = match rule.message_expression.as_str() {
                "" => None,
                text => Some(compiled(text, &Ty::Text).map_err(|why| refuse(text, &why))?),
            };
            let field = match rule.field_path.as_str() {
                "" => None,
                path => field_path::read(path, node, true).ok().map(|(field, _)| field),
            };
            let uses_old = expression.uses("oldSelf");
            Ok(Compiled { rule: rule.clone(), uses_old, field, expression, message, patterns })
        })
        .collect()
}

/// Regular expressions are compiled once; they have to be written out in the rule.
fn patterns(expr: &Expr, into: &mut BTreeMap<String, Regex>) -> Result<(), String> {
    if let Kind::Call { name, on, args } = &expr.kind
        && matches!(name.as_str(), "matches" | "find" | "findAll")
    {
        let pattern = if on.is_some() { args.first() } else { args.get(1) };
        match pattern.map(|pattern| &pattern.kind) {
            Some(Kind::Text(text)) => {
                into.insert(text.clone(), re2::compile(text)?);
            }
            _ => return Err("a regular expression that is not written out".to_owned()),
        }
    }
    // A server converts what is written out when it compiles a rule, and refuses it if that cannot be.
    if let Kind::Call { name, on: None, args } = &expr.kind
        && let [literal] = args.as_slice()
    {
        let value = match &literal.kind {
            Kind::Int(value) => Some(Val::Int(*value)),
            Kind::Uint(value) => Some(Val::Uint(*value)),
            Kind::Double(value) => Some(Val::Double(*value)),
            Kind::Text(text) => Some(Val::Text(text.as_str().into())),
            _ => None,
        };
        if let Some(value) = value
            && matches!(name.as_str(), "int" | "uint" | "double" | "bool" | "duration" | "timestamp")
        {
            convert(name, &value)?;
        }
    }
    expr.kind.children().into_iter().try_for_each(|child| patterns(child, into))
}

impl Compiled {
    /// Whether it holds.
    pub(in crate::schema) fn holds<'v>(&'v self, variables: Variables<'v>) -> Outcome<bool> {
        self.evaluate(&self.expression, variables, |value| match value {
            Val::Bool(value) => Ok(value),
            _ => Err("no such overload".to_owned()),
        })
    }

    /// What its `messageExpression` says, if it has one.
    pub(in crate::schema) fn message<'v>(&'v self, variables: Variables<'v>) -> Option<Outcome<String>> {
        let message = self.message.as_ref()?;
        Some(self.evaluate(message, variables, |value| match value {
            Val::Text(text) => Ok(text.into_owned()),
            _ => Err("messageExpression failed to convert to string".to_owned()),
        }))
    }

    fn evaluate<'v, T>(
        &'v self,
        expr: &'v Expr,
        variables: Variables<'v>,
        result: impl Fn(Val<'v>) -> Result<T, String>,
    ) -> Outcome<T> {
        let shape = Shape::Node(variables.node, variables.resource);
        let values = Val::of(variables.own, shape).and_then(|own| {
            let old = variables.old.map(|old| Val::of(old, shape)).transpose()?;
            Ok((own, old))
        });
        let (own, old) = match values {
            Ok(values) => values,
            Err(error) => return Outcome { result: Err(error), cost: 0, over: false },
        };
        let old = match self.rule.optional_old_self {
            Some(true) => Some(Val::Optional(old.map(Box::new))),
            _ => old,
        };
        let evaluation = Evaluation { own, old, patterns: &self.patterns, spent: Cell::new(0), limit: LIMIT };
        let result = evaluation.run(expr).and_then(result);
        let over = matches!(&result, Err(error) if error == OVER_LIMIT);
        Outcome { result, cost: evaluation.spent.get(), over }
    }
}

/// Whether an expression names what was there before. What cannot be parsed is refused elsewhere.
pub(in crate::schema) fn uses_old(expression: &str) -> bool {
    parse(expression).is_ok_and(|expr| expr.uses("oldSelf"))
}
