//! What does not agree, or did not: what needs somebody most comes first.

use std::fmt::{self, Write};

use crate::commands;
use crate::day::{DayReport, MAX_FINDINGS_ON_PAGE};
use crate::text::{Escaped, clock, grouped, money};
use crate::words::{self, Words, words};
use reconciliation::classify::Kind;
use reconciliation::record::{Closed, Finding, Step};

/// Findings that stand alike: the open ones by kind, then the settled, and last what a person has closed.
#[derive(Clone, Copy)]
enum Group {
    Of(Kind),
    Closed,
}

impl Group {
    fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(Self::Of).chain([Self::Closed])
    }

    fn has(self, finding: &Finding) -> bool {
        match self {
            Self::Of(kind) => finding.closed.is_none() && finding.kind == kind,
            Self::Closed => finding.closed.is_some(),
        }
    }

    fn count(self, report: &DayReport) -> u64 {
        match self {
            Self::Of(kind) => report.count(kind),
            Self::Closed => report.closed,
        }
    }

    fn name(self) -> Words {
        match self {
            Self::Of(kind) => words::kind(kind),
            Self::Closed => words::CLOSED,
        }
    }

    fn anchor(self) -> &'static str {
        match self {
            Self::Of(kind) => kind.as_str(),
            Self::Closed => "closed",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Of(Kind::NeedsReview) => "bad",
            Self::Of(Kind::Reverse | Kind::Resent | Kind::Undecided) => "wait",
            Self::Of(Kind::Matched) | Self::Closed => "good",
        }
    }
}

pub(super) fn all(page: &mut String, report: &DayReport) -> fmt::Result {
    writeln!(
        page,
        "<h2 id=\"findings\">{}</h2>",
        words("Chênh lệch", "Findings")
    )?;
    let shown = report.findings.len().min(MAX_FINDINGS_ON_PAGE);
    if report.all() == 0 && shown == 0 {
        return writeln!(
            page,
            "<p class=\"card\">{}</p>",
            words("Không có.", "None.")
        );
    }
    writeln!(page, "<ul class=\"counts\">")?;
    for group in Group::all().filter(|group| group.count(report) > 0) {
        writeln!(
            page,
            "<li><a class=\"tag {}\" href=\"#{}\"><b>{}</b> {}</a></li>",
            group.class(),
            group.anchor(),
            grouped(group.count(report)),
            group.name(),
        )?;
    }
    writeln!(page, "</ul>")?;
    let shown = u64::try_from(shown).unwrap_or(u64::MAX);
    if report.all() > shown {
        let (shown, all) = (grouped(shown), grouped(report.all()));
        writeln!(
            page,
            "<p class=\"note\">Trang này hiển thị {shown} trong số {all} chênh lệch; report.csv có đủ. \
             <span lang=\"en\">{shown} of {all} are shown; report.csv has all.</span></p>",
        )?;
    }
    for group in Group::all() {
        let mut first = true;
        let of_group = report.findings.iter().take(MAX_FINDINGS_ON_PAGE);
        for finding in of_group.filter(|finding| group.has(finding)) {
            if first {
                let count = grouped(group.count(report));
                let (anchor, name) = (group.anchor(), group.name());
                writeln!(page, "<h3 id=\"{anchor}\">{name} · {count}</h3>")?;
                first = false;
            }
            one(page, finding, group.class())?;
        }
    }
    Ok(())
}

fn one(page: &mut String, finding: &Finding, class: &str) -> fmt::Result {
    let id = Escaped(&finding.id);
    writeln!(page, "<section class=\"card finding {class}\">")?;
    write!(page, "<h4><code>{id}</code>")?;
    if let Some(id) = &finding.transaction_id {
        let ours = words("Mã của chúng ta", "our id");
        let id = Escaped(id);
        write!(
            page,
            " <span class=\"soft\">{ours} <code>{id}</code></span>"
        )?;
    }
    let said = words::ground(finding.ground);
    writeln!(page, "</h4>\n<p class=\"because\">{}</p>", said.because)?;
    writeln!(page, "<div class=\"two\">\n<div>")?;
    if finding.is_about_a_transaction() {
        sides(page, finding)?;
    }
    source(page, finding)?;
    writeln!(page, "</div>\n<div>")?;
    match &finding.closed {
        Some(closed) => closing(page, closed)?,
        None => what_to_do(page, finding, said.proposal)?,
    }
    writeln!(page, "</div>\n</div>")?;
    history(page, &finding.history)?;
    writeln!(page, "</section>")
}

