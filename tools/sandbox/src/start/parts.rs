//! The parts of a sandbox.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use signing::{ClientSecret, GetSigning, HeaderNames, Keyring};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::caller::{Caller, http};
use crate::clock::Clock;
use crate::dynamodb::EmbeddedDynamoDb;
use crate::lambda::{Function, Launch, Logs};
use crate::options::{Credentials, Options};
use crate::secrets::SecretsManager;
use crate::template::Plan;
use crate::watch::KnownKeys;

/// The listeners. They are opened first, because the settings of everything else contain their addresses.
pub(super) struct Listeners {
    pub(super) api: TcpListener,
    pub(super) tiki: TcpListener,
    pub(super) core: TcpListener,
    pub(super) secrets: TcpListener,
    pub(super) s3: TcpListener,
    pub(super) sns: TcpListener,
    pub(super) sftp: TcpListener,
    /// The address at which functions find DynamoDB.
    pub(super) iam_proxy: TcpListener,
}

pub(super) async fn listen(api: SocketAddr) -> anyhow::Result<Listeners> {
    let free = || TcpListener::bind("127.0.0.1:0");
    let api = TcpListener::bind(api).await;
    Ok(Listeners {
        api: api
            .context("cannot listen on this address; another program may use it. Use --listen 127.0.0.1:0 for a free port")?,
        tiki: free().await?,
        core: free().await?,
        secrets: free().await?,
        s3: free().await?,
        sns: free().await?,
        sftp: free().await?,
        iam_proxy: free().await?,
    })
}

/// The URL under which this machine reaches the listener.
pub(super) fn address(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", reached_at(listener.local_addr()?)))
}

/// `0.0.0.0` stands for every address of this machine, and is none that can be called.
pub(super) fn reached_at(mut listens: SocketAddr) -> SocketAddr {
    if listens.ip().is_unspecified() {
        listens.set_ip(match listens.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listens
}

pub(super) fn caller(
    url: &str,
    headers: HeaderNames,
    (id, secret): (&str, &str),
    clock: Clock,
) -> anyhow::Result<Caller> {
    Ok(Caller {
        base: url.to_owned(),
        headers,
        keys: Keyring::new(id, ClientSecret::new(secret)),
        get_signing: GetSigning::default(),
        http: http()?,
        clock,
    })
}

/// A caller with the credentials of the partner's app and core.
pub(super) fn as_partner(
    url: &str,
    credentials: &Credentials,
    clock: Clock,
) -> anyhow::Result<Caller> {
    let (id, secret) = (&credentials.core_client_id, &credentials.core_secret);
    caller(url, HeaderNames::PARTNER, (id, secret), clock)
}

/// The keys by which the page of the sandbox checks signatures.
pub(super) fn known_keys(
    plan: &Plan,
    credentials: &Credentials,
    secrets: &SecretsManager,
) -> anyhow::Result<KnownKeys> {
    let of = |id: &str, name: &str| {
        let arn = plan.secrets.get(name).cloned();
        let arn = arn.with_context(|| format!("the template has no {name}"))?;
        anyhow::Ok((id.to_owned(), arn))
    };
    Ok(KnownKeys {
        secrets: secrets.clone(),
        tiki: of(&credentials.client_id, "TikiSecret")?,
        core: of(&credentials.core_client_id, "CoreSecret")?,
    })
}

/// A temporary folder, in memory if the machine has `/dev/shm`.
pub(super) fn scratch() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.or_else(|_| TempDir::new())
        .context("cannot create a temporary folder")
}

/// The folder of `--data-dir`, or the temporary one; and its lock, which ends with this process. Two sandboxes would write
/// one database.
pub(super) fn data_dir(options: &Options, scratch: &Path) -> anyhow::Result<(PathBuf, File)> {
    let folder = options.data_dir.as_deref().unwrap_or(scratch);
    let name = || folder.display().to_string();
    std::fs::create_dir_all(folder).with_context(name)?;
    let lock = File::create(folder.join("sandbox.lock")).with_context(name)?;
    match lock.try_lock() {
        Ok(()) => Ok((folder.to_owned(), lock)),
        Err(TryLockError::WouldBlock) => bail!("another sandbox uses {}", name()),
        Err(TryLockError::Error(error)) => Err(error).with_context(name),
    }
}

pub(super) fn start_dynamodb(
    options: &Options,
    data_dir: &Path,
) -> anyhow::Result<(Option<EmbeddedDynamoDb>, String)> {
    if let Some(url) = &options.dynamodb_url {
        return Ok((None, url.clone()));
    }
    let dynamodb = EmbeddedDynamoDb::start(&data_dir.join("dynamodb.sqlite"))?;
    let url = dynamodb.url().to_owned();
    Ok((Some(dynamodb), url))
}

pub(super) fn functions(
    plan: &Plan,
    (binaries, environment): (&BTreeMap<String, PathBuf>, &[(String, String)]),
    logs: &Logs,
    instances: usize,
    clock: &Clock,
) -> anyhow::Result<BTreeMap<String, Arc<Function>>> {
    let binary = |name: &str| {
        let found = binaries.get(name).cloned();
        found.with_context(|| format!("the workspace has no binary {name}"))
    };
    let shim = binary("sandbox")?;
    let mut functions = BTreeMap::new();
    for (name, function) in &plan.functions {
        let own = function
            .environment
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()));
        let launch = Launch {
            shim: shim.clone(),
            binary: binary(name)?,
            // Its own credentials, by which the IAM proxy identifies it.
            environment: environment
                .iter()
                .cloned()
                .chain([("AWS_ACCESS_KEY_ID".to_owned(), name.clone())])
                .chain(own)
                .collect(),
            clock: clock.clone(),
        };
        let function = Function::new(function.clone(), launch, logs.clone(), instances);
        functions.insert(name.clone(), Arc::new(function));
    }
    Ok(functions)
}
