//! The payment screen takes the money once, however it is used.

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::{join, try_join_all};

use super::bench::{Paid, Payment, Submitted, no_payment};
use super::partner_api::{Fault, Received};
use super::payments::says_unpaid;
use super::results::{same_result, vnd};
use super::screen::by_form;
use super::{Check, CoreKit, rules};
use crate::clock::now_ms;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "screen-second-submit",
        title: "The form submitted a second time does not pay a second time",
        title_vi: "Gửi biểu mẫu lần thứ hai không thanh toán thêm lần nữa",
        cites: rules::PAYS_ONCE,
        run: |kit| second_submit(kit).boxed(),
    },
    Check {
        id: "screen-two-windows",
        title: "A payment that is open in two windows is debited once",
        title_vi: "Thanh toán mở ở hai cửa sổ chỉ bị ghi nợ một lần",
        cites: rules::PAYS_ONCE,
        run: |kit| two_windows(kit).boxed(),
    },
    Check {
        id: "screen-two-clicks",
        title: "Two clicks at the same time debit once",
        title_vi: "Bấm hai lần cùng lúc chỉ bị ghi nợ một lần",
        cites: rules::PAYS_ONCE,
        run: |kit| two_clicks(kit).boxed(),
    },
    Check {
        id: "screen-opened-again",
        title: "After the click the form is not shown again, also before the result is accepted",
        title_vi: "Sau khi bấm, biểu mẫu không hiện lại, kể cả khi kết quả chưa được chấp nhận",
        cites: rules::PAYS_ONCE,
        run: |kit| opened_again(kit).boxed(),
    },
    Check {
        id: "screen-pay-after-cancel",
        title: "A payment that the customer cancelled cannot be paid any more",
        title_vi: "Thanh toán đã bị khách hàng hủy thì không thể thanh toán nữa",
        cites: rules::PAYS_ONCE,
        run: |kit| pay_after_cancel(kit).boxed(),
    },
    Check {
        id: "screen-two-links",
        title: "Two links of one payment, clicked at the same time, debit once",
        title_vi: "Hai liên kết của một thanh toán, bấm cùng lúc, chỉ bị ghi nợ một lần",
        cites: rules::PAYS_ONCE,
        run: |kit| two_links(kit).boxed(),
    },
    Check {
        id: "screen-clicks-cross",
        title: "Two payments that are clicked at the same time are each paid as asked",
        title_vi: "Hai thanh toán được bấm cùng lúc: mỗi thanh toán đúng số tiền của mình",
        cites: rules::PAYS_ONCE,
        run: |kit| clicks_cross(kit).boxed(),
    },
];

async fn second_submit(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let paid = kit.first().await.map_err(no_payment)?;
    let Some(Submitted { page, form, .. }) = &paid.submitted else {
        return by_form(kit);
    };
    for button in ["pay", "cancel"] {
        let again = page.submit(&kit.core.http, form, button).await?;
        ensure(
            again.status < 500,
            "a redirect or a page, and no error of the server",
            || again.shown(),
        )?;
    }
    one_debit(kit, &paid.payment, &paid.result).await
}

/// Two links of one payment: the customer has opened the payment link twice.
async fn two_windows(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let mut windows = Vec::new();
    for link in [kit.link_at(&payment, now_ms() - 1_000), kit.link(&payment)] {
        let page = kit.open(&link).await?;
        let form = page.form()?;
        windows.push((page, form));
    }
    for (page, form) in &windows {
        page.submit(&kit.core.http, form, "pay").await?;
    }
    let result = accepted(kit, &payment).await?;
    one_debit(kit, &payment, &result).await
}

async fn two_clicks(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let page = kit.open(&kit.link(&payment)).await?;
    let form = page.form()?;
    let click = || page.submit(&kit.core.http, &form, "pay");
    let (one, two) = join(click(), click()).await;
    for answer in [one?, two?] {
        ensure(
            answer.status < 500,
            "a redirect or a page, and no error of the server",
            || answer.shown(),
        )?;
    }
    let result = accepted(kit, &payment).await?;
    one_debit(kit, &payment, &result).await
}

/// Our API knows nothing of the click yet: only the core itself does.
async fn opened_again(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    opened_again_after(kit, "pay").await?;
    opened_again_after(kit, "cancel").await
}

