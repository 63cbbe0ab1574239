//! What only Tiki can answer.

use serde::Deserialize;

use super::HandoverError;
use super::tables::table;
use crate::Lang;

const FILE: &str = "tools/contract/handover/questions.yaml";

/// An open point of Tiki's documentation, and what we do until Tiki has answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    vi: String,
    en: String,
    until_vi: String,
    until_en: String,
}

/// The questions, numbered, with a column for Tiki's answers.
pub(super) fn questions(lang: Lang) -> Result<String, HandoverError> {
    let yaml = include_str!("../../handover/questions.yaml");
    let questions: Vec<Question> =
        yaml_serde::from_str(yaml).map_err(|error| HandoverError::Data {
            file: FILE,
            problem: error.to_string(),
        })?;
    let rows = (1..).zip(questions).map(|(number, question)| {
        [
            format!("Q{number}"),
            lang.of(question.vi, question.en),
            lang.of(question.until_vi, question.until_en),
            String::new(),
        ]
    });
    let heading = lang.of(
        [
            "Số",
            "Câu hỏi",
            "Cách làm khi chưa có trả lời",
            "Trả lời của Tiki",
        ],
        [
            "No.",
            "Question",
            "What we do until we hear",
            "Tiki's answer",
        ],
    );
    Ok(table(heading, rows))
}
