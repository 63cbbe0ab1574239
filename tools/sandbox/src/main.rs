//! The sandbox's command line: see `cargo run -p sandbox -- --help`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;
use sandbox::{Command, Ended, Options, Sandbox, shim, walk};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == shim::ARGUMENT)
    {
        print(&shim::become_function(arguments));
        return ExitCode::FAILURE;
    }
    let mut options = Options::parse();
    let run = options
        .credentials
        .read_files()
        .and_then(|()| run(&options));
    match run {
        Ok(code) => code,
        Err(error) => {
            print_error(&format!("sandbox: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.costs {
        return Box::pin(costs(options)).await;
    }
    let scenario = match &options.command {
        Some(Command::Scenario(command)) => match sandbox::scenario(options, command).await? {
            Ended::Elsewhere(text) => {
                print(&text);
                return Ok(ExitCode::SUCCESS);
            }
            Ended::NoSandbox => command.name.as_deref(),
        },
        None => None,
    };
    if options.once && options.tiki_url.is_some() {
        bail!("--once needs the sandbox's own Tiki; remove --tiki-url");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let work = async {
        print_error("Building the functions. The first build takes a few minutes …");
        let sandbox = Sandbox::start(Options {
            // Nothing else at the full hour of which the walk shows a step.
            no_cron: options.no_cron || options.once,
            ..options.clone()
        })
        .await?;
        print(&banner(&sandbox, options));
        if options.follow {
            sandbox.follow(print);
        }
        let code = if let Some(name) = scenario {
            print(&sandbox.play(name).await?);
            ExitCode::SUCCESS
        } else {
            print(&next_step(&sandbox));
            walked(&sandbox).await
        };
        Ok::<_, anyhow::Error>((sandbox, code))
    };
    // A signal during the build or the walk drops everything, which ends all processes.
    let (sandbox, code) = tokio::select! {
        started = work => started?,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    if options.once {
        print(&memory(&sandbox));
    } else {
        print("\n  Running. Press Ctrl-C to stop.");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        print("\n  Stopping …");
    }
    // A time limit, in case a process does not end.
    let _ = tokio::time::timeout(Duration::from_secs(10), sandbox.stop()).await;
    Ok(code)
}

/// Prints the costs of a million payments. No sweep runs by itself, so that the measurement is exact.
async fn costs(options: &Options) -> anyhow::Result<ExitCode> {
    print_error("Building the functions, then measuring …");
    let sandbox = Sandbox::start(Options {
        sweep_every: Duration::from_hours(24),
        no_cron: true,
        ..options.clone()
    })
    .await?;
    print(&sandbox::bill(&sandbox).await?);
    sandbox.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn walked(sandbox: &Sandbox) -> ExitCode {
    if sandbox.tiki.is_none() {
        return ExitCode::SUCCESS;
    }
    print("\n  One payment, step by step (caller → called, call, outcome, duration)");
    match walk(sandbox, &mut print).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("\n  ✘ {error:#}"));
            for line in sandbox.logs().iter().rev().take(20).rev() {
                print(&format!("    {:<20} {}", line.function, line.event));
            }
            ExitCode::FAILURE
        }
    }
}

/// How to buy something, if the sandbox's own core does not do it by itself.
fn next_step(sandbox: &Sandbox) -> String {
    if sandbox.tiki.is_none() || sandbox.core.is_some() {
        return String::new();
    }
    format!(
        "\n  Buy something: open {0}/ in a browser, or\n\n    curl --json '{{\"amount\":150000}}' {0}/_sandbox/orders",
        sandbox.tiki_url
    )
}

fn banner(sandbox: &Sandbox, options: &Options) -> String {
    let played = |ours: bool| {
        if ours {
            "played by the sandbox"
        } else {
            "your own"
        }
    };
    let tiki = played(sandbox.tiki.is_some());
    let core = played(sandbox.core.is_some());
    let c = &options.credentials;
    format!(
        "
  Tiki VIP payment partner, on this machine

  API              {url}
  Watch it all     {url}/_sandbox
  Try its calls    {url}/_sandbox/docs
  Tiki             {tiki_url} ({tiki})
  Partner's core   {core_url} ({core})
  DynamoDB         {dynamodb}
  Secrets Manager  {secrets}
  S3               {s3}/_sandbox/files
  Mails (SNS)      {sns}/_sandbox/mails
  Tiki's SFTP      sftp -i {key}
                     -P {port} partner@{host}

  Development credentials, valid only in this sandbox
  X-Tikivip-*      client id {id}
                   secret    {secret}
  X-Partner-*      client id {core_id}
                   secret    {core_secret}",
        url = sandbox.url,
        tiki_url = sandbox.tiki_url,
        core_url = sandbox.core_url,
        dynamodb = sandbox.aws_dynamodb_url(),
        secrets = sandbox.secrets_url,
        s3 = sandbox.s3_url,
        sns = sandbox.sns_url,
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
    format!("\n  Peak memory of the functions{rows}")
}

/// A closed pipe must not stop the sandbox, so write errors are ignored.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
