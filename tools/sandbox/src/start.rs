//! Starts everything in the right order, and stops it.

mod base;
mod event_sources;
mod handover;
mod moved;
mod parts;
mod servers;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use signing::HeaderNames;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::base::Base;
use self::moved::Moved;
use self::parts::{Listeners, as_partner, caller, functions, known_keys, start_dynamodb};
use crate::build;
use crate::caller::{Caller, http};
use crate::core::Core;
use crate::dynamodb::{self, EmbeddedDynamoDb};
use crate::iam_proxy::{AwsCall, IamProxy, Usage};
use crate::journal::Journal;
use crate::lambda::{Function, LogLine, Logs};
use crate::options::Options;
use crate::s3::S3;
use crate::scenarios::Scenarios;
use crate::secrets::SecretsManager;
use crate::settings::{aws_environment, sdk, secrets};
use crate::sftp::Sftp;
use crate::sns::Sns;
use crate::template::Plan;
use crate::tiki::Tiki;
use crate::time::{Fired, Time};
use crate::watch::Calls;

/// The running sandbox. Dropping it stops everything; [`Sandbox::stop`] also waits for the end.
pub struct Sandbox {
    /// The API's URL.
    pub url: String,
    /// The URL of Tiki's API.
    pub tiki_url: String,
    /// The URL of the core's API.
    pub core_url: String,
    pub dynamodb_url: String,
    /// Secrets Manager's URL.
    pub secrets_url: String,
    /// S3's URL. `/_sandbox/files` shows its objects to people.
    pub s3_url: String,
    /// SNS's URL. `/_sandbox/mails` shows what was mailed.
    pub sns_url: String,
    /// The address of Tiki's SFTP server.
    pub sftp_address: SocketAddr,
    /// The SFTP server's public key, as `ssh-ed25519 AAAA…`.
    pub sftp_host_key: String,
    /// The SFTP server's folder `IF_TIKI_VIP`, which holds the protocol's three folders.
    pub sftp_folder: PathBuf,
    /// The file with the partner's private key, for `sftp -i`.
    pub sftp_key: PathBuf,
    /// Tiki, if the sandbox plays it.
    pub tiki: Option<Tiki>,
    /// The core, if the sandbox plays it.
    pub core: Option<Core>,
    pub secrets: SecretsManager,
    /// The topics, and what was mailed.
    pub sns: Sns,
    /// The calls between the parties.
    pub journal: Journal,
    /// The time, and how it is moved.
    pub time: Time,
    /// What the template declares.
    pub plan: Plan,
    /// Calls the API as the partner's app does.
    pub(crate) app: Caller,
    calls: Calls,
    scenarios: Option<Scenarios>,
    functions: BTreeMap<String, Arc<Function>>,
    logs: Logs,
    tasks: Vec<JoinHandle<()>>,
    iam_proxy: IamProxy,
    iam_proxy_url: String,
    /// Notified after each call of the API, because the stream may have new records.
    written: Arc<Notify>,
    /// How many sweeps of the schedules have ended.
    sweeps_ended: Arc<AtomicUsize>,
    _dynamodb: Option<EmbeddedDynamoDb>,
    _scratch: TempDir,
    _lock: File,
}

