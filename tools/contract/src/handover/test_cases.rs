//! The table of test cases: those that `tikivip test-partner` plays.

use conformance::cases::CASES;

use super::tables::table;
use crate::Lang;

/// Every case, with a column for the result.
pub(super) fn test_cases(lang: Lang) -> String {
    let heading = lang.of(
        [
            "Mã ca",
            "Nội dung",
            "Gọi",
            "Dữ liệu gửi",
            "Kết quả mong đợi",
            "Đạt?",
        ],
        [
            "Case",
            "What it shows",
            "Call",
            "What is sent",
            "Expected",
            "Passed?",
        ],
    );
    let rows = CASES.iter().map(|case| {
        let needs = lang.of(case.needs.vi(), case.needs.en());
        let needs = if needs.is_empty() {
            String::new()
        } else {
            format!(" ({} {needs})", lang.of("cần:", "needs:"))
        };
        [
            format!("`{}`", case.id),
            format!("{}{needs}", lang.of(case.title_vi, case.title_en)),
            format!("`{}`", case.call),
            lang.of(case.send_vi, case.send_en).to_owned(),
            lang.of(case.expected_vi(), case.expected_en()),
            "☐".to_owned(),
        ]
    });
    table(heading, rows)
}
