//! The template language, set up so that a template can do nothing but compute values.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as Emitted;
use minijinja::{Environment, Error, ErrorKind, OutputSpan, OutputSpanKind, State, UndefinedBehavior};

use super::emit::{self, Budget, Refusal, Values};
use super::error::TemplateError;
use super::layer::{File, SHARED_FILE};
use super::limits::Limits;
use super::place::Place;
use super::skeleton::Unfit;
use super::slot;
use super::tags;
use super::yaml::Problem;

/// How much of an expression's source a message repeats, in characters.
const EXPRESSION: usize = 80;

/// Why text that the language captures has no values.
const CAPTURED: &str = "a macro, or a set, call or filter block, makes text, and this value is not text: use expressions, such \
                        as {% set x = a ~ b %} or {{ a if c else b }}, and include partials for fields";

/// The compiled templates and partials of a set.
#[derive(Debug)]
pub(super) struct Engine {
    environment: Environment<'static>,
    /// Templates and partials by name.
    files: BTreeMap<String, File>,
    limits: Limits,
}

/// The text of a rendering with its slots, and the values for them.
pub(super) struct Output {
    /// The text.
    pub(super) text: String,
    /// The values.
    pub(super) values: Values,
}

impl Engine {
    /// Compiles all files.
    pub(super) fn compile(files: BTreeMap<String, File>, limits: &Limits) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        // Whole lines that only control leave nothing behind, as one expects of YAML.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        if let Ok(syntax) = syntax {
            environment.set_syntax(syntax);
        }
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Errors must not hold values; in debug mode they would.
        environment.set_debug(false);
        environment.set_fuel(Some(limits.fuel));
        environment.set_recursion_limit(limits.recursion);
        environment.set_auto_escape_callback(|_| emit::AUTO_ESCAPE);
        let budget = Budget { bytes: limits.output_bytes, depth: limits.depth };
        environment.set_formatter(move |out, state, value| emit::emit(out, state, value, budget));
        // Everything that marks data as safe text, shows internals, or formats in another way than as JSON.
        for filter in ["safe", "escape", "e", "pprint"] {
            environment.remove_filter(filter);
        }
        for test in ["safe", "escaped"] {
            environment.remove_test(test);
        }
        environment.remove_global("debug");
        // A value that can be changed in a loop can be nested without end, and then overflows the stack when it is dropped.
        environment.remove_global("namespace");
        environment
            .add_filter("tojson", move |state: &State, value: Emitted| emit::to_json_text(state, &value, budget));
        for file in files.values() {
            if let Some(range) = tags::too_long(&file.source) {
                let message = format!("this tag has more than {} parts: set parts of it to names", tags::MAX_TOKENS);
                return Err(TemplateError::Syntax { place: file.place(&range), message });
            }
            environment
                .add_template_owned(file.name.clone(), file.source.clone())
                .map_err(|error| syntax_error(&error, file))?;
        }
        Ok(Self { environment, files, limits: limits.clone() })
    }

    /// Renders one template.
    pub(super) fn render(&self, file: &str, context: &Emitted) -> Result<Output, TemplateError> {
        let failed = |error: Error| self.error(&error, file, context);
        let mut captured =
            self.environment.get_template(file).map_err(failed)?.render_captured(context).map_err(failed)?;
        let values = captured.with_state_mut(|state| state.get_extension_mut::<Values>().map(std::mem::take));
        Ok(Output { text: captured.into_output(), values: values.unwrap_or_default() })
    }

    /// The names that [`SHARED_FILE`] sets, if there is such a file.
    pub(super) fn shared(&self, context: &Emitted) -> Result<Vec<(String, Emitted)>, TemplateError> {
        if !self.files.contains_key(SHARED_FILE) {
            return Ok(Vec::new());
        }
        let failed = |error: Error| self.error(&error, SHARED_FILE, context);
        let template = self.environment.get_template(SHARED_FILE).map_err(failed)?;
        let mut captured = template.render_captured(context).map_err(failed)?;
        let emitted =
            captured.with_state_mut(|state| state.get_extension::<Values>().map_or(0, |values| values.slots.len()));
        if emitted > 0 {
            let message =
                "this file sets names and makes no text: use {% set %}, and put fields into a partial to include";
            return Err(TemplateError::UnusedValue { place: self.lost(SHARED_FILE, "", emitted, context), message });
        }
        let state = captured.state();
        let names = state.exports().into_iter().filter(|name| !name.starts_with('_'));
        Ok(names.filter_map(|name| Some((name.to_owned(), state.lookup(name)?))).collect())
    }

    /// The beginning of a file.
    pub(super) fn beginning(&self, file: &str) -> Place {
        self.place(file, &(0..0))
    }

    fn place(&self, file: &str, range: &Range<usize>) -> Place {
        self.files.get(file).map_or_else(|| Place::of_file("?", file), |file| file.place(range))
    }

    /// The place in the templates that made the bytes `range` of `file`'s text. The rendering is done once more, to the
    /// same result: only errors pay for the knowledge of where everything came from.
    pub(super) fn origin(&self, file: &str, range: &Range<usize>, context: &Emitted) -> Place {
        self.spans(file, context).place(self, range).unwrap_or_else(|| self.beginning(file))
    }

    /// The error for a text, or values, that do not fit.
    pub(super) fn unfit(&self, unfit: Unfit, file: &str, context: &Emitted) -> TemplateError {
        let spans = self.spans(file, context);
        let of_slot = |wanted: u32| {
            let range = slot::find_all(&spans.text).find(|(_, slot)| *slot == wanted).map(|(range, _)| range);
            range.and_then(|range| spans.place(self, &range)).unwrap_or_else(|| self.beginning(file))
        };
        match unfit {
            Unfit::Text(fault) if fault.problem == Problem::PartialSlot => {
                let tail = spans.text.get(fault.range.start..).unwrap_or_default();
                let first = slot::find_all(tail)
                    .next()
                    .map(|(range, _)| fault.range.start + range.start..fault.range.start + range.end);
                let range = first.unwrap_or(fault.range);
                let place = spans.place(self, &range).unwrap_or_else(|| self.beginning(file));
                TemplateError::PartialValue { message: partial(spans.expression(self, &range).as_deref()), place }
            }
            Unfit::Text(fault) => {
                let place = spans.place(self, &fault.range).unwrap_or_else(|| self.beginning(file));
                fault.problem.into_error(place, &self.limits)
            }
            Unfit::InComment(slot) => TemplateError::UnusedValue {
                place: of_slot(slot),
                message: "this value stands in a YAML comment: use a template comment, {# #}",
            },
            Unfit::DuplicateKey(slot) => TemplateError::DuplicateKey { place: of_slot(slot) },
            Unfit::KeyNotText(slot) => TemplateError::KeyNotText { place: of_slot(slot) },
        }
    }

    /// The error for a value that was emitted and is not in the text, because something captured or discarded it.
    pub(super) fn captured(&self, file: &str, text: &str, emitted: usize, context: &Emitted) -> TemplateError {
        TemplateError::UnusedValue { place: self.lost(file, text, emitted, context), message: CAPTURED }
    }

    /// Where the first of `emitted` values was emitted that is not in the text.
    fn lost(&self, file: &str, text: &str, emitted: usize, context: &Emitted) -> Place {
        let present: BTreeSet<u32> = slot::find_all(text).map(|(_, slot)| slot).collect();
        let lost = (0_u32..).take(emitted).find(|slot| !present.contains(slot)).unwrap_or_default();
        // Only the engine knows where it emits, and it tells when that fails: once more, failing at this value.
        let mut environment = self.environment.clone();
        let budget = Budget { bytes: usize::MAX, depth: self.limits.depth };
        environment.set_formatter(move |out, state, value| {
            emit::emit(out, state, value, budget)?;
            let emitted = state.get_extension::<Values>().map_or(0, |values| values.slots.len());
            if emitted == lost as usize + 1 { Err(ErrorKind::BadSerialization.into()) } else { Ok(()) }
        });
        let error = environment.get_template(file).and_then(|template| template.render(context)).err();
        error.map_or_else(|| self.beginning(file), |error| self.error_place(innermost(&error), file))
    }

    fn spans(&self, file: &str, context: &Emitted) -> Spans {
        let rendered = self.environment.get_template(file).and_then(|template| template.render_with_spans(context));
        let (text, spans) = rendered.unwrap_or_default();
        Spans { text, spans }
    }

    fn error(&self, error: &Error, file: &str, context: &Emitted) -> TemplateError {
        let error = innermost(error);
        let name = error.name().unwrap_or(file);
        let source = self.files.get(name).map(|file| file.source.as_str()).unwrap_or_default();
        let expression = error.range().and_then(|range| source.get(range)).map(shorten);
        let place = self.error_place(error, file);
        if let Some(refusal) = error.source().and_then(|source| source.downcast_ref::<Refusal>()) {
            return match *refusal {
                Refusal::NotAValue(message) => TemplateError::NotAValue { place, message },
                Refusal::Captured => TemplateError::UnusedValue { place, message: CAPTURED },
                Refusal::TooLarge => TemplateError::OutputTooLarge { place, limit: self.limits.output_bytes },
                Refusal::TooDeep => TemplateError::TooDeep { place, limit: self.limits.depth },
            };
        }
        let of_expression = || expression.map(|text| format!(" in `{text}`")).unwrap_or_default();
        match error.kind() {
            ErrorKind::OutOfFuel => TemplateError::OutOfFuel { place, fuel: self.limits.fuel },
            ErrorKind::UndefinedError => {
                let message = self.undefined(file, context);
                TemplateError::Undefined {
                    place,
                    message: message.unwrap_or_else(|| format!("something is undefined{}", of_expression())),
                }
            }
            ErrorKind::TemplateNotFound => TemplateError::Evaluation {
                place,
                message:
                    "there is no such template in the set: includes take a file name of the set, such as '_spec.j2'"
                        .to_owned(),
            },
            kind => {
                let detail = error.detail().filter(|detail| is_free_of_values(detail));
                let message = detail.map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"));
                TemplateError::Evaluation { place, message: format!("{message}{}", of_expression()) }
            }
        }
    }

    fn error_place(&self, error: &Error, file: &str) -> Place {
        let name = error.name().unwrap_or(file);
        let source = self.files.get(name).map(|file| file.source.as_str()).unwrap_or_default();
        match (error.range(), error.line()) {
            (Some(range), _) => self.place(name, &with_braces(source, &range)),
            (None, Some(line)) => self.place(name, &line_range(source, line)),
            (None, None) => self.beginning(name),
        }
    }

    /// What exactly is undefined. The engine can only tell in its debug mode, so the rendering is done once more in it; of
    /// that error nothing else is used.
    fn undefined(&self, file: &str, context: &Emitted) -> Option<String> {
        let mut environment = self.environment.clone();
        environment.set_debug(true);
        let error = environment.get_template(file).ok()?.render(context).err()?;
        let error = innermost(&error);
        (error.kind() == ErrorKind::UndefinedError).then(|| error.detail().map(ToOwned::to_owned)).flatten()
    }
}

