//! Tries a new version of a function before it has traffic: CodeDeploy's hook `BeforeAllowTraffic`.
//!
//! The new version is invoked with one synthetic request that changes nothing and whose right answer is known.
//! So a version that does not start, cannot read its secret or its table, or does not verify a signature, is
//! refused before a customer meets it. Whatever goes wrong here refuses it too: CodeDeploy waits an hour for a
//! hook that does not say anything.

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
use signing::{GetSigning, KeyError, KeyProvider, Keyring};
use tracing::Instrument;

pub use appspec::Release;
pub use aws::{Aws, Endpoints, Verdict};
pub use synthetic::{Caller, Kind, Request, Synthetic};

/// The longest that trying out takes, so that of the function's 60 s enough are left to tell CodeDeploy.
const MAX_TRIAL_TIME: Duration = Duration::from_secs(45);

/// What CodeDeploy calls a hook with.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The deployment that waits.
    pub deployment_id: String,
    /// What the answer must name.
    pub lifecycle_event_hook_execution_id: String,
}

/// How the two sign that call us.
pub struct Keys {
    /// Tiki's.
    pub tiki: Arc<dyn KeyProvider>,
    /// What Tiki signs of a GET.
    pub get_signing: GetSigning,
    /// The partner's.
    pub core: Arc<dyn KeyProvider>,
}

/// The hook.
pub struct PreTrafficHook {
    /// What signs the synthetic requests, or why there is nothing: then every version is refused.
    pub keys: Result<Keys, ConfigError>,
    /// CodeDeploy and Lambda.
    pub aws: Aws,
    /// The time for the signatures.
    pub clock: Arc<dyn Clock>,
}

impl PreTrafficHook {
    /// Tries out what a deployment brings, and tells CodeDeploy. Fails only if CodeDeploy cannot be told.
    pub async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        let span = tracing::info_span!("hook", deployment_id = event.deployment_id);
        self.answer(event).instrument(span).await
    }

    async fn answer(&self, event: &Event) -> anyhow::Result<()> {
        let tried = tokio::time::timeout(MAX_TRIAL_TIME, self.try_all(&event.deployment_id)).await;
        let verdict = match tried.unwrap_or_else(|_| Err(anyhow!("not done in {MAX_TRIAL_TIME:?}")))
        {
            Ok(()) => Verdict::Succeeded,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the new version is refused");
                Verdict::Failed
            }
        };
        let told = self.aws.report(event, verdict).await;
        match &told {
            Ok(()) => tracing::info!(status = verdict.as_str(), "CodeDeploy is told"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "CodeDeploy cannot be told");
            }
        }
        told
    }

    async fn try_all(&self, deployment_id: &str) -> anyhow::Result<()> {
        let app_spec = self.aws.app_spec(deployment_id).await?;
        for release in appspec::releases(&app_spec)? {
            let tried = self.try_out(&release, deployment_id).await;
            tried.with_context(|| format!("{} version {}", release.function, release.version))?;
        }
        Ok(())
    }

    async fn try_out(&self, release: &Release, deployment_id: &str) -> anyhow::Result<()> {
        let kind = Kind::of(release);
        let kind = kind.context("neither its key in the AppSpec nor its name says which it is")?;
        let event = self.synthetic(kind, deployment_id).await?;
        let answer = self.aws.invoke(release, &event).await?;
        kind.judge(&answer)?;
        let (function, version) = (&release.function, &release.version);
        tracing::info!(function, version, "the new version answers as it should");
        Ok(())
    }

    /// The event for a function. The new version logs it by the deployment's id.
    async fn synthetic(&self, kind: Kind, deployment_id: &str) -> anyhow::Result<Value> {
        Ok(match kind.synthetic() {
            Synthetic::Signed(caller, request) => {
                let keys = self.keys.as_ref().map_err(Clone::clone)?;
                let request = request.with_get_signing(keys.get_signing);
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
    /// The keys as they are now: a warm instance may know those of minutes ago, and a deployment often follows
    /// a rotation.
    async fn current(&self, caller: Caller) -> Result<Keyring, KeyError> {
        let keys = match caller {
            Caller::Tiki => &self.tiki,
            Caller::Core => &self.core,
        };
        keys.reload().await
    }
}
