//! The tables that are made of the document, the settings and the test cases.

use std::fmt::Write as _;

use super::environment::FileServer;
use super::{Environment, Stack};
use crate::document::{Example, Field, Operation};
use crate::{Document, Lang, Text};

/// A table in Markdown.
pub(super) fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = line(heading.map(str::to_owned).to_vec());
    out.push_str(&line(vec!["---".to_owned(); N]));
    for row in rows {
        out.push_str(&line(row.iter().map(|text| cell(text)).collect()));
    }
    out
}

/// A text as one cell: on one line, and without the sign that ends a cell.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// A whole number with points between its thousands, as Vietnam writes it, or commas.
fn grouped(lang: Lang, number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len().saturating_sub(place)).is_multiple_of(3) {
            out.push(lang.of('.', ','));
        }
        out.push(digit);
    }
    out
}

pub(super) fn yes_or_no(lang: Lang, yes: bool) -> &'static str {
    if yes {
        lang.of("có", "yes")
    } else {
        lang.of("không", "no")
    }
}

/// A blank, to be filled in by hand.
const BLANK: &str = "……………";

/// A row about each environment.
fn of_each(environments: &[Environment], value: impl Fn(&Stack) -> String) -> [String; 2] {
    let values = environments.iter().map(|environment| {
        let stack = environment.stack.as_ref();
        stack.map_or_else(|| BLANK.to_owned(), &value)
    });
    let mut values = values.chain(std::iter::repeat(BLANK.to_owned()));
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

fn by_environment(
    lang: Lang,
    environments: &[Environment],
    rows: Vec<(Text, [String; 2])>,
) -> String {
    let names: Vec<Text> = environments.iter().map(|e| e.kind.name()).collect();
    let mut names = names.iter().map(|name| name.get(lang));
    let heading = [
        "",
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    ];
    let rows = rows.into_iter().map(|(name, [first, second])| {
        let name = name.get(lang).to_owned();
        [name, first, second]
    });
    table(heading, rows)
}

/// The addresses of each environment.
pub(super) fn endpoints(lang: Lang, document: &Document, environments: &[Environment]) -> String {
    let mut rows: Vec<(Text, [String; 2])> = document
        .tagged("tiki")
        .map(|operation| {
            let address = |stack: &Stack| {
                format!("`{} {}{}`", operation.method, stack.api_url, operation.path)
            };
            (operation.summary.clone(), of_each(environments, address))
        })
        .collect();
    let mut row = |vi: &str, en: &str, value: &dyn Fn(&Stack) -> String| {
        rows.push((Text::new(vi, en), of_each(environments, value)));
    };
    row("Liên kết thanh toán", "Payment link", &|stack| {
        format!("`{}/pay/…`", stack.link_url)
    });
    row(
        "`X-Tikivip-Client-Id`, cả hai chiều",
        "`X-Tikivip-Client-Id`, in both directions",
        &|stack| format!("`{}`", stack.tiki_client_id),
    );
    row(
        "API của Tiki mà chúng tôi gọi",
        "Tiki's API, as we call it",
        &|stack| format!("`{}`", stack.tiki_api_url),
    );
    by_environment(lang, environments, rows)
}

/// The limits of each environment.
pub(super) fn limits(lang: Lang, environments: &[Environment]) -> String {
    let mut rows = Vec::new();
    let mut row = |vi: &str, en: &str, value: &dyn Fn(&Stack) -> String| {
        rows.push((Text::new(vi, en), of_each(environments, value)));
    };
    let vnd = |amount| format!("{} VND", grouped(lang, amount));
    let seconds = lang.of("giây", "seconds");
    row(
        "Số tiền nhỏ nhất của một khoản thanh toán",
        "Smallest payment",
        &|stack| vnd(stack.min_amount_vnd),
    );
    row(
        "Số tiền lớn nhất của một khoản thanh toán",
        "Largest payment",
        &|stack| vnd(stack.max_amount_vnd),
    );
    row(
        "Dấu thời gian được chấp nhận: cũ nhất",
        "Oldest timestamp that is accepted",
        &|stack| format!("{} {seconds}", stack.signature_max_age_s),
    );
    row(
        "Dấu thời gian được chấp nhận: sớm hơn đồng hồ của chúng tôi",
        "Furthest timestamp ahead of our clock",
        &|stack| format!("{} {seconds}", stack.signature_max_ahead_s),
    );
    row(
        "Số ngày chấp nhận khóa bí mật trước đó, kể từ khi thay",
        "Days for which the previous secret is accepted after a change",
        &|stack| grouped(lang, stack.previous_secret_days),
    );
    row(
        "Số yêu cầu mỗi giây, trên mỗi đường dẫn API",
        "Requests a second, on each route",
        &|stack| grouped(lang, stack.throttle.0),
    );
    row(
        "Số yêu cầu cùng lúc, trên mỗi đường dẫn API",
        "Requests at once, on each route",
        &|stack| grouped(lang, stack.throttle.1),
    );
    row(
        "Số yêu cầu hoàn tiền được xử lý cùng lúc",
        "Refunds that run at once",
        &|stack| grouped(lang, stack.refunds_at_once),
    );
    row(
        "Dạng số điện thoại chúng tôi gửi (`identify_phone`)",
        "Form of the phone that we send (`identify_phone`)",
        &|stack| format!("`{}`", stack.phone_format),
    );
    row(
        "Chuỗi được ký khi chúng tôi gọi GET đến Tiki",
        "What our GET to Tiki signs",
        &|stack| format!("`{}`", stack.get_signing),
    );
    rows.extend(open_points(lang, environments));
    by_environment(lang, environments, rows)
}

/// What the two companies have yet to agree, as it is set now.
fn open_points(lang: Lang, environments: &[Environment]) -> [(Text, [String; 2]); 3] {
    let seconds = lang.of("giây", "seconds");
    let row = |vi: &str, en: &str, value: &dyn Fn(&Stack) -> String| {
        (Text::new(vi, en), of_each(environments, value))
    };
    [
        row(
            "Tên miền mà khách hàng được chuyển đến",
            "Hosts to which customers are sent",
            &|stack| {
                let tikis = ["tiki.vn", "beta.tala.xyz"].into_iter();
                let hosts = tikis.chain(stack.more_hosts.iter().map(String::as_str));
                let hosts: Vec<String> = hosts.map(|host| format!("`{host}`")).collect();
                hosts.join(", ")
            },
        ),
        row(
            "Tham số thêm vào `url_checkout_result`",
            "Parameter that is appended to `url_checkout_result`",
            &|stack| match &stack.appended {
                Some((parameter, id)) => format!("`{parameter}` = `{id}`"),
                None => lang.of("không thêm", "none").to_owned(),
            },
        ),
        row(
            "Hai lần tra cứu trả mã 3 phải cách nhau ít nhất",
            "Two look-ups with code 3 are apart by at least",
            &|stack| format!("{} {seconds}", stack.confirm_after_s),
        ),
    ]
}

/// The files of reconciliation in each environment.
pub(super) fn files(lang: Lang, environments: &[Environment]) -> String {
    let server = |value: fn(&FileServer) -> String| {
        move |stack: &Stack| {
            let server = stack.file_server.as_ref();
            server.map_or_else(|| BLANK.to_owned(), value)
        }
    };
    let row = |vi: &str, en: &str, value: &dyn Fn(&Stack) -> String| {
        (Text::new(vi, en), of_each(environments, value))
    };
    let rows = vec![
        row(
            "Tên đối tác trong tên tệp",
            "Partner name in file names",
            &|stack| format!("`{}`", stack.partner_name),
        ),
        row(
            "Máy chủ SFTP của Tiki",
            "Tiki's SFTP server",
            &server(|s| format!("`{}:{}`", s.host, s.port)),
        ),
        row(
            "Tài khoản SFTP",
            "SFTP user",
            &server(|s| format!("`{}`", s.user)),
        ),
        row("Thư mục", "Folder", &server(|s| format!("`{}`", s.folder))),
        row(
            "Dòng riêng cho hoàn tiền",
            "Rows for refunds",
            &|stack| yes_or_no(lang, stack.refund_rows).to_owned(),
        ),
        row(
            "Địa chỉ IP cố định khi kết nối SFTP",
            "Fixed address for SFTP",
            &|stack| {
                if stack.has_fixed_address {
                    BLANK.to_owned()
                } else {
                    yes_or_no(lang, false).to_owned()
                }
            },
        ),
    ];
    by_environment(lang, environments, rows)
}

/// The fields of a request: those of the body, or the parameters.
pub(super) fn request_fields(lang: Lang, operation: &Operation) -> String {
    let parameters = operation.parameters.iter().filter(|p| p.place != "header");
    let parameters = parameters.map(|parameter| &parameter.field);
    let body = operation.request.iter().flat_map(|body| &body.fields);
    fields(lang, parameters.chain(body), true)
}

/// The fields of the answer that says success.
pub(super) fn answer_fields(lang: Lang, operation: &Operation) -> String {
    let success = operation.answers.iter().find(|a| a.status == "200");
    let found = success.into_iter().flat_map(|a| &a.message.fields);
    fields(lang, found, false)
}

fn fields<'f>(
    lang: Lang,
    fields: impl IntoIterator<Item = &'f Field>,
    asks_required: bool,
) -> String {
    let rows = fields.into_iter().map(|field| {
        let mut words = Vec::new();
        if asks_required {
            words.push(yes_or_no(lang, field.required).to_owned());
        }
        let (types, limits) = (field.bounds.type_names(), field.bounds.limits(lang));
        let parts = [types, limits].into_iter().filter(|part| !part.is_empty());
        words.push(parts.collect::<Vec<_>>().join("; "));
        words.push(field.description.get(lang).to_owned());
        (format!("`{}`", field.name), words)
    });
    let name = lang.of("Trường", "Field");
    let required = lang.of("Bắt buộc", "Required");
    let kind = lang.of("Kiểu và giới hạn", "Type and bounds");
    let meaning = lang.of("Ý nghĩa", "Meaning");
    let cells = |(name, words): (String, Vec<String>)| {
        let mut all = std::iter::once(name).chain(words);
        move || all.next().unwrap_or_default()
    };
    if asks_required {
        table(
            [name, required, kind, meaning],
            rows.map(|row| {
                let mut next = cells(row);
                std::array::from_fn(|_| next())
            }),
        )
    } else {
        table(
            [name, kind, meaning],
            rows.map(|row| {
                let mut next = cells(row);
                std::array::from_fn(|_| next())
            }),
        )
    }
}