/// A text with its slots, and what in the templates made each part of it.
#[derive(Default)]
struct Spans {
    text: String,
    spans: Vec<OutputSpan>,
}

impl Spans {
    fn at(&self, at: usize) -> Option<&OutputSpan> {
        let after = self.spans.partition_point(|span| span.output_range().start <= at);
        self.spans.get(after.saturating_sub(1))
    }

    fn place(&self, engine: &Engine, range: &Range<usize>) -> Option<Place> {
        let span = self.at(range.start)?;
        let source = &engine.files.get(span.name())?.source;
        let range = if span.kind() == OutputSpanKind::Expression {
            with_braces(source, &span.source_range())
        } else {
            // Raw text is byte for byte the source; what reaches beyond this span is cut.
            let (output, source) = (span.output_range(), span.source_range());
            let start = source.start + (range.start - output.start).min(output.len());
            start..(start + range.len()).min(source.end).max(start)
        };
        Some(engine.place(span.name(), &range))
    }

    fn expression(&self, engine: &Engine, range: &Range<usize>) -> Option<String> {
        let span = self.at(range.start)?;
        let source = &engine.files.get(span.name())?.source;
        (span.kind() == OutputSpanKind::Expression).then(|| source.get(span.source_range()).map(shorten)).flatten()
    }
}

