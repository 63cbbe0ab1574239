//! Wires [`open_webview::OpenWebview`] to Lambda.

use std::sync::Arc;

use open_webview::OpenWebview;
use outbound::HeaderNames;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, TableName, phone_format, signature_window, tiki_api};
use signing::GetSigning;
use tiki::TikiClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (core, window, tiki, api, phone_format, table) = world.env.load(|env| {
        let core = Identity::core(env);
        let window = signature_window(env);
        let tiki = Identity::tiki(env);
        let api = tiki_api(env);
        let phone_format = phone_format(env);
        let table = TableName::sessions(env);
        Some((core?, window?, tiki?, api?, phone_format?, table?))
    })?;
    let core_keys = world.keys(&core).await;
    let tiki_keys = world.keys(&tiki).await;
    // It posts alone, so how a GET is signed is no setting of its.
    let client = world.tiki_client(api, GetSigning::default(), tiki_keys)?;
    api::serve(OpenWebview {
        verifier: world.verifier(HeaderNames::PARTNER, &core_keys, window),
        tiki: TikiClient::new(client, phone_format),
        sessions: Arc::new(world.sessions(&table)),
        clock: Arc::clone(&world.clock),
    })
    .await
}
