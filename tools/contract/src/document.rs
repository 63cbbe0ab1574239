//! An API document as data: what the hand-over and the collections are made of.
//!
//! It is read as YAML and not as `serde_json::Value`, because fields and examples are shown in the order of the document.

mod bounds;
mod read;

use std::collections::BTreeSet;

use yaml_serde::Value;

pub use self::bounds::Bounds;
use crate::Text;

/// What a document says that people and programs need.
#[derive(Clone, Debug)]
pub struct Document {
    /// In the order of the document.
    pub operations: Vec<Operation>,
    /// The table of codes; empty in a document that has none.
    pub codes: Vec<Code>,
}

/// A call that somebody makes, with its answers.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `createTransaction`
    pub id: String,
    /// `POST`
    pub method: String,
    /// `/tikivip/v1/transactions`
    pub path: String,
    /// Who calls it: `tiki`, `partner`, `customer`, `report`.
    pub tag: String,
    pub summary: Text,
    pub description: Text,
    /// In the path and in the query.
    pub parameters: Vec<Parameter>,
    /// The body of a POST.
    pub request: Option<Message>,
    pub answers: Vec<Answer>,
}

/// A value in a path or a query.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `path`, `query` or `header`.
    pub place: String,
    pub field: Field,
    /// A value to try, if the document has one.
    pub example: Option<String>,
}

/// The body of a request or of an answer.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub fields: Vec<Field>,
    /// The codes that an answer can have; none in a request.
    pub codes: BTreeSet<u64>,
    pub examples: Vec<Example>,
}

/// An answer to a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `200`, `5XX`.
    pub status: String,
    /// Whether it is one that many calls have.
    pub is_shared: bool,
    pub description: Text,
    pub message: Message,
}

/// A field of a message. A field of an object within is named with the object: `data.status`, `refunds[].amount`.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub required: bool,
    pub bounds: Bounds,
    pub description: Text,
}

/// A worked example.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its key in the document.
    pub name: String,
    pub summary: Text,
    /// In an answer: the example of the request that gets it.
    pub of_request: Option<String>,
    /// Whether something must be broken to get this answer: a system, or the signature.
    pub needs_fault: bool,
    pub value: Value,
}

impl Example {
    /// The value as JSON, to be read.
    #[must_use]
    pub fn pretty(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            value => serde_json::to_string_pretty(value).unwrap_or_default(),
        }
    }
}

/// A row of the table of codes.
#[derive(Clone, Debug)]
pub struct Code {
    pub number: u64,
    pub name: String,
    /// The HTTP statuses that it comes with.
    pub http: String,
    pub meaning: Text,
    pub repeat: Repeat,
    /// Whether the same request can never get another answer.
    pub is_final: bool,
}

/// Whether a request is to be repeated after a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    No,
    Yes,
    Later,
    /// With a new timestamp and a new signature.
    NewSignature,
}

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct DocumentError {
    pub place: String,
    pub problem: String,
}

impl Operation {
    /// Whether an answer to this call can have the code.
    #[must_use]
    pub fn can_answer(&self, code: u64) -> bool {
        let mut answers = self.answers.iter();
        answers.any(|answer| answer.message.codes.contains(&code))
    }
}

impl Document {
    /// Reads a document.
    pub fn read(yaml: &str) -> Result<Self, DocumentError> {
        read::document(yaml)
    }

    /// The operation of this id.
    pub fn operation(&self, id: &str) -> Result<&Operation, DocumentError> {
        let mut operations = self.operations.iter();
        operations
            .find(|operation| operation.id == id)
            .ok_or_else(|| DocumentError {
                place: "paths".to_owned(),
                problem: format!("there is no operation {id}"),
            })
    }

    /// The operations of a tag.
    pub fn tagged<'d>(&'d self, tag: &'d str) -> impl Iterator<Item = &'d Operation> {
        self.operations.iter().filter(move |o| o.tag == tag)
    }
}
