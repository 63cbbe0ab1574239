//! The two documents, and how the viewer gets them: in one language, and with this sandbox as the server.

use anyhow::Context;
use serde::Deserialize;
use yaml_serde::{Mapping, Value};

use super::CORE;
use crate::build;

/// Which of the two documents of docs/.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Document {
    /// What Tiki, the app and the core call here.
    #[default]
    #[serde(rename = "openapi")]
    Api,
    /// What is called at the core.
    #[serde(rename = "openapi-core")]
    Core,
}

impl Document {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "openapi",
            Self::Core => "openapi-core",
        }
    }

    pub(super) fn of_file(file: &str) -> Option<Self> {
        let all = [Self::Api, Self::Core].into_iter();
        let mut named = all.filter(|d| file.strip_suffix(".yaml") == Some(d.as_str()));
        named.next()
    }

    /// The file's text. It is read each time, so that a changed document needs no new build.
    pub(super) fn read(self) -> anyhow::Result<String> {
        let name = format!("docs/{}.yaml", self.as_str());
        std::fs::read_to_string(build::workspace().join(&name)).context(name)
    }

    fn server(self) -> &'static str {
        match self {
            Self::Api => "/",
            Self::Core => CORE,
        }
    }
}

/// The language of summaries and descriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Language {
    #[default]
    #[serde(rename = "vi")]
    Vietnamese,
    #[serde(rename = "en")]
    English,
}

impl Language {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
        }
    }
}

/// The document for the viewer, as JSON in the order of the file: the first example is the one that it fills in.
pub(super) fn for_viewer(
    yaml: &str,
    language: Language,
    document: Document,
) -> anyhow::Result<String> {
    let mut read: Mapping = yaml_serde::from_str(yaml)?;
    translate(&mut read, language);
    let server = Mapping::from_iter([("url".into(), document.server().into())]);
    read.insert("servers".into(), Value::Sequence(vec![server.into()]));
    Ok(serde_json::to_string(&read)?)
}

/// Beside `summary` and `description` stand `x-summary-vi` and `x-description-vi`: one of each pair stays.
fn translate(fields: &mut Mapping, language: Language) {
    let pairs: Vec<(String, String)> = fields
        .keys()
        .filter_map(|name| {
            let name = name.as_str()?;
            let english = name.strip_prefix("x-")?.strip_suffix("-vi")?;
            Some((name.to_owned(), english.to_owned()))
        })
        .collect();
    for (vietnamese, english) in pairs {
        let text = fields.shift_remove(vietnamese);
        if let (Language::Vietnamese, Some(text)) = (language, text) {
            fields.insert(english.into(), text);
        }
    }
    fields
        .values_mut()
        .for_each(|value| translate_in(value, language));
}

fn translate_in(value: &mut Value, language: Language) {
    match value {
        Value::Sequence(items) => items
            .iter_mut()
            .for_each(|item| translate_in(item, language)),
        Value::Mapping(fields) => translate(fields, language),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "
servers: [{ url: 'https://payments.example-bank.vn' }]
paths:
  /a:
    get:
      summary: Create a payment
      x-summary-vi: Tạo giao dịch
      parameters:
        - { name: id, description: An id, x-description-vi: Một mã }
";

    #[test]
    fn the_viewer_gets_one_language_in_the_files_order() {
        let served = for_viewer(YAML, Language::Vietnamese, Document::Core).unwrap();
        let expected = concat!(
            r#"{"servers":[{"url":"/_sandbox/core"}],"paths":{"/a":{"get":{"summary":"Tạo giao dịch","#,
            r#""parameters":[{"name":"id","description":"Một mã"}]}}}}"#,
        );
        assert_eq!(served, expected);
        let served = for_viewer(YAML, Language::English, Document::Api).unwrap();
        let expected = concat!(
            r#"{"servers":[{"url":"/"}],"paths":{"/a":{"get":{"summary":"Create a payment","#,
            r#""parameters":[{"name":"id","description":"An id"}]}}}}"#,
        );
        assert_eq!(served, expected);
    }
}
