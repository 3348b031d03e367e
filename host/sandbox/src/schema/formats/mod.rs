//! Formats of strings that a schema can ask for.
//!
//! Facts: `kube-openapi/pkg/validation/strfmt`, `apiextensions-apiserver/pkg/apiserver/validation/formats.go`. What is none of
//! these a server ignores. Refused: `email`, `creditcard`, `rgbcolor` and the kinds of `isbn`, each of which is a parser of its own.

mod uri;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) use self::uri::is_request_uri;
use super::duration;
use super::node::{Type, Types};
use crate::status::Failure;

/// A format that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    BsonObjectId,
    Hostname,
    Uri,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    /// With a version, or any.
    Uuid(Option<u8>),
    Ssn,
    HexColor,
    Byte,
    Password,
    Date,
    Duration,
    DateTime,
    ShortName,
    LongName,
    Int32,
    Int64,
    Float,
    Double,
}

/// The format that a server checks for that type, if it knows it.
pub(super) fn known(format: &str, types: &Types) -> Result<Option<Format>, Failure> {
    let normal = format.replace('-', "");
    Ok(match types {
        _ if format.is_empty() => None,
        Types::Any | Types::One(Type::String) => Some(match normal.as_str() {
            "bsonobjectid" => Format::BsonObjectId,
            "hostname" => Format::Hostname,
            "uri" => Format::Uri,
            "ipv4" => Format::Ipv4,
            "ipv6" => Format::Ipv6,
            "cidr" => Format::Cidr,
            "mac" => Format::Mac,
            "uuid" => Format::Uuid(None),
            "uuid3" => Format::Uuid(Some(3)),
            "uuid4" => Format::Uuid(Some(4)),
            "uuid5" => Format::Uuid(Some(5)),
            "ssn" => Format::Ssn,
            "hexcolor" => Format::HexColor,
            "byte" => Format::Byte,
            "password" => Format::Password,
            "date" => Format::Date,
            "duration" => Format::Duration,
            "datetime" => Format::DateTime,
            "k8sshortname" => Format::ShortName,
            "k8slongname" => Format::LongName,
            "email" | "creditcard" | "isbn" | "isbn10" | "isbn13" | "rgbcolor" => {
                return Err(Failure::not_in_sandbox(&format!("the format {format} of a custom resource")));
            }
            _ => return Ok(None),
        }),
        Types::One(Type::Integer) => match format {
            "int32" => Some(Format::Int32),
            "int64" => Some(Format::Int64),
            _ => None,
        },
        Types::One(Type::Number) => match format {
            "float" => Some(Format::Float),
            "double" => Some(Format::Double),
            _ => None,
        },
        Types::One(Type::Object | Type::Array | Type::Boolean) => None,
        Types::IntOrString => return Err(Failure::not_in_sandbox("the format of an integer-or-string")),
    })
}

/// Whether a server knows a format for a type, whether it is in the sandbox or not.
pub(super) fn is_known(format: &str, ty: &str) -> bool {
    match ty {
        "" => !matches!(known(format, &Types::Any), Ok(None)),
        ty => Type::of(ty).is_some_and(|ty| !matches!(known(format, &Types::One(ty)), Ok(None))),
    }
}

impl Format {
    /// Whether it is one of strings.
    pub(super) fn of_strings(self) -> bool {
        !matches!(self, Self::Int32 | Self::Int64 | Self::Float | Self::Double)
    }

    /// Whether a text has it.
    pub(super) fn matches(self, text: &str) -> bool {
        match self {
            Self::BsonObjectId => text.len() == 24 && hex(text),
            Self::Hostname => hostname(text),
            Self::Uri => is_request_uri(text),
            Self::Ipv4 => text.contains('.') && ip(text, true).is_some(),
            Self::Ipv6 => text.contains(':') && ip(text, false).is_some(),
            Self::Cidr => cidr(text),
            Self::Mac => mac(text),
            Self::Uuid(version) => uuid(text, version),
            Self::Ssn => ssn(text),
            Self::HexColor => {
                let digits = text.strip_prefix('#').unwrap_or(text);
                matches!(digits.len(), 3 | 6) && hex(digits)
            }
            Self::Byte => base64(text),
            Self::Date => date(text),
            Self::Duration => duration::is_format(text),
            Self::DateTime => date_time(text),
            Self::ShortName => text.len() <= 63 && label(text),
            Self::LongName => text.len() <= 253 && text.split('.').all(label),
            Self::Password | Self::Int32 | Self::Int64 | Self::Float | Self::Double => true,
        }
    }
}

