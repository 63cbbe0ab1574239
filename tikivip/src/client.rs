//! The client of the function `operator`. Each call is signed with the person's own AWS credentials, so AWS says who asks;
//! this command has no right to a table or a secret.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, bail};
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use domain::{Clock, TikiTransactionId, TransactionId};
use lambda::SystemClock;
use lambda::aws::AwsContext;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::output::Outcome;

/// Longer than API Gateway waits for the function (29 s).
const TIMEOUT: Duration = Duration::from_secs(35);

/// Codes of an answer (docs/decisions/0006).
const SUCCESS: u64 = 0;
const INVALID_REQUEST: u64 = 1;
const NOT_FOUND: u64 = 3;
const AGAINST_THE_RULES: u64 = 9;

/// The API behind `/operator/v1`.
pub(crate) struct Client {
    base: reqwest::Url,
    aws: AwsContext,
    http: reqwest::Client,
}

/// A call that is about one transaction, by the last parts of its path.
#[derive(Clone, Copy)]
pub(crate) struct OnTransaction<'p> {
    /// Our id, Tiki's, or the id of a finding about it.
    pub(crate) id: &'p str,
    /// `""`, `/lookup`, `/resolve`.
    pub(crate) rest: &'p str,
}

impl Client {
    /// A client for the stack whose address is in the settings.
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let base = std::env::var("API_URL").context(
            "API_URL is not set: save the stack's output OperatorSettings, and pass the file with --settings",
        )?;
        let base = format!("{}/operator/v1/", base.trim_end_matches('/'));
        let base = reqwest::Url::parse(&base).context("API_URL is not a URL")?;
        if !signed_http::is_confidential(&base) {
            bail!("API_URL must be an https URL; http is for this machine alone");
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        let aws = AwsContext::of_command().await;
        Ok(Self { base, aws, http })
    }

    /// Reads something. Values of the query are plain words and numbers.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<T> {
        let mut url = self.base.join(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.call("GET", url, Vec::new()).await
    }

    /// Asks the function to do something.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let url = self.base.join(path)?;
        self.call("POST", url, serde_json::to_vec(body)?).await
    }

    /// Reads something of a transaction.
    pub(crate) async fn get_of<T: DeserializeOwned>(
        &self,
        on: OnTransaction<'_>,
    ) -> anyhow::Result<T> {
        for path in on.paths() {
            match self.get(&path, &[]).await {
                Err(error) if is_not_found(&error) => {}
                answer => return answer,
            }
        }
        Err(on.not_found())
    }

    /// Acts on a transaction.
    pub(crate) async fn post_of<T: DeserializeOwned>(
        &self,
        on: OnTransaction<'_>,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        for path in on.paths() {
            match self.post(&path, body).await {
                Err(error) if is_not_found(&error) => {}
                answer => return answer,
            }
        }
        Err(on.not_found())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        url: reqwest::Url,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let headers = self.signed(method, &url, &body).await?;
        let mut request = self
            .http
            .request(reqwest::Method::from_bytes(method.as_bytes())?, url)
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| no_answer(method, error))?;
        let status = answer.status().as_u16();
        let body = answer
            .bytes()
            .await
            .map_err(|error| no_answer(method, error))?;
        read(status, &body)
    }

    /// The headers with which AWS knows who calls.
    async fn signed(
        &self,
        method: &str,
        url: &reqwest::Url,
        body: &[u8],
    ) -> anyhow::Result<Vec<(String, String)>> {
        let sdk = self.aws.sdk();
        let provider = sdk.credentials_provider().context(NO_CREDENTIALS)?;
        let credentials = provider
            .provide_credentials()
            .await
            .context(NO_CREDENTIALS)?;
        let region = sdk.region().context("AWS_REGION is not set")?;
        let identity = credentials.into();
        let now = SystemClock.now().unix_ms();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name("execute-api")
            .time(UNIX_EPOCH + Duration::from_millis(u64::try_from(now)?))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let headers = [("host", host.as_str())];
        let request = SignableRequest::new(
            method,
            url.as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body),
        )?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

