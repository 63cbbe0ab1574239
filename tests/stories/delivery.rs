//! The day's file on its way to a real OpenSSH server, over the real binary, and what can happen to it there.

use std::fs;

use e2e::{Cut, Payment, Sshd, TestEnv, kill};
use serde_json::{Value, json};

use crate::reconciliation::the_day;

/// A world whose Tiki has this server, reached through this port.
async fn env(sshd: &Sshd, port: u16) -> TestEnv {
    let folder = sshd.folder().display().to_string();
    let host_key = sshd.host_key.clone();
    world_with(sshd, port, &host_key, &folder).await
}

async fn world_with(sshd: &Sshd, port: u16, host_key: &str, folder: &str) -> TestEnv {
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

/// Some payments of the day.
async fn some_payments(env: &TestEnv) -> Vec<Payment> {
    let mut payments = Vec::new();
    for amount in [100_000, 200_000, 300_000] {
        payments.push(env.confirmed(amount).await);
    }
    env.days_pass().await;
    payments
}

/// A server, a line to it, a world whose Tiki has it, and some payments of the day; nothing where this machine
/// has no such server.
async fn given() -> Option<(Sshd, Cut, TestEnv, Vec<Payment>)> {
    let sshd = Sshd::start().await?;
    let cut = Cut::to(sshd.port).await;
    let env = env(&sshd, cut.port).await;
    let payments = some_payments(&env).await;
    Some((sshd, cut, env, payments))
}

fn event() -> Value {
    json!({ "day": the_day().to_string() })
}

fn name(n: u32) -> String {
    format!("tikivip_sandbox_{}_{n}", the_day().digits())
}

/// That the file is there, whole, once, and nothing else is.
fn arrived(sshd: &Sshd, payments: &[Payment]) {
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
    measured.next().expect("it was measured")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_at_an_openssh_server_once() {
    let Some((sshd, _cut, env, payments)) = given().await else {
        return;
    };
    let outcome = env.sandbox.invoke("reconcile", &event()).await.unwrap();
    assert_eq!(outcome["delivered"], json!([name(1)]));
    arrived(&sshd, &payments);
    // Once more, and by the schedule, and after Tiki has taken it.
    env.sandbox.invoke("reconcile", &event()).await.unwrap();
    arrived(&sshd, &payments);
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
async fn a_line_that_is_cut_anywhere_leaves_no_half_file_and_the_next_run_delivers() {
    let Some((sshd, cut, env, payments)) = given().await else {
        return;
    };
    // How long a whole conversation is, from one that delivers another day.
    let before = json!({ "day": the_day().previous().to_string() });
    env.sandbox.invoke("reconcile", &before).await.unwrap();
    for name in sshd.names("INBOUND") {
        fs::remove_file(sshd.path("INBOUND").join(name)).unwrap();
    }
    let all = cut.take_gone();
    let mut failed = 0;
    for stage in 0..12 {
        cut.after(all * stage / 10);
        failed += usize::from(env.sandbox.invoke("reconcile", &event()).await.is_err());
        cut.mend();
        let there = sshd.names("INBOUND");
        if there.contains(&name(1)) {
            let file = fs::read_to_string(sshd.path("INBOUND").join(name(1))).unwrap();
            assert_eq!(file.lines().count(), 4, "half a file: {file}");
        }
    }
    assert!(failed > 3, "{failed}");
    env.sandbox.invoke("reconcile", &event()).await.unwrap();
    arrived(&sshd, &payments);
    assert_eq!(env.tikivip(&["reconciliation"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_it_uploads_leaves_nothing_and_the_next_delivers() {
    let Some((sshd, cut, env, payments)) = given().await else {
        return;
    };
    // The server is slow: it takes the connection, and a part of the conversation, and then nothing for a while.
    cut.hold_after(3_000);
    let event_ = event();
    let killed = env.sandbox.invoke("reconcile", &event_);
    let kill_it = async {
        env.until("it talks to the server", async || cut.holds())
            .await;
        kill(&env.sandbox.pids("reconcile"));
    };
    let (killed, ()) = tokio::join!(killed, kill_it);
    assert!(killed.is_err());
    cut.mend();
    let there = sshd.names("INBOUND");
    assert!(!there.contains(&name(1)), "{there:?}");
    // Until its time would have been over, its turn is its own; then the next one's.
    let busy = env.sandbox.invoke("reconcile", &event_).await.unwrap();
    assert!(busy["busy"].is_string(), "{busy}");
    env.turn_runs_out().await;
    env.sandbox.invoke("reconcile", &event_).await.unwrap();
    arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_slow_is_waited_for() {
    let Some((sshd, cut, env, payments)) = given().await else {
        return;
    };
    cut.hold_after(3_000);
    let mend = async {
        env.until("it waits", async || cut.holds()).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        cut.mend();
    };
    let event = event();
    let (outcome, ()) = tokio::join!(env.sandbox.invoke("reconcile", &event), mend);
    assert_eq!(outcome.unwrap()["delivered"], json!([name(1)]));
    arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_deliver_one_file() {
    let Some((sshd, _cut, env, payments)) = given().await else {
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
    arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_all_think_it_is_their_turn_still_deliver_one_file() {
    let Some((sshd, cut, env, payments)) = given().await else {
        return;
    };
    cut.hold_after(3_000);
    let event = event();
    let first = env.sandbox.invoke("reconcile", &event);
    let second = async {
        env.until("the first talks to the server", async || cut.holds())
            .await;
        // The first hangs for longer than its turn; others come, and then it goes on.
        env.turn_runs_out().await;
        cut.mend_for_new();
        let second = env.sandbox.invoke("reconcile", &event).await;
        cut.mend();
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(second.unwrap()["delivered"], json!([name(1)]));
    let first = first.map(|outcome| outcome["delivered"].clone());
    assert!(
        first.is_err() || first.unwrap() == json!([]),
        "it was there already"
    );
    arrived(&sshd, &payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_another_or_does_not_know_us_gets_nothing_and_the_file_is_late() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let (stranger, other_key) = sshd.stranger();
    let folder = sshd.folder().display().to_string();
    let env = world_with(&sshd, sshd.port, &other_key, &folder).await;
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
    // By API it can be had all the same.
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
    assert!(refused.contains("does not accept this user and key"), "{refused}");
    assert!(!refused.contains("PRIVATE KEY"), "{refused}");
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
    env.reconciles_since(the_day()).await;
    let scheduled = json!({ "action": "reconcile" });
    assert!(env.sandbox.invoke("reconcile", &scheduled).await.is_err());
    // Due at six in the morning of yesterday.
    assert!(lateness(&env) > 18 * 3_600_000);
    // Put right, it goes by itself.
    env.sandbox.secrets.put(secret, &sshd.private_key);
    env.sandbox.invoke("reconcile", &scheduled).await.unwrap();
    assert!(sshd.names("INBOUND").contains(&name(1)));
    assert_eq!(lateness(&env), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_of_our_name_is_not_replaced() {
    let Some((sshd, _cut, env, _)) = given().await else {
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
    // Nor is a name used again that Tiki has taken with other bytes in it.
    fs::rename(
        sshd.path("INBOUND").join(name(1)),
        sshd.path("ARCHIVED").join(name(1)),
    )
    .unwrap();
    let refused = env.sandbox.invoke("reconcile", &event()).await;
    assert!(refused.is_err());
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
}
