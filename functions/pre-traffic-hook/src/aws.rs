//! The calls to CodeDeploy and Lambda, signed with the official signer. Two more SDKs would be most of the binary, for
//! four calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use domain::Clock;
use lambda::config::{Env, Setting};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use signed_http::{BaseUrl, IDLE_LIMIT};

use crate::{Event, Release, appspec};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// CodeDeploy usually answers in a small part of this time.
pub(crate) const CODEDEPLOY_TIMEOUT: Duration = Duration::from_secs(4);
/// The waits between calls to CodeDeploy, which throttles: the hooks of all functions call it at the same time.
pub(crate) const CODEDEPLOY_BACKOFF: [Duration; 2] =
    [Duration::from_millis(300), Duration::from_millis(700)];
/// A cold start, and the longest time-out of a function.
pub const INVOKE_TIMEOUT: Duration = Duration::from_secs(30);
/// The waits between invocations: the old version may be using all of the function's reserved concurrency. A second
/// invocation is harmless, since a synthetic request changes nothing.
const INVOKE_BACKOFF: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// The answer to CodeDeploy about a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new version may get traffic.
    Succeeded,
    /// The new version gets no traffic, and the old one stays.
    Failed,
}

impl Verdict {
    /// The status in CodeDeploy's API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The endpoints of the services, if they are not those of AWS. The variables are the same as for the SDKs.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL_CODEDEPLOY`.
    pub codedeploy: Option<BaseUrl>,
    /// `AWS_ENDPOINT_URL_LAMBDA`.
    pub lambda: Option<BaseUrl>,
}

impl Endpoints {
    /// Reads both variables.
    pub fn read(env: &Env) -> Setting<Self> {
        let codedeploy = env.optional("AWS_ENDPOINT_URL_CODEDEPLOY");
        let lambda = env.optional("AWS_ENDPOINT_URL_LAMBDA");
        Ok(Self {
            codedeploy: codedeploy?,
            lambda: lambda?,
        })
    }
}

/// A client for CodeDeploy and Lambda.
pub struct Aws {
    http: Client,
    credentials: SharedCredentialsProvider,
    region: String,
    codedeploy: BaseUrl,
    lambda: BaseUrl,
    clock: Arc<dyn Clock>,
}

/// A call before it is signed.
#[derive(Clone)]
struct Call {
    /// The name of the service in signatures.
    service: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

impl Aws {
    /// The services in the region of the function, called with its credentials.
    pub fn new(
        sdk: &SdkConfig,
        endpoints: Endpoints,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let region = sdk.region().context("no region is set")?.to_string();
        let endpoint = |given: Option<BaseUrl>, service: &str| match given {
            Some(given) => Ok(given),
            None => format!("https://{service}.{region}.amazonaws.com").parse(),
        };
        let http = Client::builder()
            .redirect(Policy::none())
            .pool_idle_timeout(IDLE_LIMIT)
            .connect_timeout(CONNECT_TIMEOUT);
        Ok(Self {
            http: http.build()?,
            credentials: sdk.credentials_provider().context("no credentials")?,
            codedeploy: endpoint(endpoints.codedeploy, "codedeploy")?,
            lambda: endpoint(endpoints.lambda, "lambda")?,
            region,
            clock,
        })
    }

    /// The `AppSpec` of a deployment. If CodeDeploy returns only its hash, a second call returns the text.
    pub(crate) async fn app_spec(&self, deployment_id: &str) -> anyhow::Result<String> {
        let asked = json!({ "deploymentId": deployment_id });
        let deployment = self.codedeploy("GetDeployment", &asked).await?;
        let part = |name: &str| deployment.pointer(&format!("/deploymentInfo/{name}"));
        let revision = part("revision").context("the deployment has no revision")?;
        if let Some(content) = appspec::content(revision) {
            return Ok(content.to_owned());
        }
        let asked = json!({ "applicationName": part("applicationName"), "revision": revision });
        let found = self.codedeploy("GetApplicationRevision", &asked).await?;
        let content = found.get("revision").and_then(appspec::content);
        Ok(content.context("the deployment has no AppSpec")?.to_owned())
    }

