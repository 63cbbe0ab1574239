//! Reads a document: resolves references, and flattens objects into fields.

use std::collections::BTreeSet;

use yaml_serde::Value;

use super::bounds::{Bounds, plain};
use super::{
    Answer, Code, Document, DocumentError, Example, Field, Message, Operation, Parameter, Repeat,
};
use crate::Text;

const METHODS: [&str; 4] = ["get", "head", "post", "put"];
/// Deeper than any message; a schema that contains itself ends here.
const MAX_DEPTH: usize = 5;

struct Reader {
    root: Value,
}

pub(super) fn document(yaml: &str) -> Result<Document, DocumentError> {
    let root: Value =
        yaml_serde::from_str(yaml).map_err(|error| wrong("the document", error.to_string()))?;
    let reader = Reader { root };
    let mut operations = Vec::new();
    for (path, item) in entries(reader.root.get("paths")) {
        let item = reader.resolved(item)?;
        for (method, operation) in entries(Some(item)) {
            if METHODS.contains(&method.as_str()) {
                operations.push(reader.operation(&path, &method, item, operation)?);
            }
        }
    }
    let codes = list(reader.root.get("x-codes")).map(code);
    Ok(Document {
        operations,
        codes: codes.collect::<Result<_, _>>()?,
    })
}

impl Reader {
    fn operation(
        &self,
        path: &str,
        method: &str,
        item: &Value,
        operation: &Value,
    ) -> Result<Operation, DocumentError> {
        let place = format!("{method} {path}");
        let of_path = list(item.get("parameters"));
        let parameters = of_path.chain(list(operation.get("parameters")));
        let parameters = parameters.map(|parameter| self.parameter(&place, parameter));
        let request = operation.get("requestBody");
        let request = request.map(|body| self.message(self.resolved(body)?));
        let answers = entries(operation.get("responses"));
        let answers = answers.map(|(status, answer)| {
            let is_shared = answer.get("$ref").is_some();
            let answer = self.resolved(answer)?;
            Ok(Answer {
                status,
                is_shared,
                description: text(answer, "description"),
                message: self.message(answer)?,
            })
        });
        let tag = list(operation.get("tags")).next().and_then(Value::as_str);
        Ok(Operation {
            id: required(operation, "operationId", &place)?.to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            tag: tag.unwrap_or_default().to_owned(),
            summary: text(operation, "summary"),
            description: text(operation, "description"),
            parameters: parameters.collect::<Result<_, _>>()?,
            request: request.transpose()?,
            answers: answers.collect::<Result<_, DocumentError>>()?,
        })
    }

    fn parameter(&self, place: &str, parameter: &Value) -> Result<Parameter, DocumentError> {
        let parameter = self.resolved(parameter)?;
        let schema = match parameter.get("schema") {
            Some(schema) => self.resolved(schema)?,
            None => &Value::Null,
        };
        let examples = entries(parameter.get("examples"));
        let mut examples = examples.filter_map(|(_, example)| example.get("value"));
        let example = parameter.get("example").or_else(|| examples.next());
        let example = example.or_else(|| schema.get("example"));
        let example = example.or_else(|| list(schema.get("examples")).next());
        Ok(Parameter {
            place: required(parameter, "in", place)?.to_owned(),
            example: example.map(plain),
            field: Field {
                name: required(parameter, "name", place)?.to_owned(),
                required: is_true(parameter.get("required")),
                bounds: self.bounds(schema)?,
                description: text(parameter, "description"),
            },
        })
    }

    /// The body of a request or an answer.
    fn message(&self, holder: &Value) -> Result<Message, DocumentError> {
        let mut content = entries(holder.get("content"));
        let json = content.find(|(kind, _)| kind.contains("json"));
        let Some((_, media)) = json else {
            return Ok(Message::default());
        };
        let (mut fields, mut codes) = (Vec::new(), BTreeSet::new());
        if let Some(schema) = media.get("schema") {
            self.fields(schema, "", MAX_DEPTH, &mut fields)?;
            codes = self.codes(schema)?;
        }
        let examples = entries(media.get("examples"));
        let examples = examples.map(|(name, example)| {
            let example = self.resolved(example)?;
            Ok(Example {
                name,
                summary: text(example, "summary"),
                of_request: example.get("x-request").map(plain),
                needs_fault: ["x-fault", "x-signature"]
                    .iter()
                    .any(|fault| example.get(fault).is_some()),
                value: example.get("value").cloned().unwrap_or_default(),
            })
        });
        let examples = examples.collect::<Result<_, DocumentError>>()?;
        Ok(Message {
            fields,
            codes,
            examples,
        })
    }

    /// The codes that a body of this schema can have.
    fn codes(&self, schema: &Value) -> Result<BTreeSet<u64>, DocumentError> {
        let mut schemas = Vec::new();
        self.alternatives(schema, MAX_DEPTH, &mut schemas)?;
        let mut codes = BTreeSet::new();
        for schema in schemas {
            let properties = schema.get("properties");
            let Some(code) = properties.and_then(|all| all.get("code")) else {
                continue;
            };
            let code = self.resolved(code)?;
            let words = code.get("const").into_iter().chain(list(code.get("enum")));
            codes.extend(words.filter_map(Value::as_u64));
        }
        Ok(codes)
    }

