//! Functions of strings. Places are counted in characters.

use std::rc::Rc;

use super::eval::{Error, Evaluation, NO_OVERLOAD};
use super::value::Val;

/// `of.name(args)`.
pub(super) fn method<'v>(
    name: &str,
    of: &str,
    args: &[Val<'v>],
    evaluation: &Evaluation<'v>,
) -> Result<Val<'v>, Error> {
    evaluation.pay(of.len() / 10)?;
    let text = |text: String| Ok(Val::Text(text.into()));
    match (name, args) {
        ("startsWith", [Val::Text(part)]) => Ok(Val::Bool(of.starts_with(&**part))),
        ("endsWith", [Val::Text(part)]) => Ok(Val::Bool(of.ends_with(&**part))),
        ("contains", [Val::Text(part)]) => {
            evaluation.pay((of.len() / 10 + 1).saturating_mul(part.len() / 10 + 1))?;
            Ok(Val::Bool(of.contains(&**part)))
        }
        ("lowerAscii", []) => text(of.to_ascii_lowercase()),
        ("upperAscii", []) => text(of.to_ascii_uppercase()),
        ("trim", []) => text(of.trim().to_owned()),
        ("charAt", [Val::Int(at)]) => {
            let length = of.chars().count();
            match usize::try_from(*at) {
                Ok(at) if at <= length => text(of.chars().nth(at).map(String::from).unwrap_or_default()),
                _ => Err(format!("index out of range: {at}")),
            }
        }
        ("substring", [Val::Int(from)]) => {
            let length = of.chars().count();
            match usize::try_from(*from) {
                Ok(from) if from <= length => text(of.chars().skip(from).collect()),
                _ => Err(format!("index out of range: {from}")),
            }
        }
        ("substring", [Val::Int(from), Val::Int(to)]) => {
            let length = of.chars().count();
            if from > to {
                return Err(format!("invalid substring range. start: {from}, end: {to}"));
            }
            let place = |at: &i64| {
                usize::try_from(*at).ok().filter(|at| *at <= length).ok_or_else(|| format!("index out of range: {at}"))
            };
            let (from, to) = (place(from)?, place(to)?);
            text(of.chars().skip(from).take(to - from).collect())
        }
        ("replace", [Val::Text(old), Val::Text(new)]) => replace(of, old, new, usize::MAX, evaluation),
        ("replace", [Val::Text(old), Val::Text(new), Val::Int(most)]) => {
            replace(of, old, new, usize::try_from(*most).unwrap_or(usize::MAX), evaluation)
        }
        ("split", [Val::Text(at)]) => split(of, at, -1, evaluation),
        ("split", [Val::Text(at), Val::Int(most)]) => split(of, at, *most, evaluation),
        ("indexOf", [Val::Text(part)]) => index_of(of, part, 0, evaluation),
        ("indexOf", [Val::Text(part), Val::Int(from)]) => index_of(of, part, *from, evaluation),
        ("lastIndexOf", [Val::Text(part)]) => last_index_of(of, part, None, evaluation),
        ("lastIndexOf", [Val::Text(part), Val::Int(to)]) => last_index_of(of, part, Some(*to), evaluation),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

/// Texts with another between them.
pub(super) fn join<'v>(
    elements: impl Iterator<Item = Result<Val<'v>, Error>>,
    between: &str,
    evaluation: &Evaluation<'v>,
) -> Result<Val<'v>, Error> {
    let mut out = String::new();
    for (index, element) in elements.enumerate() {
        let Val::Text(element) = element? else { return Err(NO_OVERLOAD.to_owned()) };
        evaluation.pay((element.len() + between.len()) / 10)?;
        if index > 0 {
            out.push_str(between);
        }
        out.push_str(&element);
    }
    Ok(Val::Text(out.into()))
}

fn replace<'v>(of: &str, old: &str, new: &str, most: usize, evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    // As long as it can become at the most.
    evaluation.pay((of.len() + 1).saturating_mul(new.len() + 1) / 10)?;
    Ok(Val::Text(of.replacen(old, new, most).into()))
}

fn split<'v>(of: &str, at: &str, most: i64, evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    evaluation.pay(of.len())?;
    let own = |part: &str| Val::Text(part.to_owned().into());
    if most == 0 {
        return Ok(Val::List(Rc::new(Vec::new())));
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if !at.is_empty() {
        return Ok(Val::List(Rc::new(of.splitn(most, at).map(own).collect())));
    }
    // Into characters, and the rest.
    let mut parts = Vec::new();
    let mut rest = of;
    while let Some(first) = rest.chars().next() {
        if parts.len() + 1 == most {
            break;
        }
        let (part, after) = rest.split_at_checked(first.len_utf8()).unwrap_or((rest, ""));
        parts.push(own(part));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(own(rest));
    }
    Ok(Val::List(Rc::new(parts)))
}

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// Where in bytes the character at a place begins.
fn offset(text: &str, place: i64) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    text.char_indices().map(|(offset, _)| offset).chain([text.len()]).nth(place)
}

fn index_of<'v>(of: &str, part: &str, from: i64, evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    evaluation.pay((of.len() / 10 + 1).saturating_mul(part.len() / 10 + 1))?;
    if part.is_empty() {
        return Ok(Val::Int(from));
    }
    if from < 0 {
        return Err(format!("index out of range: {from}"));
    }
    let Some(start) = offset(of, from) else { return Ok(Val::Int(-1)) };
    let found = of.get(start..).unwrap_or_default().find(part);
    let found = found.and_then(|found| of.get(..start + found)).map_or(-1, count);
    Ok(Val::Int(found))
}

fn last_index_of<'v>(of: &str, part: &str, to: Option<i64>, evaluation: &Evaluation<'v>) -> Result<Val<'v>, Error> {
    evaluation.pay((of.len() / 10 + 1).saturating_mul(part.len() / 10 + 1))?;
    let length = count(of);
    if part.is_empty() {
        return Ok(Val::Int(to.unwrap_or(length)));
    }
    let searched = match to {
        Some(to) if to < 0 => return Err(format!("index out of range: {to}")),
        // It may begin there at the latest.
        Some(to) => offset(of, to.saturating_add(count(part)).min(length)).and_then(|end| of.get(..end)),
        None => Some(of),
    };
    let found = searched.and_then(|searched| searched.rfind(part));
    Ok(Val::Int(found.and_then(|found| of.get(..found)).map_or(-1, count)))
}
