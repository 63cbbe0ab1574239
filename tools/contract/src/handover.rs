//! The hand-over to Tiki: what its engineers need to build against this backend, and what the two companies must agree.
//!
//! The words are in `tools/contract/handover/`, one text for each language, with slots such as `{{codes}}`. The slots are
//! filled from the document, from the settings of a stack and from the test cases. The result is Markdown, and the page
//! to send is made of that.

mod codes;
mod environment;
mod limits;
mod page;
mod questions;
mod slots;
mod tables;
mod test_cases;
mod vectors;

pub use self::environment::{Environment, Kind, Stack};
pub use self::limits::Limit;
use crate::document::DocumentError;
use crate::{Document, Lang};

/// Why there is no hand-over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error("the API document: {0}")]
    Document(#[from] DocumentError),
    #[error("the text of the hand-over has a slot that is not known: {0}")]
    UnknownSlot(String),
    #[error("{file}: {problem}")]
    Data { file: &'static str, problem: String },
    #[error("the page: {0}")]
    Page(#[from] askama::Error),
}

/// What the hand-over is made of.
#[derive(Clone, Copy, Debug)]
pub struct Handover<'h> {
    pub document: &'h Document,
    /// Sandbox and production, in this order.
    pub environments: &'h [Environment],
}

impl Handover<'_> {
    /// The text of one language.
    pub fn markdown(&self, lang: Lang) -> Result<String, HandoverError> {
        let text = lang.of(
            include_str!("../handover/vi.md"),
            include_str!("../handover/en.md"),
        );
        let text = slots::filled(text, |slot| self.slot(lang, slot))?;
        let mut stacks = self.environments.iter().filter_map(|e| e.stack.as_ref());
        if !stacks.any(Stack::is_rehearsal) {
            return Ok(text);
        }
        let warning = lang.of(
            "> **Bản chạy thử trên một máy. Không gửi cho Tiki.** Tài liệu này có địa chỉ của môi trường giả lập (`http://127.0.0.1…`), Tiki không truy cập được.",
            "> **A rehearsal on one machine. Do not send it to Tiki.** This document has addresses of a sandbox (`http://127.0.0.1…`), which Tiki cannot reach.",
        );
        Ok(below_title(&text, warning))
    }

    /// The texts of these languages, one after the other.
    pub fn markdown_of(&self, langs: &[Lang]) -> Result<String, HandoverError> {
        let texts = langs.iter().map(|lang| self.markdown(*lang));
        Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n---\n\n"))
    }

    /// The text as a page of `docs/`, which says how it is made.
    pub fn page_of_docs(&self, lang: Lang) -> Result<String, HandoverError> {
        let note = lang.of(
            "*Trang này do `tikivip handover` tạo ra. Ở đây là địa chỉ ví dụ; bản gửi Tiki có địa chỉ của hệ thống. Không sửa trực tiếp trang này: sửa `tools/contract/handover/`, rồi chạy `REWRITE_HANDOVER=1 cargo test -p contract`.*",
            "*`tikivip handover` makes this page. Here it has example addresses; the one that you send has those of your stack. Do not edit it: edit `tools/contract/handover/`, and run `REWRITE_HANDOVER=1 cargo test -p contract`.*",
        );
        Ok(below_title(&self.markdown(lang)?, note))
    }

    /// One page that loads nothing from elsewhere, with the languages one after the other.
    pub fn html(&self, langs: &[Lang]) -> Result<String, HandoverError> {
        let texts = langs.iter().map(|lang| Ok((*lang, self.markdown(*lang)?)));
        page::html(&texts.collect::<Result<Vec<_>, HandoverError>>()?)
    }

    fn slot(&self, lang: Lang, slot: &str) -> Result<String, HandoverError> {
        let (name, of) = slot.split_once(' ').unwrap_or((slot, ""));
        Ok(match name {
            "endpoints" => tables::endpoints(lang, self.document, self.environments),
            "limits" => tables::limits(lang, self.environments),
            "files" => tables::files(lang, self.environments),
            "get-payloads" => vectors::get_payloads(lang, self.environments)?,
            "fields" => tables::request_fields(lang, self.document.operation(of)?),
            "answer" => tables::answer_fields(lang, self.document.operation(of)?),
            "examples" => tables::examples(lang, self.document.operation(of)?),
            "shared-answers" => tables::shared_answers(lang, self.document),
            "codes" => codes::codes(lang, self.document),
            "vectors" => vectors::vectors(lang)?,
            "questions" => questions::questions(lang)?,
            "test-cases" => test_cases::test_cases(lang),
            "limit" => Limit::named(of)
                .ok_or_else(|| HandoverError::UnknownSlot(slot.to_owned()))?
                .value
                .to_owned(),
            _ => return Err(HandoverError::UnknownSlot(slot.to_owned())),
        })
    }
}

/// The text with a paragraph after its title.
fn below_title(text: &str, paragraph: &str) -> String {
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{title}\n\n{paragraph}\n{rest}")
}
