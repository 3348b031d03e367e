//! Evaluating an expression that was checked.
//!
//! Each step costs, as in cel-go, and an expression that costs more than a server lets it ends with a server's error: so what a
//! tenant writes and what it is about cannot take long. Errors are cel-go's.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use regex::Regex;

use super::ast::{Expr, Kind, Macro, Operator};
use super::equality::{compare, equal};
use super::value::Val;
use super::{arithmetic, functions, standard};

/// An error, as cel-go words it.
pub(super) type Error = String;

pub(super) const OVER_LIMIT: &str = "operation cancelled: actual cost limit exceeded";
pub(super) const NO_OVERLOAD: &str = "no such overload";

/// What an expression is evaluated with.
pub(super) struct Evaluation<'v> {
    pub(super) own: Val<'v>,
    pub(super) old: Option<Val<'v>>,
    pub(super) patterns: &'v BTreeMap<String, Regex>,
    pub(super) spent: Cell<u64>,
    pub(super) limit: u64,
}

/// Variables of macros, the innermost first.
struct Scope<'s, 'v> {
    name: &'s str,
    value: Val<'v>,
    outer: Option<&'s Scope<'s, 'v>>,
}

impl<'v> Evaluation<'v> {
    pub(super) fn run(&self, expr: &'v Expr) -> Result<Val<'v>, Error> {
        self.eval(expr, None)
    }

    /// Takes cost on.
    pub(super) fn pay(&self, cost: usize) -> Result<(), Error> {
        let spent = self.spent.get().saturating_add(cost as u64);
        self.spent.set(spent);
        if spent > self.limit { Err(OVER_LIMIT.to_owned()) } else { Ok(()) }
    }

    fn eval(&self, expr: &'v Expr, scope: Option<&Scope<'_, 'v>>) -> Result<Val<'v>, Error> {
        let eval = |expr: &'v Expr| self.eval(expr, scope);
        Ok(match &expr.kind {
            Kind::Null => Val::Null,
            Kind::Bool(value) => Val::Bool(*value),
            Kind::Int(value) => Val::Int(*value),
            Kind::Uint(value) => Val::Uint(*value),
            Kind::Double(value) => Val::Double(*value),
            Kind::Text(text) => Val::Text(Cow::Borrowed(text.as_str())),
            Kind::Bytes(bytes) => Val::Bytes(Cow::Borrowed(bytes.as_slice())),
            Kind::Ident(name) => {
                self.pay(1)?;
                self.ident(name, scope)?
            }
            Kind::Select { of, field, optional } => {
                let of = eval(of)?;
                self.pay(1)?;
                select(&of, field, *optional)?
            }
            Kind::Has { of, field } => Val::Bool(match eval(of)? {
                Val::Optional(None) => false,
                Val::Optional(Some(of)) => of.get(field).is_some(),
                of @ (Val::Fields(..) | Val::Map(_)) => of.get(field).is_some(),
                _ => return Err(NO_OVERLOAD.to_owned()),
            }),
            Kind::Index { of, at } => {
                let (of, at) = (eval(of)?, eval(at)?);
                self.pay(1)?;
                index(&of, &at)?
            }
            Kind::Call { name, on, args } => self.call(name, on.as_deref(), args, scope)?,
            Kind::List(items) => {
                self.pay(10)?;
                Val::List(Rc::new(items.iter().map(eval).collect::<Result<_, _>>()?))
            }
            Kind::Map(entries) => {
                self.pay(30)?;
                let mut map: Vec<(Val<'v>, Val<'v>)> = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let (key, value) = (eval(key)?, eval(value)?);
                    map.retain(|(known, _)| !equal(known, &key, self).unwrap_or_default());
                    map.push((key, value));
                }
                Val::Map(Rc::new(map))
            }
            Kind::And(left, right) => self.logic(left, right, false, scope)?,
            Kind::Or(left, right) => self.logic(left, right, true, scope)?,
            Kind::Not(of) => {
                self.pay(1)?;
                Val::Bool(!truth(&eval(of)?)?)
            }
            Kind::Negate(of) => {
                self.pay(1)?;
                match eval(of)? {
                    Val::Int(value) => Val::Int(value.checked_neg().ok_or("integer overflow")?),
                    Val::Double(value) => Val::Double(-value),
                    _ => return Err(NO_OVERLOAD.to_owned()),
                }
            }
            Kind::Conditional { when, then, or } => {
                if truth(&eval(when)?)? {
                    eval(then)?
                } else {
                    eval(or)?
                }
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (eval(left)?, eval(right)?);
                self.pay(1)?;
                self.binary(*operator, left, right)?
            }
            Kind::Macro { name, over, variable, filter, body } => {
                let over = eval(over)?;
                self.fold(*name, &over, variable, filter.as_deref(), body, scope)?
            }
        })
    }

    fn ident(&self, name: &str, scope: Option<&Scope<'_, 'v>>) -> Result<Val<'v>, Error> {
        let mut at = scope;
        while let Some(here) = at {
            if here.name == name {
                // A text that was made is copied; everything else is shared.
                if let Val::Text(Cow::Owned(text)) = &here.value {
                    self.pay(text.len() / 10)?;
                }
                return Ok(here.value.clone());
            }
            at = here.outer;
        }
        match (name, &self.old) {
            ("self", _) => Ok(self.own.clone()),
            ("oldSelf", Some(old)) => Ok(old.clone()),
            _ => functions::TYPES
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, ty)| Val::Type(ty))
                .ok_or_else(|| format!("no such attribute(s): {name}")),
        }
    }

    /// `&&` and `||`: one side can decide, whatever the other is.
    fn logic(
        &self,
        left: &'v Expr,
        right: &'v Expr,
        decides: bool,
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Val<'v>, Error> {
        let side = |expr| self.eval(expr, scope).and_then(|value| truth(&value));
        let left = side(left);
        if left == Ok(decides) {
            return Ok(Val::Bool(decides));
        }
        if matches!(&left, Err(error) if error == OVER_LIMIT) {
            return left.map(Val::Bool);
        }
        match (left, side(right)) {
            (_, Ok(right)) if right == decides => Ok(Val::Bool(decides)),
            (_, Err(error)) if error == OVER_LIMIT => Err(error),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(_)) => Ok(Val::Bool(!decides)),
        }
    }

    fn fold(
        &self,
        name: Macro,
        over: &Val<'v>,
        variable: &'v str,
        filter: Option<&'v Expr>,
        body: &'v Expr,
        outer: Option<&Scope<'_, 'v>>,
    ) -> Result<Val<'v>, Error> {
        let elements = over.elements().ok_or(NO_OVERLOAD)?;
        let mut kept = Vec::new();
        let (mut count, mut failed) = (0_usize, None);
        for element in elements {
            self.pay(1)?;
            let scope = Scope { name: variable, value: element?, outer };
            let holds = |expr: &'v Expr| self.eval(expr, Some(&scope)).and_then(|value| truth(&value));
            if let Some(filter) = filter
                && !holds(filter)?
            {
                continue;
            }
            match name {
                Macro::All | Macro::Exists => match holds(body) {
                    Ok(holds) if holds == (name == Macro::Exists) => return Ok(Val::Bool(holds)),
                    Ok(_) => {}
                    Err(error) if error == OVER_LIMIT => return Err(error),
                    Err(error) => {
                        failed.get_or_insert(error);
                    }
                },
                Macro::ExistsOne => count += usize::from(holds(body)?),
                Macro::Filter => {
                    if holds(body)? {
                        kept.push(scope.value);
                    }
                }
                Macro::Map => kept.push(self.eval(body, Some(&scope))?),
            }
        }
        match (name, failed) {
            (_, Some(error)) => Err(error),
            (Macro::All, None) => Ok(Val::Bool(true)),
            (Macro::Exists, None) => Ok(Val::Bool(false)),
            (Macro::ExistsOne, None) => Ok(Val::Bool(count == 1)),
            (Macro::Filter | Macro::Map, None) => Ok(Val::List(Rc::new(kept))),
        }
    }

    fn binary(&self, operator: Operator, left: Val<'v>, right: Val<'v>) -> Result<Val<'v>, Error> {
        use std::cmp::Ordering;
        let ordered = |test: fn(Ordering) -> bool| compare(&left, &right, self).map(|order| Val::Bool(test(order)));
        match operator {
            Operator::Equal => equal(&left, &right, self).map(Val::Bool),
            Operator::NotEqual => equal(&left, &right, self).map(|same| Val::Bool(!same)),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::LessEqual => ordered(Ordering::is_le),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::GreaterEqual => ordered(Ordering::is_ge),
            Operator::In => match &right {
                Val::Items(..) | Val::List(_) => {
                    for element in right.elements().ok_or(NO_OVERLOAD)? {
                        self.pay(1)?;
                        if equal(&left, &element?, self)? {
                            return Ok(Val::Bool(true));
                        }
                    }
                    Ok(Val::Bool(false))
                }
                Val::Fields(..) | Val::Map(_) => match &left {
                    Val::Text(key) => Ok(Val::Bool(right.get(key).is_some())),
                    _ => Ok(Val::Bool(index(&right, &left).is_ok())),
                },
                _ => Err(NO_OVERLOAD.to_owned()),
            },
            _ => arithmetic::apply(operator, left, right, self),
        }
    }

    fn call(
        &self,
        name: &str,
        on: Option<&'v Expr>,
        args: &'v [Expr],
        scope: Option<&Scope<'_, 'v>>,
    ) -> Result<Val<'v>, Error> {
        let namespace = on.and_then(|on| match &on.kind {
            Kind::Ident(ident) if matches!(ident.as_str(), "sets" | "optional") => Some(ident.as_str()),
            _ => None,
        });
        let on = match (on, namespace) {
            (Some(on), None) => Some(self.eval(on, scope)?),
            _ => None,
        };
        let args = args.iter().map(|arg| self.eval(arg, scope)).collect::<Result<Vec<_>, _>>()?;
        self.pay(1)?;
        match (namespace, on) {
            (Some(namespace), _) => standard::in_namespace(namespace, name, &args, self),
            (None, Some(on)) => standard::method(name, &on, &args, self),
            (None, None) => standard::global(name, &args, self),
        }
    }
}

