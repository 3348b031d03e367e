//! Bounds how long one `{{ }}` or `{% %}` may be.
//!
//! The engine reads and compiles an expression by recursion, and not every form of it is counted against its own limit: a
//! few thousand `not` in a row would overflow the stack, which ends the process. So tags are measured before the engine
//! sees them.

use std::ops::Range;

/// Most tokens (names, numbers, strings, operators, brackets) of a tag. The recursion is at most that deep.
pub(super) const MAX_TOKENS: usize = 500;

/// The bytes of the first tag with too many tokens.
pub(super) fn too_long(source: &str) -> Option<Range<usize>> {
    let bytes = source.as_bytes();
    let mut at = 0;
    // As in the engine, brackets that are left open reach into the next tag.
    let mut open = 0_isize;
    loop {
        let start = at + source.get(at..)?.find('{')?;
        at = start + 2;
        let end = match bytes.get(start + 1) {
            Some(b'#') => {
                at += source.get(at..)?.find("#}")? + 2;
                continue;
            }
            Some(b'%') => match raw(source.get(at..)?) {
                Some(skipped) => {
                    at += skipped;
                    continue;
                }
                None => b"%}",
            },
            Some(b'{') => b"}}",
            _ => {
                at = start + 1;
                continue;
            }
        };
        let mut tokens = 0;
        while !(open == 0 && ends(&bytes[at..], end)) {
            let length = token(&bytes[at..], &mut open)?;
            tokens += usize::from(!bytes[at].is_ascii_whitespace());
            at += length;
            if tokens > MAX_TOKENS {
                return Some(start..at);
            }
        }
        at += if bytes[at] == end[0] { 2 } else { 3 };
    }
}

/// Whether a tag ends here, with or without a sign that controls white space.
fn ends(rest: &[u8], end: &[u8]) -> bool {
    rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b"+")).unwrap_or(rest).starts_with(end)
        || rest.starts_with(end)
}

/// Length of a token or of one white space; nothing at the end, and where the engine will find fault.
fn token(rest: &[u8], open: &mut isize) -> Option<usize> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    Some(match *rest.first()? {
        quote @ (b'\'' | b'"') => {
            let mut at = 1;
            while *rest.get(at)? != quote {
                at += if rest[at] == b'\\' { 2 } else { 1 };
            }
            at + 1
        }
        b'(' | b'[' | b'{' => {
            *open += 1;
            1
        }
        b')' | b']' | b'}' => {
            *open -= 1;
            1
        }
        first if word(&first) => rest.iter().take_while(|byte| word(byte)).count(),
        _ => 1,
    })
}

/// Length of a raw block after its `{%`, if it is one.
fn raw(rest: &str) -> Option<usize> {
    let mut at = tag(rest, "raw")?;
    loop {
        at += rest.get(at..)?.find("{%")? + 2;
        if let Some(length) = tag(rest.get(at..)?, "endraw") {
            return Some(at + length);
        }
    }
}

/// Length of the rest of a tag that is nothing but `name`.
fn tag(rest: &str, name: &str) -> Option<usize> {
    let signs = ['-', '+'];
    let body = rest.strip_prefix(signs).unwrap_or(rest).trim_ascii_start().strip_prefix(name)?.trim_ascii_start();
    let body = body.strip_prefix(signs).unwrap_or(body).strip_prefix("%}")?;
    Some(rest.len() - body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_pass_however_many_they_are() {
        let nots = "not ".repeat(MAX_TOKENS - 2);
        for source in [
            "{{ a }}\n".repeat(10_000),
            format!("{{{{ {nots} a }}}}\n{{% if {nots} a %}}{{% endif %}}"),
            format!("{{# {} #}}", "not ".repeat(MAX_TOKENS * 2)),
            format!("{{% raw %}} {{{{ {} {{%- endraw +%}}", "not ".repeat(MAX_TOKENS * 2)),
            format!("{}{{ {}", "a".repeat(MAX_TOKENS * 9), "b ".repeat(MAX_TOKENS * 2)),
            format!("{{{{ '{}' }}}}", "not ".repeat(MAX_TOKENS * 2)),
            "{{ {'a': {'b': 1}} }} }} {{- '}}\\'' -}}".to_owned(),
            "{{".to_owned(),
            "{% '".to_owned(),
        ] {
            assert_eq!(too_long(&source), None, "{source:.80}");
        }
    }

    #[test]
    fn a_long_tag_is_found_wherever_it_is() {
        let nots = "not ".repeat(MAX_TOKENS);
        for opened in [
            "{{",
            "{%",
            "a: {{ b }}\n{%-",
            "{# {{ #}{{",
            "{% raw %}{{{% endraw %}{{",
            "{{ '}}' }}{{ '%}'",
            "{{ {'a': {}} }}{{",
            "{{ \"\\\"}}\"",
            "{{ [",
            "{{ ) }}",
            "{ {{",
        ] {
            assert!(too_long(&format!("{opened} {nots} a }}}}")).is_some(), "{opened}");
        }
    }
}
