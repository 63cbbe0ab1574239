//! The serve loops: one for HTTP, one for the work of an outbox, one for plain events.
//!
//! Each runs until Lambda ends the process. An error of an event goes back to Lambda with its causes: a person who
//! invokes a function by hand sees nothing else.

use api::Handler;
use domain::Timestamp;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Request};
use lambda_runtime::{LambdaEvent, Service, service_fn};
use outbox::{Outbox, Worker};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::http::{respond, without_callers_address};

/// Serves a function behind API Gateway.
pub async fn serve_http(handler: impl Handler) -> anyhow::Result<()> {
    let handler = &handler;
    let mut adapter = Adapter::from(service_fn(async |request: Request| {
        Ok::<_, lambda_http::Error>(respond(handler, request).await)
    }));
    let served = lambda_runtime::run(service_fn(|event: LambdaEvent<LambdaRequest>| {
        let (request, context) = event.into_parts();
        adapter.call(LambdaEvent::new(without_callers_address(request), context))
    }));
    served.await.map_err(|error| anyhow::anyhow!(error))
}

/// Serves a worker that the table's stream and the schedule invoke.
pub async fn serve_stream<W: Worker>(outbox: Outbox<W>) -> anyhow::Result<()> {
    let outbox = &outbox;
    serve_event(async |event, deadline| outbox.handle(event, deadline).await).await
}

/// Serves a function with an event of its own. `handle` also gets the time at which Lambda ends the invocation.
pub async fn serve_event<E, A>(
    handle: impl AsyncFn(E, Timestamp) -> anyhow::Result<A>,
) -> anyhow::Result<()>
where
    E: DeserializeOwned,
    A: Serialize,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<E>| {
        let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let deadline = Timestamp::from_unix_ms(deadline).unwrap_or(Timestamp::MAX);
        let span = tracing::info_span!("invocation", request_id = %event.context.request_id);
        // Boxed: the futures of reconciliation are nested more deeply than the compiler allows.
        let work = Box::pin(handle(event.payload, deadline));
        let outcome = work.instrument(span).await;
        outcome.map_err(|error| lambda_runtime::Error::from(format!("{error:#}")))
    }))
    .await
    .map_err(|error| anyhow::anyhow!(error))
}
