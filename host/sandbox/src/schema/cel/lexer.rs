//! The words of CEL: names, numbers, strings, signs.
//!
//! Facts: the language definition of CEL, `doc/langdef.md`, section Syntax.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Ident(String),
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
}

const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}", "=",
];

/// The words of an expression, or what is no word.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0C']);
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.find('\n').and_then(|end| comment.get(end..)).unwrap_or_default();
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, after) = if let Some(string) = string(rest)? {
            string
        } else if first.is_ascii_digit() || (first == '.' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)) {
            number(rest).ok_or_else(|| "a number".to_owned())?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
            let (name, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            (Token::Ident(name.to_owned()), after)
        } else {
            let sign =
                SIGNS.into_iter().find_map(|sign| rest.strip_prefix(sign).map(|after| (Token::Sign(sign), after)));
            sign.ok_or_else(|| format!("the character {first:?}"))?
        };
        tokens.push(token);
        rest = after;
    }
}

fn number(text: &str) -> Option<(Token, &str)> {
    if let Some(hex) = text.strip_prefix("0x") {
        let end = hex.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(hex.len());
        let (digits, after) = hex.split_at_checked(end)?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        return Some(match after.strip_prefix(['u', 'U']) {
            Some(after) => (Token::Uint(number), after),
            None => (Token::Int(number), after),
        });
    }
    let digits = |text: &str, from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len())
    };
    let byte = |at: usize| text.as_bytes().get(at).copied().unwrap_or_default();
    let mut end = digits(text, 0);
    let mut double = false;
    if byte(end) == b'.' && byte(end + 1).is_ascii_digit() {
        double = true;
        end = digits(text, end + 1);
    }
    if matches!(byte(end), b'e' | b'E') {
        let from = end + 1 + usize::from(matches!(byte(end + 1), b'+' | b'-'));
        if byte(from).is_ascii_digit() {
            double = true;
            end = digits(text, from);
        }
    }
    let (number, after) = text.split_at_checked(end)?;
    if double {
        return Some((Token::Double(number.parse().ok()?), after));
    }
    let number = number.parse().ok()?;
    Some(match after.strip_prefix(['u', 'U']) {
        Some(after) => (Token::Uint(number), after),
        None => (Token::Int(number), after),
    })
}

/// A string or bytes, if that is what comes.
fn string(text: &str) -> Result<Option<(Token, &str)>, String> {
    let (mut raw, mut bytes, mut rest) = (false, false, text);
    while let Some(first) = rest.chars().next() {
        match first {
            'r' | 'R' if !raw => raw = true,
            'b' | 'B' if !bytes => bytes = true,
            '"' | '\'' => break,
            _ => return Ok(None),
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let Some(close) = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|close| rest.starts_with(close)) else {
        return Ok(None);
    };
    let mut rest = rest.get(close.len()..).unwrap_or_default();
    let mut out = Vec::new();
    let unknown = || "a string".to_owned();
    loop {
        if let Some(after) = rest.strip_prefix(close) {
            let token =
                if bytes { Token::Bytes(out) } else { Token::Text(String::from_utf8(out).map_err(|_| unknown())?) };
            return Ok(Some((token, after)));
        }
        let mut characters = rest.chars();
        let character = characters.next().ok_or_else(unknown)?;
        rest = characters.as_str();
        if character == '\n' && close.len() == 1 {
            return Err(unknown());
        }
        if character != '\\' || raw {
            out.extend(character.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        rest = escape(rest, bytes, &mut out).ok_or_else(unknown)?;
    }
}

/// What is behind a backslash.
fn escape<'t>(text: &'t str, bytes: bool, out: &mut Vec<u8>) -> Option<&'t str> {
    let mut characters = text.chars();
    let first = characters.next()?;
    let rest = characters.as_str();
    let plain = match first {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' | '\'' | '"' | '`' | '?' => u8::try_from(first).ok(),
        _ => None,
    };
    if let Some(plain) = plain {
        out.push(plain);
        return Some(rest);
    }
    let (length, base, digits) = match first {
        'x' | 'X' => (2, 16, rest),
        'u' if !bytes => (4, 16, rest),
        'U' if !bytes => (8, 16, rest),
        '0'..='3' => (3, 8, text),
        _ => return None,
    };
    let (digits, rest) = digits.split_at_checked(length)?;
    if !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let code = u32::from_str_radix(digits, base).ok()?;
    if bytes {
        out.push(u8::try_from(code).ok()?);
    } else {
        out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes());
    }
    Some(rest)
}
