//! Where in a file of a layer something is wrong.

use std::fmt;
use std::ops::Range;

/// How much of a long source line an excerpt shows, in characters.
const EXCERPT: usize = 120;

/// A place in a file, with enough of the source to point at it. It is small, since every error has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    layer: String,
    file: String,
    line: usize,
    column: usize,
    /// The source line; `None` for files of values, which an error must not show.
    text: Option<String>,
    /// Characters to underline, at least 1.
    width: usize,
}

impl Place {
    /// The place of the bytes `range` of `source`.
    pub(super) fn new(layer: &str, file: &str, source: &str, range: &Range<usize>) -> Self {
        let start = floor_boundary(source, range.start);
        let end = floor_boundary(source, range.end).max(start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
        Self(Box::new(Details {
            layer: layer.to_owned(),
            file: file.to_owned(),
            line: source[..start].matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            text: Some(source[line_start..line_end].trim_end_matches('\r').to_owned()),
            width: source[start..end.clamp(start, line_end)].chars().count().max(1),
        }))
    }

    /// The beginning of a file, where no better place is known.
    pub(super) fn of_file(layer: &str, file: &str) -> Self {
        let (layer, file) = (layer.to_owned(), file.to_owned());
        Self(Box::new(Details { layer, file, line: 1, column: 1, text: None, width: 1 }))
    }

    /// The same place without the source line: what stands in a file of values is not for messages.
    pub(super) fn without_text(mut self) -> Self {
        self.0.text = None;
        self
    }

    /// Layer that the file is from.
    pub fn layer(&self) -> &str {
        &self.0.layer
    }

    /// File name within the layer.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Line, from 1.
    pub const fn line(&self) -> usize {
        self.0.line
    }

    /// Column in characters, from 1.
    pub const fn column(&self) -> usize {
        self.0.column
    }

    /// The source line and a line of carets under the place, without a final line break. `None` where there is no source
    /// to show.
    pub fn excerpt(&self) -> Option<String> {
        let Details { line, column, text, width, .. } = &*self.0;
        let text = text.as_deref()?;
        // A window around the place, so that one long line cannot fill a message.
        let skipped = (column - 1).saturating_sub(EXCERPT / 2);
        let shown: String = text
            .chars()
            .skip(skipped)
            .take(EXCERPT)
            .map(|c| if c == '\t' || c.is_control() { ' ' } else { c })
            .collect();
        let indent = column - 1 - skipped;
        let width = (*width).min(EXCERPT.saturating_sub(indent)).max(1);
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        Some(format!("{number} | {shown}\n{gutter} | {}{}", " ".repeat(indent), "^".repeat(width)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { layer, file, line, column, .. } = &*self.0;
        write!(f, "{file}:{line}:{column} (layer {layer})")
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_in_characters() {
        let source = "a: 1\nä: {{ x }}\n";
        let at = source.find("{{").unwrap();
        let place = Place::new("platform", "10-a.yaml.j2", source, &(at..at + 7));
        assert_eq!(place.to_string(), "10-a.yaml.j2:2:4 (layer platform)");
        assert_eq!(place.excerpt().unwrap(), "2 | ä: {{ x }}\n  |    ^^^^^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Place::new("l", "f", &source, &(500..501)).excerpt().unwrap();
        let mut lines = excerpt.lines();
        let (shown, caret) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(shown.len() < 130);
        assert_eq!(shown.as_bytes()[caret.find('^').unwrap()], b'X');
    }

    #[test]
    fn a_place_beyond_the_end_is_the_end() {
        assert_eq!(Place::new("l", "f", "ab", &(9..12)).column(), 3);
    }
}
