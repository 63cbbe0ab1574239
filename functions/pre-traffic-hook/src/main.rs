//! Wires [`pre_traffic_hook::PreTrafficHook`] to Lambda.

mod settings;

use std::sync::Arc;

use lambda::aws::AwsContext;
use pre_traffic_hook::{Aws, Keys, PreTrafficHook};

use crate::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let context = AwsContext::start(env!("CARGO_PKG_NAME")).await;
    let settings = Settings::read(&context.env)?;
    let aws = Aws::new(
        context.sdk(),
        settings.endpoints,
        Arc::clone(&context.clock),
    )?;
    let keys = match settings.callers {
        Ok(callers) => {
            let (tiki, core) =
                tokio::join!(context.keys(&callers.tiki), context.keys(&callers.core));
            Ok(Keys { tiki, core })
        }
        Err(error) => Err(error),
    };
    let hook = PreTrafficHook {
        keys,
        aws,
        clock: context.clock,
    };
    lambda::serve_event(async |event, _| hook.handle(&event).await).await
}
