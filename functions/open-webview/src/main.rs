//! Wires [`open_webview::OpenWebview`] to Lambda.

mod settings;

use std::sync::Arc;

use lambda::aws::AwsContext;
use open_webview::OpenWebview;
use signing::{GetSigning, HeaderNames};
use tiki_api::TikiClient;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (tiki_keys, core_keys, link_keys) = tokio::join!(
        aws.keys(&settings.tiki),
        aws.keys(&settings.core),
        aws.link_keys(&settings.link_secret)
    );
    // It sends no GET, so it needs no setting of what is signed of one.
    let client = aws.tiki_client(settings.tiki_api, GetSigning::default(), tiki_keys)?;
    lambda::serve_http(OpenWebview {
        verifier: aws.verifier(HeaderNames::PARTNER, &core_keys, settings.window),
        tiki: TikiClient::new(client, settings.phone_format),
        calls: Arc::new(aws.sessions(&settings.sessions)),
        link_keys,
        clock: Arc::clone(&aws.clock),
    })
    .await
}
