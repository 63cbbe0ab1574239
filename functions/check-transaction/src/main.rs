//! Wires [`check_transaction::CheckTransaction`] to Lambda.

use check_transaction::CheckTransaction;
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, get_signing, signature_window};
use signing::HeaderNames;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, get_signing, table) = aws.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let get_signing = get_signing(env);
        let table = TableName::transactions(env);
        Some((tiki?, window?, get_signing?, table?))
    })?;
    let keys = aws.keys(&tiki).await;
    lambda::serve_http(CheckTransaction {
        verifier: aws.verifier(HeaderNames::TIKI, &keys, window),
        get_signing,
        client_id: tiki.client_id,
        transactions: aws.transactions(&table),
    })
    .await
}
