//! A label selector cut into tokens.
//!
//! A byte 0 ends a token and, between tokens, the whole selector: that is how the lexer of Kubernetes reads it.

/// A piece of a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Close,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    GreaterThan,
    Identifier,
    In,
    LessThan,
    NotEquals,
    NotIn,
    Open,
}

/// The tokens of a selector with their text, up to and with the first [`Token::End`].
pub(super) fn tokens(text: &str) -> Vec<(Token, &str)> {
    let mut tokens = Vec::new();
    let mut position = 0;
    loop {
        let (token, literal, next) = token(text, position);
        tokens.push((token, literal));
        if token == Token::End {
            return tokens;
        }
        position = next;
    }
}

/// The token at a position, and where the next one begins.
fn token(text: &str, from: usize) -> (Token, &str, usize) {
    let bytes = text.as_bytes();
    let at = |position: usize| bytes.get(position).copied().unwrap_or(0);
    let mut start = from;
    while is_white(at(start)) {
        start += 1;
    }
    let one = |token| (token, slice(text, start, start + 1), start + 1);
    let two = |token| (token, slice(text, start, start + 2), start + 2);
    match (at(start), at(start + 1)) {
        (0, _) => (Token::End, "", start),
        (b'!', b'=') => two(Token::NotEquals),
        (b'=', b'=') => two(Token::DoubleEquals),
        (b'!', _) => one(Token::Not),
        (b'=', _) => one(Token::Equals),
        (b'(', _) => one(Token::Open),
        (b')', _) => one(Token::Close),
        (b',', _) => one(Token::Comma),
        (b'>', _) => one(Token::GreaterThan),
        (b'<', _) => one(Token::LessThan),
        _ => {
            let mut end = start;
            while !(at(end) == 0 || is_special(at(end)) || is_white(at(end))) {
                end += 1;
            }
            let next = if end < bytes.len() && at(end) == 0 { end + 1 } else { end };
            match slice(text, start, end) {
                literal @ "in" => (Token::In, literal, next),
                literal @ "notin" => (Token::NotIn, literal, next),
                literal => (Token::Identifier, literal, next),
            }
        }
    }
}

/// Tokens begin and end at ASCII characters, so a slice cannot be cut within one.
fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}
