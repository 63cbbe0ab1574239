//! Where a customer's browser may be sent (protocol §6).

use std::str::FromStr;

use lambda::config::{Env, Setting};
use signed_http::{BaseUrl, web_url};
use url::Url;

use crate::ResultUrl;

/// The URLs that a customer's browser may be sent to.
#[derive(Clone, Debug)]
pub struct Redirects {
    /// `PAYMENT_SCREEN_URL`: the partner's payment screen.
    pub payment_screen: Url,
    /// `TIKI_APPS_URL`: the base URL of Tiki's shop, for a customer whose webview is not known.
    pub apps: BaseUrl,
    /// The hosts of Tiki, and those of `REDIRECT_HOSTS`.
    pub allowed: AllowedHosts,
    /// What is appended to the URL of Tiki's result screen.
    pub result_url: ResultUrl,
}

impl Redirects {
    /// Reads the settings.
    pub fn read(env: &Env) -> Setting<Self> {
        let payment_screen = env.confidential_url("PAYMENT_SCREEN_URL");
        let apps = env.confidential_url("TIKI_APPS_URL");
        let allowed = env.or("REDIRECT_HOSTS", AllowedHosts(Vec::new()));
        let result_url = ResultUrl::read(env);
        Ok(Self {
            payment_screen: payment_screen?,
            apps: apps?,
            allowed: allowed?,
            result_url: result_url?,
        })
    }
}

/// Hosts that a customer may be sent to, in addition to Tiki's own (protocol §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

/// The text is not a list of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be hosts, or origins such as http://127.0.0.1:9000, separated by commas")]
pub struct BadHosts;

impl AllowedHosts {
    const TIKI: [&str; 2] = ["tiki.vn", "beta.tala.xyz"];

    /// Whether a customer may be sent to this URL: over HTTPS to an allowed host, or to an origin that is
    /// allowed explicitly. A URL that a browser may read differently than we do is refused.
    #[must_use]
    pub fn allow(&self, text: &str) -> bool {
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('\\') {
            return false;
        }
        let Some(url) = web_url(text) else {
            return false;
        };
        let origin = url.origin().ascii_serialization();
        let secure = url.scheme() == "https" && url.port().is_none();
        let host = url.host_str().filter(|_| secure);
        host.is_some_and(|host| Self::TIKI.contains(&host))
            || self
                .0
                .iter()
                .any(|allowed| *allowed == origin || Some(allowed.as_str()) == host)
    }
}

impl FromStr for AllowedHosts {
    type Err = BadHosts;

    fn from_str(text: &str) -> Result<Self, BadHosts> {
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let entries = entries.map(|entry| {
            let url = if entry.contains("://") {
                entry.to_owned()
            } else {
                format!("https://{entry}")
            };
            let url = Url::parse(&url).map_err(|_| BadHosts)?;
            let web = matches!(url.scheme(), "http" | "https") && url.has_host();
            let bare = web && url.path() == "/" && url.query().is_none();
            match (bare, entry.contains("://")) {
                (true, true) => Ok(url.origin().ascii_serialization()),
                (true, false) => Ok(url.host_str().unwrap_or_default().to_owned()),
                (false, _) => Err(BadHosts),
            }
        });
        entries.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_sent_only_to_allowed_hosts() {
        let hosts: AllowedHosts = "shop.example, http://127.0.0.1:9000".parse().unwrap();
        for good in [
            "https://tiki.vn//apps/vn.tiki.vip/callback/index?a=b%20c",
            "https://beta.tala.xyz/apps",
            "https://shop.example/x",
            "http://127.0.0.1:9000/result?x=1",
            "https://TIKI.vn/x",
        ] {
            assert!(hosts.allow(good), "{good}");
        }
        for bad in [
            "",
            "/x",
            "//tiki.vn/x",
            "https:tiki.vn/x",
            "https:/tiki.vn/x",
            "https:///tiki.vn/x",
            "https:tiki.vn/x?a=https://tiki.vn",
            "http://tiki.vn/x",
            "https://tiki.vn:444/x",
            "https://tiki.vn.evil.example/",
            "https://eviltiki.vn/",
            "https://evil.example/?tiki.vn",
            "https://tiki.vn@evil.example/",
            "https://user@tiki.vn/",
            "https://evil.example\\@tiki.vn/",
            "https://tiki.vn\\@evil.example/",
            "https://tiki.vn/\r\nSet-Cookie: a=b",
            "https://tiki.vn/a b",
            "javascript:alert(1)",
            "http://127.0.0.1:9001/",
            "https://127.0.0.1:9000/",
            "data:text/html,x",
            "https://tíki.vn/",
        ] {
            assert!(!hosts.allow(bad), "{bad}");
        }
        for bad in ["a b", "https://x/y", "http://", "myapp://done/"] {
            assert_eq!(bad.parse::<AllowedHosts>(), Err(BadHosts), "{bad}");
        }
    }
}
