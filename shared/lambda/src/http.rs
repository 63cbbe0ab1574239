//! From an event of API Gateway to an [`Inbound`], and back to a response.

use std::future::pending;

use api::{Handler, IamCaller, Inbound, TIME_TO_ANSWER};
use domain::{Clock, Timestamp};
use http::{HeaderValue, Response};
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Body, Request, RequestExt};
use tracing::Instrument;

use crate::clock::SystemClock;

pub(crate) async fn respond(handler: &dyn Handler, request: Request) -> Response<Body> {
    let late = late(request.lambda_context().deadline);
    let request = inbound(request);
    let span = tracing::info_span!(
        "request",
        request_id = %request.request_id,
        transaction_id = tracing::field::Empty,
    );
    let mut response = api::answer(handler, &request, late).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response.map(Body::Text)
}

/// The event without what the caller says of our address. `lambda_http` makes a URL of these headers and of the path, and
/// panics if that fails, which ends the process. Our address comes from the context that API Gateway adds.
pub(crate) fn without_callers_address(mut event: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV1(request) = &mut event {
        for name in ["host", "x-forwarded-proto"] {
            request.headers.remove(name);
            request.multi_value_headers.remove(name);
        }
        let path = request.path.get_or_insert_default();
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
    }
    event
}

/// Comes shortly before Lambda ends the function, at this time in Unix milliseconds. A runtime that gives no deadline
/// gives 0: then nothing is ever late.
async fn late(deadline_ms: u64) {
    let deadline = i64::try_from(deadline_ms).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_unix_ms(deadline).unwrap_or(Timestamp::MAX);
    let left = deadline.since(SystemClock.now());
    if left.is_zero() {
        return pending().await;
    }
    SystemClock.sleep(left.saturating_sub(TIME_TO_ANSWER)).await;
}

fn inbound(request: Request) -> Inbound {
    let query = request.query_string_parameters();
    let query = query
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let parameters = request.path_parameters();
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut inbound = Inbound {
        request_id: request.lambda_context().request_id,
        method: request.method().clone(),
        path: request.raw_http_path().to_owned(),
        query: query.collect(),
        path_parameters: parameters.collect(),
        ..Inbound::default()
    };
    inbound.full_path.clone_from(&inbound.path);
    if let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() {
        let stage = context.stage.as_deref().unwrap_or_default();
        let domain = context.domain_name.as_deref().unwrap_or_default();
        inbound.base_url = format!("https://{domain}/{stage}");
        inbound.resource = context.resource_path.clone().unwrap_or_default();
        inbound.iam_caller = iam_caller(context);
        if let Some(full_path) = &context.path {
            inbound.full_path.clone_from(full_path);
        }
        if let Some(request_id) = &context.request_id {
            inbound.request_id.clone_from(request_id);
        }
    }
    let (parts, body) = request.into_parts();
    inbound.headers = parts.headers;
    inbound.body = match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    };
    inbound
}

/// Who calls, as API Gateway has authenticated it. On a route without IAM it names nobody.
fn iam_caller(context: &ApiGatewayProxyRequestContext) -> Option<IamCaller> {
    let caller = &context.identity;
    Some(IamCaller {
        account: caller.account_id.clone()?,
        api_account: context.account_id.clone()?,
        arn: caller.user_arn.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// An event of API Gateway. Everything but `requestContext` is the caller's.
    fn event(path: &str, headers: &[(&str, &str)], query: &[(&str, &str)]) -> String {
        let headers: serde_json::Map<_, _> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let query: serde_json::Map<_, _> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!([value])))
            .collect();
        json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "GET", "headers": headers,
            "multiValueQueryStringParameters": query, "body": null, "isBase64Encoded": false,
            "requestContext": {
                "stage": "live", "domainName": "api.example.vn", "requestId": "r", "identity": {},
                "resourcePath": "/{proxy+}", "httpMethod": "GET", "accountId": "1", "apiId": "a",
                "protocol": "HTTP/1.1", "path": path,
            },
        })
        .to_string()
    }

    fn received(event: &str) -> Inbound {
        let event: LambdaRequest = serde_json::from_str(event).unwrap();
        let request = Request::from(without_callers_address(event));
        inbound(request.with_lambda_context(lambda_runtime::Context::default()))
    }

    #[test]
    fn no_address_of_the_caller_ends_the_process() {
        for (host, scheme) in [
            ("", ""),
            ("a b", "https"),
            ("[", "https"),
            ("api.example.vn:99999999", "https"),
            ("api.example.vn", "ht tp"),
            ("api.example.vn", ""),
            ("api.example.vn", "javascript"),
            ("@", "://"),
        ] {
            let headers = [
                ("Host", host),
                ("X-Forwarded-Proto", scheme),
                ("X-Own", "1"),
            ];
            let read = received(&event("/pay/x", &headers, &[]));
            assert_eq!(
                read.base_url, "https://api.example.vn/live",
                "{host} {scheme}"
            );
            assert_eq!(
                (read.path.as_str(), read.header("x-own")),
                ("/pay/x", Some("1"))
            );
        }
    }

    proptest! {
        #[test]
        fn no_event_ends_the_process(
            path in any::<String>(),
            host in "[ -~]{0,20}",
            query in any::<(String, String)>(),
        ) {
            let headers = [("host", host.as_str()), ("x-forwarded-proto", host.as_str())];
            let query = [(query.0.as_str(), query.1.as_str())];
            received(&event(&path, &headers, &query));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_is_late_shortly_before_its_end_and_never_without_a_deadline() {
        let now = SystemClock.now();
        let at = |left: Duration| u64::try_from(now.after(left).unix_ms()).unwrap_or_default();
        let never = [0, at(Duration::ZERO)];
        for deadline in never {
            let waited = tokio::time::timeout(Duration::from_hours(1), late(deadline)).await;
            assert!(waited.is_err(), "{deadline}");
        }
        let left = Duration::from_secs(15);
        let began = tokio::time::Instant::now();
        late(at(left)).await;
        let waited = began.elapsed();
        assert!(waited <= left.saturating_sub(TIME_TO_ANSWER), "{waited:?}");
        assert!(waited > left / 2, "{waited:?}");
    }
}
