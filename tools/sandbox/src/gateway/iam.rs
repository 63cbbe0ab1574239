//! IAM authorisation (`AWS_IAM`): who signed a request, by AWS's Signature Version 4, and whether that person may make it.
//!
//! It shares no code with those who sign. Which answer API Gateway gives to what is from AWS's pages "Gateway response
//! types for API Gateway" and "How do I troubleshoot HTTP 403 errors from API Gateway?". Not played: a signature in the
//! query.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::request::Parts;

use crate::grants::Grant;
use crate::principals::Principal;
use crate::s3;
use crate::template::{Plan, REGION};

/// How far the time of a signature may be from ours, in milliseconds.
const MAX_SKEW_MS: i64 = 5 * 60 * 1000;

/// What a signature of a call of the API is for.
const API: Scope<'static> = Scope {
    region: REGION,
    service: "execute-api",
};

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not signed.
    Unsigned,
    /// The header `Authorization` is no signature.
    Malformed,
    /// Nobody has this access key.
    UnknownKey,
    /// It was signed too long ago.
    Expired,
    /// The signature is not the one of this request.
    WrongSignature,
    /// The caller's policies do not allow it.
    Denied,
}

impl Refusal {
    /// The type of the gateway response, and the value of the header `x-amzn-ErrorType`. AWS does not say of which type
    /// the answer to a malformed header is.
    pub(super) fn answer(self) -> (&'static str, &'static str) {
        match self {
            Self::Unsigned => (
                "MISSING_AUTHENTICATION_TOKEN",
                "MissingAuthenticationTokenException",
            ),
            Self::Malformed => ("INVALID_SIGNATURE", "IncompleteSignatureException"),
            Self::WrongSignature => ("INVALID_SIGNATURE", "InvalidSignatureException"),
            Self::Expired => ("EXPIRED_TOKEN", "InvalidSignatureException"),
            Self::UnknownKey | Self::Denied => ("ACCESS_DENIED", "AccessDeniedException"),
        }
    }
}

/// Who makes a call, if the signature is right and the caller may make it.
pub(super) fn authorize(
    plan: &Plan,
    parts: &Parts,
    body: &[u8],
    now_ms: i64,
) -> Result<Principal, Refusal> {
    let signed = Signed::read(parts)?;
    let principal = Principal::with_key(signed.access_key).ok_or(Refusal::UnknownKey)?;
    let token = parts.headers.get("x-amz-security-token");
    if token.is_none_or(|token| token != principal.session_token) {
        return Err(Refusal::UnknownKey);
    }
    signed.verify(&API, principal.secret_key, parts, body, now_ms)?;
    let needed = Grant {
        action: "execute-api:Invoke".to_owned(),
        resource: plan.method_arn(parts.method.as_str(), parts.uri.path()),
    };
    let grants = principal.grants(plan);
    if grants.iter().any(|grant| grant.allows(&needed)) {
        Ok(principal)
    } else {
        Err(Refusal::Denied)
    }
}

/// Where a signature counts.
struct Scope<'s> {
    region: &'s str,
    service: &'s str,
}

/// The header `Authorization`.
#[derive(Debug)]
struct Signed<'r> {
    access_key: &'r str,
    /// `20150830/us-east-1/service/aws4_request`.
    scope: &'r str,
    /// Names of headers.
    headers: Vec<&'r str>,
    signature: &'r str,
}

impl<'r> Signed<'r> {
    fn read(parts: &'r Parts) -> Result<Self, Refusal> {
        let header = parts.headers.get("authorization");
        let header = header.ok_or(Refusal::Unsigned)?.to_str();
        header.ok().and_then(Self::parse).ok_or(Refusal::Malformed)
    }

    fn parse(header: &'r str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |wanted: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.split_once('='));
            fields.find_map(|(name, value)| (name.trim() == wanted).then_some(value.trim()))
        };
        let (access_key, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            access_key,
            scope,
            headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }

    /// Signs the received request again, and compares.
    fn verify(
        &self,
        scope: &Scope<'_>,
        secret_key: &str,
        parts: &Parts,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let date = parts.headers.get("x-amz-date");
        let date = date.and_then(|date| date.to_str().ok());
        let date = date.ok_or(Refusal::WrongSignature)?;
        let signed_at = s3::moment(date).ok_or(Refusal::WrongSignature)?;
        let age_ms = now_ms.saturating_sub(signed_at);
        if age_ms > MAX_SKEW_MS {
            return Err(Refusal::Expired);
        }
        let day = date.split('T').next().unwrap_or_default();
        let expected_scope = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
        if age_ms < -MAX_SKEW_MS || self.scope != expected_scope {
            return Err(Refusal::WrongSignature);
        }
        let expected = self.expected(scope, secret_key, signed_at, parts, body);
        let expected = expected.map_err(|_| Refusal::WrongSignature)?;
        if is_same(&expected, self.signature) {
            Ok(())
        } else {
            Err(Refusal::WrongSignature)
        }
    }

    /// The right signature of a request over the headers that the caller signed.
    fn expected(
        &self,
        scope: &Scope<'_>,
        secret_key: &str,
        signed_at: i64,
        parts: &Parts,
        body: &[u8],
    ) -> anyhow::Result<String> {
        let since_epoch = Duration::from_millis(signed_at.unsigned_abs());
        let identity = Credentials::new(self.access_key, secret_key, None, None, "sandbox").into();
        let mut settings = SigningSettings::default();
        // What the caller signed is to be signed again, whatever it is.
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(SystemTime::UNIX_EPOCH + since_epoch)
            .settings(settings)
            .build()?
            .into();
        let headers = self.headers.iter().flat_map(|name| {
            let values = parts.headers.get_all(*name).into_iter();
            values.filter_map(|value| Some((*name, value.to_str().ok()?)))
        });
        // The host counts as it was received, in its header; one that is not signed would be that of this URL.
        let path = parts.uri.path_and_query().context("no path")?;
        let url = format!("http://host{path}");
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new(parts.method.as_str(), url, headers, body)?;
        let (_, signature) = sign(request, &params)?.into_parts();
        Ok(signature)
    }
}

/// Compares in a time that does not depend on where the texts differ.
fn is_same(expected: &str, given: &str) -> bool {
    let pairs = expected.bytes().zip(given.bytes());
    let differences = pairs.fold(0, |found, (a, b)| found | (a ^ b));
    expected.len() == given.len() && differences == 0
}

#[cfg(test)]
mod tests;
