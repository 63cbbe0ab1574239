//! The schemas of a document, compiled when they are first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::Strictness;

pub(crate) struct Schemas {
    /// The components, which a schema may refer to: as they are, and closed.
    open: Value,
    closed: Value,
    compiled: Mutex<HashMap<String, Arc<Schema>>>,
}

/// A schema; or why it is none, which is a problem of every message.
pub(crate) struct Schema(Result<Validator, String>);

impl Schemas {
    pub(crate) fn of(document: &Value) -> Self {
        let open = document["components"]["schemas"].clone();
        let mut closed = open.clone();
        close(&mut closed);
        Self {
            open,
            closed,
            compiled: Mutex::default(),
        }
    }

    /// The schema of a part of the document. `name` is the same for the same part only.
    pub(crate) fn of_schema(
        &self,
        name: &str,
        schema: &Value,
        strictness: Strictness,
    ) -> Arc<Schema> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = compiled
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(self.compile(schema, strictness)));
        Arc::clone(schema)
    }

    fn compile(&self, schema: &Value, strictness: Strictness) -> Schema {
        let mut schema = schema.clone();
        let components = match strictness {
            Strictness::Open => &self.open,
            Strictness::Closed => {
                close(&mut schema);
                &self.closed
            }
        };
        let root = json!({ "allOf": [schema], "components": { "schemas": components } });
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true);
        Schema(options.build(&root).map_err(|error| error.to_string()))
    }
}

impl Schema {
    pub(crate) fn problems<'s>(&'s self, value: &'s Value) -> impl Iterator<Item = String> + 's {
        let (validator, broken) = match &self.0 {
            Ok(validator) => (Some(validator), None),
            Err(error) => (None, Some(format!("the schema cannot be used: {error}"))),
        };
        let errors = validator.into_iter().flat_map(|v| v.iter_errors(value));
        let errors = errors.map(|error| format!("{}: {error}", error.instance_path()));
        broken.into_iter().chain(errors)
    }
}

/// Closes each object whose fields are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields
                    .entry("additionalProperties")
                    .or_insert(Value::Bool(false));
            }
            // A condition asks about some fields only.
            let parts = fields
                .iter_mut()
                .filter(|(name, _)| !["if", "not"].contains(&name.as_str()));
            parts.for_each(|(_, part)| close(part));
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
