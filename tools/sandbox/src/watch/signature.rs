//! What was signed of a call, and whether it holds: protocol §2, checked with the secrets that the sandbox has.

use serde::Serialize;
use signing::{
    ClientSecret, GetSigning, HeaderNames, Keyring, SignatureHeaders, SignatureRefusal, Window,
};

use crate::journal::Exchange;
use crate::secrets::SecretsManager;

/// The keys of both conversations.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Between Tiki and the partner.
    pub(super) tiki: Keyring,
    /// Between the partner's core and the functions.
    pub(super) core: Keyring,
}

/// Where the keys are: in Secrets Manager, where a rotation changes them.
#[derive(Clone)]
pub(crate) struct KnownKeys {
    pub(crate) secrets: SecretsManager,
    /// The client id and the secret's ARN of each conversation.
    pub(crate) tiki: (String, String),
    pub(crate) core: (String, String),
}

impl KnownKeys {
    /// The keys that hold now: each with the secret before it.
    pub(super) fn now(&self) -> Keys {
        let keys = |(id, arn): &(String, String)| {
            let current = self.secrets.current(arn).unwrap_or_default();
            let keys = Keyring::new(id.as_str(), ClientSecret::new(current));
            keys.accepting(self.secrets.previous(arn).map(ClientSecret::new))
        };
        Keys {
            tiki: keys(&self.tiki),
            core: keys(&self.core),
        }
    }
}

/// A signature, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SeenSignature {
    /// `timestamp.client_id.payload`: the text whose base64url is signed.
    pub(crate) signed: String,
    pub(crate) received: String,
    pub(crate) verdict: Verdict,
}

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Holds,
    /// It is right, and its timestamp is not of now.
    Stale,
    /// Another secret, another text, or another client id.
    Wrong,
    /// A header of the three is missing, or is none of a signature.
    Incomplete,
}

impl Verdict {
    pub(crate) fn holds(self) -> bool {
        self == Self::Holds
    }

    /// In Vietnamese and English.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Holds => ("chữ ký đúng", "the signature holds"),
            Self::Stale => (
                "chữ ký đúng nhưng quá thời hạn",
                "right, but outside the accepted window",
            ),
            Self::Wrong => (
                "chữ ký sai: khác khóa bí mật, khác nội dung hoặc khác client id",
                "wrong: another secret, another text or another client id",
            ),
            Self::Incomplete => (
                "thiếu tiêu đề của chữ ký",
                "a header of the signature is missing or malformed",
            ),
        }
    }
}

