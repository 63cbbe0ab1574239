//! The table of codes.

use super::tables::{table, yes_or_no};
use crate::document::{Code, Repeat};
use crate::{Document, Lang};

/// The codes, each with the calls of Tiki that it can answer.
pub(super) fn codes(lang: Lang, document: &Document) -> String {
    let heading = lang.of(
        [
            "Mã",
            "HTTP",
            "Ý nghĩa",
            "Ở lời gọi nào?",
            "Kết quả cuối cùng?",
            "Gửi lại?",
        ],
        [
            "Code",
            "HTTP",
            "Meaning",
            "On which calls?",
            "Final?",
            "Repeat?",
        ],
    );
    let rows = document.codes.iter().map(|code| {
        let repeat = match code.repeat {
            Repeat::No => lang.of("không", "no"),
            Repeat::Yes => lang.of("có, cùng mã định danh", "yes, with the same id"),
            Repeat::Later => lang.of("để sau", "later"),
            Repeat::NewSignature => lang.of(
                "có, với dấu thời gian và chữ ký mới",
                "yes, with a new timestamp and signature",
            ),
        };
        [
            code.number.to_string(),
            code.http.clone(),
            code.meaning.get(lang).to_owned(),
            calls(lang, document, code),
            yes_or_no(lang, code.is_final).to_owned(),
            repeat.to_owned(),
        ]
    });
    table(heading, rows)
}

/// The calls whose answers can have the code, as the document says.
fn calls(lang: Lang, document: &Document, code: &Code) -> String {
    let all = document.tagged("tiki");
    let (with, without): (Vec<_>, Vec<_>) = all.partition(|call| call.can_answer(code.number));
    if without.is_empty() {
        return lang.of("mọi lời gọi", "all").to_owned();
    }
    if with.is_empty() {
        return lang
            .of("không có ở lời gọi của Tiki", "none that Tiki makes")
            .to_owned();
    }
    let calls = with
        .iter()
        .map(|call| format!("`{} {}`", call.method, call.path));
    calls.collect::<Vec<_>>().join(", ")
}
