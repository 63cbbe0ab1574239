//! From an event of API Gateway to an [`Inbound`], and back to a response.

use api::{Handler, Inbound};
use http::{HeaderValue, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use tracing::Instrument;

pub(crate) async fn respond(handler: &dyn Handler, request: Request) -> Response<Body> {
    let request = inbound(request);
    let span = tracing::info_span!(
        "request",
        request_id = %request.request_id,
        transaction_id = tracing::field::Empty,
    );
    let mut response = api::answer(handler, &request).instrument(span).await;
    if let Ok(id) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response.map(Body::Text)
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