fn syntax_error(error: &Error, file: &File) -> TemplateError {
    let range = match (error.range(), error.line()) {
        (Some(range), _) => range,
        (None, Some(line)) => line_range(&file.source, line),
        (None, None) => 0..0,
    };
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    TemplateError::Syntax { place: file.place(&range), message }
}

/// The error that an include or a block only passed on.
fn innermost(mut error: &Error) -> &Error {
    while let Some(cause) = error.source().and_then(|source| source.downcast_ref::<Error>()) {
        error = cause;
    }
    error
}

/// The engine's texts that speak of kinds and names in the template only. All others may repeat a value.
fn is_free_of_values(detail: &str) -> bool {
    ["tried to use ", "recursion limit exceeded", "cannot convert ", "cannot calculate length ", "can only sum numbers"]
        .iter()
        .any(|known| detail.starts_with(known))
}

fn partial(expression: Option<&str>) -> String {
    match expression {
        Some(expression) => format!(
            "a value cannot be a part of other text or stand in quotes: make the whole field one expression, such as \
             {{{{ 'text-' ~ {expression} }}}}"
        ),
        None => {
            "a value cannot be a part of other text or stand in quotes: make the whole field one expression, such as \
                 {{ 'text-' ~ x }}"
                .to_owned()
        }
    }
}

/// An expression with the braces around it, for the carets.
fn with_braces(source: &str, range: &Range<usize>) -> Range<usize> {
    let (Some(before), Some(after)) = (source.get(..range.start), source.get(range.end..)) else {
        return range.clone();
    };
    let opening = before.trim_end_matches([' ', '-', '+', '\n']).strip_suffix("{{");
    let closing = after.trim_start_matches([' ', '-', '+', '\n']).strip_prefix("}}");
    match (opening, closing) {
        (Some(opening), Some(closing)) => opening.len()..source.len() - closing.len(),
        _ => range.clone(),
    }
}

fn line_range(source: &str, line: usize) -> Range<usize> {
    let start = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let text = source[start..].lines().next().unwrap_or_default();
    let indent = text.len() - text.trim_start().len();
    start + indent..start + text.len()
}

fn shorten(text: &str) -> String {
    text.chars().take(EXPRESSION).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
