//! The vectors of docs/core.md: the signing rule gives them, and each page for the core's team has them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde::Deserialize;
use signing::{ClientSecret, Keyring, SignatureHeaders, Window};

const PAGES: [(&str, &str); 2] = [
    ("docs/core.md", include_str!("../../../docs/core.md")),
    ("docs/vi/core.md", include_str!("../../../docs/vi/core.md")),
];

#[derive(Deserialize)]
struct Vector {
    name: String,
    timestamp: String,
    client_key: String,
    client_secret: String,
    body: String,
    encoded: String,
    signature: String,
    /// Only of the link to the payment screen.
    url: Option<String>,
}

impl Vector {
    fn keys(&self) -> Keyring {
        let secret = ClientSecret::new(self.client_secret.as_str());
        Keyring::new(self.client_key.as_str(), secret)
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("core-vectors.json")).unwrap()
}

#[test]
fn every_vector_of_the_core_is_signed_and_verified() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 6);
    for v in vectors {
        let keys = v.keys();
        let steps = keys.steps(&v.timestamp, v.body.as_bytes());
        assert_eq!(steps.encoded, v.encoded, "{}", v.name);
        assert_eq!(steps.signature, v.signature, "{}", v.name);
        let headers = SignatureHeaders {
            timestamp: Some(&v.timestamp),
            client_id: Some(&v.client_key),
            signature: Some(&v.signature),
        };
        let now_ms = v.timestamp.parse().unwrap();
        let verified = keys.verify(&headers, v.body.as_bytes(), now_ms, Window::default());
        assert!(verified.is_ok(), "{}", v.name);
    }
}

#[test]
fn a_link_has_its_signature_after_what_is_signed() {
    let vectors = vectors();
    let links = vectors
        .iter()
        .filter_map(|v| Some((v, v.url.as_deref()?)))
        .collect::<Vec<_>>();
    assert_eq!(links.len(), 1);
    for (v, url) in links {
        let (before, rest) = url.rsplit_once("&client_id=").unwrap();
        let origin = before.strip_suffix(v.body.as_str()).unwrap();
        assert_eq!(origin, "https://bank.example");
        let signature = format!(
            "{}&timestamp={}&signature={}",
            v.client_key, v.timestamp, v.signature
        );
        assert_eq!(rest, signature);
    }
}

#[test]
fn the_pages_for_the_core_have_every_vector() {
    for v in vectors() {
        let payload = format!("{}.{}.{}", v.timestamp, v.client_key, v.body);
        let lines = [
            format!("    payload    {payload}"),
            format!("    encoded    {}", v.encoded),
            format!("    signature  {}", v.signature),
        ];
        let url = v.url.map(|url| format!("    url        {url}"));
        for line in lines.into_iter().chain(url) {
            for (page, text) in PAGES {
                let has_line = text.lines().any(|other| other == line);
                assert!(has_line, "{page} lacks of “{}”: {line}", v.name);
            }
        }
        for (page, text) in PAGES {
            assert!(text.contains(&v.client_secret), "{page}: the secret");
        }
    }
}
