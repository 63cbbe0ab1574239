//! Wires [`payment_redirect::PaymentRedirect`] to Lambda.

use std::sync::Arc;

use payment_redirect::PaymentRedirect;
use runtime::api;
use runtime::aws::World;
use runtime::config::{Identity, Links, Redirects, TableName};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let (core, links, redirects, transactions, sessions) = world.env.load(|env| {
        let core = Identity::core(env);
        let links = Links::read(env);
        let redirects = Redirects::read(env);
        let transactions = TableName::transactions(env);
        let sessions = TableName::sessions(env);
        Some((core?, links?, redirects?, transactions?, sessions?))
    })?;
    api::serve(PaymentRedirect {
        link_keys: world.link_keys(&links.secret_id).await,
        core_keys: world.keys(&core).await,
        redirects,
        public_base_url: links.public_base_url,
        transactions: world.transactions(&transactions),
        sessions: Arc::new(world.sessions(&sessions)),
        clock: Arc::clone(&world.clock),
    })
    .await
}