async fn opened_again_after(kit: &CoreKit, button: &str) -> Verdict {
    let fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    let payment = kit.order_answered(&[fault; 3]);
    let link = kit.link(&payment);
    let page = kit.open(&link).await?;
    let form = page.form()?;
    if form.buttons.iter().all(|(_, value)| value != button) {
        return Err(Stop::skipped(format!("there is no button to {button}")));
    }
    let again = async {
        let limit = kit.options.limits.result;
        kit.api.has_result(&payment.id, limit).await;
        kit.open(&link).await
    };
    let (submitted, again) = join(page.submit(&kit.core.http, &form, button), again).await;
    submitted?;
    let again = again?;
    let right = again.answer.status < 500 && !again.has_form();
    ensure(right, "a redirect, or a page without a form", || {
        again.answer.shown()
    })?;
    accepted(kit, &payment).await.map(drop)
}

async fn accepted(kit: &CoreKit, payment: &Payment) -> Verdict<Received> {
    let limit = kit.options.limits.result;
    let result = kit.api.accepted(&payment.id, limit).await;
    let expected = format!("a payment result within {} seconds", limit.as_secs());
    result.ok_or_else(|| Stop::failed(expected, "none"))
}

/// The payment is paid, and every result says the same of it. A second debit has a reference of its own (docs/core.md,
/// code 8 of the payment result).
async fn one_debit(kit: &CoreKit, payment: &Payment, first: &Received) -> Verdict {
    let found = kit.core.get(payment.path()).await?;
    ensure(
        found.json["status"] == "paid" && found.json["amount"] == payment.amount,
        "a payment that is paid, with its amount",
        || found.shown(),
    )?;
    one_word(&kit.api.results(&payment.id), first)
}

/// All results of a payment say the same: each the same as each, because a reference may come later.
pub(super) fn one_word(results: &[Received], first: &Received) -> Verdict {
    for result in results {
        let other = results.iter().chain([first]);
        let other = other.filter(|other| !same_result(&other.body, &result.body));
        if let Some(other) = { other }.next() {
            return Err(Stop::failed(
                format!("only the result {}", other.text),
                format!("another result of the same payment: {}", result.text),
            ));
        }
    }
    Ok(())
}

async fn pay_after_cancel(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let cancelled = kit.decide(kit.order(), "cancel").await;
    let Paid {
        payment,
        result,
        submitted: Some(Submitted { page, form, .. }),
    } = cancelled.map_err(no_payment)?
    else {
        return by_form(kit);
    };
    if result.body["status"] != "FAILURE" {
        return Err(Stop::skipped("no payment could be cancelled"));
    }
    let again = page.submit(&kit.core.http, &form, "pay").await?;
    let expected = "no error of the server, and a payment that stays cancelled";
    ensure(again.status < 500, expected, || again.shown())?;
    let after = kit.core.get(payment.path()).await?;
    ensure(says_unpaid(&after), expected, || after.shown())?;
    let results = kit.api.results(&payment.id);
    let paid = results.iter().find(|r| r.body["status"] == "SUCCESS");
    ensure(paid.is_none(), expected, || {
        "a payment result SUCCESS after the FAILURE".to_owned()
    })
}

/// The links differ in their timestamps: a lock on the link, or on a session, is none on the payment.
async fn two_links(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let links = [kit.link_at(&payment, now_ms() - 1_000), kit.link(&payment)];
    let pages = try_join_all(links.iter().map(|link| kit.open(link))).await?;
    let clicks = pages.iter().map(async |page| {
        let form = page.form()?;
        page.submit(&kit.core.http, &form, "pay").await
    });
    try_join_all(clicks).await?;
    let result = accepted(kit, &payment).await?;
    one_debit(kit, &payment, &result).await
}

/// What belongs to one click must not stand where another click changes it.
async fn clicks_cross(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    kit.first().await.map_err(no_payment)?;
    let amount = kit.options.amount;
    let payments = [kit.order_of(amount), kit.order_of(amount + 1_000)];
    let mut pages = Vec::new();
    for payment in &payments {
        pages.push(kit.open(&kit.link(payment)).await?);
    }
    let clicks = pages.iter().map(async |page| {
        let form = page.form()?;
        page.submit(&kit.core.http, &form, "pay").await
    });
    try_join_all(clicks).await?;
    for payment in &payments {
        let result = accepted(kit, payment).await?;
        let expected = format!("a result with \"amount\":{}", payment.amount);
        let right = vnd(&result.body["amount"]) == Some(payment.amount);
        ensure(right, expected, || result.text.clone())?;
        one_debit(kit, payment, &result).await?;
    }
    Ok(())
}
