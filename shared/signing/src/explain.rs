//! Why a signature does not match: tries the known mistakes, and returns those that would have given it.
//!
//! It helps a person to find a mistake, and decides nothing: what matches only here is still refused.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::Mac;
use zeroize::Zeroizing;

use crate::{ClientSecret, Keyring, SignatureHeaders, message};

/// The steps from a message to its signature (protocol §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningSteps {
    /// `timestamp "." client_id "." body`: the exact bytes.
    pub payload: Vec<u8>,
    /// The payload in base64url, without padding: the input of the HMAC.
    pub encoded: String,
    /// The signature with the current secret.
    pub signature: String,
}

/// A combination of secret, text and rule that gives the received signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureMatch {
    /// The name of the secret, if it is not the current one of this counterparty.
    pub secret: Option<String>,
    /// The name of the text, if it is not the received one.
    pub text: Option<String>,
    /// The name of the rule, if it is not ours.
    pub rule: Option<&'static str>,
}

impl SignatureMatch {
    /// In how many points it differs from the rule.
    fn deviations(&self) -> usize {
        [
            self.secret.is_some(),
            self.text.is_some(),
            self.rule.is_some(),
        ]
        .into_iter()
        .filter(|deviates| *deviates)
        .count()
    }
}

/// A text that may have been signed, with its name. The received text has no name.
pub type PayloadCandidate = (Option<String>, Vec<u8>);

impl Keyring {
    /// Signs a message and returns every step.
    #[must_use]
    pub fn steps(&self, timestamp: &str, body: &[u8]) -> SigningSteps {
        let payload = payload(timestamp, &self.client_id, body);
        let mac = message::mac(&self.current, timestamp, &self.client_id, body);
        SigningSteps {
            encoded: URL_SAFE_NO_PAD.encode(&payload),
            signature: hex::encode(mac.finalize().into_bytes()),
            payload,
        }
    }

    /// Every known combination that gives the signature in `headers`, the likeliest first. `others` are the keys for
    /// other counterparties, by name. A match without a deviation means that the signature is right.
    #[must_use]
    pub fn explain(
        &self,
        headers: &SignatureHeaders<'_>,
        candidates: &[PayloadCandidate],
        others: &[(&str, &Self)],
    ) -> Vec<SignatureMatch> {
        let (Some(timestamp), Some(client_id), Some(signature)) =
            (headers.timestamp, headers.client_id, headers.signature)
        else {
            return Vec::new();
        };
        let signature = signature.to_ascii_lowercase();
        let mut found = Vec::new();
        for (secret, key) in self.mistakable_secrets(others) {
            for (text, body) in candidates {
                for (rule, signed) in rules(timestamp, client_id, body) {
                    let mut mac = message::keyed(&key);
                    mac.update(&signed);
                    if hex::encode(mac.finalize().into_bytes()) == signature {
                        found.push(SignatureMatch {
                            secret: secret.clone(),
                            text: text.clone(),
                            rule,
                        });
                    }
                }
            }
        }
        found.sort_by_key(SignatureMatch::deviations);
        found
    }

    /// Secrets that are easily mistaken for this one, each with its name.
    fn mistakable_secrets(&self, others: &[(&str, &Self)]) -> Vec<(Option<String>, ClientSecret)> {
        let text = |secret: &ClientSecret| String::from_utf8_lossy(secret.as_bytes()).into_owned();
        let current = Zeroizing::new(text(&self.current));
        let named = |name: &str, secret: String| (Some(name.to_owned()), ClientSecret::new(secret));
        let mut all = vec![
            (None, self.current.clone()),
            named(
                "the secret with a line break at its end",
                [current.as_str(), "\n"].concat(),
            ),
            named(
                "the secret's whole JSON instead of its value",
                ["{\"secret\":\"", &current, "\"}"].concat(),
            ),
        ];
        let previous = self.previous.as_ref().map(text);
        all.extend(previous.map(|previous| named("the previous secret", previous)));
        for (name, keys) in others {
            all.push(named(&format!("the secret of {name}"), text(&keys.current)));
            let previous = keys.previous.as_ref().map(text);
            all.extend(previous.map(|p| named(&format!("the previous secret of {name}"), p)));
        }
        all
    }
}