    /// Adds the fields of an object, and of the objects within it.
    fn fields(
        &self,
        schema: &Value,
        prefix: &str,
        depth: usize,
        found: &mut Vec<Field>,
    ) -> Result<(), DocumentError> {
        let schema = self.resolved(schema)?;
        let needed: Vec<&str> = list(schema.get("required"))
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in entries(schema.get("properties")) {
            let resolved = self.resolved(property)?;
            let full_name = format!("{prefix}{name}");
            if !found.iter().any(|field| field.name == full_name) {
                found.push(Field {
                    required: needed.contains(&name.as_str()),
                    bounds: self.bounds(resolved)?,
                    description: described(property, resolved),
                    name: full_name.clone(),
                });
            }
            let Some(deeper) = depth.checked_sub(1) else {
                continue;
            };
            self.fields(resolved, &format!("{full_name}."), deeper, found)?;
            if let Some(items) = resolved.get("items") {
                self.fields(items, &format!("{full_name}[]."), deeper, found)?;
            }
        }
        // What an object has of its own is described there, and comes first.
        for combined in ["allOf", "oneOf", "anyOf"] {
            for part in list(schema.get(combined)) {
                self.fields(part, prefix, depth, found)?;
            }
        }
        Ok(())
    }

    fn bounds(&self, schema: &Value) -> Result<Bounds, DocumentError> {
        let mut schemas = Vec::new();
        self.alternatives(schema, MAX_DEPTH, &mut schemas)?;
        Ok(Bounds::of(&schemas))
    }

    /// A schema, and the alternatives within it.
    fn alternatives<'r>(
        &'r self,
        schema: &'r Value,
        depth: usize,
        found: &mut Vec<&'r Value>,
    ) -> Result<(), DocumentError> {
        let schema = self.resolved(schema)?;
        found.push(schema);
        let Some(deeper) = depth.checked_sub(1) else {
            return Ok(());
        };
        let one_of = list(schema.get("oneOf"));
        for alternative in one_of.chain(list(schema.get("anyOf"))) {
            self.alternatives(alternative, deeper, found)?;
        }
        Ok(())
    }

    /// What a `$ref` points to, or the value itself.
    fn resolved<'r>(&'r self, value: &'r Value) -> Result<&'r Value, DocumentError> {
        let mut value = value;
        for _ in 0..MAX_DEPTH {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self
                .target(reference)
                .ok_or_else(|| wrong(reference, "is not there"))?;
        }
        Err(wrong("$ref", "points to itself"))
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        let path = reference.strip_prefix("#/")?;
        path.split('/').try_fold(&self.root, |value, name| {
            value.get(name.replace("~1", "/").replace("~0", "~"))
        })
    }
}

fn code(row: &Value) -> Result<Code, DocumentError> {
    let number = row.get("code").and_then(Value::as_u64);
    let number = number.ok_or_else(|| wrong("x-codes", "a row has no code"))?;
    let place = format!("x-codes, code {number}");
    let http = match row.get("http") {
        Some(Value::Sequence(many)) => many.iter().map(plain).collect::<Vec<_>>().join(", "),
        Some(one) => plain(one),
        None => return Err(wrong(&place, "has no http")),
    };
    let repeat = row.get("repeat").map(plain);
    let repeat = match repeat.as_deref() {
        Some("no") => Repeat::No,
        Some("yes") => Repeat::Yes,
        Some("later") => Repeat::Later,
        Some("new_signature") => Repeat::NewSignature,
        _ => {
            return Err(wrong(
                &place,
                "repeat must be no, yes, later or new_signature",
            ));
        }
    };
    Ok(Code {
        number,
        name: row.get("name").map(plain).unwrap_or_default(),
        http,
        meaning: Text::new(
            required(row, "meaning_vi", &place)?,
            required(row, "meaning", &place)?,
        ),
        repeat,
        is_final: is_true(row.get("final")),
    })
}

/// The description of a property: its own, or that of what it refers to.
fn described(property: &Value, resolved: &Value) -> Text {
    let own = text(property, "description");
    if own == Text::default() {
        text(resolved, "description")
    } else {
        own
    }
}

/// A text with the Vietnamese one beside it: `summary` and `x-summary-vi`.
fn text(value: &Value, name: &str) -> Text {
    let get = |name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.map(str::trim).unwrap_or_default().to_owned()
    };
    Text {
        vi: get(&format!("x-{name}-vi")),
        en: get(name),
    }
}

fn required<'v>(value: &'v Value, name: &str, place: &str) -> Result<&'v str, DocumentError> {
    let text = value.get(name).and_then(Value::as_str);
    text.ok_or_else(|| wrong(place, format!("has no {name}")))
}

fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool).unwrap_or_default()
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_sequence).into_iter().flatten()
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (String, &Value)> {
    let mapping = value.and_then(Value::as_mapping).into_iter().flatten();
    mapping.map(|(name, value)| (plain(name), value))
}

fn wrong(place: &str, problem: impl Into<String>) -> DocumentError {
    DocumentError {
        place: place.to_owned(),
        problem: problem.into(),
    }
}
