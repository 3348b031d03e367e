//! Which functions there are, and for which types: those of CEL, and of what Kubernetes adds strings, lists, regular expressions
//! and sets.
//!
//! Facts: cel-go's `common/stdlib` and `ext/{strings,sets}.go`, `apiserver/pkg/cel/library/{lists,regex}.go`. Not here, and so
//! refused: url, ip, cidr, quantity, semver, format, authorizer, `format()` and `quote` of strings, base64, math, parts of
//! timestamps in a time zone.

use super::check::Ty;

/// Names of types as values.
pub(super) const TYPES: [(&str, &str); 10] = [
    ("bool", "bool"),
    ("bytes", "bytes"),
    ("double", "double"),
    ("int", "int"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("string", "string"),
    ("type", "type"),
    ("uint", "uint"),
];

fn is_text(ty: &Ty<'_>) -> bool {
    ty.fits(&Ty::Text)
}

fn is_int(ty: &Ty<'_>) -> bool {
    ty.fits(&Ty::Int)
}

/// The type of `name(args)`.
#[expect(clippy::match_same_arms, reason = "a table: one line a function")]
pub(super) fn global<'n>(name: &str, args: &[Ty<'n>]) -> Option<Ty<'n>> {
    let [arg] = args else {
        return match (name, args) {
            ("matches", [text, pattern]) if is_text(text) && is_text(pattern) => Some(Ty::Bool),
            _ => None,
        };
    };
    let any = matches!(arg, Ty::Dyn);
    match (name, arg) {
        ("size", Ty::Text | Ty::Bytes | Ty::List(_) | Ty::Map(..) | Ty::Dyn) => Some(Ty::Int),
        ("type", _) => Some(Ty::Type),
        ("dyn", Ty::List(_)) => None,
        ("dyn", _) => Some(Ty::Dyn),
        ("int", Ty::Int | Ty::Uint | Ty::Double | Ty::Text | Ty::Timestamp) => Some(Ty::Int),
        ("uint", Ty::Int | Ty::Uint | Ty::Double | Ty::Text) => Some(Ty::Uint),
        ("double", Ty::Int | Ty::Uint | Ty::Double | Ty::Text) => Some(Ty::Double),
        ("string", Ty::Int | Ty::Uint | Ty::Text | Ty::Bool) => Some(Ty::Text),
        ("bool", Ty::Bool | Ty::Text) => Some(Ty::Bool),
        ("int", _) if any => Some(Ty::Int),
        ("uint", _) if any => Some(Ty::Uint),
        ("double", _) if any => Some(Ty::Double),
        ("string", _) if any => Some(Ty::Text),
        ("bool", _) if any => Some(Ty::Bool),
        ("duration", Ty::Text | Ty::Duration | Ty::Dyn) => Some(Ty::Duration),
        ("timestamp", Ty::Text | Ty::Int | Ty::Timestamp | Ty::Dyn) => Some(Ty::Timestamp),
        _ => None,
    }
}

/// The type of `on.name(args)`.
#[expect(clippy::match_same_arms, reason = "a table: one line a function")]
pub(super) fn method<'n>(name: &str, on: &Ty<'n>, args: &[Ty<'n>]) -> Option<Ty<'n>> {
    let texts = |count: usize| args.len() == count && args.iter().all(is_text);
    let any = matches!(on, Ty::Dyn);
    if is_text(on) {
        let found = match name {
            "size" | "lowerAscii" | "upperAscii" | "trim" if !args.is_empty() => None,
            "size" => Some(Ty::Int),
            "lowerAscii" | "upperAscii" | "trim" => Some(Ty::Text),
            "startsWith" | "endsWith" | "contains" | "matches" if texts(1) => Some(Ty::Bool),
            "find" if texts(1) => Some(Ty::Text),
            "findAll" if texts(1) || matches!(args, [text, most] if is_text(text) && is_int(most)) => {
                Some(Ty::List(Box::new(Ty::Text)))
            }
            "charAt" if matches!(args, [at] if is_int(at)) => Some(Ty::Text),
            "indexOf" | "lastIndexOf"
                if !any && (texts(1) || matches!(args, [text, at] if is_text(text) && is_int(at))) =>
            {
                Some(Ty::Int)
            }
            "replace"
                if texts(2) || matches!(args, [old, new, most] if is_text(old) && is_text(new) && is_int(most)) =>
            {
                Some(Ty::Text)
            }
            "split" if texts(1) || matches!(args, [at, most] if is_text(at) && is_int(most)) => {
                Some(Ty::List(Box::new(Ty::Text)))
            }
            "substring" if matches!(args.len(), 1 | 2) && args.iter().all(is_int) => Some(Ty::Text),
            _ => None,
        };
        if found.is_some() || !any {
            return found;
        }
    }
    match (on, name, args) {
        (Ty::Bytes | Ty::List(_) | Ty::Map(..), "size", []) => Some(Ty::Int),
        (Ty::List(item), "join", args) if is_text(item) && (args.is_empty() || texts(1)) => Some(Ty::Text),
        (Ty::List(item), "indexOf" | "lastIndexOf", [wanted]) if item.fits(wanted) => Some(Ty::Int),
        (Ty::List(item), "isSorted", []) if is_comparable(item) => Some(Ty::Bool),
        (Ty::List(item), "min" | "max", []) if is_comparable(item) => Some((**item).clone()),
        (Ty::List(item), "sum", []) if matches!(**item, Ty::Int | Ty::Uint | Ty::Double | Ty::Duration) => {
            Some((**item).clone())
        }
        (Ty::Duration, "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds", []) => Some(Ty::Int),
        (
            Ty::Timestamp,
            "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" | "getHours"
            | "getMinutes" | "getSeconds" | "getMilliseconds",
            [],
        ) => Some(Ty::Int),
        (Ty::Optional(_), "hasValue", []) => Some(Ty::Bool),
        (Ty::Optional(of), "value", []) => Some((**of).clone()),
        (Ty::Optional(of), "orValue", [other]) if of.fits(other) => Some((**of).clone()),
        _ => None,
    }
}

/// The type of `namespace.name(args)`.
pub(super) fn in_namespace<'n>(namespace: &str, name: &str, args: &[Ty<'n>]) -> Option<Ty<'n>> {
    match (namespace, name, args) {
        ("sets", "contains" | "equivalent" | "intersects", [one @ Ty::List(_), other @ Ty::List(_)])
            if one.fits(other) =>
        {
            Some(Ty::Bool)
        }
        ("optional", "of", [of]) => Some(Ty::Optional(Box::new(of.clone()))),
        ("optional", "none", []) => Some(Ty::Optional(Box::new(Ty::Dyn))),
        _ => None,
    }
}

fn is_comparable(ty: &Ty<'_>) -> bool {
    matches!(ty, Ty::Int | Ty::Uint | Ty::Double | Ty::Bool | Ty::Text | Ty::Bytes | Ty::Duration | Ty::Timestamp)
}
