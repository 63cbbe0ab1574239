//! Signatures that this code did not make: those of AWS's test suite, and some of a program of a few lines in Python.

use axum::http::Request;

use super::*;
use crate::gateway::tests::plan;

/// A request, its body apart.
fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let (parts, ()) = request.body(()).unwrap().into_parts();
    parts
}

/// `aws-signing-test-suite` of <https://github.com/awslabs/aws-c-auth>: `get-vanilla`, `get-vanilla-query-order-encoded`
/// and `post-x-www-form-urlencoded`.
#[test]
fn signatures_of_the_suite_of_aws_are_right() {
    let form = "application/x-www-form-urlencoded";
    let sha256 = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    for (method, uri, more, body, signed, signature) in [
        (
            "GET",
            "/",
            [].as_slice(),
            "",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            &[],
            "",
            "host;x-amz-date",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        (
            "POST",
            "/",
            &[
                ("content-type", form),
                ("content-length", "13"),
                ("x-amz-content-sha256", sha256),
            ],
            "Param1=value1",
            "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
        );
        let mut headers = vec![
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization.as_str()),
        ];
        headers.extend_from_slice(more);
        let parts = request(method, uri, &headers);
        let scope = Scope {
            region: "us-east-1",
            service: "service",
        };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let verify = |body: &str| {
            let signed = Signed::read(&parts).unwrap();
            signed.verify(&scope, secret, &parts, body.as_bytes(), 1_440_938_160_000)
        };
        assert_eq!(verify(body), Ok(()), "{method} {uri}");
        let other = format!("{body} ");
        assert_eq!(
            verify(&other),
            Err(Refusal::WrongSignature),
            "{method} {uri}"
        );
    }
}

/// 2026-11-28T07:00:00Z.
const SIGNED_AT: i64 = 1_795_849_200_000;

/// The parts of a path are encoded once more for the signature. What is not signed may change on the way.
fn show_by_lan(path: &str, more: &[(&str, &str)]) -> Parts {
    show_with_token(path, "session-of-lan", more)
}

/// The token of a session need not be signed, and must be the one of the key.
fn show_with_token(path: &str, token: &str, more: &[(&str, &str)]) -> Parts {
    let mut headers = vec![
        ("host", "127.0.0.1:8080"),
        ("x-amz-date", "20261128T070000Z"),
        ("x-amz-security-token", token),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=KEYOFLAN/20261128/ap-southeast-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=d535f6af313a290e78c02a15f87757bb10216eb24d145c36ff4ce36f36d525f1",
        ),
    ];
    headers.extend_from_slice(more);
    request("GET", path, &headers)
}

#[test]
fn a_path_is_encoded_twice() {
    let (plan, now) = (plan(), SIGNED_AT);
    let path = "/operator/v1/transactions/T%2F1%20a?limit=5&state=needs%20review";
    let call = show_by_lan(path, &[("user-agent", "curl")]);
    assert_eq!(authorize(&plan, &call, b"", now), Ok(Principal::LAN));
    for other in [
        "/operator/v1/transactions/T/1%20a?limit=5&state=needs%20review",
        "/operator/v1/transactions/T%252F1%20a?limit=5&state=needs%20review",
        "/operator/v1/transactions/T%2F1%20a?limit=6&state=needs%20review",
        "/operator/v1/transactions/T%2F1%20a",
    ] {
        let call = show_by_lan(other, &[]);
        let refused = authorize(&plan, &call, b"", now);
        assert_eq!(refused, Err(Refusal::WrongSignature), "{other}");
    }
}

#[test]
fn a_key_counts_with_the_token_of_its_session_alone() {
    let path = "/operator/v1/transactions/T%2F1%20a?limit=5&state=needs%20review";
    for (token, expected) in [
        ("session-of-lan", Ok(Principal::LAN)),
        ("session-of-minh", Err(Refusal::UnknownKey)),
        ("", Err(Refusal::UnknownKey)),
    ] {
        let call = show_with_token(path, token, &[]);
        let answer = authorize(&plan(), &call, b"", SIGNED_AT);
        assert_eq!(answer, expected, "{token}");
    }
    let mut without = show_by_lan(path, &[]);
    without.headers.remove("x-amz-security-token");
    let refused = authorize(&plan(), &without, b"", SIGNED_AT);
    assert_eq!(refused, Err(Refusal::UnknownKey));
}

