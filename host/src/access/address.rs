//! Which network addresses a tenant's kubeconfig may lead to.
//!
//! The check is made on the address that is really connected to, after the name was resolved, so a name that resolves
//! to something else the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What may be connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Refuse loopback and private ranges too. Off by default, because clusters live there.
    pub deny_private: bool,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 169.254.0.0/16 and fe80::/10: the instance metadata of clouds answers there.
    #[error("is a link-local address")]
    LinkLocal,
    /// An address outside the link-local range at which a cloud serves instance metadata.
    #[error("is the address of a cloud's metadata service")]
    Metadata,
    /// 0.0.0.0, which means this host.
    #[error("is the unspecified address")]
    Unspecified,
    /// Multicast or broadcast.
    #[error("is a multicast or broadcast address")]
    Multicast,
    /// Loopback, while [`AddressPolicy::deny_private`] is set.
    #[error("is a loopback address, which this platform does not allow")]
    Loopback,
    /// A private range, while [`AddressPolicy::deny_private`] is set.
    #[error("is a private address, which this platform does not allow")]
    Private,
}

/// Metadata services outside the link-local ranges: AWS and Google (IPv6), Alibaba, Oracle and Azure (IPv4).
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

impl AddressPolicy {
    /// Whether `address` may be connected to.
    pub fn check(self, address: IpAddr) -> Result<(), Refusal> {
        let address = embedded_v4(address);
        if METADATA.contains(&address) {
            return Err(Refusal::Metadata);
        }
        if address.is_unspecified() {
            return Err(Refusal::Unspecified);
        }
        if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(Refusal::Multicast);
        }
        let (link_local, private) = match address {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_private() || is_shared(v4) || v4.octets()[0] == 0),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_unique_local()),
        };
        if link_local {
            return Err(Refusal::LinkLocal);
        }
        if self.deny_private && address.is_loopback() {
            return Err(Refusal::Loopback);
        }
        if self.deny_private && private {
            return Err(Refusal::Private);
        }
        Ok(())
    }
}

/// 100.64.0.0/10, the range that carriers and clouds share.
const fn is_shared(v4: Ipv4Addr) -> bool {
    v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64
}

/// The IPv4 address inside an IPv6 address that stands for one: mapped, compatible, NAT64 and 6to4.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let segments = v6.segments();
    let [.., a, b, c, d] = v6.octets();
    match segments {
        [0, 0, 0, 0, 0, 0, _, _] if !v6.is_loopback() && !v6.is_unspecified() => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deny_private: bool, address: &str) -> Result<(), Refusal> {
        AddressPolicy { deny_private }.check(address.parse().unwrap())
    }

    #[test]
    fn what_no_cluster_lives_at_is_always_refused() {
        for (address, why) in [
            ("169.254.169.254", Refusal::LinkLocal),
            ("fe80::1", Refusal::LinkLocal),
            ("::ffff:169.254.169.254", Refusal::LinkLocal),
            ("64:ff9b::a9fe:a9fe", Refusal::LinkLocal),
            ("2002:a9fe:a9fe::1", Refusal::LinkLocal),
            ("::169.254.169.254", Refusal::LinkLocal),
            ("fd00:ec2::254", Refusal::Metadata),
            ("100.100.100.200", Refusal::Metadata),
            ("0.0.0.0", Refusal::Unspecified),
            ("::", Refusal::Unspecified),
            ("224.0.0.1", Refusal::Multicast),
            ("ff02::1", Refusal::Multicast),
            ("255.255.255.255", Refusal::Multicast),
        ] {
            assert_eq!(check(false, address), Err(why), "{address}");
        }
    }

    #[test]
    fn private_ranges_are_the_platforms_choice() {
        for (address, why) in [
            ("127.0.0.1", Refusal::Loopback),
            ("::1", Refusal::Loopback),
            ("::ffff:127.0.0.1", Refusal::Loopback),
            ("10.0.0.1", Refusal::Private),
            ("172.16.0.1", Refusal::Private),
            ("192.168.1.1", Refusal::Private),
            ("100.64.0.1", Refusal::Private),
            ("fd12::1", Refusal::Private),
        ] {
            assert_eq!(check(false, address), Ok(()), "{address}");
            assert_eq!(check(true, address), Err(why), "{address}");
        }
        for address in ["8.8.8.8", "2606:4700::1111"] {
            assert_eq!(check(true, address), Ok(()), "{address}");
        }
    }
}
