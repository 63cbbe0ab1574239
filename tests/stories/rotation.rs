//! A secret is changed while payments go on: nobody is refused, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::TestEnv;
use sandbox::Caller;
use serde_json::json;
use signing::{ClientSecret, Keyring};
use tokio::sync::RwLock;

const NEXT: &str = "the secret after this one";

/// Tiki's calls that go on all the time, with whatever secret Tiki has.
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
            if !taken {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Until no call is under way.
    async fn pause(&self, env: &TestEnv) {
        self.paused.store(true, Ordering::SeqCst);
        env.until("the load pauses", async || {
            self.under_way.load(Ordering::SeqCst) == 0
        })
        .await;
    }

    /// Waits until so many more calls were answered.
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
async fn a_secret_is_rotated_under_load_and_nobody_is_refused() {
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

    // 1. Tiki accepts both. 2. We sign with the new one, and accept both.
    let both = keys(NEXT).accepting(Some(ClientSecret::new(c.client_secret.as_str())));
    env.tiki.expect_keys(both);
    env.sandbox.secrets.put(&arn, NEXT);
    load.goes_on(&env, 100).await;
    env.confirmed(100_000).await;

    // 3. Tiki signs with the new one, from one call to the next.
    load.caller.write().await.keys = keys(NEXT);
    load.goes_on(&env, 300).await;

    // As long as anybody still uses the old one, it is counted: also by a process that starts only now.
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

    // 4. Nobody uses the old one any more: it goes, on both sides.
    env.tiki.expect_keys(keys(NEXT));
    env.sandbox.secrets.forget_previous(&arn);
    load.goes_on(&env, 100).await;
    // ipn-sender may still have the old one in its cache: Tiki refuses it once, and it looks again.
    env.confirmed(100_000).await;
    load.over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(load.refused.load(Ordering::Relaxed), 0);
    env.sandbox.restart("check-transaction").await;
    assert_eq!(env.tiki.check("T-none").await.unwrap().code(), Some(97));
}
