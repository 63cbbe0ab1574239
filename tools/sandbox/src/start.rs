//! Starting everything, in order, and stopping it.

mod handover;
mod parts;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use signing::HeaderNames;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::parts::{Listeners, address, caller, functions, kept, listen, scratch, start_dynamodb};
use crate::aws::{AwsCall, IamProxy, Usage};
use crate::caller::{Caller, http};
use crate::core::Core;
use crate::dynamodb::{self, EmbeddedDynamoDb};
use crate::gateway::{Gateway, Throttle};
use crate::journal::Journal;
use crate::lambda::{Function, LogLine, Logs};
use crate::options::Options;
use crate::s3::S3;
use crate::secrets::SecretsManager;
use crate::settings::{aws_environment, parameters, sdk, secrets};
use crate::sftp::Sftp;
use crate::state_store::StateStore;
use crate::stream::{Positions, Pump};
use crate::template::{Plan, SchedulePlan};
use crate::tiki::Tiki;
use crate::{build, schedule};

/// Everything, running. Dropped, it is gone; [`Sandbox::stop`] waits until it is.
pub struct Sandbox {
    /// Where the API is.
    pub url: String,
    /// Where Tiki's API is.
    pub tiki_url: String,
    /// Where the core's API is.
    pub core_url: String,
    /// Where DynamoDB is.
    pub dynamodb_url: String,
    /// Where Secrets Manager is.
    pub secrets_url: String,
    /// Where S3 is; people find what is in it at `/_sandbox/files`.
    pub s3_url: String,
    /// Where Tiki's SFTP server is.
    pub sftp_address: SocketAddr,
    /// Its public key, as `ssh-ed25519 AAAA…`.
    pub sftp_host_key: String,
    /// Its folder `IF_TIKI_VIP`, which has the three of the protocol.
    pub sftp_folder: PathBuf,
    /// The file with the private key that opens it: `sftp -i` takes it.
    pub sftp_key: PathBuf,
    /// Tiki, if it is played here.
    pub tiki: Option<Tiki>,
    /// The core, if it is played here.
    pub core: Option<Core>,
    /// The secrets.
    pub secrets: SecretsManager,
    /// Who called whom.
    pub journal: Journal,
    /// What the template declares.
    pub plan: Plan,
    functions: BTreeMap<String, Arc<Function>>,
    logs: Logs,
    tasks: Vec<JoinHandle<()>>,
    door: IamProxy,
    door_url: String,
    /// NotificationOutcome after each call of the API: the stream may have something new.
    written: Arc<Notify>,
    _dynamodb: Option<EmbeddedDynamoDb>,
    _scratch: TempDir,
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
        let tiki_url = options
            .tiki_url
            .as_ref()
            .map_or_else(|| address(&listeners.tiki), |url| Ok(url.to_string()))?;
        let core_url = options
            .core_url
            .as_ref()
            .map_or_else(|| address(&listeners.core), |url| Ok(url.to_string()))?;
        let secrets_url = address(&listeners.secrets)?;
        let s3_url = address(&listeners.s3)?;
        let sftp_address = listeners.sftp.local_addr()?;

        let scratch = scratch()?;
        let kept = kept(&options, scratch.path())?;
        let sftp = Sftp::open(&kept)?;
        let yaml = std::fs::read_to_string(build::workspace().join("template.yaml"))?;
        let parameters = parameters(&options, &url, &tiki_url, &core_url, (sftp_address, &sftp))?;
        let plan = Plan::read(&yaml, &parameters).context("template.yaml")?;

        let (dynamodb, dynamodb_url) = start_dynamodb(&options, &kept)?;
        let sdk = sdk(&dynamodb_url);
        dynamodb::create_tables(&aws_sdk_dynamodb::Client::new(&sdk), &plan).await?;

        let journal = Journal::new();
        let logs = Logs::new(options.log.as_deref())?;
        let door = IamProxy::new(&plan, &dynamodb_url, http()?);
        let door_url = address(&listeners.door)?;
        let environment = aws_environment(&door_url, &secrets_url, &s3_url);
        let functions = functions(&plan, &binaries, &environment, &logs, options.instances)?;