    /// Invokes a new version, and returns the payload of its answer.
    pub(crate) async fn invoke(&self, release: &Release, event: &Value) -> anyhow::Result<Vec<u8>> {
        let Release {
            function, version, ..
        } = release;
        let path = format!("/2015-03-31/functions/{function}/invocations?Qualifier={version}");
        let call = Call {
            service: "lambda",
            url: self.lambda.join(&path),
            headers: vec![("content-type", "application/json".to_owned())],
            body: event.to_string().into_bytes(),
            timeout: INVOKE_TIMEOUT,
        };
        let response = self.send_with_retries(&call, &INVOKE_BACKOFF).await;
        let response = response.context("Invoke")?;
        if let Some(error) = header(&response, "x-amz-function-error") {
            bail!("it fails instead of answering: {error}");
        }
        let payload = response.bytes().await.map_err(reqwest::Error::without_url);
        Ok(payload.context("its answer broke off")?.to_vec())
    }

    pub(crate) async fn put_status(&self, event: &Event, verdict: Verdict) -> anyhow::Result<()> {
        let status = json!({
            "deploymentId": event.deployment_id,
            "lifecycleEventHookExecutionId": event.lifecycle_event_hook_execution_id,
            "status": verdict.as_str(),
        });
        let operation = "PutLifecycleEventHookExecutionStatus";
        self.codedeploy(operation, &status).await.map(|_| ())
    }

    async fn codedeploy(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let target = format!("CodeDeploy_20141006.{operation}");
        let call = Call {
            service: "codedeploy",
            url: self.codedeploy.join("/"),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", target),
            ],
            body: body.to_string().into_bytes(),
            timeout: CODEDEPLOY_TIMEOUT,
        };
        let response = self.send_with_retries(&call, &CODEDEPLOY_BACKOFF).await;
        let response = response.with_context(|| operation.to_owned())?;
        let answer = response
            .bytes()
            .await
            .map_err(reqwest::Error::without_url)?;
        // Some calls have an empty answer. A caller that needs a field of it gets an error for the field.
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// Sends until the answer is a success, each time signed anew. Returns the last error if it never is.
    async fn send_with_retries(&self, call: &Call, waits: &[Duration]) -> anyhow::Result<Response> {
        for wait in waits {
            match self.send(call.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) => {
                    tracing::debug!(
                        error = format!("{error:#}"),
                        call.service,
                        "the call is repeated"
                    );
                }
            }
            self.clock.sleep(*wait).await;
        }
        self.send(call.clone()).await
    }

    /// Signs and sends. Another answer than a success is an error with its name, and without its text.
    async fn send(&self, call: Call) -> anyhow::Result<Response> {
        let signature = self.signature(&call).await?;
        let request = self.http.post(call.url).timeout(call.timeout);
        let request = call
            .headers
            .into_iter()
            .chain(signature)
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            });
        let response = request.body(call.body).send().await;
        let response = response.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let named = header(&response, "x-amzn-errortype").map(str::to_owned);
        let body = response.bytes().await.unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let kind = named.or_else(|| Some(body.get("__type")?.as_str()?.to_owned()));
        bail!(
            "it answers {status} {}",
            kind.as_deref().unwrap_or_default()
        );
    }

    /// The headers of AWS's Signature Version 4.
    async fn signature(&self, call: &Call) -> anyhow::Result<Vec<(&'static str, String)>> {
        let credentials = self.credentials.provide_credentials().await?;
        let identity = credentials.into();
        let since_epoch = Duration::from_millis(self.clock.now().unix_ms().unsigned_abs());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(call.service)
            .time(SystemTime::UNIX_EPOCH + since_epoch)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = call
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(&call.body);
        let request = SignableRequest::new("POST", call.url.as_str(), headers, body)?;
        let (signature, _) = sign(request, &params)?.into_parts();
        let (headers, _) = signature.into_parts();
        let headers = headers.iter();
        Ok(headers
            .map(|header| (header.name(), header.value().to_owned()))
            .collect())
    }
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}
