//! Each function answers the pre-traffic hook's synthetic request as expected, and stores nothing.

use e2e::TestEnv;
use pre_traffic_hook::{Caller, Kind, Synthetic};
use serde_json::Value;
use signing::{ClientSecret, Keyring};

fn now() -> domain::Timestamp {
    domain::Timestamp::from_unix_ms(e2e::now_ms()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers_its_synthetic_request() {
    let env = TestEnv::start().await;
    let c = &env.options.credentials;
    let keys = |caller: Caller, right: bool| {
        let (id, secret) = match caller {
            Caller::Tiki => (&c.client_id, &c.client_secret),
            Caller::Core => (&c.core_client_id, &c.core_secret),
        };
        let secret = if right { secret.as_str() } else { "another" };
        Keyring::new(id.as_str(), ClientSecret::new(secret))
    };
    let ask = async |kind: Kind, right: bool| -> Value {
        let event = match kind.synthetic() {
            Synthetic::Signed(caller, request) => {
                let signed = request.signed(caller, &keys(caller, right), now());
                signed.event("d-story")
            }
            Synthetic::Open(request) => request.event("d-story"),
            Synthetic::Batch(event) => event,
        };
        let resource = &env.sandbox.plan.resources[kind.logical_id()];
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        env.sandbox.invoke(binary.unwrap(), &event).await.unwrap()
    };
    for kind in Kind::ALL {
        let answer = ask(kind, true).await;
        let judged = kind.check(answer.to_string().as_bytes());
        judged.unwrap_or_else(|refused| panic!("{kind:?}: {refused}: {answer}"));
        if matches!(kind.synthetic(), Synthetic::Signed(..)) {
            let answer = ask(kind, false).await;
            let judged = kind.check(answer.to_string().as_bytes());
            assert!(judged.is_err(), "{kind:?} with another secret: {answer}");
        }
    }
    let kept = env.dynamodb.scan().table_name("TransactionsTable").send();
    assert_eq!(kept.await.unwrap().count(), 0);
}
