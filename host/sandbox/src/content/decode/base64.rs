//! Base64 as Go's `encoding/base64` reads it into bytes, which says at which byte it is wrong.
//!
//! Facts: `StdEncoding.Decode`: line breaks do not count, bits that are left over are not looked at.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// The bytes, or the place that is wrong.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let source = text.as_bytes();
    let mut bytes = Vec::with_capacity(source.len() / 4 * 3);
    // The digits of a group of four that are read already, and how many they are.
    let (mut group, mut read) = (0_u32, 0);
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        at += 1;
        match byte {
            b'\r' | b'\n' => {}
            b'=' => {
                padding(source, at, read)?;
                bytes.extend(group_bytes(group << (6 * (4 - read)), read));
                return Ok(bytes);
            }
            _ => {
                let Some(digit) = digit(byte) else { return Err(at - 1) };
                group = group << 6 | u32::from(digit);
                read += 1;
                if read == 4 {
                    bytes.extend(group_bytes(group, 4));
                    (group, read) = (0, 0);
                }
            }
        }
    }
    if read == 0 { Ok(bytes) } else { Err(source.len() - read) }
}

/// The bytes as they are written.
pub(in crate::content) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Looks at what follows the first `=`, which stands before `at`.
fn padding(source: &[u8], mut at: usize, read: usize) -> Result<(), usize> {
    let skip = |mut at: usize| {
        while matches!(source.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    match read {
        0 | 1 => return Err(at - 1),
        2 => {
            at = skip(at);
            match source.get(at) {
                None => return Err(source.len()),
                Some(b'=') => at += 1,
                Some(_) => return Err(at - 1),
            }
        }
        _ => {}
    }
    at = skip(at);
    if at < source.len() { Err(at) } else { Ok(()) }
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// The bytes of a group that so many digits were said of.
fn group_bytes(group: u32, digits: usize) -> impl Iterator<Item = u8> {
    group.to_be_bytes().into_iter().skip(1).take(digits.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("", Ok("")),
            ("aGVsbG8=", Ok("hello")),
            ("aGVs\nbG8=\n", Ok("hello")),
            ("aA==", Ok("h")),
            ("aB==", Ok("h")),
            ("a", Err(0)),
            ("aGVsbG8", Err(4)),
            ("aGVs!G8=", Err(4)),
            ("not base64", Err(3)),
            ("=", Err(0)),
            ("a=", Err(1)),
            ("aA=", Err(3)),
            ("aA=x", Err(2)),
            ("aA==x", Err(4)),
            ("aGVsbG8=aGVs", Err(8)),
        ] {
            assert_eq!(decode(text), expected.map(|text| text.as_bytes().to_vec()), "{text:?}");
        }
    }
}
