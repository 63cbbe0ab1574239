//! The sandbox's face: see `cargo run -p sandbox -- --help`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use sandbox::{Options, Sandbox, shim, walk};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == shim::ARGUMENT)
    {
        say(&shim::become_function(arguments));
        return ExitCode::FAILURE;
    }
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("sandbox: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.costs {
        return costs(options).await;
    }
    let plays_both = options.tiki_url.is_none() && options.core_url.is_none();
    if options.once && !plays_both {
        bail!("--once walks a payment through, which needs the sandbox's own Tiki and core");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let work = async {
        complain("Building the functions; the first time takes a few minutes …");
        let sandbox = Sandbox::start(options.clone()).await?;
        say(&banner(&sandbox, options));
        let code = if plays_both {
            walked(&sandbox).await
        } else {
            ExitCode::SUCCESS
        };
        Ok::<_, anyhow::Error>((sandbox, code))
    };
    // Stopped while it builds or walks, it drops everything: processes die with their handles.
    let (sandbox, code) = tokio::select! {
        started = work => started?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    if options.once {
        say(&memory(&sandbox));
    } else {
        say("\n  Serving. Ctrl-C stops everything.");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        say("\n  Stopping …");
    }
    // A second signal, or a process that will not die, is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(10), sandbox.stop()).await;
    Ok(code)
}

/// What a million payments cost. The schedule waits, so that only what is measured is measured.
async fn costs(options: &Options) -> anyhow::Result<ExitCode> {
    complain("Building the functions, and measuring …");
    let sandbox = Sandbox::start(Options {
        sweep_every: Duration::from_hours(24),
        ..options.clone()
    })
    .await?;
    say(&sandbox::bill(&sandbox).await?);
    sandbox.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn walked(sandbox: &Sandbox) -> ExitCode {
    say("\n  One payment, step by step   (at, who → whom, what, outcome, took)");
    match walk(sandbox, &mut say).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\n  ✘ {error:#}"));
            for line in sandbox.logs().iter().rev().take(20).rev() {
                say(&format!("    {:<20} {}", line.function, line.event));
            }
            ExitCode::FAILURE
        }
    }
}

fn banner(sandbox: &Sandbox, options: &Options) -> String {
    let played = |ours: bool| if ours { "played here" } else { "yours" };
    let tiki = played(sandbox.tiki.is_some());
    let core = played(sandbox.core.is_some());
    let c = &options.credentials;
    format!(
        "
  Tiki VIP · the payment partner's backend, on this machine

  API              {url}
  Tiki             {tiki_url}   {tiki}
  Partner's core   {core_url}   {core}
  DynamoDB         {dynamodb}
  Secrets Manager  {secrets}
  S3               {s3}/_sandbox/files
  Tiki's SFTP      sftp -i {key} -P {port} partner@{host}

  Development credentials; they open nothing but this sandbox
  X-Tikivip-*      client id {id}
                   secret    {secret}
  X-Partner-*      client id {core_id}
                   secret    {core_secret}",
        url = sandbox.url,
        tiki_url = sandbox.tiki_url,
        core_url = sandbox.core_url,
        dynamodb = sandbox.dynamodb_url,
        secrets = sandbox.secrets_url,
        s3 = sandbox.s3_url,
        key = sandbox.sftp_key.display(),
        port = sandbox.sftp_address.port(),
        host = sandbox.sftp_address.ip(),
        id = c.client_id,
        secret = c.client_secret,
        core_id = c.core_client_id,
        core_secret = c.core_secret,
    )
}

fn memory(sandbox: &Sandbox) -> String {
    let peaks = sandbox.peak_memory_kib().into_iter();
    let rows = peaks.map(|(function, kib)| format!("\n  {function:<20} {:>4} MiB", kib / 1024));
    let rows: String = rows.collect();
    format!("\n  Peak memory of the functions' processes{rows}")
}

/// Whoever reads along may stop reading; the work goes on.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
