//! Holds messages against an OpenAPI 3.1 document: what is sent, and what is answered. It knows nothing of our APIs; the
//! stories and the conformance kits use it with `docs/openapi.yaml` and `docs/openapi-core.yaml`. It must not depend on any of our
//! crates, because it judges them.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, which returns null and does not panic"
)]

mod document;
pub mod probes;
mod schemas;

use serde_json::Value;

pub use self::document::{BadDocument, Operation};
use self::document::{Document, resolved};
use self::schemas::Schemas;

/// An API, as its document describes it.
pub struct Api {
    document: Document,
    schemas: Schemas,
    answers: Strictness,
}

/// A request, as it goes over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'m> {
    pub path: &'m str,
    /// Without the question mark, as it was sent.
    pub query: &'m str,
    pub headers: &'m [(String, String)],
    pub body: &'m [u8],
}

/// An answer, as it goes over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'m> {
    pub status: u16,
    pub headers: &'m [(String, String)],
    pub body: &'m [u8],
}

impl Api {
    /// Reads a document.
    pub fn parse(yaml: &str) -> Result<Self, BadDocument> {
        let document = Document::parse(yaml)?;
        let schemas = Schemas::of(&document.root);
        let answers = Strictness::Open;
        Ok(Self {
            document,
            schemas,
            answers,
        })
    }

    /// The same, but an answer may have no field that the document does not have, unless its schema says
    /// `additionalProperties: true`. This is for who writes the answers: who reads them must ignore what is new.
    #[must_use]
    pub fn with_exact_answers(mut self) -> Self {
        self.answers = Strictness::Closed;
        self
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document.root
    }

    /// All operations, in the order of the document.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.document.operations
    }

    /// The operation that a call reaches.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let mut operations = self.document.operations.iter();
        operations.find(|operation| operation.method == method && operation.matches(path))
    }

    /// The operation with this id.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations()
            .iter()
            .find(|operation| operation.id == id)
    }

    /// What of a request is not as the document says; nothing if it is.
    #[must_use]
    pub fn request_problems(&self, operation: &Operation, request: &Request<'_>) -> Vec<String> {
        let described = self.document.described(operation);
        let mut problems = self.parameter_problems(operation, request);
        match described.get("requestBody") {
            Some(body) => {
                let schema = &resolved(&self.document.root, body)["content"]["application/json"];
                let name = format!("request of {}", operation.id);
                problems.extend(self.body_problems(&name, schema, request.body, Strictness::Open));
            }
            None if request.body.is_empty() => {}
            None => problems.push("a body, and the document has none".to_owned()),
        }
        problems
    }

    /// What of an answer is not as the document says; nothing if it is.
    #[must_use]
    pub fn answer_problems(&self, operation: &Operation, answer: &Answer<'_>) -> Vec<String> {
        let described = self.document.described(operation);
        let responses = &described["responses"];
        let exact = answer.status.to_string();
        let range = format!("{}XX", answer.status / 100);
        let found = [exact, range].into_iter().find_map(|status| {
            let response = responses.get(&status)?;
            Some((status, resolved(&self.document.root, response)))
        });
        let Some((status, response)) = found else {
            return vec![format!("status {} is not in the document", answer.status)];
        };
        let mut problems = self.header_problems(response, answer.headers);
        let Some(content) = response["content"].as_object() else {
            if !answer.body.is_empty() {
                problems.push("a body, and the document has none".to_owned());
            }
            return problems;
        };
        let kind = header(answer.headers, "content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match content.get(kind) {
            Some(schema) if kind == "application/json" => {
                let name = format!("answer {status} of {}", operation.id);
                problems.extend(self.body_problems(&name, schema, answer.body, self.answers));
            }
            Some(_) => {}
            None => problems.push(format!("content type {kind:?} is not in the document")),
        }
        problems
    }

    fn parameter_problems(&self, operation: &Operation, request: &Request<'_>) -> Vec<String> {
        let parameters = self.document.described(operation)["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        let query: Vec<_> = url::form_urlencoded::parse(request.query.as_bytes()).collect();
        let mut problems = Vec::new();
        for parameter in parameters {
            let parameter = resolved(&self.document.root, parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let value = match place {
                "path" => operation.parameter(name, request.path),
                "query" => query
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.to_string()),
                _ => header(request.headers, name).map(str::to_owned),
            };
            let Some(value) = value else {
                if parameter["required"] == true {
                    problems.push(format!("{place} parameter {name} is missing"));
                }
                continue;
            };
            let schema = self.schemas.of_schema(
                &format!("parameter {name} of {}", operation.id),
                &parameter["schema"],
                Strictness::Open,
            );
            let value = Value::from(value);
            problems.extend(
                schema
                    .problems(&value)
                    .map(|problem| format!("{name}: {problem}")),
            );
        }
        problems
    }

    fn header_problems(&self, response: &Value, headers: &[(String, String)]) -> Vec<String> {
        let described = response["headers"].as_object().into_iter().flatten();
        let mut problems = Vec::new();
        for (name, described) in described {
            let described = resolved(&self.document.root, described);
            if described["required"] == true && header(headers, name).is_none_or(str::is_empty) {
                problems.push(format!("header {name} is missing"));
            }
        }
        problems
    }

    fn body_problems(
        &self,
        name: &str,
        media: &Value,
        body: &[u8],
        strictness: Strictness,
    ) -> Vec<String> {
        let body: Value = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(error) => return vec![format!("the body is not JSON: {error}")],
        };
        let schema = self.schemas.of_schema(name, &media["schema"], strictness);
        schema.problems(&body).collect()
    }
}

/// Whether an object may have fields that its schema does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// As the schema says.
    Open,
    /// Only if the schema says `additionalProperties: true`.
    Closed,
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let mut headers = headers.iter();
    let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name))?;
    Some(&found.1)
}
