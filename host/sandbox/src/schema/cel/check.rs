//! Which type an expression has. A server refuses a rule whose types do not fit, in words of cel-go that say where; here it is
//! refused too, as not in the sandbox. So what is evaluated has been checked, but for values of any type.
//!
//! Facts: the language definition of CEL; `apiserver/pkg/cel/environment/base.go` for what Kubernetes adds.

use super::ast::{Expr, Kind, Macro, Operator};
use super::functions;
use super::shape::Shape;
use crate::schema::formats::Format;
use crate::schema::node::{Type, Types};

/// The type of an expression.
#[derive(Debug, Clone)]
pub(super) enum Ty<'n> {
    /// Any; looked at when it is evaluated.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Duration,
    Timestamp,
    Type,
    /// An object with fields.
    Object(Shape<'n>),
    List(Box<Ty<'n>>),
    Map(Box<Ty<'n>>, Box<Ty<'n>>),
    Optional(Box<Ty<'n>>),
}

impl<'n> Ty<'n> {
    /// What a schema says.
    pub(super) fn of(shape: Shape<'n>) -> Option<Self> {
        let node = match shape {
            Shape::Text => return Some(Self::Text),
            Shape::Metadata => return Some(Self::Object(shape)),
            Shape::Node(node, _) => node,
        };
        if !shape.is_visible() {
            return None;
        }
        Some(match &node.types {
            Types::Any => return None,
            Types::IntOrString => Self::Dyn,
            Types::One(Type::Array) => Self::List(Box::new(Self::of(shape.items()?)?)),
            Types::One(Type::Object) => match shape.entries() {
                Some(entry) => Self::Map(Box::new(Self::Text), Box::new(Self::of(entry)?)),
                None => Self::Object(shape),
            },
            Types::One(Type::String) => match node.checks.format.as_ref().map(|(format, _)| *format) {
                Some(Format::Duration) => Self::Duration,
                Some(Format::Date | Format::DateTime) => Self::Timestamp,
                Some(Format::Byte) => Self::Bytes,
                _ => Self::Text,
            },
            Types::One(Type::Integer) => Self::Int,
            Types::One(Type::Number) => Self::Double,
            Types::One(Type::Boolean) => Self::Bool,
        })
    }

    /// Whether a value of the one can be one of the other.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _)
            | (_, Self::Dyn)
            | (Self::Null, Self::Object(_) | Self::Duration | Self::Timestamp | Self::Optional(_))
            | (Self::Object(_) | Self::Duration | Self::Timestamp | Self::Optional(_), Self::Null) => true,
            (Self::List(one), Self::List(other)) | (Self::Optional(one), Self::Optional(other)) => one.fits(other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.fits(other_key) && value.fits(other_value)
            }
            (Self::Object(one), Self::Object(other)) => match (one, other) {
                (Shape::Node(one, _), Shape::Node(other, _)) => std::ptr::eq(*one, *other),
                (Shape::Metadata, Shape::Metadata) => true,
                _ => false,
            },
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }
}

/// The variables, the innermost last.
pub(super) type Scope<'e, 'n> = Vec<(&'e str, Ty<'n>)>;

/// The type of an expression, or what in it the sandbox does not take.
pub(super) fn check<'e, 'n>(expr: &'e Expr, scope: &mut Scope<'e, 'n>) -> Result<Ty<'n>, String> {
    Ok(match &expr.kind {
        Kind::Null => Ty::Null,
        Kind::Bool(_) => Ty::Bool,
        Kind::Int(_) => Ty::Int,
        Kind::Uint(_) => Ty::Uint,
        Kind::Double(_) => Ty::Double,
        Kind::Text(_) => Ty::Text,
        Kind::Bytes(_) => Ty::Bytes,
        Kind::Ident(name) => match scope.iter().rev().find(|(known, _)| known == name) {
            Some((_, ty)) => ty.clone(),
            None if functions::TYPES.iter().any(|(known, _)| known == name) => Ty::Type,
            None => return Err(format!("the name {name}")),
        },
        Kind::Select { of, field, optional } => {
            let found = self::field(check(of, scope)?, field)?;
            match found {
                (ty, true) => Ty::Optional(Box::new(ty)),
                (ty, false) if *optional => Ty::Optional(Box::new(ty)),
                (ty, false) => ty,
            }
        }
        Kind::Has { of, field } => {
            self::field(check(of, scope)?, field)?;
            Ty::Bool
        }
        Kind::Index { of, at } => {
            let (of, at) = (check(of, scope)?, check(at, scope)?);
            match of {
                Ty::Dyn => Ty::Dyn,
                Ty::List(item) if at.fits(&Ty::Int) => *item,
                Ty::Map(key, value) if at.fits(&key) => *value,
                _ => return Err("an index of what has none".to_owned()),
            }
        }
        Kind::Call { name, on, args } => call(name, on.as_deref(), args, scope)?,
        Kind::List(items) => Ty::List(Box::new(same(items.iter(), scope)?)),
        Kind::Map(entries) => {
            let key = same(entries.iter().map(|(key, _)| key), scope)?;
            if !matches!(key, Ty::Text | Ty::Int | Ty::Uint | Ty::Bool | Ty::Dyn) {
                return Err("a map with such keys".to_owned());
            }
            Ty::Map(Box::new(key), Box::new(same(entries.iter().map(|(_, value)| value), scope)?))
        }
        Kind::And(left, right) | Kind::Or(left, right) => {
            for side in [left, right] {
                expect(side, &Ty::Bool, scope)?;
            }
            Ty::Bool
        }
        Kind::Not(of) => expect(of, &Ty::Bool, scope)?,
        Kind::Negate(of) => match check(of, scope)? {
            ty @ (Ty::Int | Ty::Double | Ty::Dyn) => ty,
            _ => return Err("a minus before what is no number".to_owned()),
        },
        Kind::Conditional { when, then, or } => {
            expect(when, &Ty::Bool, scope)?;
            let (then, or) = (check(then, scope)?, check(or, scope)?);
            match (then, or) {
                (Ty::Dyn, _) | (_, Ty::Dyn) => Ty::Dyn,
                (Ty::Null, ty) | (ty, Ty::Null) if ty.fits(&Ty::Null) => ty,
                (then, or) if then.fits(&or) => then,
                _ => return Err("a condition with values of two types".to_owned()),
            }
        }
        Kind::Binary(operator, left, right) => {
            let (left, right) = (check(left, scope)?, check(right, scope)?);
            binary(*operator, left, right)?
        }
        Kind::Macro { name, over, variable, filter, body } => {
            let item = match check(over, scope)? {
                Ty::Dyn => Ty::Dyn,
                Ty::List(item) => *item,
                Ty::Map(key, _) => *key,
                _ => return Err("a macro over what is neither a list nor a map".to_owned()),
            };
            scope.push((variable, item.clone()));
            if let Some(filter) = filter {
                expect(filter, &Ty::Bool, scope)?;
            }
            let body = match name {
                Macro::Map => check(body, scope)?,
                _ => expect(body, &Ty::Bool, scope)?,
            };
            scope.pop();
            match name {
                Macro::All | Macro::Exists | Macro::ExistsOne => Ty::Bool,
                Macro::Filter => Ty::List(Box::new(item)),
                Macro::Map => Ty::List(Box::new(body)),
            }
        }
    })
}

/// A field of an object or a map, and whether that is an optional one.
fn field<'n>(of: Ty<'n>, name: &str) -> Result<(Ty<'n>, bool), String> {
    let undefined = || format!("the field {name}, which its schema does not have");
    Ok(match of {
        Ty::Dyn => (Ty::Dyn, false),
        Ty::Object(shape) => (shape.escaped(name).and_then(|(_, shape)| Ty::of(shape)).ok_or_else(undefined)?, false),
        Ty::Map(key, value) if key.fits(&Ty::Text) => (*value, false),
        Ty::Optional(of) => (field(*of, name)?.0, true),
        _ => return Err(undefined()),
    })
}

fn expect<'e, 'n>(expr: &'e Expr, wanted: &Ty<'n>, scope: &mut Scope<'e, 'n>) -> Result<Ty<'n>, String> {
    let found = check(expr, scope)?;
    if found.fits(wanted) { Ok(wanted.clone()) } else { Err("a value of another type than belongs there".to_owned()) }
}