#[test]
fn every_header_can_be_signed() {
    let authorization = "AWS4-HMAC-SHA256 Credential=KEYOFHOA/20261128/ap-southeast-1/execute-api/aws4_request,SignedHeaders=host;user-agent;x-amz-date,Signature=97dd56c93bfc7169df61154e017a072da2c7f797beba9bd1a062f40407ce81a8";
    for (agent, expected) in [
        ("curl", Ok(Principal::HOA)),
        ("wget", Err(Refusal::WrongSignature)),
    ] {
        let headers = [
            ("host", "127.0.0.1:8080"),
            ("user-agent", agent),
            ("x-amz-date", "20261128T070000Z"),
            ("x-amz-security-token", "session-of-hoa"),
            ("authorization", authorization),
        ];
        let call = request("GET", "/operator/v1/transactions/T1", &headers);
        assert_eq!(
            authorize(&plan(), &call, b"", SIGNED_AT),
            expected,
            "{agent}"
        );
    }
}

#[test]
fn a_signature_holds_for_five_minutes() {
    let plan = plan();
    let call = show_by_lan(
        "/operator/v1/transactions/T%2F1%20a?limit=5&state=needs%20review",
        &[],
    );
    let at = |now| authorize(&plan, &call, b"", now);
    let five = 5 * 60 * 1000;
    assert_eq!(at(SIGNED_AT + five), Ok(Principal::LAN));
    assert_eq!(at(SIGNED_AT + five + 1), Err(Refusal::Expired));
    assert_eq!(at(SIGNED_AT - five), Ok(Principal::LAN));
    assert_eq!(at(SIGNED_AT - five - 1), Err(Refusal::WrongSignature));
}

#[test]
fn a_signed_header_and_the_body_count() {
    let plan = plan();
    let authorization = "AWS4-HMAC-SHA256 Credential=KEYOFMINH/20261128/ap-southeast-1/execute-api/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=2bcef9902332a7f5d4a24e69b7b24a823a92d68a81406001bbace6ca84000ad5";
    let call = |host: &str, content_type: &str, authorization: &str, body: &str| {
        let headers = [
            ("host", host),
            ("content-type", content_type),
            ("x-amz-date", "20261128T070000Z"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-security-token", "session-of-minh"),
            ("authorization", authorization),
        ];
        let parts = request("POST", "/operator/v1/transactions/T1/approve", &headers);
        authorize(&plan, &parts, body.as_bytes(), SIGNED_AT)
    };
    let (host, json, body) = (
        "127.0.0.1:8080",
        "application/json",
        r#"{"proposal":1,"reason":"đúng"}"#,
    );
    assert_eq!(call(host, json, authorization, body), Ok(Principal::MINH));
    let wrong = Err(Refusal::WrongSignature);
    let other = r#"{"proposal":2,"reason":"đúng"}"#;
    assert_eq!(call(host, json, authorization, other), wrong);
    assert_eq!(call(host, "text/plain", authorization, body), wrong);
    assert_eq!(call("127.0.0.1:8081", json, authorization, body), wrong);
    for (from, to, refusal) in [
        ("content-type;host", "host", Refusal::WrongSignature),
        ("host;x-amz-date", "x-amz-date", Refusal::WrongSignature),
        ("00ad5", "00ad", Refusal::WrongSignature),
        ("00ad5", "00ad55", Refusal::WrongSignature),
        ("2bcef", "3bcef", Refusal::WrongSignature),
        ("20261128/", "20261127/", Refusal::WrongSignature),
        (
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
            Refusal::Malformed,
        ),
        ("Signature=", "Signed=", Refusal::Malformed),
        ("SignedHeaders=", "Headers=", Refusal::Malformed),
        ("KEYOFMINH/", "KEYOFMINH", Refusal::UnknownKey),
        ("KEYOFMINH", "KEYOFNOBODY", Refusal::UnknownKey),
    ] {
        let changed = authorization.replace(from, to);
        assert_ne!(changed, authorization);
        assert_eq!(call(host, json, &changed, body), Err(refusal), "{to}");
    }
}
