//! Starts everything in the right order, and stops it.

mod event_sources;
mod handover;
mod moved;
mod parts;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::middleware;
use signing::HeaderNames;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::moved::Moved;
use self::parts::{
    Listeners, address, address_or, caller, data_dir, functions, listen, reached_at, scratch,
    start_dynamodb,
};

use crate::caller::{Caller, http};
use crate::core::Core;
use crate::docs::Docs;
use crate::dynamodb::{self, EmbeddedDynamoDb};
use crate::gateway::{Gateway, Throttle};
use crate::iam_proxy::{AwsCall, IamProxy, Usage};
use crate::journal::Journal;
use crate::lambda::{Function, LogLine, Logs};
use crate::options::Options;
use crate::own_pages;
use crate::s3::S3;
use crate::secrets::SecretsManager;
use crate::settings::{aws_environment, parameters, sdk, secrets};
use crate::sftp::Sftp;
use crate::sns::Sns;
use crate::state_store::StateStore;
use crate::template::Plan;
use crate::tiki::Tiki;
use crate::time::{Fired, Time};
use crate::{build, clock};

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

        let listeners = listen(options.listen).await?;
        let url = address(&listeners.api)?;
        let tiki_url = address_or(options.tiki_url.as_ref(), &listeners.tiki)?;
        let core_url = address_or(options.core_url.as_ref(), &listeners.core)?;
        let secrets_url = address(&listeners.secrets)?;
        let s3_url = address(&listeners.s3)?;
        let sns_url = address(&listeners.sns)?;
        let sftp_address = listeners.sftp.local_addr()?;

        let scratch = scratch()?;
        let (data_dir, lock) = data_dir(&options, scratch.path())?;
        let sftp = Sftp::open(&data_dir)?;
        let yaml = std::fs::read_to_string(build::workspace().join("template.yaml"))?;
        let parameters = parameters(&options, &url, &tiki_url, &core_url, (sftp_address, &sftp))?;
        let plan = Plan::read(&yaml, &parameters).context("template.yaml")?;

        let (dynamodb, dynamodb_url) = start_dynamodb(&options, &data_dir)?;
        let sdk = sdk(&dynamodb_url);
        dynamodb::create_tables(&aws_sdk_dynamodb::Client::new(&sdk), &plan).await?;

        let journal = Journal::new();
        let logs = Logs::new(options.log.as_deref())?;
        let iam_proxy = IamProxy::new(&plan, &dynamodb_url, http()?);
        let iam_proxy_url = address(&listeners.iam_proxy)?;
        let environment = aws_environment(&iam_proxy_url, &secrets_url, &s3_url, &sns_url);
        let moved = Moved::open(&options, &binaries, &data_dir, scratch.path())?;
        let functions = functions(&plan, &binaries, &environment, &logs, &options, &moved)?;
        let written = Arc::default();
        let time = event_sources::time(moved, &options, &plan, &functions, &journal, &written)?;

        let mut sandbox = Self {
            tiki: None,
            core: None,
            secrets: secrets(&plan, &options, &sftp)?,
            sns: Sns::new(&plan),
            journal,
            time,
            functions,
            logs,
            plan,
            tasks: Vec::new(),
            written,
            sweeps_ended: Arc::default(),
            url,
            tiki_url,
            core_url,
            dynamodb_url,
            secrets_url,
            s3_url,
            sns_url,
            sftp_address,
            sftp_host_key: sftp.host_key()?,
            sftp_folder: sftp.folder(),
            sftp_key: sftp.partner_key_file(),
            iam_proxy,
            iam_proxy_url,
            _dynamodb: dynamodb,
            _scratch: scratch,
            _lock: lock,
        };
        let s3 = S3::open(data_dir.join("s3"), &sandbox.plan, sandbox.time.clock())?;
        sandbox.serve(listeners, &options, &s3, sftp)?;
        sandbox.start_event_sources(&options, &aws_sdk_dynamodbstreams::Client::new(&sdk))?;
        sandbox.wait_until_ready().await?;
        sandbox.write_files(&options)?;
        Ok(sandbox)
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
        caller(
            &self.url,
            HeaderNames::PARTNER,
            (
                &options.credentials.core_client_id,
                &options.credentials.core_secret,
            ),
            self.time.clock(),
        )
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

    fn serve(
        &mut self,
        listeners: Listeners,
        options: &Options,
        s3: &S3,
        sftp: Sftp,
    ) -> anyhow::Result<()> {
        if options.core_url.is_none() {
            let state = StateStore::open(options.data_dir.as_ref(), "core.json")?;
            let core = Core::new(self.as_core(options)?, self.journal.clone(), state);
            self.spawn(listeners.core, core.router())?;
            self.core = Some(core);
        }
        let gateway = Gateway {
            plan: self.plan.clone(),
            functions: self.functions.clone(),
            journal: self.journal.clone(),
            core: self.core.clone(),
            written: Arc::clone(&self.written),
            throttles: {
                let limits = self.plan.routes.iter().map(|route| route.throttle);
                limits
                    .map(|(rate, burst)| Throttle::new(rate, burst))
                    .collect()
            },
            clock: self.time.clock(),
            host: reached_at(listeners.api.local_addr()?).to_string(),
        };
        let docs = Docs::new(
            &self.as_tiki(options)?,
            &self.as_core(options)?,
            &self.core_url,
        );
        let own = docs.router().merge(self.time.router());
        self.spawn(listeners.api, own.merge(gateway.router()))?;
        let secrets = self.iam_proxy.guard_service(self.secrets.router());
        self.spawn(listeners.secrets, secrets)?;
        self.spawn(listeners.iam_proxy, self.iam_proxy.dynamodb())?;
        let objects = self.iam_proxy.guard_objects(s3.objects());
        self.spawn(listeners.s3, s3.pages().merge(objects))?;
        let sns = self.sns.router(self.iam_proxy.clone());
        self.spawn(listeners.sns, sns)?;
        if options.tiki_url.is_none() {
            let orders = StateStore::open(options.data_dir.as_ref(), "tiki.json")?;
            let tiki = Tiki::new(
                self.as_tiki(options)?,
                self.journal.clone(),
                self.tiki_url.clone(),
                &sftp,
                orders,
            );
            self.spawn(listeners.tiki, tiki.router(self.function("reconcile")?))?;
            self.tiki = Some(tiki);
        }
        self.tasks.push(tokio::spawn(sftp.serve(listeners.sftp)));
        Ok(())
    }

    fn spawn(&mut self, listener: TcpListener, router: Router) -> anyhow::Result<()> {
        let port = listener.local_addr()?.port();
        let dated = middleware::from_fn_with_state(self.time.clock(), clock::add_date);
        let router = router
            .layer(middleware::from_fn_with_state(port, own_pages::guard))
            .layer(dated);
        self.tasks.push(tokio::spawn(async move {
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            let _ = axum::serve(listener, router).await;
        }));
        Ok(())
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
                .get(format!("{url}/"))
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
