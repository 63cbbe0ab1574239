//! What everything is told: the template's parameters, the secrets, and where AWS is.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials as AwsCredentials, SharedCredentialsProvider};

use crate::options::Options;
use crate::secrets::SecretsManager;
use crate::template::Plan;

/// The template's parameters, as an operator would give them at deployment.
pub(crate) fn parameters(
    options: &Options,
    url: &str,
    tiki: &str,
    core: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let origin = url::Url::parse(tiki)?.origin().ascii_serialization();
    let apps = if options.tiki_url.is_some() {
        // Somebody else's Tiki has an API; its shop is the environment's.
        String::new()
    } else {
        format!("{tiki}/apps")
    };
    let given = [
        ("TikiEnvironment", "sandbox".to_owned()),
        ("TikiClientId", options.credentials.client_id.clone()),
        ("TikiApiUrl", tiki.to_owned()),
        ("TikiAppsUrl", apps),
        ("CoreClientId", options.credentials.core_client_id.clone()),
        ("RailUrl", core.to_owned()),
        (
            "PaymentScreenUrl",
            format!("{}/pay", core.trim_end_matches('/')),
        ),
        ("PublicBaseUrl", url.to_owned()),
        ("RedirectHosts", origin),
        (
            "ExpiryGraceSeconds",
            options.expiry_grace.as_secs_f64().to_string(),
        ),
    ];
    let given = given
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(given.chain(options.parameters.iter().cloned()).collect())
}

pub(crate) fn secrets(plan: &Plan, options: &Options) -> SecretsManager {
    let secrets = SecretsManager::default();
    for (name, arn) in &plan.secrets {
        match name.as_str() {
            "TikiSecret" => secrets.put(arn, &options.credentials.client_secret),
            "CoreSecret" => secrets.put(arn, &options.credentials.core_secret),
            // Links outlive a restart with --data-dir, so their key does too.
            _ => secrets.put(arn, "sandbox-link-key"),
        }
    }
    secrets
}

/// What a function finds on AWS by itself: where the services are, and credentials.
pub(crate) fn aws_environment(dynamodb: &str, secrets: &str) -> Vec<(String, String)> {
    let environment = [
        ("AWS_REGION", "ap-southeast-1"),
        ("AWS_ACCESS_KEY_ID", "sandbox"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets),
    ];
    environment
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// How a DynamoDB on this machine is called.
#[must_use]
pub fn sdk(dynamodb: &str) -> SdkConfig {
    let credentials = AwsCredentials::new("sandbox", "sandbox", None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ap-southeast-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // On this machine, without a proxy.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(dynamodb)
        .build()
}
