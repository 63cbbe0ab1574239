//! The request as a handler sees it.

use std::collections::HashMap;

use http::{HeaderMap, Method};

/// A request, without anything of Lambda or API Gateway.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    /// Identifies the request in every log line, and goes back as `X-Request-Id`.
    pub request_id: String,
    /// The HTTP method.
    pub method: Method,
    /// The route as the template declares it: `/pay/{token}/return`.
    pub resource: String,
    /// The path, without a stage.
    pub path: String,
    /// The path as the caller sees it, with the stage if there is one.
    pub full_path: String,
    /// The root of the API as the caller reaches it: scheme, host and stage.
    pub base_url: String,
    pub headers: HeaderMap,
    /// The query, decoded, in no particular order.
    pub query: Vec<(String, String)>,
    /// The parameters of the path, by their names in the route.
    pub path_parameters: HashMap<String, String>,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// Who calls, if AWS has authenticated the call (`AWS_IAM`).
    pub iam_caller: Option<IamCaller>,
}

/// A caller whom AWS knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamCaller {
    /// The account of the caller.
    pub account: String,
    /// The account of the API.
    pub api_account: String,
    /// `arn:aws:sts::123456789012:assumed-role/tikivip-operator/lan`.
    pub arn: String,
}

impl Inbound {
    /// A header, if it is text. If a header came twice, API Gateway passes on the last.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the path; empty if the route has none of this name.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> &str {
        self.path_parameters.get(name).map_or("", String::as_str)
    }
}
