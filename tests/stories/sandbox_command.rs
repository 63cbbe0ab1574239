//! The sandbox's command, as a person or another process uses it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use e2e::TestEnv;
use rustix::process::Signal;
use sandbox::Caller;
use serde_json::{Value, json};
use signing::{ClientSecret, GetSigning, HeaderNames, Keyring};
use tempfile::TempDir;
use tokio::process::{Child, Command};

async fn command() -> Command {
    let binaries = sandbox::binaries(false).await.unwrap();
    let mut command = Command::new(&binaries["sandbox"]);
    command
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn started(command: &mut Command, folder: &Path) -> (Child, Value) {
    let ready = folder.join("ready.json");
    let child = command
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let wait = async {
        while !ready.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), wait)
        .await
        .expect("the sandbox is ready");
    (
        child,
        serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap(),
    )
}

async fn ended(child: &mut Child) -> ExitStatus {
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait()).await;
    ended.expect("the sandbox ends").unwrap()
}

fn children(pid: u64) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some((
            pid,
            std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?,
        ))
    });
    let parent = |stat: &str| -> Option<u64> {
        stat.rsplit(')')
            .next()?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()
    };
    processes
        .filter(|(_, stat)| parent(stat) == Some(pid))
        .map(|(pid, _)| pid)
        .collect()
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

async fn gone(pids: &[u32]) {
    let wait = async {
        while pids.iter().any(|pid| is_running(*pid)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("no process is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_shows_a_payment_and_exits_with_0() {
    let output = command().await.arg("--once").output().await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in [
        "client id",
        "secret",
        "http://127.0.0.1:",
        "ipn-sender → Tiki",
        "IPN SUCCESS",
        "100.000 ₫",
        "40.000 ₫ refunded",
        "reconcile → core",
        "GET statement",
        " ms",
    ] {
        assert!(printed.contains(word), "no {word} in\n{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_request_is_explained_and_exits_with_1() {
    let output = command()
        .await
        .args(["--once", "--tiki-url", "http://127.0.0.1:1"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--once"));
    let output = command()
        .await
        .args(["--sweep-every", "often"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_or_a_kill_stops_all_processes() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let folder = TempDir::new().unwrap();
        let (mut child, ready) = started(&mut command().await, folder.path()).await;
        for field in ["url", "tiki_url", "core_url"] {
            assert!(
                ready[field]
                    .as_str()
                    .unwrap()
                    .starts_with("http://127.0.0.1:"),
                "{ready}"
            );
        }
        let pid = ready["pid"].as_u64().unwrap();
        assert_eq!(Some(pid), child.id().map(u64::from));
        let functions = loop {
            let functions = children(pid);
            if functions.len() >= 2 {
                break functions;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let raw = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(raw, signal).unwrap();
        ended(&mut child).await;
        gone(&functions).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_can_play_tiki_and_the_core() {
    let others = TestEnv::start().await;
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let file = |name: &str, secret: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{secret}\n")).unwrap();
        file
    };
    let mut command = command().await;
    command
        .args([
            "--tiki-url",
            &others.sandbox.tiki_url,
            "--core-url",
            &others.sandbox.core_url,
        ])
        .args(["--sweep-every", "0.2", "--expiry-grace", "0.5"])
        .args(["--client-id", "a-client", "--client-secret-file"])
        .arg(file("tiki", "a-secret-of-tiki"))
        .args(["--core-client-id", "a-core", "--core-secret-file"])
        .arg(file("core", "a-secret-of-the-core"))
        .arg("--log")
        .arg(&log);
    let (mut child, ready) = started(&mut command, folder.path()).await;
    assert_eq!(ready["tiki_url"], json!(others.sandbox.tiki_url));
    let url = ready["url"].as_str().unwrap();
    let caller = |headers, id: &str, secret: &str| Caller {
        base: url.to_owned(),
        headers,
        keys: Keyring::new(id, ClientSecret::new(secret)),
        get_signing: GetSigning::default(),
        http: others.tiki.caller.http.clone(),
        clock: sandbox::Clock::default(),
    };
    let tiki = caller(HeaderNames::TIKI, "a-client", "a-secret-of-tiki");
    let core = caller(HeaderNames::PARTNER, "a-core", "a-secret-of-the-core");
    others.tiki.expect_keys(tiki.keys.clone());

    let id = others.tiki.order(100_000);
    let body = json!({ "tiki_transaction_id": id, "transaction_amount": 100_000 });
    let created = tiki.post("/tikivip/v1/transactions", &body).await.unwrap();
    assert_eq!(created.code(), Some(0), "{}", created.text);
    let transaction_id = created.json["data"]["transaction_id"].as_str().unwrap();
    let result =
        json!({ "transaction_id": transaction_id, "status": "SUCCESS", "amount": 100_000 });
    let path = format!("/partner/v1/payments/{transaction_id}/result");
    assert_eq!(core.post(&path, &result).await.unwrap().code(), Some(0));
    others
        .until("the other Tiki is notified", async || {
            others.tiki.known(&id).unwrap().status == "SUCCESS"
        })
        .await;
    others
        .until("it is in the log", async || {
            std::fs::read_to_string(&log)
                .unwrap()
                .lines()
                .any(|line| line.contains("ipn-sender") && line.contains("Accepted"))
        })
        .await;
    let _ = child.kill().await;
}
