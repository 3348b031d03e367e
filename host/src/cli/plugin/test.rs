//! `berthage plugin test`: cases with golden outcomes, and what plugins stumble over most: a read whose status is not all there
//! yet.

use berthage_core::plugin::Input;
use berthage_core::pointer;
use serde_json::Value;

use super::cases::{self, Case};
use super::{PluginCommandError, Test, engine, load};
use crate::hook::{Alone, Failure, Hook, HookError};

/// Calls with parts left out, for each case.
const PARTIAL: usize = 500;

pub(super) fn run(args: &Test, mut print: impl FnMut(&str) -> std::io::Result<()>) -> Result<(), PluginCommandError> {
    // The plugin is asked more than once each time: a hook that is no function of its input is found here.
    let engine = engine()?.verifying_determinism(true);
    let cases = cases::read(&args.cases)?;
    let (mut failed, count) = (0, cases.len());
    for (path, mut case) in cases {
        let plugin = load(&args.file, case.config.clone(), &engine)?;
        let hook = case.hook(&path, &plugin)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let answer = case.answer(hook, &case.input(), &plugin);
        if args.update {
            case.expect = expected(&answer);
            cases::write(&path, &case)?;
            print(&format!("written  {name}\n"))?;
            continue;
        }
        let problem = differs(&case.expect, &answer).or_else(|| stumbles(hook, &case, &plugin));
        match problem {
            None => print(&format!("ok       {name}\n"))?,
            Some(problem) => {
                failed += 1;
                print(&format!("FAILED   {name}\n{}", indented(&problem)))?;
            }
        }
    }
    if failed > 0 { Err(PluginCommandError::Failed { failed, cases: count }) } else { Ok(()) }
}

fn indented(text: &str) -> String {
    let mut indented = String::new();
    for line in text.lines() {
        indented.push_str("         ");
        indented.push_str(line);
        indented.push('\n');
    }
    indented
}

/// What is expected of who answers so.
fn expected(answer: &Result<Value, HookError>) -> Value {
    match answer {
        Ok(outcome) => outcome.clone(),
        Err(error) => serde_json::json!({ "error": error.failure.to_string() }),
    }
}

/// In what an answer is not as expected.
fn differs(expect: &Value, answer: &Result<Value, HookError>) -> Option<String> {
    match (expect.get("error").and_then(Value::as_str), answer) {
        (Some(words), Err(error)) if error.to_string().contains(words) => None,
        (Some(words), Err(error)) => Some(format!("expected a failure with the words: {words}\nthere is: {error}")),
        (Some(words), Ok(outcome)) => {
            Some(format!("expected a failure with the words: {words}\nthere is: {outcome:#}"))
        }
        (None, Err(error)) => Some(error.to_string()),
        (None, Ok(outcome)) if expect == outcome => None,
        (None, Ok(_)) if expect.is_null() => {
            Some("nothing is expected yet; --update writes what the plugin answers into the file".to_owned())
        }
        (None, Ok(outcome)) => {
            let place = pointer::first_difference(expect, outcome).unwrap_or_default();
            let at = |value: &Value| {
                value.pointer(&place).map_or_else(|| "nothing".to_owned(), |found| format!("{found:#}"))
            };
            Some(format!(
                "the first difference is at {}\nexpected: {}\nthere is: {}",
                shown(&place),
                at(expect),
                at(outcome)
            ))
        }
    }
}

fn shown(place: &str) -> &str {
    if place.is_empty() { "/" } else { place }
}

/// Calls the plugin with one field of a status less each time: it may answer what it likes, but it has to answer.
fn stumbles(hook: Hook, case: &Case, plugin: &Alone) -> Option<String> {
    let whole = case.input();
    let fields = whole.reads.iter().enumerate().flat_map(|(group, read)| {
        let item = move |(item, object): (usize, &Value)| {
            let places =
                object.get("status").map(|status| pointer::places(status, "/status".to_owned())).unwrap_or_default();
            places.into_iter().map(move |place| (group, item, place)).collect::<Vec<_>>()
        };
        read.items.iter().enumerate().flat_map(item).collect::<Vec<_>>()
    });
    fields.take(PARTIAL).find_map(|(group, item, place)| {
        let mut input: Input = whole.clone();
        pointer::remove(&mut input.reads[group].items[item], &place);
        let error = case.answer(hook, &input, plugin).err()?;
        let died = !matches!(error.failure, Failure::Failed { .. });
        died.then(|| format!("without {place} of item {item} of the read {:?}:\n{error}", whole.reads[group].id))
    })
}