fn hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn digit(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn label(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// The pattern of strfmt allows symbols of Unicode; of ASCII these are `$+<=>^`|~`. Other letters and symbols are told by what
/// they are not.
fn hostname(text: &str) -> bool {
    let inner = |character: char| {
        character.is_ascii_alphanumeric()
            || "$+<=>^`|~".contains(character)
            || (!character.is_ascii() && (character.is_alphabetic() || !character.is_alphanumeric()))
    };
    if text.len() > 255 || text.split('.').any(|part| part.len() > 63) {
        return false;
    }
    let segment = |part: &str| {
        let (first, last) = (part.chars().next(), part.chars().next_back());
        first.is_some_and(inner)
            && last.is_some_and(inner)
            && part.chars().all(|character| character == '-' || inner(character))
    };
    match text.rsplit_once('.') {
        // Without a dot a dash may stand at the second place only.
        None => {
            let mut characters = text.chars();
            characters.next().is_some_and(inner)
                && characters.as_str().strip_prefix('-').unwrap_or(characters.as_str()).chars().all(inner)
        }
        Some((labels, top)) => {
            let letters = |character: char| {
                character.is_ascii_alphabetic() || (!character.is_ascii() && character.is_alphabetic())
            };
            (2..=63).contains(&top.chars().count()) && top.chars().all(letters) && labels.split('.').all(segment)
        }
    }
}

/// `net.ParseIP`; `sloppy`: leading zeros are allowed, as in Go before 1.17.
fn ip(text: &str, sloppy: bool) -> Option<IpAddr> {
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(ip));
    }
    if !sloppy {
        return text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    }
    let mut parts = text.split('.');
    let mut octets = [0_u8; 4];
    for octet in &mut octets {
        let part = parts.next().filter(|part| !part.is_empty() && digit(part))?;
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then_some(IpAddr::V4(Ipv4Addr::from(octets)))
}

fn cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let Some(most) = ip(address, true).map(|ip| if ip.is_ipv4() { 32 } else { 128 }) else { return false };
    !length.is_empty() && digit(length) && length.parse::<u32>().is_ok_and(|length| length <= most)
}

/// `net.ParseMAC`: 6, 8 or 20 bytes.
fn mac(text: &str) -> bool {
    let bytes = |separator: char, width: usize, counts: [usize; 3]| {
        let parts: Vec<&str> = text.split(separator).collect();
        counts.contains(&parts.len()) && parts.iter().all(|part| part.len() == width && hex(part))
    };
    bytes(':', 2, [6, 8, 20]) || bytes('-', 2, [6, 8, 20]) || bytes('.', 4, [3, 4, 10])
}

fn uuid(text: &str, version: Option<u8>) -> bool {
    let mut rest = text;
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        let Some((group, after)) = rest.split_at_checked(length) else { return false };
        let first = group.bytes().next().unwrap_or_default().to_ascii_lowercase();
        let variant = !matches!((index, version), (3, Some(4 | 5))) || matches!(first, b'8' | b'9' | b'a' | b'b');
        let versioned = index != 2 || version.is_none_or(|version| first == b'0' + version);
        if !(hex(group) && variant && versioned) {
            return false;
        }
        rest = if index < 4 { after.strip_prefix('-').unwrap_or(after) } else { after };
    }
    rest.is_empty()
}

fn ssn(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
    bytes.len() == 11
        && (0..11).all(|index| match index {
            3 | 6 => matches!(at(index), b'-' | b' '),
            _ => at(index).is_ascii_digit(),
        })
}

fn base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    if [year.len(), month.len(), day.len()] != [4, 2, 2] || ![year, month, day].iter().all(|part| digit(part)) {
        return false;
    }
    let numbers = (year.parse::<i16>(), month.parse::<i8>(), day.parse::<i8>());
    let (Ok(year), Ok(month), Ok(day)) = numbers else { return false };
    jiff::civil::Date::new(year, month, day).is_ok()
}