/// The worked examples of a call: each request, and what it is answered.
pub(super) fn examples(lang: Lang, operation: &Operation) -> String {
    let mut out = String::new();
    let own = operation.answers.iter().filter(|answer| !answer.is_shared);
    let answers: Vec<(&str, &Example)> = own
        .flat_map(|answer| {
            let examples = answer.message.examples.iter();
            examples.map(|example| (answer.status.as_str(), example))
        })
        .collect();
    for request in operation.request.iter().flat_map(|body| &body.examples) {
        let title = title_of(lang, request);
        let title = format!("{}: {title}", lang.of("Yêu cầu", "Request"));
        block(&mut out, &title, &request.pretty());
        for (status, answer) in &answers {
            if answer.of_request.as_ref() == Some(&request.name) {
                let title = title_of(lang, answer);
                let answered = lang.of("Trả lời", "Answer");
                let title = format!("{answered} HTTP {status}: {title}");
                block(&mut out, &title, &answer.pretty());
            }
        }
    }
    out
}

/// The answers that all calls of Tiki have, each once.
pub(super) fn shared_answers(lang: Lang, document: &Document) -> String {
    let answers = document.tagged("tiki").flat_map(|o| &o.answers);
    let mut rows: Vec<[String; 3]> = Vec::new();
    for answer in answers.filter(|answer| answer.is_shared) {
        let examples = answer.message.examples.iter();
        let examples = examples.map(|example| {
            let json = serde_json::to_string(&example.value).unwrap_or_default();
            format!("`{json}`")
        });
        let row = [
            answer.status.clone(),
            answer.description.get(lang).to_owned(),
            examples.collect::<Vec<_>>().join(", "),
        ];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.sort();
    let heading = lang.of(
        ["HTTP", "Ý nghĩa", "Ví dụ"],
        ["HTTP", "Meaning", "Examples"],
    );
    table(heading, rows)
}

fn title_of(lang: Lang, example: &Example) -> &str {
    let title = example.summary.get(lang);
    if title.is_empty() {
        &example.name
    } else {
        title
    }
}

fn block(out: &mut String, title: &str, json: &str) {
    let title = title.trim_end_matches('.');
    let _ = write!(out, "**{title}**\n\n```json\n{json}\n```\n\n");
}
