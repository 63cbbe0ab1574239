//! Wires [`create_transaction::CreateTransaction`] to Lambda.

use std::sync::Arc;

use create_transaction::CreateTransaction;
use lambda::aws::AwsContext;
use lambda::config::{Identity, Links, TableName, amount_limits, expiry_grace, signature_window};
use signing::HeaderNames;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (tiki, window, table, limits, expiry_grace, links) = aws.env.load(|env| {
        let tiki = Identity::tiki(env);
        let window = signature_window(env);
        let table = TableName::transactions(env);
        let limits = amount_limits(env);
        let grace = expiry_grace(env);
        let links = Links::read(env);
        Some((tiki?, window?, table?, limits?, grace?, links?))
    })?;
    let keys = aws.keys(&tiki).await;
    lambda::serve_http(CreateTransaction {
        verifier: aws.verifier(HeaderNames::TIKI, &keys, window),
        client_id: tiki.client_id,
        limits,
        expiry_grace,
        link_keys: aws.link_keys(&links.secret_id).await,
        public_base_url: links.public_base_url,
        transactions: aws.transactions(&table),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