impl Sandbox {
    /// Builds the functions and starts everything.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        if let Some(stale) = &options.ready_file {
            let _ = std::fs::remove_file(stale);
        }
        let binaries = build::binaries(options.release).await?;

        let base = Base::prepare(&options).await?;
        let s3_folder = base.data_dir.join("s3");
        let assembled = Box::pin(Self::assemble(&options, &binaries, base));
        let (mut sandbox, listeners, sftp) = assembled.await?;
        let s3 = S3::open(s3_folder, &sandbox.plan, sandbox.time.clock())?;
        sandbox.serve(listeners, &options, &s3, sftp)?;
        let streams = aws_sdk_dynamodbstreams::Client::new(&sdk(&sandbox.dynamodb_url));
        sandbox.start_event_sources(&options, &streams)?;
        sandbox.wait_until_ready().await?;
        sandbox.write_files(&options)?;
        Ok(sandbox)
    }

    /// Puts the parts together. Nothing is served yet.
    async fn assemble(
        options: &Options,
        binaries: &BTreeMap<String, PathBuf>,
        base: Base,
    ) -> anyhow::Result<(Self, Listeners, Sftp)> {
        let Base {
            listeners,
            addresses: at,
            scratch,
            data_dir,
            lock,
            sftp,
            plan,
        } = base;
        let (dynamodb, dynamodb_url) = start_dynamodb(options, &data_dir)?;
        let tables = aws_sdk_dynamodb::Client::new(&sdk(&dynamodb_url));
        dynamodb::create_tables(&tables, &plan).await?;

        let journal = Journal::new();
        let logs = Logs::new(options.log.as_deref())?;
        let moved = Moved::open(options, binaries, &data_dir, scratch.path())?;
        let secrets = secrets(&plan, options, &sftp)?;
        let keys = known_keys(&plan, &options.credentials, &secrets)?;
        let aws = aws_environment(&at.iam_proxy, &at.secrets, &at.s3, &at.sns);
        let environment = [aws, moved.environment.clone()].concat();
        let launched = (binaries, environment.as_slice());
        let functions = functions(&plan, launched, &logs, options.instances, &moved.clock)?;
        let written = Arc::default();
        let clock = moved.clock.clone();
        let time = event_sources::time(moved, options, &plan, &functions, &journal, &written)?;

        let sandbox = Self {
            tiki: None,
            core: None,
            app: as_partner(&at.api, &options.credentials, clock.clone())?,
            calls: Calls::of(&journal, keys, clock),
            scenarios: None,
            secrets,
            sns: Sns::new(&plan),
            journal,
            time,
            functions,
            logs,
            tasks: Vec::new(),
            written,
            sweeps_ended: Arc::default(),
            url: at.api,
            tiki_url: at.tiki,
            core_url: at.core,
            iam_proxy: IamProxy::new(&plan, &dynamodb_url, http()?),
            iam_proxy_url: at.iam_proxy,
            dynamodb_url,
            secrets_url: at.secrets,
            s3_url: at.s3,
            sns_url: at.sns,
            sftp_address: at.sftp,
            sftp_host_key: sftp.host_key()?,
            sftp_folder: sftp.folder(),
            sftp_key: sftp.partner_key_file(),
            plan,
            _dynamodb: dynamodb,
            _scratch: scratch,
            _lock: lock,
        };
        Ok((sandbox, listeners, sftp))
    }

    /// Stops everything, and waits until the functions have ended.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        for function in self.functions.values() {
            function.stop().await;
        }
    }

    /// DynamoDB as the functions and the operator call it: each call is checked against the caller's role.
    #[must_use]
    pub fn aws_dynamodb_url(&self) -> &str {
        &self.iam_proxy_url
    }

    /// A caller with Tiki's credentials.
    pub fn as_tiki(&self, options: &Options) -> anyhow::Result<Caller> {
        caller(
            &self.url,
            HeaderNames::TIKI,
            (
                &options.credentials.client_id,
                &options.credentials.client_secret,
            ),
            self.time.clock(),
        )
    }

    /// A caller with the core's credentials.
    pub fn as_core(&self, options: &Options) -> anyhow::Result<Caller> {
        as_partner(&self.url, &options.credentials, self.time.clock())
    }

    /// Moves the time of the whole sandbox forward, from firing to firing of the schedules. The answer is what they fired.
    pub async fn forward(&self, by: Duration) -> anyhow::Result<Vec<Fired>> {
        self.time.forward(by).await
    }

    /// Whether each schedule's first sweep has ended.
    #[must_use]
    pub fn has_swept(&self) -> bool {
        let often = self.plan.schedules.iter().filter(|plan| plan.is_often());
        self.sweeps_ended.load(Ordering::Relaxed) >= often.count()
    }

    /// The process ids of a function's running instances.
    #[must_use]
    pub fn pids(&self, function: &str) -> Vec<u32> {
        self.functions
            .get(function)
            .map(|function| function.pids())
            .unwrap_or_default()
    }

    /// Ends a function's instances, so that its next event has a cold start.
    pub async fn restart(&self, function: &str) {
        if let Some(function) = self.functions.get(function) {
            function.stop().await;
        }
    }

    /// Invokes a function directly, as `sam local invoke` does.
    pub async fn invoke(
        &self,
        function: &str,
        event: &serde_json::Value,
    ) -> anyhow::Result<serde_json::Value> {
        let function = self.functions.get(function).context("no such function")?;
        match function.invoke(event.to_string().into()).await {
            Ok(answer) => Ok(serde_json::from_slice(&answer)?),
            Err(error) => bail!("{} {error}", function.name()),
        }
    }

    /// The calls, as the page shows them.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(crate) fn scenarios(&self) -> anyhow::Result<&Scenarios> {
        self.scenarios
            .as_ref()
            .context("the sandbox has not started")
    }

    /// The output of the functions.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.logs.lines()
    }

    /// The calls of the functions to AWS services, and their usage.
    #[must_use]
    pub fn aws_calls(&self) -> BTreeMap<AwsCall, Usage> {
        self.iam_proxy.usage()
    }

    /// Peak memory of each function's largest process in KiB, if the operating system reports it.
    #[must_use]
    pub fn peak_memory_kib(&self) -> BTreeMap<String, u64> {
        let peaks = self.functions.values();
        let peaks = peaks.filter_map(|f| Some((f.name().to_owned(), f.peak_memory_kib()?)));
        peaks.collect()
    }

    fn function(&self, name: &str) -> anyhow::Result<Arc<Function>> {
        let function = self.functions.get(name);
        Ok(Arc::clone(
            function.with_context(|| format!("no function {name}"))?,
        ))
    }

    /// Returns once the servers accept connections.
    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let http = http()?;
        for url in [&self.url, &self.secrets_url] {
            let answer = http
                .get(format!("{url}/_sandbox/watch.css"))
                .timeout(Duration::from_secs(5))
                .send()
                .await;
            answer.with_context(|| format!("{url} does not answer"))?;
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
