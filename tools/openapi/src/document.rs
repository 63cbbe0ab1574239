//! The document: its operations, and what it refers to.

use serde_json::Value;

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadDocument {
    /// It is not YAML.
    #[error("not YAML: {0}")]
    NotYaml(#[from] yaml_serde::Error),
    /// An operation has no `operationId`.
    #[error("{method} {path} has no operationId")]
    WithoutId { method: String, path: String },
}

/// A method and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// In capital letters.
    pub method: String,
    /// As the document writes it: `/refunds/{refund_id}`.
    pub path: String,
}

impl Operation {
    /// Whether a path of a call is of this operation. A part in braces stands for any text without a slash.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let (wanted, found) = (self.path.split('/'), path.split('/'));
        wanted.clone().count() == found.clone().count()
            && wanted
                .zip(found)
                .all(|(wanted, found)| parameter_name(wanted).is_some() || wanted == found)
    }

    /// The text of a part in braces.
    pub(crate) fn parameter(&self, name: &str, path: &str) -> Option<String> {
        let mut parts = self.path.split('/').zip(path.split('/'));
        let (_, found) = parts.find(|(wanted, _)| parameter_name(wanted) == Some(name))?;
        Some(found.to_owned())
    }
}

fn parameter_name(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

pub(crate) struct Document {
    pub(crate) root: Value,
    pub(crate) operations: Vec<Operation>,
}

impl Document {
    pub(crate) fn parse(yaml: &str) -> Result<Self, BadDocument> {
        let root: Value = yaml_serde::from_str(yaml)?;
        let mut operations = Vec::new();
        for (path, item) in root["paths"].as_object().into_iter().flatten() {
            for method in ["get", "post", "put", "delete", "head", "patch"] {
                let Some(described) = item.get(method) else {
                    continue;
                };
                let (method, path) = (method.to_uppercase(), path.clone());
                let Some(id) = described["operationId"].as_str() else {
                    return Err(BadDocument::WithoutId { method, path });
                };
                let id = id.to_owned();
                operations.push(Operation { id, method, path });
            }
        }
        Ok(Self { root, operations })
    }

    /// What the document says of an operation.
    pub(crate) fn described(&self, operation: &Operation) -> &Value {
        &self.root["paths"][&operation.path][operation.method.to_lowercase()]
    }
}

/// The value that a `$ref` leads to; a value without one is itself.
pub(crate) fn resolved<'d>(root: &'d Value, value: &'d Value) -> &'d Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.map_or(value, |pointer| {
        root.pointer(pointer).unwrap_or(&Value::Null)
    })
}
