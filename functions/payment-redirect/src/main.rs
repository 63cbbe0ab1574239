//! Wires [`payment_redirect::PaymentRedirect`] to Lambda.

mod settings;

use std::sync::Arc;

use lambda::aws::AwsContext;
use payment_redirect::PaymentRedirect;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let (link_keys, core_keys) = tokio::join!(
        aws.link_keys(&settings.links.secret),
        aws.keys(&settings.core)
    );
    lambda::serve_http(PaymentRedirect {
        link_keys,
        core_keys,
        redirects: settings.redirects,
        public_base_url: settings.links.public_base_url,
        transactions: aws.transactions(&settings.transactions),
        sessions: Arc::new(aws.sessions(&settings.sessions)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
