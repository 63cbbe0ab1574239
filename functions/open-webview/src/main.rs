//! Wires [`open_webview::OpenWebview`] to Lambda.

use std::sync::Arc;

use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, phone_format, signature_window, tiki_api};
use open_webview::OpenWebview;
use signing::{GetSigning, HeaderNames};
use tiki_api::TikiClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (core, window, tiki, api, phone_format, table) = aws.env.load(|env| {
        let core = Identity::core(env);
        let window = signature_window(env);
        let tiki = Identity::tiki(env);
        let api = tiki_api(env);
        let phone_format = phone_format(env);
        let table = TableName::sessions(env);
        Some((core?, window?, tiki?, api?, phone_format?, table?))
    })?;
    let core_keys = aws.keys(&core).await;
    let tiki_keys = aws.keys(&tiki).await;
    // It posts alone, so how a GET is signed is no setting of its.
    let client = aws.tiki_client(api, GetSigning::default(), tiki_keys)?;
    lambda::serve_http(OpenWebview {
        verifier: aws.verifier(HeaderNames::PARTNER, &core_keys, window),
        tiki: TikiClient::new(client, phone_format),
        sessions: Arc::new(aws.sessions(&table)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
