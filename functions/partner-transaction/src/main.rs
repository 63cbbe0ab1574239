//! Wires [`partner_transaction::PartnerTransaction`] to Lambda.

mod settings;

use std::sync::Arc;

use lambda::aws::AwsContext;
use partner_transaction::PartnerTransaction;
use signing::HeaderNames;
use tiki_api::{PhoneFormat, TikiClient};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (core_keys, tiki_keys, link_keys) = tokio::join!(
        aws.keys(&settings.core),
        aws.keys(&settings.tiki),
        aws.link_keys(&settings.link_secret)
    );
    let client = aws.tiki_client(settings.tiki_api, settings.get_signing, tiki_keys)?;
    lambda::serve_http(PartnerTransaction {
        verifier: aws.verifier(HeaderNames::PARTNER, &core_keys, settings.window),
        // This function opens no webview, so it needs no phone format.
        tiki: TikiClient::new(client, PhoneFormat::default()),
        limits: settings.limits,
        expiry_grace: settings.expiry_grace,
        link_keys,
        transactions: aws.transactions(&settings.transactions),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
