//! Whether the hub is reached through a proxy.

use std::str::FromStr;

use http::Uri;

/// Address of an HTTP proxy. It may hold a password: `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Uri);

impl std::fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProxyUrl({}:{})", self.0.host().unwrap_or_default(), self.0.port_u16().unwrap_or_default())
    }
}

impl ProxyUrl {
    /// The address.
    pub const fn uri(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for ProxyUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be of the form http://[user:password@]host:port";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let scheme = uri.scheme_str();
        if (scheme == Some("http") || scheme == Some("https")) && uri.host().is_some_and(|host| !host.is_empty()) {
            Ok(Self(uri))
        } else {
            Err(FORM)
        }
    }
}

/// Hosts that are reached without the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bypass(Vec<String>);

impl FromStr for Bypass {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let entries = text.split(',').map(|entry| entry.trim().to_ascii_lowercase());
        Ok(Self(entries.filter(|entry| !entry.is_empty()).collect()))
    }
}

impl Bypass {
    /// Whether `host` is one of them. As most programs read NO_PROXY: a name also stands for the names below it.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|entry| {
            let entry = entry.trim_start_matches("*.").trim_start_matches('.');
            entry == "*" || host == entry || host.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url_and_keeps_its_password() {
        let proxy: ProxyUrl = "http://user:canary@proxy.example.org:3128".parse().unwrap();
        assert_eq!(format!("{proxy:?}"), "ProxyUrl(proxy.example.org:3128)");
        for text in ["", "proxy:3128", "socks5://p:1", "/path"] {
            assert!(text.parse::<ProxyUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_stand_for_what_is_below_them() {
        let bypass: Bypass = " hub.example.org, .svc,10.0.0.1 ,".parse().unwrap();
        for (host, expected) in [
            ("hub.example.org", true),
            ("HUB.example.org.", true),
            ("eu.hub.example.org", true),
            ("nothub.example.org", false),
            ("kcp.svc", true),
            ("10.0.0.1", true),
            ("10.0.0.10", false),
        ] {
            assert_eq!(bypass.covers(host), expected, "{host}");
        }
        assert!("*".parse::<Bypass>().unwrap().covers("anything"));
        assert!(!Bypass::default().covers("anything"));
    }
}
