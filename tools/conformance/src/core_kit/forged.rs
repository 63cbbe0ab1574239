//! What a dishonest customer sends to the payment screen: forged links and forms, and clicks that no button makes.

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::try_join_all;
use signing::{ClientSecret, Keyring};
use url::Url;

use super::bench::{Payment, no_payment};
use super::partner_api::Fault;
use super::payments::says_unpaid;
use super::screen::{by_form, no_form, refused};
use super::signatures::spoilt;
use super::{Check, CoreKit, rules};
use crate::browser::{HtmlForm, Page};
use crate::call::Answer;
use crate::clock::now_ms;
use crate::page_text::shows_amount;
use crate::verdict::{Stop, Verdict, ensure};

/// Somebody else's page.
pub(super) const ELSEWHERE: &str = "https://attacker.example/";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "screen-wrong-signature",
        title: "A link with one changed digit of its signature is refused",
        title_vi: "Liên kết bị đổi một chữ số của chữ ký phải bị từ chối",
        cites: rules::LINK,
        run: |kit| wrong_signature(kit).boxed(),
    },
    Check {
        id: "screen-empty-secret",
        title: "A link that is signed with an empty secret is refused",
        title_vi: "Liên kết ký bằng khóa rỗng phải bị từ chối",
        cites: rules::ROTATION,
        run: |kit| empty_secret(kit).boxed(),
    },
    Check {
        id: "screen-appended",
        title: "What is appended to a signed link changes nothing",
        title_vi: "Phần nối thêm sau liên kết đã ký không làm thay đổi gì",
        cites: rules::LINK,
        run: |kit| appended(kit).boxed(),
    },
    Check {
        id: "screen-two-payments",
        title: "Of two open payments the one is paid whose form is submitted",
        title_vi: "Trong hai thanh toán đang mở, chỉ thanh toán được gửi biểu mẫu bị ghi nợ",
        cites: rules::PAYS_ONCE,
        run: |kit| two_payments(kit).boxed(),
    },
    Check {
        id: "screen-forged-form",
        title: "A form whose hidden values were changed pays nothing else",
        title_vi: "Biểu mẫu bị đổi giá trị ẩn không làm thay đổi khoản được trả",
        cites: rules::LINK_AGE,
        run: |kit| forged_form(kit).boxed(),
    },
    Check {
        id: "screen-unknown-action",
        title: "A form with another action, or none, pays nothing, and gets 400",
        title_vi: "Biểu mẫu có action khác hoặc không có action: 400, không thanh toán",
        cites: rules::SCREEN,
        run: |kit| unknown_action(kit).boxed(),
    },
    Check {
        id: "screen-pay-and-cancel",
        title: "Of paying and cancelling at the same time one counts everywhere",
        title_vi: "Thanh toán và hủy cùng lúc: chỉ một quyết định có hiệu lực",
        cites: rules::PAYS_ONCE,
        run: |kit| pay_and_cancel(kit).boxed(),
    },
    Check {
        id: "screen-api-broken",
        title: "If our API breaks off, hangs or talks nonsense: no form, and HTTP 503",
        title_vi: "API của chúng tôi ngắt kết nối, treo hoặc trả lời sai: 503, không có biểu mẫu",
        cites: rules::SCREEN,
        run: |kit| api_broken(kit).boxed(),
    },
    Check {
        id: "screen-get-action",
        title: "Opening a link never pays, also with an action behind it",
        title_vi: "Chỉ mở liên kết thì không bị ghi nợ, kể cả khi nối thêm action",
        cites: rules::FORM,
        run: |kit| get_action(kit).boxed(),
    },
];

/// The core says that nobody has paid it, and has sent no result SUCCESS.
async fn is_unpaid(kit: &CoreKit, payment: &Payment) -> Verdict {
    let expected = "a payment that is not paid";
    let answer = kit.core.get(payment.path()).await?;
    let open = answer.status == 200 && answer.json["status"] == "pending";
    ensure(open || says_unpaid(&answer), expected, || answer.shown())?;
    let results = kit.api.results(&payment.id);
    let paid = results.iter().find(|r| r.body["status"] == "SUCCESS");
    ensure(paid.is_none(), expected, || {
        "a payment result SUCCESS".to_owned()
    })
}

/// If it is paid, then with its own amount.
async fn is_unpaid_or_right(kit: &CoreKit, payment: &Payment) -> Verdict {
    let answer = kit.core.get(payment.path()).await?;
    if answer.json["status"] == "paid" {
        let expected = format!("\"amount\":{}", payment.amount);
        return ensure(answer.json["amount"] == payment.amount, expected, || {
            answer.shown()
        });
    }
    Ok(())
}

async fn opened(kit: &CoreKit, link: &Url) -> Verdict<(Page, HtmlForm)> {
    let page = kit.open(link).await?;
    let form = page.form().map_err(no_payment)?;
    Ok((page, form))
}

