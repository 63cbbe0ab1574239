//! The rotation of a secret during payments: no call is refused, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::TestEnv;
use sandbox::Caller;
use serde_json::json;
use signing::{ClientSecret, Keyring};
use tokio::sync::RwLock;

const NEXT: &str = "the secret after this one";

/// Continuous calls by Tiki, with Tiki's current secret.
#[derive(Clone)]
struct Load {
    caller: Arc<RwLock<Caller>>,
    asked: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    paused: Arc<AtomicBool>,
    under_way: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Load {
    async fn run(self) {
        while !self.over.load(Ordering::Relaxed) {
            self.under_way.fetch_add(1, Ordering::SeqCst);
            if self.paused.load(Ordering::SeqCst) {
                self.under_way.fetch_sub(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            let caller = self.caller.read().await.clone();
            let body = json!({ "tiki_transaction_id": "T-none" });
            let answer = caller.post("/tikivip/v1/transactions/query", &body).await;
            let taken = answer.is_ok_and(|answer| answer.code() == Some(3));
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.asked.fetch_add(1, Ordering::Relaxed);
            // API Gateway refuses what is faster than its limit.
            tokio::time::sleep(Duration::from_millis(100)).await;
            if !taken {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until no call is running.
    async fn pause(&self, env: &TestEnv) {
        self.paused.store(true, Ordering::SeqCst);
        env.until("the load pauses", async || {
            self.under_way.load(Ordering::SeqCst) == 0
        })
        .await;
    }

    /// Waits until so many more calls are answered.
    async fn goes_on(&self, env: &TestEnv, calls: usize) {
        let until = self.asked.load(Ordering::Relaxed) + calls;
        env.until("the load goes on", async || {
            self.asked.load(Ordering::Relaxed) >= until
        })
        .await;
        assert_eq!(
            self.refused.load(Ordering::Relaxed),
            0,
            "a call was refused"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_refuses_no_call() {
    let env = TestEnv::start().await;
    let c = env.options.credentials.clone();
    let arn = env.sandbox.plan.secrets["TikiSecret"].clone();
    let keys = |secret: &str| Keyring::new(c.client_id.as_str(), ClientSecret::new(secret));
    let load = Load {
        caller: Arc::new(RwLock::new(env.tiki.caller.clone())),
        asked: Arc::default(),
        refused: Arc::default(),
        paused: Arc::default(),
        under_way: Arc::default(),
        over: Arc::default(),
    };
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(load.clone().run())).collect();
    load.goes_on(&env, 100).await;
    env.confirmed(100_000).await;

    // 1. Tiki accepts both secrets. 2. The functions sign with the new secret and accept both.
    let both = keys(NEXT).accepting(Some(ClientSecret::new(c.client_secret.as_str())));
    env.tiki.expect_keys(both);
    env.sandbox.secrets.put(&arn, NEXT);
    load.goes_on(&env, 100).await;
    env.confirmed(100_000).await;

    // 3. Tiki signs with the new secret.
    load.caller.write().await.keys = keys(NEXT);
    load.goes_on(&env, 300).await;

    // A metric counts the use of the old secret, also in a process that has just started.
    load.pause(&env).await;
    env.sandbox.restart("check-transaction").await;
    assert_eq!(env.tiki.check("T-none").await.unwrap().code(), Some(3));
    env.until("the overlap is measured", async || {
        let logs = env.sandbox.logs();
        logs.iter()
            .any(|line| line.event["PreviousSecretUses"] == 1)
    })
    .await;
    load.paused.store(false, Ordering::Relaxed);

    // 4. The old secret is not used any more, and both sides delete it.
    env.tiki.expect_keys(keys(NEXT));
    env.sandbox.secrets.forget_previous(&arn);
    load.goes_on(&env, 100).await;
    // ipn-sender may have cached the old secret. Tiki refuses it once, and it reloads the secret.
    env.confirmed(100_000).await;
    load.over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(load.refused.load(Ordering::Relaxed), 0);
    env.sandbox.restart("check-transaction").await;
    assert_eq!(env.tiki.check("T-none").await.unwrap().code(), Some(97));
}
