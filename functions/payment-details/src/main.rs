//! Wires [`payment_details::PaymentDetails`] to Lambda.

mod settings;

use lambda::aws::AwsContext;
use payment_details::PaymentDetails;
use signing::HeaderNames;

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = aws.env.load(Settings::read)?;
    let keys = aws.keys(&settings.core).await;
    lambda::serve_http(PaymentDetails {
        verifier: aws.verifier(HeaderNames::PARTNER, &keys, settings.window),
        transactions: aws.transactions(&settings.transactions),
    })
    .await
}
