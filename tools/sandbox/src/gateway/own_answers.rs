//! What API Gateway answers itself: with the template's texts.

use std::error::Error;

use axum::body::Bytes;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use uuid::Uuid;

use super::Gateway;
use super::iam::Refusal;

impl Gateway {
    /// The answer to a body that is too large or incomplete.
    pub(super) fn bad_body(&self, error: &axum::Error, asked: &HeaderMap) -> Response<Bytes> {
        let mut causes = std::iter::successors(error.source(), |&error| error.source());
        if causes.any(<dyn Error>::is::<http_body_util::LengthLimitError>) {
            let kinds = ["REQUEST_TOO_LARGE", "DEFAULT_4XX"];
            self.own_answer(&kinds, StatusCode::PAYLOAD_TOO_LARGE, asked)
        } else {
            self.own_answer(&["DEFAULT_4XX"], StatusCode::BAD_REQUEST, asked)
        }
    }

    /// The answer to a call that the IAM authorisation refuses.
    pub(super) fn unauthorized(&self, refusal: Refusal, asked: &HeaderMap) -> Response<Bytes> {
        let (kind, error) = refusal.answer();
        let mut response = self.own_answer(&[kind, "DEFAULT_4XX"], StatusCode::FORBIDDEN, asked);
        let error = HeaderValue::from_static(error);
        response.headers_mut().insert("x-amzn-errortype", error);
        response
    }

    /// One of API Gateway's own error answers, with the template's text: the page if the request asks for HTML first,
    /// as browsers do, and JSON if not.
    pub(super) fn own_answer(
        &self,
        kinds: &[&str],
        default: StatusCode,
        asked: &HeaderMap,
    ) -> Response<Bytes> {
        let own = &self.plan.gateway_responses;
        let kind = kinds.iter().find(|kind| own.contains_key(**kind));
        let (status, json) = kind
            .and_then(|kind| own.get(*kind))
            .cloned()
            .unwrap_or_default();
        let page = kind.and_then(|kind| self.plan.gateway_pages.get(*kind));
        let (content_type, body) = match page.filter(|_| asks_for_html(asked)) {
            Some(page) => ("text/html", page.clone()),
            None => ("application/json", json),
        };
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status.unwrap_or(default);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert("x-request-id", id);
        }
        response
    }
}

fn asks_for_html(asked: &HeaderMap) -> bool {
    let accept = asked.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim() == "text/html")
}
