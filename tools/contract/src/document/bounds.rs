//! What a value may be, in words.

use yaml_serde::Value;

use crate::Lang;

const LONGEST_PATTERN: usize = 40;

/// The type of a value and its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// `string`, `integer`, `number`, …; several if the document allows several.
    pub types: Vec<String>,
    format: Option<String>,
    value: Range,
    length: Range,
    items: Range,
    one_of: Vec<String>,
    pattern: Option<String>,
    default: Option<String>,
}

/// A lower and an upper limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Range {
    least: Option<String>,
    most: Option<String>,
}

impl Bounds {
    /// Reads them from a schema and the alternatives within it, whose references are resolved.
    pub(super) fn of(schemas: &[&Value]) -> Self {
        let first = schemas.first().copied().unwrap_or(&Value::Null);
        let second = schemas.get(1).copied().unwrap_or(&Value::Null);
        // The first alternative is the usual one.
        let text = |name: &str| first.get(name).or(second.get(name)).map(plain);
        let any = |name: &str| {
            schemas
                .iter()
                .find_map(|schema| schema.get(name))
                .map(plain)
        };
        let range = |least, most| Range {
            least: any(least),
            most: any(most),
        };
        let one_of = first.get("enum").and_then(Value::as_sequence);
        let one_of = one_of.into_iter().flatten().filter(|v| !v.is_null());
        let constant = first.get("const").map(plain);
        Self {
            types: types(schemas),
            format: text("format"),
            value: range("minimum", "maximum"),
            length: range("minLength", "maxLength"),
            items: range("minItems", "maxItems"),
            one_of: one_of.map(plain).chain(constant).collect(),
            pattern: text("pattern"),
            default: text("default"),
        }
    }

    /// The types, as a reader of JSON says them.
    #[must_use]
    pub fn type_names(&self) -> String {
        self.types.join(" / ")
    }

    /// The limits; empty if there are none.
    #[must_use]
    pub fn limits(&self, lang: Lang) -> String {
        let mut parts = Vec::new();
        if !self.one_of.is_empty() {
            let values: Vec<String> = self.one_of.iter().map(|v| format!("`{v}`")).collect();
            parts.push(values.join(lang.of(" hoặc ", " or ")));
        }
        parts.extend(self.value.text(lang, ""));
        parts.extend(self.length.text(lang, lang.of(" ký tự", " characters")));
        parts.extend(self.items.text(lang, lang.of(" phần tử", " items")));
        parts.extend(self.format.as_ref().map(|format| format!("`{format}`")));
        parts.extend(self.pattern.as_deref().and_then(|p| pattern(lang, p)));
        let default = self.default.as_ref();
        parts.extend(default.map(|d| format!("{} `{d}`", lang.of("mặc định", "default"))));
        parts.join("; ")
    }
}

impl Range {
    fn text(&self, lang: Lang, unit: &str) -> Option<String> {
        match (&self.least, &self.most) {
            (Some(least), Some(most)) if least == most => Some(format!("{least}{unit}")),
            (Some(least), Some(most)) => {
                let to = lang.of("đến", "to");
                Some(format!("{least} {to} {most}{unit}"))
            }
            (Some(least), None) => Some(format!("{} {least}{unit}", lang.of("từ", "from"))),
            (None, Some(most)) => Some(format!("{} {most}{unit}", lang.of("tối đa", "up to"))),
            (None, None) => None,
        }
    }
}

/// A pattern that a reader can use. What a longer one means is in the field's description.
fn pattern(lang: Lang, pattern: &str) -> Option<String> {
    match pattern {
        r"\S" => {
            let words = lang.of("không chỉ gồm khoảng trắng", "not only blanks");
            Some(words.to_owned())
        }
        pattern if pattern.len() <= LONGEST_PATTERN => Some(format!("`{pattern}`")),
        _ => None,
    }
}

/// The types of a schema and its alternatives, each once.
fn types(schemas: &[&Value]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for schema in schemas {
        let names = match schema.get("type") {
            Some(Value::Sequence(many)) => many.iter().map(plain).collect(),
            Some(one) => vec![plain(one)],
            None => Vec::new(),
        };
        for name in names {
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// A plain value as text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