        let mut sandbox = Self {
            tiki: None,
            core: None,
            secrets: secrets(&plan, &options, &sftp)?,
            journal,
            functions,
            logs,
            plan,
            tasks: Vec::new(),
            written: Arc::default(),
            url,
            tiki_url,
            core_url,
            dynamodb_url,
            secrets_url,
            s3_url,
            sftp_address,
            sftp_host_key: sftp.host_key()?,
            sftp_folder: sftp.folder(),
            sftp_key: sftp.partner_key_file(),
            door,
            door_url,
            _dynamodb: dynamodb,
            _scratch: scratch,
        };
        let s3 = S3::open(kept.join("s3"), &sandbox.plan)?;
        sandbox.serve(listeners, &options, &s3, sftp)?;
        sandbox.bring_work(&options, &aws_sdk_dynamodbstreams::Client::new(&sdk))?;
        sandbox.answers().await?;
        sandbox.tell(&options)?;
        Ok(sandbox)
    }

    /// Stops everything that was started, and waits until it is gone.
    pub async fn stop(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        for function in self.functions.values() {
            function.stop().await;
        }
    }

    /// Calls the APIs as Tiki does.
    pub fn as_tiki(&self, options: &Options) -> anyhow::Result<Caller> {
        caller(
            &self.url,
            HeaderNames::TIKI,
            &options.credentials.client_id,
            &options.credentials.client_secret,
        )
    }

    /// Calls the APIs as the core does.
    pub fn as_core(&self, options: &Options) -> anyhow::Result<Caller> {
        caller(
            &self.url,
            HeaderNames::PARTNER,
            &options.credentials.core_client_id,
            &options.credentials.core_secret,
        )
    }

    /// Process ids of a function's instances that live.
    #[must_use]
    pub fn pids(&self, function: &str) -> Vec<u32> {
        self.functions
            .get(function)
            .map(|function| function.pids())
            .unwrap_or_default()
    }

    /// Ends a function's instances, so that its next event meets a cold start.
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

    /// What the functions have logged.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.logs.lines()
    }

    /// What the functions have called of AWS, and what it used.
    #[must_use]
    pub fn aws_calls(&self) -> BTreeMap<AwsCall, Usage> {
        self.door.seen()
    }

    /// Peak memory of each function's largest process, in KiB, where the operating system tells.
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
        let gateway = Gateway {
            plan: self.plan.clone(),
            functions: self.functions.clone(),
            journal: self.journal.clone(),
            written: Arc::clone(&self.written),
            throttles: {
                let limits = self.plan.routes.iter().map(|route| route.throttle);
                limits
                    .map(|(rate, burst)| Throttle::new(rate, burst))
                    .collect()
            },
            host: listeners.api.local_addr()?.to_string(),
        };
        self.spawn(listeners.api, gateway.router());
        let secrets = self.door.before(self.secrets.router());
        self.spawn(listeners.secrets, secrets);
        self.spawn(listeners.door, self.door.dynamodb());
        let objects = self.door.before_objects(s3.objects());
        self.spawn(listeners.s3, s3.pages().merge(objects));
        self.tasks.push(tokio::spawn(sftp.serve(listeners.sftp)));
        if options.tiki_url.is_none() {
            let books = StateStore::open(options.data_dir.as_ref(), "tiki.json")?;
            let tiki = Tiki::new(
                self.as_tiki(options)?,
                self.journal.clone(),
                self.tiki_url.clone(),
                self.sftp_folder.clone(),
                books,
            );
            self.spawn(listeners.tiki, tiki.router());
            self.tiki = Some(tiki);
        }
        if options.core_url.is_none() {
            let books = StateStore::open(options.data_dir.as_ref(), "core.json")?;
            let core = Core::new(self.as_core(options)?, self.journal.clone(), books);
            self.spawn(listeners.core, core.router());
            self.core = Some(core);
        }
        Ok(())
    }

    fn spawn(&mut self, listener: TcpListener, router: Router) {
        self.tasks.push(tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        }));
    }

    /// Starts the event sources of the workers.
    fn bring_work(
        &mut self,
        options: &Options,
        streams: &aws_sdk_dynamodbstreams::Client,
    ) -> anyhow::Result<()> {
        let file = options
            .data_dir
            .as_ref()
            .map(|dir| dir.join("stream-positions.json"));
        let positions = Positions::load(file)?;
        for plan in self.plan.streams.clone() {
            let pump = Pump {
                client: streams.clone(),
                function: self.function(&plan.function)?,
                plan,
                positions: positions.clone(),
                journal: self.journal.clone(),
                written: Arc::clone(&self.written),
            };
            self.tasks.push(tokio::spawn(pump.run()));
        }
        // What is due by the calendar comes once in a long while; here, when somebody invokes it.
        let often = |plan: &&SchedulePlan| plan.expression.starts_with("rate(");
        for plan in self.plan.schedules.iter().filter(often).cloned() {
            let function = self.function(&plan.function)?;
            let fires = schedule::run(plan, function, options.sweep_every, self.journal.clone());
            self.tasks.push(tokio::spawn(fires));
        }
        Ok(())
    }

    fn function(&self, name: &str) -> anyhow::Result<Arc<Function>> {
        let function = self.functions.get(name);
        Ok(Arc::clone(
            function.with_context(|| format!("no function {name}"))?,
        ))
    }

    /// Returns once the servers accept connections.
    async fn answers(&self) -> anyhow::Result<()> {
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
