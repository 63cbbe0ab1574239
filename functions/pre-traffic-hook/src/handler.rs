//! Tests a new version of a function before it gets traffic: CodeDeploy's hook `BeforeAllowTraffic`.
//!
//! The new version is invoked with one synthetic request that changes nothing and whose expected answer is known. So a
//! version that does not start, cannot read its secret or its table, or does not verify a signature, is refused before
//! a customer gets to it. An error in the hook also refuses it: CodeDeploy waits an hour for a hook that does not
//! answer.

mod appspec;
mod aws;
mod synthetic;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use domain::Clock;
use lambda::config::ConfigError;
use serde::Deserialize;
use serde_json::Value;
use signing::{KeyError, KeyProvider, Keyring};
use tracing::Instrument;

pub use appspec::Release;
pub use aws::{Aws, Endpoints, INVOKE_TIMEOUT, Verdict};
use aws::{CODEDEPLOY_BACKOFF, CODEDEPLOY_TIMEOUT};
pub use synthetic::{Caller, Kind, Request, Synthetic};

/// The longest time of all tests together.
const MAX_TEST_TIME: Duration = Duration::from_secs(45);

/// The longest time of a run: the tests, and each attempt to answer CodeDeploy with the waits between them.
pub const MAX_RUN_TIME: Duration = {
    let [first, second] = CODEDEPLOY_BACKOFF;
    MAX_TEST_TIME
        .saturating_add(CODEDEPLOY_TIMEOUT.saturating_mul(3))
        .saturating_add(first)
        .saturating_add(second)
};

const _: () = assert!(
    MAX_TEST_TIME.as_millis() > INVOKE_TIMEOUT.as_millis(),
    "a new version may take all the time of an invocation"
);

/// The event that CodeDeploy invokes a hook with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The deployment that waits for the hook.
    pub deployment_id: String,
    /// Identifies this run of the hook in the answer.
    pub lifecycle_event_hook_execution_id: String,
}

/// The keys of those who call our functions with a signature.
pub struct Keys {
    /// The keys that Tiki signs with.
    pub tiki: Arc<dyn KeyProvider>,
    /// The keys that the partner's app and core sign with.
    pub core: Arc<dyn KeyProvider>,
}

/// The hook `BeforeAllowTraffic` of every function.
pub struct PreTrafficHook {
    /// Sign the synthetic requests. If they are not configured, every version is refused.
    pub keys: Result<Keys, ConfigError>,
    /// The client for CodeDeploy and Lambda.
    pub aws: Aws,
    /// The clock for timestamps of signatures.
    pub clock: Arc<dyn Clock>,
}

impl PreTrafficHook {
    /// Tests every function of a deployment, and answers CodeDeploy. Fails only if CodeDeploy does not take the answer.
    pub async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let span = tracing::info_span!("hook", deployment_id = event.deployment_id);
        self.answer(event).instrument(span).await
    }

    async fn answer(&self, event: &Event) -> anyhow::Result<()> {
        let tested = tokio::time::timeout(MAX_TEST_TIME, self.test_all(&event.deployment_id)).await;
        let verdict = match tested.unwrap_or_else(|_| Err(anyhow!("not done in {MAX_TEST_TIME:?}")))
        {
            Ok(()) => Verdict::Succeeded,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the new version is refused");
                Verdict::Failed
            }
        };
        let answered = self.aws.put_status(event, verdict).await;
        match &answered {
            Ok(()) => tracing::info!(status = verdict.as_str(), "CodeDeploy has the answer"),
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "CodeDeploy did not take the answer"
                );
            }
        }
        answered
    }

    async fn test_all(&self, deployment_id: &str) -> anyhow::Result<()> {
        let app_spec = self.aws.app_spec(deployment_id).await?;
        for release in appspec::releases(&app_spec)? {
            let tested = self.test(&release, deployment_id).await;
            tested.with_context(|| format!("{} version {}", release.function, release.version))?;
        }
        Ok(())
    }

    async fn test(&self, release: &Release, deployment_id: &str) -> anyhow::Result<()> {
        let kind = Kind::of(release);
        let kind =
            kind.context("neither its key in the AppSpec nor its name says which function it is")?;
        let event = self.synthetic(kind, deployment_id).await?;
        let answer = self.aws.invoke(release, &event).await?;
        kind.check(&answer)?;
        let (function, version) = (&release.function, &release.version);
        tracing::info!(function, version, "the new version answers as expected");
        Ok(())
    }

    /// The event for a function. The new version logs it with the id of the deployment.
    async fn synthetic(&self, kind: Kind, deployment_id: &str) -> anyhow::Result<Value> {
        Ok(match kind.synthetic() {
            Synthetic::Signed(caller, request) => {
                let keys = self.keys.as_ref().map_err(Clone::clone)?;
                let keys = keys.current(caller).await?;
                let now = self.clock.now();
                request.signed(caller, &keys, now).event(deployment_id)
            }
            Synthetic::Open(request) => request.event(deployment_id),
            Synthetic::Batch(event) => event,
        })
    }
}

impl Keys {
    /// The keys, read again: a deployment often follows a rotation, and a warm instance may still have the old ones.
    async fn current(&self, caller: Caller) -> Result<Keyring, KeyError> {
        let keys = match caller {
            Caller::Tiki => &self.tiki,
            Caller::Core => &self.core,
        };
        keys.reload().await
    }
}
