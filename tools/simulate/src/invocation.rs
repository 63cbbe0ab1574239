//! One invocation of a function: what goes in, what comes out, and that an answer comes in time.

use std::future::pending;
use std::sync::Arc;

use api::Inbound;
use domain::Timestamp;
use futures::channel::oneshot;
use serde_json::Value;

use crate::fleet::Code;

/// The input of an invocation.
pub(crate) enum Input {
    Http(Inbound),
    Event(Value),
}

/// The result of an invocation.
pub(crate) enum Output {
    /// An HTTP answer.
    Http(Answered),
    /// The failed records of a batch.
    Batch(Vec<String>),
    /// A run of the reconciliation, and the result files that it has read to their ends.
    Reconciled(Vec<String>),
    /// Another run has the lock.
    Busy,
    /// What a person did.
    Acted(&'static str),
    /// The function failed with an error.
    Error,
    /// The function died.
    Died,
    /// Lambda has not started it: as many run as may.
    NotStarted,
}

/// An HTTP answer of our functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) location: Option<String>,
}

/// Runs the code of a function until it has answered. `is_late` comes shortly before its time-out.
pub(crate) async fn run(
    code: Arc<Code>,
    input: Input,
    deadline: i64,
    is_late: oneshot::Receiver<()>,
) -> Output {
    match (&*code, input) {
        (Code::Api(handler), Input::Http(inbound)) => {
            let late = async {
                if is_late.await.is_err() {
                    pending::<()>().await;
                }
            };
            let response = api::answer(&**handler, &inbound, late).await;
            let location = response.headers().get("location");
            Output::Http(Answered {
                status: response.status().as_u16(),
                location: location.and_then(|l| l.to_str().ok()).map(str::to_owned),
                body: response.into_body().into_bytes(),
            })
        }
        (Code::Worker(worker), Input::Event(event)) => {
            let deadline = Timestamp::from_unix_ms(deadline).expect("a few weeks from now");
            worker.work(event, deadline).await
        }
        _ => panic!("an event of the wrong kind"),
    }
}
