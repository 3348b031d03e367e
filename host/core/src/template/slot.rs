//! Slots: what stands in the text in the place of a value.
//!
//! A value never becomes text. Where a template says `{{ x }}`, the text gets a slot, a number between two marks, and the
//! value waits beside the text until the text has been parsed. So there is nothing to escape, and nothing that a value
//! could break out of: YAML's parser never sees it.

use std::ops::Range;

/// Begins and ends a slot: a character of Unicode's private use area. No source file may contain it, and values do not
/// reach the text, so a slot cannot be forged.
pub(super) const MARK: char = '\u{e000}';
const MARK_TEXT: &str = "\u{e000}";

/// Writes the slot of a number.
pub(super) fn write(mut number: u32, mut write_str: impl FnMut(&str) -> std::fmt::Result) -> std::fmt::Result {
    let mut digits = [0_u8; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        let digit = (number % 10) as u8;
        digits[at] = b'0' + digit;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    write_str(MARK_TEXT)?;
    write_str(std::str::from_utf8(&digits[at..]).unwrap_or_default())?;
    write_str(MARK_TEXT)
}

/// What a piece of text is, with regard to slots.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// No slot in it.
    Text,
    /// One slot and nothing else.
    Slot(u32),
    /// A slot and something else, or several.
    Mixed,
}

/// Looks for slots in `text`.
pub(super) fn content(text: &str) -> Content {
    if !text.contains(MARK) {
        return Content::Text;
    }
    text.strip_prefix(MARK)
        .and_then(|rest| rest.strip_suffix(MARK))
        .and_then(|digits| digits.parse().ok())
        .map_or(Content::Mixed, Content::Slot)
}

/// All slots of a text with their bytes.
pub(super) fn find_all(text: &str) -> impl Iterator<Item = (Range<usize>, u32)> {
    let mut marks = text.match_indices(MARK).map(|(at, _)| at);
    std::iter::from_fn(move || {
        let (start, end) = (marks.next()?, marks.next()?);
        let number = text[start + MARK.len_utf8()..end].parse().ok()?;
        Some((start..end + MARK.len_utf8(), number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u32) -> String {
        let mut text = String::new();
        write(number, |part| {
            text.push_str(part);
            Ok(())
        })
        .unwrap();
        text
    }

    #[test]
    fn a_slot_is_found_again() {
        for number in [0, 7, 10, 1_234_567_890, u32::MAX] {
            assert_eq!(content(&slot(number)), Content::Slot(number));
        }
        let text = format!("a: {}\nb: {}\n", slot(0), slot(11));
        assert_eq!(find_all(&text).map(|(range, n)| (&text[range], n)).collect::<Vec<_>>().len(), 2);
    }

    #[test]
    fn what_is_not_one_slot_is_mixed() {
        assert_eq!(content("abc 12"), Content::Text);
        for text in
            [format!("a{}", slot(1)), format!("{}{}", slot(1), slot(2)), format!("{}1", slot(1)), "\u{e000}".into()]
        {
            assert_eq!(content(&text), Content::Mixed, "{text:?}");
        }
    }
}
