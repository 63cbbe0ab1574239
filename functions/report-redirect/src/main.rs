//! Wires [`report_redirect::ReportRedirect`] to Lambda.

mod settings;

use std::sync::Arc;

use files::s3::S3ObjectStore;
use lambda::aws::AwsContext;
use report_redirect::ReportRedirect;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    lambda::serve_http(ReportRedirect {
        link_keys: aws.link_keys(&settings.link_secret).await,
        objects: Arc::new(S3ObjectStore::new(aws.sdk(), settings.bucket)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
