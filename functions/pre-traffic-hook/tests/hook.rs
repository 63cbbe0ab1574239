//! The hook against a server that plays CodeDeploy and Lambda.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::{Clock, Timestamp};
use lambda::config::ConfigError;
use pre_traffic_hook::{Aws, Endpoints, Event, Keys, Kind, PreTrafficHook};
use serde_json::{Value, json};
use signing::{
    ClientSecret, KeyError, KeyProvider, Keyring, SignatureHeaders, SignatureRefusal, Window,
};

const NOW: i64 = 1_795_000_000_000;

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(NOW).unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

struct Fixed(Keyring);

#[async_trait]
impl KeyProvider for Fixed {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(self.0.clone())
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        Ok(self.0.clone())
    }
}

fn tiki() -> Keyring {
    Keyring::new("tiki", ClientSecret::new("tiki's secret"))
}

fn core() -> Keyring {
    Keyring::new("core", ClientSecret::new("core's secret"))
}

/// What the played services answer.
#[derive(Clone)]
struct Script {
    /// `GetDeployment`'s revision.
    revision: Value,
    /// `GetApplicationRevision`'s revision.
    application_revision: Option<Value>,
    /// How often CodeDeploy throttles before it answers.
    throttled: usize,
    /// How often Lambda has nobody free for the function.
    busy: usize,
    /// Invoke's status, its function error, and its payload.
    invoke: (u16, Option<&'static str>, Value),
}

struct Request {
    operation: String,
    uri: String,
    headers: HeaderMap,
    body: Value,
}

#[derive(Clone)]
struct Services {
    script: Script,
    seen: Arc<Mutex<Vec<Request>>>,
}

async fn play(
    State(services): State<Services>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").map(|t| t.to_str().unwrap());
    let target = target.map(|target| target.strip_prefix("CodeDeploy_20141006.").unwrap());
    let operation = target.unwrap_or("Invoke").to_owned();
    let (number, invocations) = {
        let mut seen = services.seen.lock().unwrap();
        seen.push(Request {
            operation: operation.clone(),
            uri: uri.to_string(),
            headers,
            body: serde_json::from_slice(&body).unwrap(),
        });
        let invocations = seen.iter().filter(|request| request.operation == "Invoke");
        (seen.len(), invocations.count())
    };
    let Script {
        revision,
        application_revision,
        throttled,
        busy,
        invoke: (status, function_error, payload),
    } = services.script;
    let found = match operation.as_str() {
        _ if number <= throttled => None,
        "GetDeployment" => {
            Some(json!({"deploymentInfo": {"applicationName": "app", "revision": revision}}))
        }
        "GetApplicationRevision" => application_revision.map(|found| json!({"revision": found})),
        "PutLifecycleEventHookExecutionStatus" => Some(json!({})),
        _ if invocations <= busy => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => {
            let mut answer =
                (StatusCode::from_u16(status).unwrap(), axum::Json(payload)).into_response();
            if let Some(error) = function_error {
                let headers = answer.headers_mut();
                headers.insert("x-amz-function-error", error.parse().unwrap());
            }
            return answer;
        }
    };
    if let Some(found) = found {
        return axum::Json(found).into_response();
    }
    let error = json!({"__type": "ThrottlingException", "message": "slow down"});
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}

fn hook(port: u16) -> PreTrafficHook {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let sdk = SdkConfig::builder()
        .region(Region::from_static("ap-southeast-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let here: Option<signed_http::BaseUrl> = format!("http://127.0.0.1:{port}").parse().ok();
    let endpoints = Endpoints {
        codedeploy: here.clone(),
        lambda: here,
    };
    PreTrafficHook {
        keys: Ok(Keys {
            tiki: Arc::new(Fixed(tiki())),
            core: Arc::new(Fixed(core())),
        }),
        aws: Aws::new(&sdk, endpoints, Arc::new(Still)).unwrap(),
        clock: Arc::new(Still),
    }
}

fn event() -> Event {
    serde_json::from_value(json!({
        "DeploymentId": "d-ABCDEF123",
        "LifecycleEventHookExecutionId": "execution-1",
    }))
    .unwrap()
}

async fn serve(script: Script) -> (u16, Arc<Mutex<Vec<Request>>>) {
    let seen = Arc::<Mutex<Vec<Request>>>::default();
    let services = Services {
        script,
        seen: Arc::clone(&seen),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(play).with_state(services);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, seen)
}

/// Runs the hook, and returns its requests: the last one is the answer to CodeDeploy.
async fn run(script: Script, change: impl FnOnce(&mut PreTrafficHook)) -> Vec<Request> {
    let (port, seen) = serve(script).await;
    let mut hook = hook(port);
    change(&mut hook);
    hook.handle(&event()).await.unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    for request in &seen {
        let authorization = request.headers["authorization"].to_str().unwrap();
        let service = match request.operation.as_str() {
            "Invoke" => "lambda",
            _ => "codedeploy",
        };
        let scope =
            format!("Credential=AKIDEXAMPLE/20261118/ap-southeast-1/{service}/aws4_request");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 "),
            "{authorization}"
        );
        assert!(authorization.contains(&scope), "{authorization}");
    }
    seen
}

/// The status in the answer to CodeDeploy, which is sent once, as the last request.
fn put_status(seen: &[Request]) -> &str {
    let put = "PutLifecycleEventHookExecutionStatus";
    let times = seen.iter().filter(|request| request.operation == put);
    assert_eq!(times.count(), 1);
    let last = seen.last().unwrap();
    assert_eq!(last.operation, put);
    assert_eq!(last.body["deploymentId"], "d-ABCDEF123");
    assert_eq!(last.body["lifecycleEventHookExecutionId"], "execution-1");
    last.body["status"].as_str().unwrap()
}

fn operations(seen: &[Request]) -> Vec<&str> {
    let operations = seen.iter().map(|request| request.operation.as_str());
    operations.collect()
}

fn invoked(seen: &[Request]) -> Option<&Request> {
    seen.iter().find(|request| request.operation == "Invoke")
}

fn app_spec(key: &str, name: &str) -> Value {
    let properties =
        json!({"Name": name, "Alias": "live", "CurrentVersion": "6", "TargetVersion": "7"});
    let function = json!({"Type": "AWS::Lambda::Function", "Properties": properties});
    let content = json!({"version": "0.0", "Resources": [{key: function}]}).to_string();
    json!({"revisionType": "AppSpecContent", "appSpecContent": {"content": content}})
}

fn api(status: u16, code: u64) -> Value {
    json!({"statusCode": status, "headers": {}, "body": json!({"code": code}).to_string()})
}

/// A deployment of a function whose new version is right.
fn right(kind: Kind) -> Script {
    let payload = match kind {
        Kind::CreateTransaction | Kind::OpenWebview | Kind::PartnerTransaction => api(400, 1),
        Kind::CheckTransaction
        | Kind::CheckReconciliation
        | Kind::PaymentResult
        | Kind::PaymentDetails => api(200, 3),
        Kind::RefundTransaction => api(500, 3),
        Kind::ReportRedirect | Kind::PaymentRedirect => {
            json!({"statusCode": 404, "headers": {"content-type": "text/html"}, "body": ""})
        }
        Kind::IpnSender | Kind::CoreWorker => json!({"batchItemFailures": []}),
    };
    let name = format!("tikivip-{}-1AB2", kind.logical_id());
    Script {
        revision: app_spec("LambdaFunction", &name),
        application_revision: None,
        throttled: 0,
        busy: 0,
        invoke: (200, None, payload),
    }
}

#[tokio::test]
async fn a_version_with_the_expected_answer_gets_traffic() {
    for kind in Kind::ALL {
        let seen = run(right(kind), |_| {}).await;
        assert_eq!(put_status(&seen), "Succeeded", "{kind:?}");
        assert_eq!(
            operations(&seen)[..2],
            ["GetDeployment", "Invoke"],
            "{kind:?}"
        );
        assert_eq!(seen[0].body, json!({"deploymentId": "d-ABCDEF123"}));
        assert_eq!(
            seen[0].headers["content-type"],
            "application/x-amz-json-1.1"
        );
        let uri = format!(
            "/2015-03-31/functions/tikivip-{}-1AB2/invocations?Qualifier=7",
            kind.logical_id()
        );
        assert_eq!(seen[1].uri, uri);
    }
}

#[tokio::test]
async fn each_function_is_called_with_the_keys_of_its_caller() {
    let verified = async |kind, names: signing::HeaderNames, keys: Keyring| {
        let seen = run(right(kind), |_| {}).await;
        let event = &invoked(&seen).unwrap().body;
        let header = |name: &str| event["headers"][name].as_str();
        let headers = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let body = event["body"].as_str().unwrap().as_bytes();
        let verified = keys.verify(&headers, body, NOW, Window::default());
        verified.map(|_| ())
    };
    let (tikis, partners) = (signing::HeaderNames::TIKI, signing::HeaderNames::PARTNER);
    assert_eq!(
        verified(Kind::CreateTransaction, tikis, tiki()).await,
        Ok(())
    );
    assert_eq!(verified(Kind::OpenWebview, partners, core()).await, Ok(()));
    assert_eq!(
        verified(Kind::OpenWebview, partners, tiki()).await,
        Err(SignatureRefusal::UnknownClient)
    );
}

#[tokio::test]
async fn a_get_is_signed_with_its_whole_path() {
    let path = "/tikivip/v1/reconciliation/2000-01-01";
    let seen = run(right(Kind::CheckReconciliation), |_| {}).await;
    assert_eq!(put_status(&seen), "Succeeded");
    let event = &invoked(&seen).unwrap().body;
    assert_eq!(event["path"], path);
    let names = signing::HeaderNames::TIKI;
    let header = |name: &str| event["headers"][name].as_str();
    let headers = SignatureHeaders {
        timestamp: header(names.timestamp),
        client_id: header(names.client_id),
        signature: header(names.signature),
    };
    let verified = |text: &str| {
        let verified = tiki().verify(&headers, text.as_bytes(), NOW, Window::default());
        verified.is_ok()
    };
    assert!(verified(path) && !verified("") && !verified("{}"));
}

#[tokio::test]
async fn a_version_with_another_answer_gets_no_traffic() {
    let kind = Kind::CheckTransaction;
    let failed = json!({"errorType": "Runtime.ExitError", "errorMessage": "exit status 101"});
    for invoke in [
        (200, None, api(401, 97)),
        (200, None, api(200, 2)),
        (200, None, api(500, 3)),
        (200, None, json!(null)),
        (200, Some("Unhandled"), failed),
        // Even with the right payload: it is not what the function said.
        (200, Some("Unhandled"), api(200, 3)),
        (500, None, api(200, 3)),
        (403, None, json!({"Message": "not authorized"})),
    ] {
        let answer = format!("{invoke:?}");
        let script = Script {
            invoke,
            ..right(kind)
        };
        assert_eq!(put_status(&run(script, |_| {}).await), "Failed", "{answer}");
    }
}

#[tokio::test]
async fn an_unreadable_deployment_fails_and_invokes_nothing() {
    let kind = Kind::CheckTransaction;
    let unreadable = Script {
        throttled: 3,
        ..right(kind)
    };
    let unknown = Script {
        revision: app_spec("LambdaFunction", "tikivip-AnotherFunction-1AB2"),
        ..right(kind)
    };
    let no_app_spec = Script {
        revision: json!({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}}),
        ..right(kind)
    };
    for script in [unreadable, unknown, no_app_spec] {
        let seen = run(script, |_| {}).await;
        assert_eq!(put_status(&seen), "Failed");
        assert!(invoked(&seen).is_none());
    }
}

#[tokio::test]
async fn a_throttled_call_is_made_again() {
    let script = Script {
        throttled: 2,
        ..right(Kind::CoreWorker)
    };
    let seen = run(script, |_| {}).await;
    assert_eq!(put_status(&seen), "Succeeded");
    assert_eq!(operations(&seen)[..3], ["GetDeployment"; 3]);
}

#[tokio::test]
async fn a_function_without_free_concurrency_is_invoked_again() {
    for (busy, status) in [(3, "Succeeded"), (4, "Failed")] {
        let script = Script {
            busy,
            ..right(Kind::CoreWorker)
        };
        assert_eq!(put_status(&run(script, |_| {}).await), status);
    }
}

#[tokio::test]
async fn an_app_spec_is_found_by_its_hash() {
    let hash = json!({"revisionType": "String", "string": {"sha256": "0a"}});
    let right = right(Kind::IpnSender);
    let content = right.revision["appSpecContent"]["content"].clone();
    let script = Script {
        revision: hash.clone(),
        application_revision: Some(
            json!({"revisionType": "String", "string": {"content": content}}),
        ),
        ..right
    };
    let seen = run(script, |_| {}).await;
    assert_eq!(put_status(&seen), "Succeeded");
    assert_eq!(seen[1].operation, "GetApplicationRevision");
    assert_eq!(
        seen[1].body,
        json!({"applicationName": "app", "revision": hash})
    );
}

#[tokio::test]
async fn a_wrongly_configured_hook_answers_failed() {
    let without_keys = |hook: &mut PreTrafficHook| {
        hook.keys = Err(ConfigError(vec!["TIKI_SECRET_ID is not set".to_owned()]));
    };
    let seen = run(right(Kind::CheckTransaction), without_keys).await;
    assert_eq!(put_status(&seen), "Failed");
    assert!(invoked(&seen).is_none());
}

#[tokio::test]
async fn a_hook_that_cannot_reach_codedeploy_fails_itself() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert!(hook(port).handle(&event()).await.is_err());
}
