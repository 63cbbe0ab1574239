//! Wires [`pre_traffic_hook::PreTrafficHook`] to Lambda.

use std::sync::Arc;

use pre_traffic_hook::{Aws, Endpoints, Keys, PreTrafficHook};
use runtime::aws::World;
use runtime::config::{Identity, get_signing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let world = World::start(env!("CARGO_PKG_NAME")).await;
    let endpoints = world.env.load(Endpoints::read)?;
    let aws = Aws::new(world.sdk(), endpoints, Arc::clone(&world.clock))?;
    let identities = world.env.load(|env| {
        let tiki = Identity::tiki(env);
        let get_signing = get_signing(env);
        let core = Identity::core(env);
        Some((tiki?, get_signing?, core?))
    });
    let keys = match identities {
        Ok((tiki, get_signing, core)) => Ok(Keys {
            tiki: world.keys(&tiki).await,
            get_signing,
            core: world.keys(&core).await,
        }),
        // Alone among the functions it starts all the same: CodeDeploy would wait an hour for its word.
        Err(error) => Err(error),
    };
    PreTrafficHook {
        keys,
        aws,
        clock: world.clock,
    }
    .serve()
    .await
}