/// The text of a link with another signature.
fn with_signature(link: &Url, change: impl Fn(&str) -> String) -> Verdict<Url> {
    let (signed, signature) = link.as_str().rsplit_once('=').unwrap_or_default();
    Url::parse(&format!("{signed}={}", change(signature)))
        .map_err(|error| Stop::failed("a link", error.to_string()))
}

async fn wrong_signature(kit: &CoreKit) -> Verdict {
    let payment = kit.order();
    for at in [0, 32, 63] {
        let link = with_signature(&kit.link(&payment), |hex| spoilt(hex, at))?;
        refused(&kit.open(&link).await?.answer)?;
    }
    let link = kit.link(&payment);
    let (client_id, other) = ("&client_id=", "&client_id=another-");
    let other = Url::parse(&link.as_str().replace(client_id, other))
        .map_err(|error| Stop::failed("a link", error.to_string()))?;
    refused(&kit.open(&other).await?.answer)?;
    let link = with_signature(&kit.link(&payment), |hex| hex.chars().take(32).collect())?;
    refused(&kit.open(&link).await?.answer)
}

async fn empty_secret(kit: &CoreKit) -> Verdict {
    let payment = kit.order();
    let nothing = Keyring::new(&*kit.options.client_id, ClientSecret::new(""));
    let link = kit.link_by(&nothing, &payment, now_ms());
    refused(&kit.open(&link).await?.answer)
}

/// The parameters of one open payment behind the signature of another one.
async fn appended(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let (payment, other) = (kit.order(), kit.order_of(kit.options.amount + 1_000));
    opened(kit, &kit.link(&other)).await?;
    let mut link = kit.link(&payment);
    link.query_pairs_mut()
        .append_pair("transaction_id", &other.id)
        .append_pair("amount", &other.amount.to_string())
        .append_pair("expires_at", &other.expires_at_ms.to_string())
        .append_pair("return_url", ELSEWHERE);
    let page = kit.open(&link).await?;
    if page.has_form() {
        let shown = shows_amount(&page.answer.text, other.amount);
        ensure(!shown, "a page that shows what was signed", || {
            format!("the appended amount, {} VND", other.amount)
        })?;
        let form = page.form().map_err(no_payment)?;
        let answer = page.submit(&kit.core.http, &form, "pay").await?;
        not_elsewhere(&answer)?;
    }
    is_unpaid(kit, &other).await?;
    is_unpaid_or_right(kit, &payment).await
}

/// A scanner of links, or a preview, opens a page. Only a click on the form pays.
async fn get_action(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    for action in ["pay", "cancel"] {
        let mut link = kit.link(&payment);
        kit.open(&link).await?;
        link.query_pairs_mut().append_pair("action", action);
        kit.open(&link).await?;
        nothing_came_of_it(kit, &payment).await?;
    }
    Ok(())
}

/// The payment is not paid, and no result says anything of it.
async fn nothing_came_of_it(kit: &CoreKit, payment: &Payment) -> Verdict {
    is_unpaid(kit, payment).await?;
    let results = kit.api.results(&payment.id);
    ensure(results.is_empty(), "no payment result", || {
        format!("{} of them", results.len())
    })
}

/// The customer is sent to no page of somebody else.
pub(super) fn not_elsewhere(answer: &Answer) -> Verdict {
    let location = answer.header("location").unwrap_or_default();
    let elsewhere = location.starts_with(ELSEWHERE.trim_end_matches('/'));
    let expected = format!("no error of the server, and no redirect to {ELSEWHERE}");
    ensure(!elsewhere && answer.status < 500, expected, || {
        format!("HTTP {} to {location}", answer.status)
    })
}

async fn two_payments(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let (payment, other) = (kit.order(), kit.order());
    let (page, form) = opened(kit, &kit.link(&payment)).await?;
    opened(kit, &kit.link(&other)).await?;
    page.submit(&kit.core.http, &form, "pay").await?;
    let limit = kit.options.limits.result;
    let result = kit.api.accepted(&payment.id, limit).await;
    ensure(result.is_some(), "a result of this payment", || {
        "none".to_owned()
    })?;
    is_unpaid(kit, &other).await
}

/// Changes of a link: what stands in it, and what a forger writes instead.
fn forgeries(link: &Url, payment: &Payment, other: &Payment) -> Vec<(String, String)> {
    let signature = link.as_str().rsplit_once('=').unwrap_or_default().1;
    let pair = |name: &str, value: &dyn ToString| format!("{name}={}", value.to_string());
    let later = payment.expires_at_ms + 60_000;
    vec![
        (pair("amount", &payment.amount), pair("amount", &"1000")),
        (payment.id.clone(), other.id.clone()),
        (payment.expires_at_ms.to_string(), later.to_string()),
        (signature.to_owned(), spoilt(signature, 63)),
    ]
}