/// Yes or no.
fn truth(value: &Val<'_>) -> Result<bool, Error> {
    match value {
        Val::Bool(value) => Ok(*value),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn select<'v>(of: &Val<'v>, field: &str, optional: bool) -> Result<Val<'v>, Error> {
    let boxed = |found: Option<Result<Val<'v>, Error>>| Ok(Val::Optional(found.transpose()?.map(Box::new)));
    match of {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(of)) => boxed(of.get(field)),
        Val::Fields(..) | Val::Map(_) if optional => boxed(of.get(field)),
        Val::Fields(..) | Val::Map(_) => of.get(field).unwrap_or_else(|| Err(format!("no such key: {field}"))),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

/// `of[at]`.
fn index<'v>(of: &Val<'v>, at: &Val<'v>) -> Result<Val<'v>, Error> {
    match (of, at) {
        (Val::Items(..) | Val::List(_), at) => {
            let place = match at {
                Val::Int(at) => Some(*at),
                Val::Uint(at) => i64::try_from(*at).ok(),
                _ => None,
            };
            let place = place.ok_or(NO_OVERLOAD)?;
            let found = usize::try_from(place).ok().and_then(|place| of.item(place));
            found.unwrap_or_else(|| Err(format!("index out of bounds: {place}")))
        }
        (Val::Fields(..) | Val::Map(_), Val::Text(key)) => {
            of.get(key).unwrap_or_else(|| Err(format!("no such key: {key}")))
        }
        (Val::Map(entries), at) => {
            let same = |key: &Val<'_>| match (key, at) {
                (Val::Bool(one), Val::Bool(other)) => one == other,
                (Val::Int(one), Val::Int(other)) => one == other,
                (Val::Uint(one), Val::Uint(other)) => one == other,
                (Val::Int(int), Val::Uint(uint)) | (Val::Uint(uint), Val::Int(int)) => u64::try_from(*int) == Ok(*uint),
                _ => false,
            };
            entries.iter().find(|(key, _)| same(key)).map_or_else(
                || {
                    Err(match at {
                        Val::Int(key) => format!("no such key: {key}"),
                        Val::Uint(key) => format!("no such key: {key}"),
                        Val::Bool(key) => format!("no such key: {key}"),
                        _ => NO_OVERLOAD.to_owned(),
                    })
                },
                |(_, value)| Ok(value.clone()),
            )
        }
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}
