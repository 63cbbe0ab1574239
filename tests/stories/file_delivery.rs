//! The delivery of the day's file to a real OpenSSH server.

use std::fs;

use e2e::{FaultyConnection, Payment, Sshd, TestEnv, kill};
use serde_json::{Value, json};

use crate::reconciliation::{archived, the_day};

/// A test environment that delivers to this server through this port.
async fn env(sshd: &Sshd, port: u16) -> TestEnv {
    let folder = sshd.folder().display().to_string();
    let host_key = sshd.host_key.clone();
    env_with(sshd, port, &host_key, &folder).await
}

async fn env_with(sshd: &Sshd, port: u16, host_key: &str, folder: &str) -> TestEnv {
    let env = TestEnv::with(|options| {
        let given = [
            ("SftpHost", "127.0.0.1"),
            ("SftpPort", &port.to_string()),
            ("SftpUser", &sshd.user),
            ("SftpHostKey", host_key),
            ("SftpFolder", folder),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        options.parameters.extend(given);
    })
    .await;
    let secret = &env.sandbox.plan.secrets["SftpSecret"];
    env.sandbox.secrets.put(secret, &sshd.private_key);
    env
}

/// Confirmed payments of the day.
async fn some_payments(env: &TestEnv) -> Vec<Payment> {
    let mut payments = Vec::new();
    for amount in [100_000, 200_000, 300_000] {
        payments.push(env.confirmed(amount).await);
    }
    env.days_pass().await;
    payments
}

/// A server, a connection to it, a test environment that uses it, and the day's payments. `None` if OpenSSH's server
/// is not installed.
async fn setup() -> Option<(Sshd, FaultyConnection, TestEnv, Vec<Payment>)> {
    let sshd = Sshd::start().await?;
    let connection = FaultyConnection::to(sshd.port).await;
    let env = env(&sshd, connection.port).await;
    let payments = some_payments(&env).await;
    Some((sshd, connection, env, payments))
}

fn event() -> Value {
    json!({ "day": the_day().to_string() })
}

fn name(n: u32) -> String {
    format!("tikivip_sandbox_{}_{n}", the_day().digits())
}

/// Checks that the complete file has arrived once, and no other file.
fn assert_arrived(sshd: &Sshd, payments: &[Payment]) {
    assert_eq!(sshd.names("INBOUND"), [name(1)]);
    let file = fs::read_to_string(sshd.path("INBOUND").join(name(1))).unwrap();
    assert_eq!(file.lines().count(), 1 + payments.len(), "{file}");
    for payment in payments {
        assert_eq!(file.matches(&payment.id).count(), 1, "{file}");
    }
}

fn lateness(env: &TestEnv) -> i64 {
    let logs = env.sandbox.logs();
    let measured = logs
        .iter()
        .rev()
        .filter(|line| line.function == "reconcile");
    let mut measured = measured.filter_map(|line| line.event["ReconciliationLateness"].as_i64());
    measured.next().expect("the lateness is logged")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_at_an_openssh_server_once() {
    let Some((sshd, _connection, env, payments)) = setup().await else {
        return;
    };
    let outcome = env.sandbox.invoke("reconcile", &event()).await.unwrap();
    assert_eq!(outcome["delivered"], json!([name(1)]));
    assert_arrived(&sshd, &payments);
    // A second run, also after Tiki has taken the file.
    env.sandbox.invoke("reconcile", &event()).await.unwrap();
    assert_arrived(&sshd, &payments);
    fs::rename(
        sshd.path("INBOUND").join(name(1)),
        sshd.path("ARCHIVED").join(name(1)),
    )
    .unwrap();
    let outcome = env.sandbox.invoke("reconcile", &event()).await.unwrap();
    assert_eq!(outcome["delivered"], json!([]));
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_leaves_no_half_file() {
    let Some((sshd, connection, env, payments)) = setup().await else {
        return;
    };
    // The delivery of another day shows how many bytes a delivery sends.
    let before = json!({ "day": the_day().previous().to_string() });
    env.sandbox.invoke("reconcile", &before).await.unwrap();
    for name in sshd.names("INBOUND") {
        fs::remove_file(sshd.path("INBOUND").join(name)).unwrap();
    }
    let all = connection.take_bytes_sent();
    let mut failed = 0;
    for stage in 0..12 {
        connection.break_after(all * stage / 10);
        failed += usize::from(env.sandbox.invoke("reconcile", &event()).await.is_err());
        connection.restore();
        let names = sshd.names("INBOUND");
        if names.contains(&name(1)) {
            let file = fs::read_to_string(sshd.path("INBOUND").join(name(1))).unwrap();
            assert_eq!(file.lines().count(), 4, "half a file: {file}");
        }
    }
    assert!(failed > 3, "{failed}");
    env.sandbox.invoke("reconcile", &event()).await.unwrap();
    assert_arrived(&sshd, &payments);
    assert_eq!(env.tikivip(&["reconciliation"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_leaves_nothing_and_the_next_one_delivers() {
    let Some((sshd, connection, env, payments)) = setup().await else {
        return;
    };
    // A slow server: it accepts the connection and a few bytes, and then nothing for a while.
    connection.hold_after(3_000);
    let event_ = event();
    let killed = env.sandbox.invoke("reconcile", &event_);
    let kill_it = async {
        env.until("it talks to the server", async || connection.is_held())
            .await;
        kill(&env.sandbox.pids("reconcile"));
    };
    let (killed, ()) = tokio::join!(killed, kill_it);
    assert!(killed.is_err());
    connection.restore();
    let names = sshd.names("INBOUND");
    assert!(!names.contains(&name(1)), "{names:?}");
    // The run lock of the killed run stays until it expires.
    let busy = env.sandbox.invoke("reconcile", &event_).await.unwrap();
    assert!(busy["busy"].is_string(), "{busy}");
    env.expire_run_lock().await;
    env.sandbox.invoke("reconcile", &event_).await.unwrap();
    assert_arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_still_receives_the_file() {
    let Some((sshd, connection, env, payments)) = setup().await else {
        return;
    };
    connection.hold_after(3_000);
    let restore = async {
        env.until("it waits", async || connection.is_held()).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        connection.restore();
    };
    let event = event();
    let (outcome, ()) = tokio::join!(env.sandbox.invoke("reconcile", &event), restore);
    assert_eq!(outcome.unwrap()["delivered"], json!([name(1)]));
    assert_arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_deliver_one_file() {
    let Some((sshd, _connection, env, payments)) = setup().await else {
        return;
    };
    let event = event();
    let runs = (0..4).map(|_| env.sandbox.invoke("reconcile", &event));
    let outcomes = futures::future::join_all(runs).await;
    let delivered = |outcome: &&anyhow::Result<Value>| {
        let outcome = outcome.as_ref().unwrap();
        outcome["delivered"] == json!([name(1)])
    };
    assert_eq!(outcomes.iter().filter(delivered).count(), 1, "{outcomes:?}");
    assert_arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_lock_has_expired_delivers_no_second_file() {
    let Some((sshd, connection, env, payments)) = setup().await else {
        return;
    };
    connection.hold_after(3_000);
    let event = event();
    let first = env.sandbox.invoke("reconcile", &event);
    let second = async {
        env.until("the first talks to the server", async || {
            connection.is_held()
        })
        .await;
        // The first run hangs until its lock has expired, and continues after the second run.
        env.expire_run_lock().await;
        connection.restore_for_new();
        let second = env.sandbox.invoke("reconcile", &event).await;
        connection.restore();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(second.unwrap()["delivered"], json!([name(1)]));
    let first = first.map(|outcome| outcome["delivered"].clone());
    assert!(
        first.is_err() || first.unwrap() == json!([]),
        "the file had arrived already"
    );
    assert_arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_host_key_or_a_refused_login_delivers_nothing() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let (stranger, other_key) = sshd.stranger();
    let folder = sshd.folder().display().to_string();
    let env = env_with(&sshd, sshd.port, &other_key, &folder).await;
    some_payments(&env).await;
    let refused = env
        .sandbox
        .invoke("reconcile", &event())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("another host key than is pinned: SHA256:"),
        "{refused}"
    );
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
    // Tiki can still fetch the day by API.
    let path = format!("/tikivip/v1/reconciliation/{}", the_day());
    assert_eq!(env.tiki.caller.get(&path).await.unwrap().code(), Some(0));

    let env = self::env(&sshd, sshd.port).await;
    some_payments(&env).await;
    let secret = &env.sandbox.plan.secrets["SftpSecret"];
    env.sandbox.secrets.put(secret, &stranger);
    let refused = env
        .sandbox
        .invoke("reconcile", &event())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("does not accept this user and key"),
        "{refused}"
    );
    assert!(!refused.contains("PRIVATE KEY"), "{refused}");
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
    env.set_first_day(the_day()).await;
    let scheduled = json!({ "action": "reconcile" });
    assert!(env.sandbox.invoke("reconcile", &scheduled).await.is_err());
    // It was due at 6:00 yesterday.
    assert!(lateness(&env) > 18 * 3_600_000);
    // With the right key the next run delivers it.
    env.sandbox.secrets.put(secret, &sshd.private_key);
    env.sandbox.invoke("reconcile", &scheduled).await.unwrap();
    assert!(sshd.names("INBOUND").contains(&name(1)));
    assert_eq!(lateness(&env), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_different_file_of_the_same_name_is_not_replaced() {
    let Some((sshd, _connection, env, _)) = setup().await else {
        return;
    };
    fs::write(sshd.path("INBOUND").join(name(1)), "another's").unwrap();
    let refused = env
        .sandbox
        .invoke("reconcile", &event())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("at Tiki there is another file of this name"),
        "{refused}"
    );
    let there = fs::read_to_string(sshd.path("INBOUND").join(name(1))).unwrap();
    assert_eq!(there, "another's");
    assert_eq!(sshd.names("INBOUND"), [name(1)]);
    // A name is not used again if Tiki has taken other content under it.
    fs::rename(
        sshd.path("INBOUND").join(name(1)),
        sshd.path("ARCHIVED").join(name(1)),
    )
    .unwrap();
    let refused = env.sandbox.invoke("reconcile", &event()).await;
    assert!(refused.is_err());
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
}

/// What only tidies, looks or measures stops no delivery; what could not be verified is in the report.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_few_rights_still_gets_the_file() {
    for (denied, said) in [
        ("remove", None),
        ("stat", Some("kích thước")),
        ("opendir", Some("Không xem hoặc không xoá được tệp tạm")),
        ("stat,opendir", Some("đã có tệp trùng tên hay chưa")),
        ("stat,opendir,remove", Some("kích thước")),
    ] {
        let Some(sshd) = Sshd::denying(denied).await else {
            return;
        };
        let env = env(&sshd, sshd.port).await;
        let payments = some_payments(&env).await;
        if denied == "remove" {
            // What a run that died has left cannot be removed.
            let left = format!(".{}.dead.part", name(1));
            fs::write(sshd.path("INBOUND").join(left), "half").unwrap();
        }
        let outcome = env.sandbox.invoke("reconcile", &event()).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{denied}: {error:#}"));
        assert_eq!(outcome["delivered"], json!([name(1)]), "{denied}");
        let file = fs::read_to_string(sshd.path("INBOUND").join(name(1))).unwrap();
        assert_eq!(file.lines().count(), 1 + payments.len(), "{denied}");
        let page = archived(&env, &format!("{}/report.html", the_day())).await;
        let said = said.unwrap_or("Không xem hoặc không xoá được tệp tạm");
        assert!(page.contains(said), "{denied}: {said}");
        // A second run delivers nothing, and says nothing else.
        let again = env.sandbox.invoke("reconcile", &event()).await.unwrap();
        assert_eq!(again["delivered"], json!([]), "{denied}");
    }
}

/// Without these rights nothing can be delivered, and no half file gets its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_needed_right_gets_nothing_and_the_doctor_names_it() {
    for (denied, right) in [
        ("write", "create and write a file"),
        ("rename", "rename a file"),
        ("open", "create and write a file"),
    ] {
        let Some(sshd) = Sshd::denying(denied).await else {
            return;
        };
        let env = env(&sshd, sshd.port).await;
        some_payments(&env).await;
        assert!(env.sandbox.invoke("reconcile", &event()).await.is_err());
        assert!(!sshd.names("INBOUND").contains(&name(1)), "{denied}");
        let doctor = env.tikivip(&["doctor", "--output", "json"]).await;
        assert_ne!(doctor.code, 0, "{denied}");
        assert!(doctor.out.contains(right), "{denied}: {}", doctor.out);
        assert_eq!(
            sshd.names("INBOUND")
                .iter()
                .filter(|n| !n.starts_with('.'))
                .count(),
            0,
            "{denied}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tries_each_right_and_leaves_nothing() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let env = env(&sshd, sshd.port).await;
    let doctor = env.tikivip(&["doctor"]).await;
    assert!(
        doctor.out.contains("gives us every right"),
        "{}",
        doctor.out
    );
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
    for (denied, right) in [("remove", "remove a file"), ("opendir", "list files")] {
        let Some(sshd) = Sshd::denying(denied).await else {
            return;
        };
        let env = self::env(&sshd, sshd.port).await;
        let doctor = env.tikivip(&["doctor"]).await;
        assert!(doctor.out.contains(right), "{denied}: {}", doctor.out);
    }
}
