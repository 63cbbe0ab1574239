//! Wires [`payment_redirect::PaymentRedirect`] to Lambda.

use std::sync::Arc;

use lambda::aws::AwsContext;
use lambda::config::{Identity, Links, Redirects, TableName};
use payment_redirect::PaymentRedirect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let aws = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let (core, links, redirects, transactions, sessions) = aws.env.load(|env| {
        let core = Identity::core(env);
        let links = Links::read(env);
        let redirects = Redirects::read(env);
        let transactions = TableName::transactions(env);
        let sessions = TableName::sessions(env);
        Some((core?, links?, redirects?, transactions?, sessions?))
    })?;
    lambda::serve_http(PaymentRedirect {
        link_keys: aws.link_keys(&links.secret_id).await,
        core_keys: aws.keys(&core).await,
        redirects,
        public_base_url: links.public_base_url,
        transactions: aws.transactions(&transactions),
        sessions: Arc::new(aws.sessions(&sessions)),
        clock: Arc::clone(&aws.clock),
    })
    .await
}
