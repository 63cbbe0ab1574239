//! The template's parameters, the secrets, and the addresses of the AWS services.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials as AwsCredentials, SharedCredentialsProvider};

use crate::options::Options;
use crate::secrets::SecretsManager;
use crate::sftp::{self, Sftp};
use crate::template::Plan;

/// The template's parameters, as at a deployment.
pub(crate) fn parameters(
    options: &Options,
    url: &str,
    tiki: &str,
    core: &str,
    sftp: (SocketAddr, &Sftp),
) -> anyhow::Result<BTreeMap<String, String>> {
    let origin = url::Url::parse(tiki)?.origin().ascii_serialization();
    let apps = if options.tiki_url.is_some() {
        // Another Tiki uses the shop of its own environment.
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
        ("CoreUrl", core.to_owned()),
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
        // Two minutes are long for a person who tries it out.
        ("ReversalConfirmAfterSeconds", "2".to_owned()),
        ("ReconciliationUnchangedSeconds", "0".to_owned()),
        ("ReportEmail", "finance@example.vn".to_owned()),
        // Nobody who tries it out waits until the morning.
        ("ReportHour", "0".to_owned()),
        // A core of one's own may have no statements; `--parameter CoreStatement=api` asks it for them.
        (
            "CoreStatement",
            if options.core_url.is_some() {
                "off"
            } else {
                "api"
            }
            .to_owned(),
        ),
        ("PartnerName", "sandbox".to_owned()),
        ("SftpHost", sftp.0.ip().to_string()),
        ("SftpPort", sftp.0.port().to_string()),
        ("SftpUser", sftp::USER.to_owned()),
        ("SftpHostKey", sftp.1.host_key()?),
    ];
    let given = given
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(given.chain(options.parameters.iter().cloned()).collect())
}

pub(crate) fn secrets(
    plan: &Plan,
    options: &Options,
    sftp: &Sftp,
) -> anyhow::Result<SecretsManager> {
    let secrets = SecretsManager::default();
    for (name, arn) in &plan.secrets {
        match name.as_str() {
            "TikiSecret" => secrets.put(arn, &options.credentials.client_secret),
            "CoreSecret" => secrets.put(arn, &options.credentials.core_secret),
            "SftpSecret" => secrets.put(arn, &sftp.partner_key()?),
            // With --data-dir payment links stay valid after a restart, so their key is fixed.
            _ => secrets.put(arn, "sandbox-link-key"),
        }
    }
    Ok(secrets)
}

/// The variables that the AWS SDK reads: addresses of the services, and credentials.
pub(crate) fn aws_environment(
    dynamodb: &str,
    secrets: &str,
    s3: &str,
    sns: &str,
) -> Vec<(String, String)> {
    let environment = [
        ("AWS_REGION", "ap-southeast-1"),
        ("AWS_ACCESS_KEY_ID", "sandbox"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets),
        ("AWS_ENDPOINT_URL_S3", s3),
        ("AWS_ENDPOINT_URL_SNS", sns),
    ];
    environment
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// The SDK's configuration for a service on this machine.
#[must_use]
pub fn sdk(endpoint: &str) -> SdkConfig {
    let credentials = AwsCredentials::new("sandbox", "sandbox", None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ap-southeast-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // Without the proxy that the environment may name.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build()
}