/// Wherever the link stands: in a hidden field, in the action, or in the page's own address.
async fn forged_form(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let (payment, other) = (kit.order(), kit.order());
    let link = kit.link(&payment);
    opened(kit, &kit.link(&other)).await?;
    let (page, form) = opened(kit, &link).await?;
    for (from, to) in forgeries(&link, &payment, &other) {
        let (page, forged) = forged(&page, &form, &from, &to)?;
        let answer = page.post(&kit.core.http, &forged, Some("pay")).await?;
        // A core that keeps the link by itself, and reads nothing of the form, may pay what was signed.
        if forged != form {
            refused(&answer)?;
            is_unpaid(kit, &payment).await?;
        }
        is_unpaid(kit, &other).await?;
        is_unpaid_or_right(kit, &payment).await?;
    }
    hidden_values(kit).await
}

/// A value that stands alone, such as an amount, decides nothing: the signed link does.
async fn hidden_values(kit: &CoreKit) -> Verdict {
    let (payment, other) = (kit.order(), kit.order());
    opened(kit, &kit.link(&other)).await?;
    let (page, mut form) = opened(kit, &kit.link(&payment)).await?;
    for (name, value) in &mut form.fields {
        match name.as_str() {
            "amount" | "transaction_amount" => "1000".clone_into(value),
            "transaction_id" | "id" => value.clone_from(&other.id),
            "return_url" => ELSEWHERE.clone_into(value),
            _ => {}
        }
    }
    for (name, value) in [
        ("amount", "1000"),
        ("transaction_id", &*other.id),
        ("return_url", ELSEWHERE),
    ] {
        if form.fields.iter().all(|(known, _)| known != name) {
            form.fields.push((name.to_owned(), value.to_owned()));
        }
    }
    let answer = page.post(&kit.core.http, &form, Some("pay")).await?;
    not_elsewhere(&answer)?;
    is_unpaid(kit, &other).await?;
    is_unpaid_or_right(kit, &payment).await
}

fn forged(page: &Page, form: &HtmlForm, from: &str, to: &str) -> Verdict<(Page, HtmlForm)> {
    let mut form = form.clone();
    form.action = form.action.replace(from, to);
    for (_, value) in &mut form.fields {
        *value = value.replace(from, to);
    }
    let url = Url::parse(&page.url.as_str().replace(from, to))
        .map_err(|error| Stop::failed("a link", error.to_string()))?;
    let answer = page.answer.clone();
    Ok((Page { url, answer }, form))
}

async fn unknown_action(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let (page, form) = opened(kit, &kit.link(&payment)).await?;
    for action in [
        Some("x"),
        Some(""),
        None,
        Some("PAY"),
        Some("p"),
        Some("pay "),
    ] {
        let answer = page.post(&kit.core.http, &form, action).await?;
        ensure(answer.status == 400, "HTTP 400", || answer.shown())?;
        nothing_came_of_it(kit, &payment).await?;
    }
    Ok(())
}

async fn pay_and_cancel(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    // Which of them comes first is chance, so it is tried more than once.
    for buttons in [["pay", "cancel"], ["cancel", "pay"]].repeat(6) {
        one_counts(kit, buttons).await?;
    }
    Ok(())
}

async fn one_counts(kit: &CoreKit, buttons: [&str; 2]) -> Verdict {
    let payment = kit.order();
    let (page, form) = opened(kit, &kit.link(&payment)).await?;
    let clicks = buttons.map(|button| page.submit(&kit.core.http, &form, button));
    for answer in try_join_all(clicks).await? {
        not_elsewhere(&answer)?;
    }
    let limit = kit.options.limits.result;
    let result = kit.api.accepted(&payment.id, limit).await;
    let Some(result) = result else {
        return Err(Stop::failed("a payment result", "none"));
    };
    let decided = &result.body["status"];
    for other in kit.api.results(&payment.id) {
        let same = other.body["status"] == *decided;
        ensure(same, format!("only results {decided}"), || other.text)?;
    }
    let answer = kit.core.get(payment.path()).await?;
    let fits = if *decided == "SUCCESS" {
        answer.json["status"] == "paid"
    } else {
        says_unpaid(&answer)
    };
    let expected = format!("an answer that fits the result {decided}");
    ensure(fits, expected, || answer.shown())
}

async fn api_broken(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let faults = [
        Fault::BreaksOff,
        Fault::Page,
        Fault::NoCode,
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::TooLate,
    ];
    let pages = faults.map(async |fault| {
        let payment = kit.order();
        kit.api.hide(&payment, fault);
        no_form(&kit.open(&kit.link(&payment)).await?, 503)
    });
    try_join_all(pages).await.map(drop)
}