/// The input of the HMAC, by our rule and by others that are easily mistaken for it.
fn rules(timestamp: &str, client_id: &str, body: &[u8]) -> Vec<(Option<&'static str>, Vec<u8>)> {
    let whole = payload(timestamp, client_id, body);
    let without_client = [timestamp.as_bytes(), b".", body].concat();
    vec![
        (None, URL_SAFE_NO_PAD.encode(&whole).into_bytes()),
        (
            Some("base64url with padding"),
            URL_SAFE.encode(&whole).into_bytes(),
        ),
        (
            Some("standard base64"),
            STANDARD.encode(&whole).into_bytes(),
        ),
        (
            Some("standard base64 without padding"),
            STANDARD_NO_PAD.encode(&whole).into_bytes(),
        ),
        (Some("no base64 at all"), whole),
        (
            Some("no client id in what is signed"),
            URL_SAFE_NO_PAD.encode(without_client).into_bytes(),
        ),
        (
            Some("the body alone, in base64url"),
            URL_SAFE_NO_PAD.encode(body).into_bytes(),
        ),
    ]
}

fn payload(timestamp: &str, client_id: &str, body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), b".", client_id.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keyring {
        Keyring::new("client", ClientSecret::new(secret))
    }

    fn matches(
        sender: &Keyring,
        signed: &[u8],
        candidates: &[PayloadCandidate],
    ) -> Vec<SignatureMatch> {
        let keys = keys("now").accepting(Some(ClientSecret::new("before")));
        let signature = sender.sign(1_000, signed);
        let headers = SignatureHeaders {
            timestamp: Some(&signature.timestamp),
            client_id: Some(&signature.client_id),
            signature: Some(&signature.signature),
        };
        keys.explain(&headers, candidates, &[("the core", &self::keys("core"))])
    }

    #[test]
    fn a_right_signature_has_no_deviation() {
        let found = matches(&keys("now"), b"{}", &[(None, b"{}".to_vec())]);
        assert_eq!(found[0].deviations(), 0);
    }

    #[test]
    fn a_known_wrong_secret_is_named() {
        for (secret, name) in [
            ("before", "the previous secret"),
            ("core", "the secret of the core"),
            ("now\n", "the secret with a line break at its end"),
            (
                "{\"secret\":\"now\"}",
                "the secret's whole JSON instead of its value",
            ),
        ] {
            let found = matches(&keys(secret), b"{}", &[(None, b"{}".to_vec())]);
            assert_eq!(found[0].secret.as_deref(), Some(name));
            assert_eq!(found[0].deviations(), 1);
        }
        assert!(matches(&keys("unknown"), b"{}", &[(None, b"{}".to_vec())]).is_empty());
    }

    #[test]
    fn another_text_is_named() {
        let candidates = [
            (None, b"{ }".to_vec()),
            (Some("compact".to_owned()), b"{}".to_vec()),
        ];
        let found = matches(&keys("now"), b"{}", &candidates);
        assert_eq!(found[0].text.as_deref(), Some("compact"));
    }

    #[test]
    fn another_rule_is_named() {
        let keys = keys("now");
        // One whose base64 differs by alphabet and by padding.
        let body = "{\"a\":\"đđ???>>\"}".as_bytes();
        for (rule, signed) in rules("1000", "client", body) {
            let mut mac = message::keyed(&keys.current);
            mac.update(&signed);
            let signature = hex::encode_upper(mac.finalize().into_bytes());
            let headers = SignatureHeaders {
                timestamp: Some("1000"),
                client_id: Some("client"),
                signature: Some(&signature),
            };
            let found = keys.explain(&headers, &[(None, body.to_vec())], &[]);
            assert!(found.iter().any(|found| found.rule == rule), "{rule:?}");
        }
    }

    #[test]
    fn the_steps_lead_to_the_signature() {
        let keys = keys("now");
        let steps = keys.steps("1000", b"{}");
        assert_eq!(steps.payload, b"1000.client.{}");
        assert_eq!(steps.signature, keys.sign(1_000, b"{}").signature);
    }
}
