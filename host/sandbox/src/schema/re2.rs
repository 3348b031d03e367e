//! Regular expressions as Go's `regexp` (RE2) understands them, by the crate `regex`.
//!
//! The two agree but for a few things that are rewritten here: in Go `\d`, `\s`, `\w` and `\b` are of ASCII, and in a class `[`,
//! `&&`, `--` and `~~` mean themselves. What only one of them knows is refused: nothing here matches approximately.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// How much memory a compiled expression may take: more than Go needs for what a definition holds in practice.
const SIZE_LIMIT: usize = 4 << 20;

/// The expression, or why the sandbox does not take it.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern)?;
    RegexBuilder::new(&translated)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|_| format!("the regular expression {}", crate::quote::quote(pattern)))
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let unknown = |what: &str| Err(format!("{what} in the regular expression {}", crate::quote::quote(pattern)));
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('s') => out.push_str(r"[\t\n\x0C\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0C\r ]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('b') => out.push_str(r"(?-u:\b)"),
                Some(escaped @ ('A' | 'z')) => out.extend(['\\', escaped]),
                Some(escaped) => match escape(escaped, &mut rest) {
                    Some(text) => out.push_str(&text),
                    None => return unknown(&format!("\\{escaped}")),
                },
                None => return unknown("a trailing backslash"),
            },
            '[' => match class(&mut rest) {
                Some(text) => out.push_str(&text),
                None => return unknown("a class"),
            },
            '(' => {
                out.push('(');
                if rest.peek() == Some(&'?') {
                    rest.next();
                    match group(&mut rest) {
                        Some(text) => out.push_str(&text),
                        None => return unknown("a group"),
                    }
                }
            }
            // Go reads a brace that counts nothing as itself.
            '{' => match count(&mut rest) {
                Some(text) => out.push_str(&text),
                None => out.push_str(r"\{"),
            },
            '}' => out.push_str(r"\}"),
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Escapes that mean the same in a class and outside of it.
fn escape(escaped: char, rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    match escaped {
        'a' => Some(r"\x07".to_owned()),
        'f' => Some(r"\x0C".to_owned()),
        'v' => Some(r"\x0B".to_owned()),
        't' | 'n' | 'r' => Some(format!("\\{escaped}")),
        'p' | 'P' => {
            let mut text = format!("\\{escaped}");
            match rest.next()? {
                '{' => {
                    text.push('{');
                    loop {
                        let next = rest.next()?;
                        text.push(next);
                        if next == '}' {
                            return Some(text);
                        }
                        // Go knows categories and scripts by their names only.
                        if !(next.is_ascii_alphanumeric() || next == '_' || next == '^') {
                            return None;
                        }
                    }
                }
                name => {
                    text.push(name);
                    Some(text)
                }
            }
        }
        'x' => {
            let mut code = String::new();
            match rest.next()? {
                '{' => loop {
                    match rest.next()? {
                        '}' => break,
                        digit => code.push(digit),
                    }
                },
                first => code.extend([first, rest.next()?]),
            }
            let code = u32::from_str_radix(&code, 16).ok()?;
            char::from_u32(code).map(|_| format!("\\x{{{code:X}}}"))
        }
        other if other.is_ascii_punctuation() => Some(regex::escape(&other.to_string())),
        _ => None,
    }
}

/// What is after `[`, with the brackets.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut out = String::from("[");
    if rest.peek() == Some(&'^') {
        rest.next();
        out.push('^');
    }
    let mut first = true;
    loop {
        let character = rest.next()?;
        match character {
            ']' if !first => {
                out.push(']');
                return Some(out);
            }
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                loop {
                    let next = rest.next()?;
                    out.push(next);
                    if next == ']' {
                        break;
                    }
                    if !(next.is_ascii_lowercase() || next == ':' || next == '^') {
                        return None;
                    }
                }
            }
            '\\' => match rest.next()? {
                'd' => out.push_str("0-9"),
                'D' => out.push_str("[^0-9]"),
                's' => out.push_str(r"\t\n\x0C\r "),
                'S' => out.push_str(r"[^\t\n\x0C\r ]"),
                'w' => out.push_str("0-9A-Za-z_"),
                'W' => out.push_str("[^0-9A-Za-z_]"),
                escaped => {
                    let text = escape(escaped, rest)?;
                    // In a class these need a backslash in one and not in the other.
                    if matches!(escaped, '-' | '&' | '~' | '[' | ']' | '^') {
                        out.push('\\');
                        out.push(escaped);
                    } else {
                        out.push_str(&text);
                    }
                }
            },
            '-' => {
                // At an end it is a dash, in between it makes a range; Go refuses any other.
                let last = rest.peek() == Some(&']');
                out.push_str(if first || last { r"\-" } else { "-" });
            }
            '[' | ']' | '&' | '~' | '^' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
        first = false;
    }
}

/// What is after `(?`.
fn group(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut out = String::from("?");
    loop {
        let next = rest.next()?;
        out.push(next);
        match next {
            ':' | ')' => return Some(out),
            'P' | '<' | '>' => {
                if next == '>' || (next == '<' && matches!(rest.peek(), Some('=' | '!'))) {
                    return None;
                }
                if next == 'P' && rest.peek() != Some(&'<') {
                    return None;
                }
                loop {
                    let name = rest.next()?;
                    out.push(name);
                    match name {
                        '>' => return Some(out),
                        '<' | '_' => {}
                        other if other.is_ascii_alphanumeric() => {}
                        _ => return None,
                    }
                }
            }
            'i' | 'm' | 's' | 'U' | '-' => {}
            _ => return None,
        }
    }
}

/// What is after `{`, if it counts: at most 1000, as in Go.
fn count(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut ahead = rest.clone();
    let mut text = String::new();
    loop {
        match ahead.next()? {
            '}' => break,
            next if next.is_ascii_digit() || next == ',' => text.push(next),
            _ => return None,
        }
    }
    let (least, most) = text.split_once(',').unwrap_or((&text, &text));
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number <= 1000);
    number(least)?;
    if !most.is_empty() {
        number(most)?;
    }
    *rest = ahead;
    Some(format!("{{{text}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_meant_where_go_means_it() {
        for (pattern, good, bad) in [
            (r"^\d+$", "123", "٣"),
            (r"^[\d-]+$", "1-2", "٣"),
            (r"^[^\s]$", "é", " "),
            (r"^\w$", "a", "é"),
            (r"^[[:alpha:]&&]+$", "a&", "1"),
            (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-b", "a-"),
            (r"^[[]$", "[", "]"),
            (r"^[]a]$", "]", "b"),
            (r"^[+\-.]$", "-", ","),
            (r"^a{2}$", "aa", "a"),
            (r"^a{b}$", "a{b}", "ab"),
            (r"^(?i)A\x41\x{62}$", "aab", "b"),
            (r"^\p{L}+\.$", "äß.", "1."),
            (r"\bx\b", "éx é", "axe"),
            (r"^(?P<name>a|b)\/$", "a/", "c/"),
            (r"^[^-]$", "a", "-"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(good), "{pattern} {good}");
            assert!(!regex.is_match(bad), "{pattern} {bad}");
        }
    }

    #[test]
    fn what_only_one_of_them_knows_is_refused() {
        for pattern in
            [r"\Qa\E", r"(?x)a", r"\u0041", "(?=a)", "(?<=a)", "a{1001}b[", r"\1", "[", "(", r"\C", "[a", "(?P=n)"]
        {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
