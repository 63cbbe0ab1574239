//! Wires [`pre_traffic_hook::PreTrafficHook`] to Lambda.

use std::sync::Arc;

use lambda::aws::AwsContext;
use lambda::config::{Identity, get_signing};
use pre_traffic_hook::{Aws, Endpoints, Keys, PreTrafficHook};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let context = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let endpoints = context.env.load(Endpoints::read)?;
    let aws = Aws::new(context.sdk(), endpoints, Arc::clone(&context.clock))?;
    let identities = context.env.load(|env| {
        let tiki = Identity::tiki(env);
        let get_signing = get_signing(env);
        let core = Identity::core(env);
        Some((tiki?, get_signing?, core?))
    });
    let keys = match identities {
        Ok((tiki, get_signing, core)) => Ok(Keys {
            tiki: context.keys(&tiki).await,
            get_signing,
            core: context.keys(&core).await,
        }),
        // Alone among the functions it starts all the same: CodeDeploy would wait an hour for its word.
        Err(error) => Err(error),
    };
    let hook = PreTrafficHook {
        keys,
        aws,
        clock: context.clock,
    };
    lambda::serve_event(async |event, _| hook.handle(&event).await).await
}
