//! The event of a REST API with Lambda proxy integration.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Gateway;
use crate::principals::Principal;
use crate::template::{ACCOUNT, Route};

/// A call of a function.
pub(super) struct Event<'r> {
    pub(super) gateway: &'r Gateway,
    pub(super) route: &'r Route,
    /// The parameters in the path.
    pub(super) parameters: BTreeMap<String, String>,
    /// Who signed the call, if the route has IAM authorisation.
    pub(super) principal: Option<Principal>,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    pub(super) headers: &'r HeaderMap,
    pub(super) body: &'r Bytes,
}

impl Event<'_> {
    /// The event of a REST API with Lambda proxy integration.
    pub(super) fn json(&self) -> Value {
        let (headers, multi_headers) = self.headers();
        let (query, multi_query) = self.query();
        let text = std::str::from_utf8(self.body);
        json!({
            "resource": self.route.path,
            "path": self.path,
            "httpMethod": self.route.method,
            "headers": headers,
            "multiValueHeaders": multi_headers,
            "queryStringParameters": query,
            "multiValueQueryStringParameters": multi_query,
            "pathParameters": if self.parameters.is_empty() { Value::Null } else { json!(self.parameters) },
            "stageVariables": null,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "sandbox",
                "domainName": self.gateway.host,
                "httpMethod": self.route.method,
                "identity": self.identity(),
                "path": format!("/{}{}", self.gateway.plan.stage, self.path),
                "protocol": "HTTP/1.1",
                "requestId": Uuid::new_v4().to_string(),
                "requestTimeEpoch": self.gateway.clock.now_ms(),
                "resourceId": "sandbox",
                "resourcePath": self.route.path,
                "stage": self.gateway.plan.stage,
            },
            "body": match text {
                _ if self.body.is_empty() => Value::Null,
                Ok(text) => json!(text),
                Err(_) => json!(STANDARD.encode(self.body)),
            },
            "isBase64Encoded": text.is_err(),
        })
    }

    /// Who calls. Of a call without IAM authorisation API Gateway knows only the address.
    fn identity(&self) -> Value {
        let of = |field: fn(&Principal) -> String| self.principal.as_ref().map(field);
        json!({
            "accessKey": of(|principal| principal.access_key.to_owned()),
            "accountId": of(|_| ACCOUNT.to_owned()),
            "caller": of(Principal::id),
            "sourceIp": "127.0.0.1",
            "user": of(Principal::id),
            "userAgent": null,
            "userArn": of(Principal::arn),
        })
    }

    /// Replaces the caller's host and scheme, as API Gateway does.
    fn headers(&self) -> (Value, Value) {
        let mut single = Map::new();
        let mut multi: Map<String, Value> = Map::new();
        for (name, value) in self.headers {
            if matches!(
                name.as_str(),
                "host" | "x-forwarded-proto" | "x-forwarded-port"
            ) {
                continue;
            }
            let value = json!(String::from_utf8_lossy(value.as_bytes()));
            if let Value::Array(values) = multi.entry(name.as_str()).or_insert_with(|| json!([])) {
                values.push(value.clone());
            }
            single.insert(name.as_str().to_owned(), value);
        }
        for (name, value) in [
            ("Host", self.gateway.host.as_str()),
            ("X-Forwarded-Proto", "https"),
        ] {
            single.insert(name.to_owned(), json!(value));
            multi.insert(name.to_owned(), json!([value]));
        }
        (single.into(), multi.into())
    }

    fn query(&self) -> (Value, Value) {
        if self.query.is_empty() {
            return (Value::Null, Value::Null);
        }
        let mut single = Map::new();
        let mut multi: Map<String, Value> = Map::new();
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            let value = json!(value);
            let values = multi.entry(name.as_ref()).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(value.clone());
            }
            single.insert(name.into_owned(), value);
        }
        (single.into(), multi.into())
    }
}
