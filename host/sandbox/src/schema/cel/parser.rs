//! Parsing: tokens to an expression, bounded in depth and size, with the macros taken out.

use super::ast::{Expr, Kind, Macro, Operator};
use super::lexer::{Token, tokens};

/// As deep as cel-go parses (`defaultMaxRecursionDepth`); each level here is one of its.
const DEPTH: u16 = 64;
/// More words than a rule of any definition has.
const SIZE: usize = 8192;

/// Words that name nothing.
pub(super) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The expression, or what in it the sandbox does not take.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    if tokens.len() > SIZE {
        return Err("its length".to_owned());
    }
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let expr = parser.expression()?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(format!("{token:?} after its end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u16,
}

/// Operators by how tightly they bind.
fn binary(sign: &Token) -> Option<(u8, Option<Operator>)> {
    Some(match sign {
        Token::Sign("||") => (1, None),
        Token::Sign("&&") => (2, None),
        Token::Sign("==") => (3, Some(Operator::Equal)),
        Token::Sign("!=") => (3, Some(Operator::NotEqual)),
        Token::Sign("<") => (3, Some(Operator::Less)),
        Token::Sign("<=") => (3, Some(Operator::LessEqual)),
        Token::Sign(">") => (3, Some(Operator::Greater)),
        Token::Sign(">=") => (3, Some(Operator::GreaterEqual)),
        Token::Ident(word) if word == "in" => (3, Some(Operator::In)),
        Token::Sign("+") => (4, Some(Operator::Add)),
        Token::Sign("-") => (4, Some(Operator::Subtract)),
        Token::Sign("*") => (5, Some(Operator::Multiply)),
        Token::Sign("/") => (5, Some(Operator::Divide)),
        Token::Sign("%") => (5, Some(Operator::Remainder)),
        _ => return None,
    })
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("no {sign} where one belongs")) }
    }

    fn made(kind: Kind) -> Result<Expr, String> {
        let expr = kind.expr();
        if expr.depth > DEPTH { Err("its depth".to_owned()) } else { Ok(expr) }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("its depth".to_owned());
        }
        let when = self.operators(1)?;
        let expr = if self.takes("?") {
            let then = self.operators(1)?;
            self.expect(":")?;
            let or = self.expression()?;
            Self::made(Kind::Conditional { when: Box::new(when), then: Box::new(then), or: Box::new(or) })?
        } else {
            when
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// Operators that bind at least that tightly.
    fn operators(&mut self, least: u8) -> Result<Expr, String> {
        let mut left = self.unary()?;
        while let Some((binding, operator)) = self.peek().and_then(binary) {
            if binding < least {
                break;
            }
            self.at += 1;
            let right = Box::new(self.operators(binding + 1)?);
            let left_box = Box::new(left);
            left = Self::made(match operator {
                Some(operator) => Kind::Binary(operator, left_box, right),
                None if binding == 1 => Kind::Or(left_box, right),
                None => Kind::And(left_box, right),
            })?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("!") {
            self.depth += 1;
            let of = if self.depth > DEPTH { Err("its depth".to_owned()) } else { self.unary() }?;
            self.depth -= 1;
            return Self::made(Kind::Not(Box::new(of)));
        }
        if self.takes("-") {
            // The least of all whole numbers has no positive one.
            match self.peek() {
                Some(Token::Int(number)) => {
                    let number = 0_i64.checked_sub_unsigned(*number).ok_or("a number")?;
                    self.at += 1;
                    return self.members(Kind::Int(number).expr());
                }
                Some(Token::Double(number)) => {
                    let number = -*number;
                    self.at += 1;
                    return self.members(Kind::Double(number).expr());
                }
                _ => {}
            }
            self.depth += 1;
            let of = if self.depth > DEPTH { Err("its depth".to_owned()) } else { self.unary() }?;
            self.depth -= 1;
            return Self::made(Kind::Negate(Box::new(of)));
        }
        let primary = self.primary()?;
        self.members(primary)
    }

    fn members(&mut self, mut of: Expr) -> Result<Expr, String> {
        loop {
            if self.takes(".") {
                let optional = self.takes("?");
                let Some(Token::Ident(name)) = self.next() else { return Err("no name after a dot".to_owned()) };
                of = if !optional && self.takes("(") {
                    let args = self.list(")")?;
                    Self::made(method(of, name, args)?)?
                } else {
                    Self::made(Kind::Select { of: Box::new(of), field: name, optional })?
                };
            } else if self.takes("[") {
                if self.peek() == Some(&Token::Sign("?")) {
                    return Err("an optional index".to_owned());
                }
                let at = Box::new(self.expression()?);
                self.expect("]")?;
                of = Self::made(Kind::Index { of: Box::new(of), at })?;
            } else {
                return Ok(of);
            }
        }
    }

    fn list(&mut self, close: &'static str) -> Result<Vec<Expr>, String> {
        let mut items = Vec::new();
        while !self.takes(close) {
            if !items.is_empty() {
                self.expect(",")?;
                // One comma may be left over, but not in a call.
                if close == "]" && self.takes(close) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let kind = match self.next().ok_or("its early end")? {
            Token::Int(number) => Kind::Int(i64::try_from(number).map_err(|_| "a number")?),
            Token::Uint(number) => Kind::Uint(number),
            Token::Double(number) => Kind::Double(number),
            Token::Text(text) => Kind::Text(text),
            Token::Bytes(bytes) => Kind::Bytes(bytes),
            Token::Sign("(") => {
                let expr = self.expression()?;
                self.expect(")")?;
                return Ok(expr);
            }
            Token::Sign("[") => Kind::List(self.list("]")?),
            Token::Sign("{") => {
                let mut entries = Vec::new();
                while !self.takes("}") {
                    if !entries.is_empty() {
                        self.expect(",")?;
                        if self.takes("}") {
                            break;
                        }
                    }
                    let key = self.expression()?;
                    self.expect(":")?;
                    entries.push((key, self.expression()?));
                }
                Kind::Map(entries)
            }
            Token::Ident(word) => match word.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                "in" => return Err("in where a value belongs".to_owned()),
                word if RESERVED.contains(&word) => return Err(format!("the reserved word {word}")),
                _ if self.takes("(") => {
                    let args = self.list(")")?;
                    function(word, args)?
                }
                _ => Kind::Ident(word),
            },
            Token::Sign(sign) => return Err(format!("{sign} where a value belongs")),
        };
        Self::made(kind)
    }
}

fn function(name: String, mut args: Vec<Expr>) -> Result<Kind, String> {
    if name != "has" {
        return Ok(Kind::Call { name, on: None, args });
    }
    match (args.pop(), args.is_empty()) {
        (Some(Expr { kind: Kind::Select { of, field, optional: false }, .. }), true) => Ok(Kind::Has { of, field }),
        _ => Err("has() of no field".to_owned()),
    }
}

fn method(of: Expr, name: String, args: Vec<Expr>) -> Result<Kind, String> {
    let kind = match (name.as_str(), args.len()) {
        ("all", 2) => Macro::All,
        ("exists", 2) => Macro::Exists,
        ("exists_one", 2) => Macro::ExistsOne,
        ("filter", 2) => Macro::Filter,
        ("map", 2 | 3) => Macro::Map,
        ("all" | "exists" | "existsOne" | "transformList" | "transformMap" | "transformMapEntry", 3 | 4) => {
            return Err("a macro with two variables".to_owned());
        }
        ("optMap" | "optFlatMap", _) => return Err(format!("the macro {name}")),
        _ => return Ok(Kind::Call { name, on: Some(Box::new(of)), args }),
    };
    let mut args = args.into_iter();
    let Some(Expr { kind: Kind::Ident(variable), .. }) = args.next() else {
        return Err("a macro without a variable".to_owned());
    };
    let (Some(first), second) = (args.next(), args.next()) else { return Err("a macro without a body".to_owned()) };
    let (filter, body) = match second {
        Some(body) => (Some(Box::new(first)), Box::new(body)),
        None => (None, Box::new(first)),
    };
    Ok(Kind::Macro { name: kind, over: Box::new(of), variable, filter, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_they_should() {
        let same = |one: &str, other: &str| assert_eq!(parse(one).unwrap(), parse(other).unwrap(), "{one}");
        same("a + b * c == d && e || f", "(((a + (b * c)) == d) && e) || f");
        same("a ? b : c ? d : e", "a ? b : (c ? d : e)");
        same("!a.b(c)[0].d", "!((a.b(c)[0]).d)");
        same("a - b - c", "(a - b) - c");
        same("// one\n a in ['x', \"x\",]", "a in ['\\x78', r'x']");
        same("-1 < 0x10", "(-1) < 16");
        same("'''a'b\n'''", r#""a'b\n""#);
        assert_eq!(parse("-9223372036854775808").unwrap().kind, Kind::Int(i64::MIN));
        assert_eq!(parse("1.5e3").unwrap().kind, Kind::Double(1500.0));
        assert_eq!(parse(r"b'\xff\101'").unwrap().kind, Kind::Bytes(vec![255, 65]));
        assert_eq!(parse(r"r'\d\'").unwrap().kind, Kind::Text(r"\d\".to_owned()));
    }

    #[test]
    fn nothing_breaks_the_parser() {
        for text in [
            "",
            "a +",
            "(",
            "a.b(",
            "'a",
            "\"\\u12\"",
            "a.",
            "1.",
            "has(a)",
            "a.all(1, b)",
            "for",
            "a = b",
            "a ? b",
            "{a}",
            "[,]",
            "f(a,)",
            "9223372036854775808",
            "@",
            "a.?b(c)",
            "'\\400'",
            "\u{1F600}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for deep in [
            "(".repeat(100_000),
            "!".repeat(100_000),
            "a.".repeat(5_000),
            "a+".repeat(100),
            "[".repeat(5_000),
            "-".repeat(5_000),
        ] {
            assert!(parse(&format!("{deep}a")).is_err());
        }
    }
}
