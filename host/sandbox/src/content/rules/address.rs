//! IP addresses and blocks of them.
//!
//! Facts: `k8s.io/apimachinery/pkg/util/validation/ip.go`, with strict validation, and `ParseIPSloppy` of `k8s.io/utils/net`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Causes;
use crate::causes::invalid;
use crate::content::place::Place;

/// One address (`IsValidIPForLegacyField`).
pub(super) fn one(place: &Place<'_>, causes: &mut Causes) {
    let text = place.text();
    let why = match (text.parse::<IpAddr>(), sloppy(text)) {
        (_, None) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        (Err(_), _) => "must not have leading 0s",
        (Ok(IpAddr::V6(address)), _) if address.to_ipv4_mapped().is_some() => "must not be an IPv4-mapped IPv6 address",
        _ => return,
    };
    causes.push(invalid(place.path(), text, why));
}

/// A part of the address space.
#[derive(Clone, Copy)]
pub(super) struct Block {
    first: u128,
    /// Of 128 bits.
    length: u32,
    four: bool,
}

impl Block {
    /// Reads one as leniently as `ParseCIDRSloppy`.
    fn read(text: &str) -> Option<(Self, IpAddr)> {
        let (address, length) = text.split_once('/')?;
        let address = sloppy(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|length| digits && *length <= most)?;
        let (bits, four) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, true),
            IpAddr::V6(address) => (u128::from(address), false),
        };
        Some((Self { first: bits & mask(length), length, four }, address))
    }

    /// Whether another one is in it, and is not all of it.
    pub(super) fn has_part(self, part: Self) -> bool {
        self.four == part.four && part.first & mask(self.length) == self.first && self.length < part.length
    }
}

fn mask(length: u32) -> u128 {
    u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

/// A block of addresses (`IsValidCIDRForLegacyField`); what was there before may stay as it is.
pub(super) fn block(place: &Place<'_>, before: &[&str], causes: &mut Causes) -> Option<Block> {
    let text = place.text();
    let read = Block::read(text);
    if before.contains(&text) {
        return read.map(|(block, _)| block);
    }
    let strict = |address: &str, length: &str| {
        let padded = length.len() > 1 && length.starts_with('0');
        address.parse::<IpAddr>().ok().filter(|_| !padded)
    };
    let why = match (&read, text.split_once('/').and_then(|(address, length)| strict(address, length))) {
        (None, _) => "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        (_, None) => "must not have leading 0s in IP or prefix length",
        (_, Some(IpAddr::V6(address))) if address.to_ipv4_mapped().is_some() => {
            "must not have an IPv4-mapped IPv6 address"
        }
        (Some((block, address)), _)
            if Block::read(&format!("{address}/{}", if block.four { 32 } else { 128 }))
                .is_some_and(|(all, _)| all.first != block.first) =>
        {
            "must not have bits set beyond the prefix length"
        }
        _ => return read.map(|(block, _)| block),
    };
    causes.push(invalid(place.path(), text, why));
    read.map(|(block, _)| block)
}

/// An address as Go read it before it minded zeros in front.
fn sloppy(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let parts: Vec<&str> =
        text.split('.').map(|part| if part.len() > 1 { part.trim_start_matches('0') } else { part }).collect();
    let parts: Vec<&str> = parts.into_iter().map(|part| if part.is_empty() { "0" } else { part }).collect();
    if text.split('.').any(str::is_empty) {
        return None;
    }
    parts.join(".").parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}
