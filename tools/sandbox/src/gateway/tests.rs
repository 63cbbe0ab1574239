use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::HeaderMap;

use super::*;
use crate::caller::http;
use crate::journal::Entry;
use crate::template::REGION;

const YAML: &str = r#"
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      MethodSettings: [{ ResourcePath: "/*", HttpMethod: "*", ThrottlingRateLimit: 100, ThrottlingBurstLimit: 100 }]
      GatewayResponses:
        MISSING_AUTHENTICATION_TOKEN: { StatusCode: 404, ResponseTemplates: { application/json: '{"no":"such path"}', text/html: "<p>no such page</p>" } }
        DEFAULT_4XX: { ResponseTemplates: { application/json: '{"no":"permission"}' } }
  Operator:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: operator } }
    Properties:
      Events:
        Show: { Type: Api, Properties: { Method: GET, Path: "/operator/v1/transactions/{id}", Auth: { Authorizer: AWS_IAM, InvokeRole: NONE } } }
        Act: { Type: Api, Properties: { Method: POST, Path: "/operator/v1/transactions/{id}/resolve", Auth: { Authorizer: AWS_IAM, InvokeRole: NONE } } }
        Approve: { Type: Api, Properties: { Method: POST, Path: "/operator/v1/transactions/{id}/approve", Auth: { Authorizer: AWS_IAM, InvokeRole: NONE } } }
        Sign: { Type: Api, Properties: { Method: POST, Path: "/operator/v1/signatures/sign", Auth: { Authorizer: AWS_IAM, InvokeRole: NONE } } }
        Open: { Type: Api, Properties: { Method: GET, Path: /open } }
  ReadPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: [{ Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/GET/operator/v1/*" }]
  ActPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: [{ Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/POST/operator/v1/transactions/*/resolve" }]
  ApprovePolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: [{ Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/POST/operator/v1/transactions/*/approve" }]
  BreakGlassPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: [{ Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/POST/operator/v1/signatures/sign" }]
"#;

pub(super) fn plan() -> Plan {
    Plan::read(YAML, &BTreeMap::new()).unwrap()
}

/// An API whose functions do not run: a call that reaches its function is answered with 502.
fn gateway() -> Gateway {
    let plan = plan();
    Gateway {
        clock: Clock::default(),
        throttles: plan
            .routes
            .iter()
            .map(|_| Throttle::new(100.0, 100.0))
            .collect(),
        plan,
        functions: BTreeMap::new(),
        journal: Journal::new(),
        core: None,
        written: Arc::default(),
        host: "api.example".to_owned(),
    }
}

struct Api {
    url: String,
    journal: Journal,
}

impl Api {
    async fn start() -> Self {
        let gateway = gateway();
        let journal = gateway.journal.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Arc::new(gateway).router()).await });
        Self { url, journal }
    }

    fn entries(&self) -> Vec<Entry> {
        self.journal.since(Duration::ZERO)
    }

    /// Calls with these headers, and returns the status, the header `x-amzn-ErrorType` and the body.
    async fn call(
        &self,
        (method, path): (&str, &str),
        headers: &[(String, String)],
        body: &str,
    ) -> (u16, String, String) {
        let request = http()
            .unwrap()
            .request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let answer = request.body(body.to_owned()).send().await.unwrap();
        let kind = answer.headers().get("x-amzn-errortype");
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (
            status,
            kind.unwrap_or_default(),
            answer.text().await.unwrap(),
        )
    }
}

/// The headers of a signature.
fn signature(
    keys: (&str, &str),
    (region, service): (&str, &str),
    (method, url): (&str, &str),
    body: &str,
    at: SystemTime,
) -> Vec<(String, String)> {
    let identity = Credentials::new(keys.0, keys.1, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(at)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new(method, url, std::iter::empty(), body).unwrap();
    let (signed, _) = sign(request, &params).unwrap().into_parts();
    let headers = signed.headers();
    let token = Principal::with_key(keys.0).map_or("none", |principal| principal.session_token);
    headers
        .chain([("x-amz-security-token", token)])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn signed_by(
    principal: Principal,
    api: &Api,
    (method, path): (&str, &str),
    body: &str,
    at: SystemTime,
) -> Vec<(String, String)> {
    let keys = (principal.access_key, principal.secret_key);
    let url = format!("{}{path}", api.url);
    let scope = (REGION, "execute-api");
    signature(keys, scope, (method, &url), body, at)
}

const SHOW: (&str, &str) = ("GET", "/operator/v1/transactions/T1");
const RESOLVE: (&str, &str) = ("POST", "/operator/v1/transactions/T1/resolve");
const APPROVE: (&str, &str) = ("POST", "/operator/v1/transactions/T1/approve");
const SIGN: (&str, &str) = ("POST", "/operator/v1/signatures/sign");

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_json() {
    let api = Api::start().await;
    let (page, json) = ("<p>no such page</p>", r#"{"no":"such path"}"#);
    for (accept, expected) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", page),
        ("text/html;charset=utf-8", page),
        ("application/json, text/html", json),
        ("*/*", json),
        ("", json),
    ] {
        let headers = [("accept".to_owned(), accept.to_owned())];
        let (status, _, body) = api.call(("GET", "/nowhere"), &headers, "").await;
        assert_eq!((status, body.as_str()), (404, expected), "{accept}");
    }
}

#[tokio::test]
async fn a_policy_says_who_may_call_what() {
    let api = Api::start().await;
    for (principal, allowed) in [
        (Principal::LAN, [SHOW, RESOLVE].as_slice()),
        (Principal::MINH, &[SHOW, APPROVE]),
        (Principal::HOA, &[SHOW]),
        (Principal::KHOA, &[SHOW, SIGN]),
    ] {
        for call in [SHOW, RESOLVE, APPROVE, SIGN] {
            let headers = signed_by(principal, &api, call, "", SystemTime::now());
            let (status, kind, body) = api.call(call, &headers, "").await;
            let context = format!("{} {call:?}: {status} {kind} {body}", principal.name);
            if allowed.contains(&call) {
                assert_eq!((status, kind.as_str()), (502, ""), "{context}");
            } else {
                assert_eq!(
                    (status, kind.as_str()),
                    (403, "AccessDeniedException"),
                    "{context}"
                );
                assert_eq!(body, r#"{"no":"permission"}"#, "{context}");
            }
        }
    }
    let entries = api.entries();
    let callers: Vec<_> = entries.iter().map(|entry| entry.from.as_str()).collect();
    assert_eq!(
        callers,
        ["lan", "lan", "minh", "minh", "hoa", "khoa", "khoa"]
    );
}

#[tokio::test]
async fn a_call_without_a_signature_is_refused() {
    let api = Api::start().await;
    let (status, kind, body) = api.call(SHOW, &[], "").await;
    assert_eq!(
        (status, kind.as_str(), body.as_str()),
        (
            404,
            "MissingAuthenticationTokenException",
            r#"{"no":"such path"}"#
        )
    );
    let bearer = ("authorization".to_owned(), "Bearer Credential=".to_owned());
    let (status, kind, _) = api.call(SHOW, &[bearer], "").await;
    assert_eq!(
        (status, kind.as_str()),
        (403, "IncompleteSignatureException")
    );
    assert!(api.entries().is_empty());
}

const INVALID: &str = "InvalidSignatureException";

#[tokio::test]
async fn a_call_with_a_wrong_signature_is_refused() {
    let api = Api::start().await;
    let now = SystemTime::now();
    let lan = (Principal::LAN.access_key, Principal::LAN.secret_key);
    let signed = |keys, region, service, (method, path): (&str, &str), body| {
        let url = format!("{}{path}", api.url);
        signature(keys, (region, service), (method, &url), body, now)
    };
    let of = |keys| signed(keys, REGION, "execute-api", RESOLVE, "{}");
    let over = |call, body| signed(lan, REGION, "execute-api", call, body);
    let mut elsewhere = of(lan);
    for (_, value) in &mut elsewhere {
        *value = value.replace(REGION, "us-east-1");
    }
    for (what, headers, kind) in [
        (
            "another's key",
            of((Principal::MINH.access_key, lan.1)),
            INVALID,
        ),
        ("a wrong secret", of((lan.0, "secret")), INVALID),
        (
            "nobody's key",
            of(("nobody", lan.1)),
            "AccessDeniedException",
        ),
        (
            "another service",
            signed(lan, REGION, "s3", RESOLVE, "{}"),
            INVALID,
        ),
        (
            "another region",
            signed(lan, "us-east-1", "execute-api", RESOLVE, "{}"),
            INVALID,
        ),
        ("another region in the header", elsewhere, INVALID),
        ("another method", over(("GET", RESOLVE.1), "{}"), INVALID),
        ("another path", over(APPROVE, "{}"), INVALID),
        (
            "a query",
            over(("POST", "/operator/v1/transactions/T1/resolve?a=b"), "{}"),
            INVALID,
        ),
        ("another body", over(RESOLVE, "{ }"), INVALID),
    ] {
        let answer = api.call(RESOLVE, &headers, "{}").await;
        let expected = (403, kind.to_owned(), r#"{"no":"permission"}"#.to_owned());
        assert_eq!(answer, expected, "{what}");
    }
    assert!(api.entries().is_empty());
    let (status, kind, _) = api.call(RESOLVE, &of(lan), "{}").await;
    assert_eq!((status, kind.as_str()), (502, ""));
    assert_eq!(api.entries().len(), 1);
}

#[tokio::test]
async fn a_signature_of_another_time_is_refused() {
    let api = Api::start().await;
    let now = SystemTime::now();
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for (at, expected) in [
        (now - minutes(6), (403, INVALID)),
        (now - minutes(4), (502, "")),
        (now + minutes(4), (502, "")),
        (now + minutes(6), (403, INVALID)),
    ] {
        let headers = signed_by(Principal::LAN, &api, SHOW, "", at);
        let (status, kind, _) = api.call(SHOW, &headers, "").await;
        assert_eq!((status, kind.as_str()), expected, "{at:?}");
    }
}

#[tokio::test]
async fn a_route_without_authorisation_asks_for_no_signature() {
    let api = Api::start().await;
    let (status, _, _) = api.call(("GET", "/open"), &[], "").await;
    assert_eq!(status, 502);
    let entries = api.entries();
    assert_eq!(entries.first().unwrap().from, "customer");
}

#[test]
fn the_event_says_who_calls() {
    let gateway = gateway();
    let event = |principal| {
        let event = Event {
            gateway: &gateway,
            route: gateway.plan.routes.first().unwrap(),
            parameters: BTreeMap::new(),
            principal,
            path: SHOW.1,
            query: "",
            headers: &HeaderMap::new(),
            body: &Bytes::new(),
        };
        event.json()
    };
    let context = &event(Some(Principal::MINH))["requestContext"];
    assert_eq!(context["accountId"], "000000000000");
    assert_eq!(
        context["identity"],
        json!({
            "accessKey": "KEYOFMINH",
            "accountId": "000000000000",
            "caller": "AROATIKIVIPAPPROVER:minh",
            "sourceIp": "127.0.0.1",
            "user": "AROATIKIVIPAPPROVER:minh",
            "userAgent": null,
            "userArn": "arn:aws:sts::000000000000:assumed-role/tikivip-approver/minh",
        })
    );
    let identity = &event(None)["requestContext"]["identity"];
    for name in ["accessKey", "accountId", "caller", "user", "userArn"] {
        assert_eq!(identity.get(name), Some(&Value::Null), "{name}");
    }
}