fn what_to_do(page: &mut String, finding: &Finding, proposal: Words) -> fmt::Result {
    writeln!(page, "<p>{proposal}</p>")?;
    let commands = commands::of(finding);
    if commands.is_empty() {
        return Ok(());
    }
    writeln!(page, "<ul class=\"commands\">")?;
    for command in &commands {
        // An option stays in one piece, where it fits onto a line.
        let command = Escaped(command).to_string();
        let mut parts = command.split(" --");
        write!(page, "<li><code>{}", parts.next().unwrap_or_default())?;
        for option in parts {
            write!(page, " <span>--{option}</span>")?;
        }
        writeln!(page, "</code></li>")?;
    }
    writeln!(page, "</ul>")
}

/// Both sides' values: ours, what Tiki says when it is asked, and what its file said.
fn sides(page: &mut String, finding: &Finding) -> fmt::Result {
    let (status, amount) = (words("Trạng thái", "status"), words("Số tiền", "amount"));
    writeln!(
        page,
        "<table class=\"sides\">\n<thead><tr><td></td><th scope=\"col\">{status}</th>\
         <th scope=\"col\">{amount}</th></tr></thead>\n<tbody>",
    )?;
    let (ours, in_file) = (&finding.ours, &finding.in_file);
    let have = if ours.status.is_none() && finding.transaction_id.is_none() {
        words("không có", "none").to_string()
    } else {
        shown(ours.status.as_deref())
    };
    let amounts = [ours.amount_vnd, finding.tiki_amount_vnd, in_file.amount_vnd];
    let amounts = amounts.map(|vnd| {
        let text = vnd.map_or_else(|| "—".to_owned(), money);
        let both = vnd.zip(ours.amount_vnd);
        marked(text, both.is_some_and(|(theirs, ours)| theirs != ours))
    });
    let asked = words::asked(&finding.tiki);
    let asked = asked.map_or_else(|| shown(Some(&finding.tiki)), |words| words.to_string());
    let not_ours = |theirs: &str| ours.status.as_deref().is_some_and(|ours| ours != theirs);
    let asked = marked(asked, words::status(&finding.tiki).is_some_and(not_ours));
    let file_says = in_file.status.as_deref();
    let file_says = marked(shown(file_says), file_says.is_some_and(not_ours));
    let sides = [
        words("Chúng ta", "ours"),
        words("Tiki, khi hỏi", "asked"),
        words("Tệp của Tiki", "in the file"),
    ];
    for ((side, status), amount) in sides.iter().zip([have, asked, file_says]).zip(amounts) {
        writeln!(
            page,
            "<tr><th scope=\"row\">{side}</th><td>{status}</td><td>{amount}</td></tr>"
        )?;
    }
    writeln!(page, "</tbody></table>")
}

/// What is not as ours is marked, also for those who see no colours.
fn marked(html: String, differs: bool) -> String {
    if differs {
        format!("<b class=\"differs\"><i>≠</i> {html}</b>")
    } else {
        html
    }
}

/// Where it was found, and in what words.
fn source(page: &mut String, finding: &Finding) -> fmt::Result {
    let file = words("Tệp", "file");
    let name = Escaped(&finding.file);
    write!(page, "<p class=\"soft\">{file} <code>{name}</code>")?;
    if finding.line > 0 {
        let line = words("dòng", "line");
        write!(page, " · {line} {}", grouped(finding.line))?;
    }
    if !finding.code.is_empty() {
        let code = words("mã", "code");
        write!(page, " · {code} <code>{}</code>", Escaped(&finding.code))?;
    }
    writeln!(page, "</p>")?;
    if finding.reason.is_empty() {
        return Ok(());
    }
    let whose = if finding.is_about_a_transaction() {
        words("Lý do của Tiki", "Tiki's reason")
    } else {
        words("Lỗi", "problem")
    };
    let reason = Escaped(&finding.reason);
    writeln!(page, "<p class=\"soft\">{whose} <q>{reason}</q></p>")
}

fn closing(page: &mut String, closed: &Closed) -> fmt::Result {
    let by = words("Người đóng", "closed by");
    let (name, at) = (Escaped(&closed.by), clock(closed.at));
    let reason = Escaped(&closed.reason);
    writeln!(page, "<p>{by} <bdi>{name}</bdi>, {at}: <q>{reason}</q></p>")
}

fn history(page: &mut String, history: &[Step]) -> fmt::Result {
    writeln!(page, "<ol class=\"soft\">")?;
    for step in history {
        let (kind, because) = (words::kind(step.kind), words::ground(step.ground).because);
        let at = clock(step.at);
        writeln!(
            page,
            "<li><time>{at}</time> {}: {} <span lang=\"en\">{}</span></li>",
            kind.vi, because.vi, kind.en
        )?;
    }
    writeln!(page, "</ol>")
}

fn shown(text: Option<&str>) -> String {
    match text {
        None | Some("") => "—".to_owned(),
        Some(text) => Escaped(text).to_string(),
    }
}