const NO_CREDENTIALS: &str = "no AWS credentials were found: set AWS_PROFILE, or after `aws login` type eval \"$(aws configure export-credentials --format env)\"";

impl OnTransaction<'_> {
    /// Where the transaction may be: under our id, or under the one that follows from Tiki's.
    fn paths(self) -> Vec<String> {
        // `core:9e87ce51-…/R1`, `T-1/R1`: no id of Tiki has a slash.
        let of_finding = self.id.strip_prefix("core:").unwrap_or(self.id);
        let id = of_finding.split_once('/').map_or(of_finding, |(id, _)| id);
        let ours = id.parse::<TransactionId>().ok();
        let tikis = id.parse::<TikiTransactionId>().ok();
        let tikis = tikis.map(|id| TransactionId::derive(&id));
        [ours, tikis]
            .into_iter()
            .flatten()
            .map(|id| format!("transactions/{id}{}", self.rest))
            .collect()
    }

    fn not_found(self) -> anyhow::Error {
        Outcome::NotFound(format!("transaction {}", self.id)).into()
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<Outcome>(),
        Some(Outcome::NotFound(_) | Outcome::Empty(_))
    )
}

/// An act may be done although its answer is lost.
fn no_answer(method: &str, error: reqwest::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error.without_url());
    match method {
        "GET" => error.context("the API cannot be reached"),
        _ => error.context("no answer: it may be done all the same; look with `tikivip show`"),
    }
}

/// Reads an answer of the function, or of AWS before it.
fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> anyhow::Result<T> {
    let answer: serde_json::Value = serde_json::from_slice(body)
        .map_err(|_| anyhow::anyhow!("HTTP {status}, and an answer that is not JSON"))?;
    let message = answer["message"].as_str().unwrap_or_default().to_owned();
    match answer["code"].as_u64() {
        Some(SUCCESS) => {
            // The same bytes once more: a sum may be larger than what a `Value` holds.
            #[derive(serde::Deserialize)]
            struct Data<T> {
                data: T,
            }
            let read: Data<T> = serde_json::from_slice(body)
                .context("an answer of another version of this software")?;
            Ok(read.data)
        }
        _ if status == 403 => {
            let why = format!("AWS: {message} (docs/operations.md#who-may-do-what)");
            Err(Outcome::Refused(why).into())
        }
        Some(NOT_FOUND) => Err(Outcome::Empty(message).into()),
        Some(AGAINST_THE_RULES) => Err(Outcome::Refused(message).into()),
        Some(INVALID_REQUEST) if status == 400 => {
            Err(Outcome::WrongUsage(as_typed(&message)).into())
        }
        _ => bail!("HTTP {status}: {message}"),
    }
}

/// What the function says of a field, about the option that a person has typed: `reason must say why` is about `--reason`.
fn as_typed(message: &str) -> String {
    const OPTIONS: [(&str, &str); 13] = [
        ("amount", "--amount"),
        ("customer", "--customer"),
        ("day", "--day"),
        ("get", "--get"),
        ("limit", "--limit"),
        ("order", "--order"),
        ("proposal", "--proposal"),
        ("reason", "--reason"),
        ("reference", "--reference"),
        ("review", "--review"),
        ("since", "--since"),
        ("timestamp", "--timestamp"),
        ("verdict", "--as"),
    ];
    let (field, rest) = message.split_once(' ').unwrap_or((message, ""));
    match OPTIONS.iter().find(|(name, _)| *name == field) {
        Some((_, option)) => format!("{option} {rest}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::as_typed;

    #[test]
    fn a_refusal_names_the_option_that_was_typed() {
        for (said, typed) in [
            (
                "reason must say why: a ticket, or a word",
                "--reason must say why: a ticket, or a word",
            ),
            ("verdict is none", "--as is none"),
            (
                "your role is of another AWS account",
                "your role is of another AWS account",
            ),
        ] {
            assert_eq!(as_typed(said), typed);
        }
    }
}