/// The signature of a call, if it is one that must have one. `now_ms` is the sandbox's time.
pub(crate) fn of(keys: &Keys, call: &Exchange, now_ms: i64) -> Option<SeenSignature> {
    let header = |name: &str| {
        let found = call.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let (names, keys) = [
        (HeaderNames::TIKI, &keys.tiki),
        (HeaderNames::PARTNER, &keys.core),
    ]
    .into_iter()
    .find(|(names, _)| {
        let all = [names.timestamp, names.client_id, names.signature];
        all.iter()
            .any(|name| header(&name.to_ascii_lowercase()).is_some())
    })?;
    let of_name = |name: &str| header(&name.to_ascii_lowercase());
    let headers = SignatureHeaders {
        timestamp: of_name(names.timestamp),
        client_id: of_name(names.client_id),
        signature: of_name(names.signature),
    };
    let target = target(call);
    // Of a GET the protocol leaves open what is signed, so each way counts; the first one is ours.
    let payloads: Vec<Vec<u8>> = if call.method == "GET" {
        let all = GetSigning::ALL.iter();
        all.map(|signing| signing.message("", &target).into_bytes())
            .collect()
    } else {
        vec![call.body.to_vec()]
    };
    let tried: Vec<_> = payloads
        .iter()
        .map(|payload| {
            keys.verify(&headers, payload, now_ms, Window::default())
                .map(drop)
        })
        .collect();
    let right = |result: &Result<(), SignatureRefusal>| {
        matches!(result, Ok(()) | Err(SignatureRefusal::Stale))
    };
    let which = tried.iter().position(right).unwrap_or(0);
    let verdict = match tried.get(which) {
        Some(Ok(())) => Verdict::Holds,
        Some(Err(SignatureRefusal::Stale)) => Verdict::Stale,
        Some(Err(SignatureRefusal::Mismatch | SignatureRefusal::UnknownClient)) => Verdict::Wrong,
        _ => Verdict::Incomplete,
    };
    let payload = payloads.get(which).map(Vec::as_slice).unwrap_or_default();
    let part = |value: Option<&str>| value.unwrap_or("?").to_owned();
    Some(SeenSignature {
        signed: format!(
            "{}.{}.{}",
            part(headers.timestamp),
            part(headers.client_id),
            String::from_utf8_lossy(payload)
        ),
        received: part(headers.signature),
        verdict,
    })
}

/// Path and query, as they were sent.
pub(super) fn target(call: &Exchange) -> String {
    if call.query.is_empty() {
        call.path.clone()
    } else {
        format!("{}?{}", call.path, call.query)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journal::Callee;

    const NOW_MS: i64 = 1_795_000_000_000;

    fn keys() -> Keys {
        let keys = |id: &'static str, secret: &str| Keyring::new(id, ClientSecret::new(secret));
        Keys {
            tiki: keys("tiki-id", "a secret of Tiki's"),
            core: keys("core-id", "a secret of the core"),
        }
    }

    fn call(names: HeaderNames, keys: &Keyring, method: &str, signed: &[u8]) -> Exchange {
        let signature = keys.sign(NOW_MS, signed);
        let headers = [
            (names.timestamp, signature.timestamp),
            (names.client_id, signature.client_id),
            (names.signature, signature.signature),
        ];
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
        Exchange {
            began: Duration::ZERO,
            took: Duration::ZERO,
            from: "Tiki",
            to: Callee::Api,
            method: method.to_owned(),
            path: "/transaction".to_owned(),
            query: "tiki_transaction_id=a".to_owned(),
            headers: headers.to_vec(),
            body: "{}".into(),
            status: 200,
            answer_headers: Vec::new(),
            answer: "".into(),
        }
    }

    fn verdict(call: &Exchange, now_ms: i64) -> Option<Verdict> {
        of(&keys(), call, now_ms).map(|seen| seen.verdict)
    }

    #[test]
    fn each_side_is_checked_with_its_own_secret() {
        let keys = keys();
        for (names, own, other) in [
            (HeaderNames::TIKI, &keys.tiki, &keys.core),
            (HeaderNames::PARTNER, &keys.core, &keys.tiki),
        ] {
            let holds = call(names, own, "POST", b"{}");
            assert_eq!(verdict(&holds, NOW_MS), Some(Verdict::Holds));
            let tampered = call(names, own, "POST", b"{ }");
            assert_eq!(verdict(&tampered, NOW_MS), Some(Verdict::Wrong));
            let foreign = call(names, other, "POST", b"{}");
            assert_eq!(verdict(&foreign, NOW_MS), Some(Verdict::Wrong));
            let day = 24 * 60 * 60 * 1000;
            assert_eq!(verdict(&holds, NOW_MS + day), Some(Verdict::Stale));
        }
    }

    #[test]
    fn a_get_may_be_signed_in_each_way() {
        let keys = keys();
        for signed in ["/transaction?tiki_transaction_id=a", "", "{}"] {
            let get = call(HeaderNames::TIKI, &keys.tiki, "GET", signed.as_bytes());
            let seen = of(&keys, &get, NOW_MS).unwrap();
            assert_eq!(seen.verdict, Verdict::Holds);
            assert_eq!(seen.signed, format!("{NOW_MS}.tiki-id.{signed}"));
        }
        let other = call(HeaderNames::TIKI, &keys.tiki, "GET", b"/transaction");
        assert_eq!(verdict(&other, NOW_MS), Some(Verdict::Wrong));
    }

    #[test]
    fn what_has_no_signature_has_no_verdict() {
        let keys = keys();
        let mut some = call(HeaderNames::TIKI, &keys.tiki, "POST", b"{}");
        some.headers.truncate(2);
        assert_eq!(verdict(&some, NOW_MS), Some(Verdict::Incomplete));
        some.headers.clear();
        assert_eq!(verdict(&some, NOW_MS), None);
    }
}
