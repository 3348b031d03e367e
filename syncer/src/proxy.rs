//! Whether the hub is reached through a proxy.

use std::str::FromStr;

use http::Uri;

/// Address of an HTTP proxy, or none. It may hold a password: `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Option<Uri>);

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxy").field(&self.0.as_ref().and_then(Uri::host)).finish()
    }
}

impl Proxy {
    /// The address, if there is a proxy.
    pub const fn uri(&self) -> Option<&Uri> {
        self.0.as_ref()
    }
}

impl FromStr for Proxy {
    type Err = &'static str;

    /// Reads what HTTPS_PROXY usually holds: a URL, `host:port`, or nothing.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be of the form http://[user:password@]host:port";
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(None));
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = whole.parse().map_err(|_| FORM)?;
        let scheme = uri.scheme_str();
        if (scheme == Some("http") || scheme == Some("https")) && uri.host().is_some_and(|host| !host.is_empty()) {
            Ok(Self(Some(uri)))
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
        let proxy: Proxy = "http://user:canary@proxy.example.org:3128".parse().unwrap();
        assert_eq!(format!("{proxy:?}"), "Proxy(Some(\"proxy.example.org\"))");
        assert_eq!("proxy:3128".parse::<Proxy>().unwrap().uri().unwrap(), "http://proxy:3128");
        assert_eq!(" ".parse::<Proxy>().unwrap().uri(), None);
        for text in ["socks5://p:1", "http://", "a b"] {
            assert!(text.parse::<Proxy>().is_err(), "{text}");
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
