//! Holds the answers of the system under test against the documents that both sides build from.

use anyhow::Context;
use openapi::{Answer as Message, Api};

use crate::call::{Answer, Call};

/// The document of the calls that a kit makes.
pub(crate) struct Schema {
    api: Api,
    /// What the document's paths begin with before the path of a call.
    base: &'static str,
}

impl Schema {
    /// What this backend calls at the core.
    pub(crate) fn of_core() -> anyhow::Result<Self> {
        let yaml = include_str!("../../../docs/openapi-core.yaml");
        let api = Api::parse(yaml).context("docs/openapi-core.yaml")?;
        Ok(Self { api, base: "" })
    }

    /// What Tiki calls at the partner's side.
    pub(crate) fn of_partner() -> anyhow::Result<Self> {
        let yaml = include_str!("../../../docs/openapi.yaml");
        let api = Api::parse(yaml).context("docs/openapi.yaml")?;
        let base = "/tikivip/v1";
        Ok(Self { api, base })
    }

    /// What of an answer is not as the document says; fields that it does not have are fine. Only an answer that means
    /// something by its content is looked at.
    pub(crate) fn problems(&self, call: &Call, means: impl Fn(&Answer) -> bool) -> Vec<String> {
        let Some(answer) = call.answer.as_ref().ok().filter(|answer| means(answer)) else {
            return Vec::new();
        };
        let path = format!("{}{}", self.base, call.path);
        let Some(operation) = self.api.find(call.method.as_str(), &path) else {
            return Vec::new();
        };
        let header =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                let value = value.to_str().unwrap_or_default();
                (name.to_string(), value.to_owned())
            };
        let headers: Vec<(String, String)> = answer.headers.iter().map(header).collect();
        let message = Message {
            status: answer.status,
            headers: &headers,
            body: answer.text.as_bytes(),
        };
        self.api.answer_problems(operation, &message)
    }
}