/// The type of all of them: lists and maps of several types are none of Kubernetes.
fn same<'e, 'n>(exprs: impl Iterator<Item = &'e Expr>, scope: &mut Scope<'e, 'n>) -> Result<Ty<'n>, String> {
    let mut all = Ty::Dyn;
    for expr in exprs {
        let ty = check(expr, scope)?;
        if !all.fits(&ty) {
            return Err("a list or map of several types".to_owned());
        }
        if matches!(all, Ty::Dyn) {
            all = ty;
        }
    }
    Ok(all)
}

fn binary<'n>(operator: Operator, left: Ty<'n>, right: Ty<'n>) -> Result<Ty<'n>, String> {
    let no = || Err("an operator between values of types that it does not take".to_owned());
    Ok(match operator {
        Operator::Equal | Operator::NotEqual => {
            if !left.fits(&right) {
                return no();
            }
            Ty::Bool
        }
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => match (&left, &right) {
            (Ty::Dyn, _) | (_, Ty::Dyn) => Ty::Bool,
            (left, right) if left.is_number() && right.is_number() => Ty::Bool,
            (Ty::Text, Ty::Text)
            | (Ty::Bool, Ty::Bool)
            | (Ty::Bytes, Ty::Bytes)
            | (Ty::Duration, Ty::Duration)
            | (Ty::Timestamp, Ty::Timestamp) => Ty::Bool,
            _ => return no(),
        },
        Operator::In => match right {
            Ty::Dyn => Ty::Bool,
            Ty::List(item) if left.fits(&item) => Ty::Bool,
            Ty::Map(key, _) if left.fits(&key) => Ty::Bool,
            _ => return no(),
        },
        Operator::Add => match (left, right) {
            // Of any type, but for lists: see below.
            (Ty::Dyn, other) | (other, Ty::Dyn) if !matches!(other, Ty::List(_)) => other,
            (Ty::Timestamp, Ty::Duration) | (Ty::Duration, Ty::Timestamp) => Ty::Timestamp,
            (left @ (Ty::Int | Ty::Uint | Ty::Double | Ty::Text | Ty::Bytes | Ty::Duration), right)
                if left.fits(&right) =>
            {
                left
            }
            // Sets and lists with keys are joined in a way of their own.
            (Ty::List(_), _) => return Err("a sum of lists".to_owned()),
            _ => return no(),
        },
        Operator::Subtract => match (left, right) {
            (Ty::Timestamp, Ty::Duration) => Ty::Timestamp,
            (Ty::Timestamp, Ty::Timestamp) | (Ty::Duration, Ty::Duration) => Ty::Duration,
            (left, right) => arithmetic(left, right).map_or_else(no, Ok)?,
        },
        Operator::Multiply | Operator::Divide => arithmetic(left, right).map_or_else(no, Ok)?,
        Operator::Remainder => match arithmetic(left, right) {
            Some(ty @ (Ty::Int | Ty::Uint | Ty::Dyn)) => ty,
            _ => return no(),
        },
    })
}

fn arithmetic<'n>(left: Ty<'n>, right: Ty<'n>) -> Option<Ty<'n>> {
    match (left, right) {
        (Ty::Dyn, right) if right.is_number() || matches!(right, Ty::Dyn) => Some(right),
        (left, right) if left.is_number() && left.fits(&right) => Some(left),
        _ => None,
    }
}

fn call<'e, 'n>(
    name: &str,
    on: Option<&'e Expr>,
    args: &'e [Expr],
    scope: &mut Scope<'e, 'n>,
) -> Result<Ty<'n>, String> {
    // Namespaces of functions look like a field of a name.
    let namespace = on.and_then(|on| match &on.kind {
        Kind::Ident(ident) if matches!(ident.as_str(), "sets" | "optional" | "math" | "cel" | "format" | "base64") => {
            Some(ident.as_str())
        }
        _ => None,
    });
    let on_type = match (on, namespace) {
        (Some(on), None) => Some(check(on, scope)?),
        _ => None,
    };
    let args = args.iter().map(|arg| check(arg, scope)).collect::<Result<Vec<_>, _>>()?;
    let found = match (namespace, &on_type) {
        (Some(namespace), _) => functions::in_namespace(namespace, name, &args),
        (None, Some(on)) => functions::method(name, on, &args),
        (None, None) => functions::global(name, &args),
    };
    found.ok_or_else(|| format!("the function {name}"))
}
