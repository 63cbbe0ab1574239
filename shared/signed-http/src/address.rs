//! Addresses of the web, read as every reader reads them.

use url::{Host, Url};

/// The URL, if it is one of http or https with a host and without a user, and no reader can take it for another one. A
/// browser skips and adds slashes: `https:tiki.vn/x` and `https:///tiki.vn/x` lead to `tiki.vn`, and others read a path.
#[must_use]
pub fn web_url(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let has_scheme = scheme.bytes().all(|b| b.is_ascii_alphabetic());
    if !has_scheme || rest.starts_with(['/', '\\', '@']) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let has_user = !url.username().is_empty() || url.password().is_some();
    (is_web && !has_user).then_some(url)
}

/// Whether nobody on the way can read or change what goes there: HTTPS, or a service on this machine.
#[must_use]
pub fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_a_browser_reads_it() {
        for good in [
            "https://tiki.vn",
            "HTTPS://tiki.vn/x?a=b#c",
            "http://127.0.0.1:9000/",
            "https://[::1]/x",
        ] {
            assert!(web_url(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "tiki.vn",
            "//tiki.vn",
            "https:tiki.vn/x",
            "https:/tiki.vn/x",
            "https:///tiki.vn/x",
            "https:\\\\tiki.vn",
            "https://\\tiki.vn",
            "https://@tiki.vn",
            "https://u@tiki.vn",
            "https://:p@tiki.vn",
            "https:tiki.vn?a=https://tiki.vn",
            " https://tiki.vn",
            "ftp://tiki.vn",
            "file:///etc",
            "javascript://tiki.vn/%0aalert(1)",
        ] {
            assert!(web_url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for (text, expected) in [
            ("https://core.example.vn", true),
            ("http://core.example.vn", false),
            ("http://127.0.0.1:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
            ("http://localhost:1", true),
            ("http://core.localhost", true),
            ("http://localhost.example.vn", false),
            ("http://notlocalhost", false),
            ("http://10.0.0.1", false),
            ("http://0.0.0.0", false),
        ] {
            let url = web_url(text).unwrap();
            assert_eq!(is_confidential(&url), expected, "{text}");
        }
    }
}