/// `IsDateTime`: its parts are looked at one by one, and what is after a second `t` does not count.
fn date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(day), Some(time)) = (parts.next(), parts.next()) else { return false };
    if text.len() < 4 || !date(day) {
        return false;
    }
    let Some((clock, rest)) = time.split_at_checked(8) else { return false };
    let clock: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = clock.as_slice() else { return false };
    let two = |part: &&str| part.len() == 2 && digit(part);
    if !(two(hour) && two(minute) && two(second)) || *hour > "23" || *minute > "59" || *second > "59" {
        return false;
    }
    // Any character may begin the fraction.
    let zone = |rest: &str| {
        rest == "z"
            || rest
                .strip_prefix(['+', '-'])
                .and_then(|rest| rest.split_once(':'))
                .is_some_and(|(hours, minutes)| two(&hours) && two(&minutes))
    };
    let fraction = || {
        let mut characters = rest.chars();
        let first = characters.next().filter(|first| *first != '\n')?;
        let after = characters.as_str();
        let rest = after.trim_start_matches(|character: char| character.is_ascii_digit());
        (rest.len() < after.len() && first != 'z').then_some(rest)
    };
    zone(rest) || fraction().is_some_and(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of strfmt and govalidator.
    #[test]
    fn formats() {
        for (format, good, bad) in [
            (Format::BsonObjectId, vec!["507f1f77bcf86cd799439011"], vec!["507f1f77bcf86cd79943901z", "5"]),
            (
                Format::Hostname,
                vec!["example.com", "localhost", "a-b.example", "1.example.com", "💩.tld"],
                vec!["", "-a.com", "a..b", "a.b-", "a_b.com", "example.c"],
            ),
            (Format::Ipv4, vec!["10.0.0.1", "010.0.0.1"], vec!["::1", "10.0.0", "256.0.0.1", "a.b.c.d"]),
            (Format::Ipv6, vec!["::1", "2001:db8::8a2e:370:7334", "::ffff:1.2.3.4"], vec!["10.0.0.1", ":::1"]),
            (
                Format::Cidr,
                vec!["192.0.2.1/24", "2001:db8::/32"],
                vec!["192.0.2.1/33", "1.2.3.4", "::/129", "1.2.3.4/-1"],
            ),
            (
                Format::Mac,
                vec!["01:02:03:04:05:06", "01-02-03-04-05-06", "0102.0304.0506"],
                vec!["01:02:03:04:05", "0x:02:03:04:05:06"],
            ),
            (
                Format::Uuid(None),
                vec!["a8098c1a-f86e-11da-bd1a-00112444be1e", "A8098C1AF86E11DABD1A00112444BE1E"],
                vec!["not-a-uuid", ""],
            ),
            (
                Format::Uuid(Some(4)),
                vec!["025b0d74-00a2-4048-bf57-227c5111bb34"],
                vec!["025b0d74-00a2-5048-bf57-227c5111bb34", "025b0d74-00a2-4048-cf57-227c5111bb34"],
            ),
            (Format::Ssn, vec!["111-11-1111"], vec!["999 99 999", "11111111111"]),
            (Format::HexColor, vec!["#FFFFFF", "fff"], vec!["#fffffffz", "#ffff"]),
            (Format::Byte, vec!["TG9yZW0=", "YQ=="], vec!["", "YQ=", "Y===", "a b="]),
            (Format::Date, vec!["2014-12-15", "2016-02-29"], vec!["2015-02-29", "2014-1-1", "20141215"]),
            (
                Format::DateTime,
                vec!["2014-12-15T08:00:00.000Z", "2011-08-18T19:03:37.123456789+01:00", "2014-12-15t19:30:20z"],
                vec!["yada", "2014-12-15", "2014-12-15T24:00:00Z", "2014-12-15T08:00:00", "2014-12-15T08:00:00.Z"],
            ),
            (Format::ShortName, vec!["a-b"], vec!["a.b", "A", ""]),
            (Format::LongName, vec!["a.b-c"], vec!["a..b", "A"]),
        ] {
            for text in good {
                assert!(format.matches(text), "{format:?} {text}");
            }
            for text in bad {
                assert!(!format.matches(text), "{format:?} {text}");
            }
        }
    }

    #[test]
    fn a_format_belongs_to_a_type() {
        let of = |format, ty| known(format, &Types::One(ty)).unwrap();
        assert_eq!(of("date-time", Type::String), Some(Format::DateTime));
        assert_eq!(of("int32", Type::String), None);
        assert_eq!(of("int32", Type::Integer), Some(Format::Int32));
        assert_eq!(of("uint64", Type::Integer), None);
        assert_eq!(known("email", &Types::Any).unwrap_err().code, 501);
    }
}
