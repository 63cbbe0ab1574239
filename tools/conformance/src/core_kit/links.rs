//! Links that are forged or late, and texts of an order on the payment screen.

use futures::FutureExt;
use url::Url;

use super::bench::no_payment;
use super::forged::{ELSEWHERE, not_elsewhere};
use super::screen::{MINUTE_MS, by_form, refused};
use super::{Check, CoreKit, rules};
use crate::call::Answer;
use crate::verdict::{Stop, Verdict, ensure};

/// Markup, as somebody can write it who orders something.
const MARKUP: &str = "<form method=\"post\"><b>Đơn hàng</b></form>'\"&";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "screen-forged-return",
        title: "A forged return_url leads nowhere, also of a paid and of an expired payment",
        title_vi: "return_url giả mạo không dẫn đi đâu, kể cả khi đã thanh toán hoặc hết hạn",
        cites: rules::WAY_BACK,
        run: |kit| forged_return(kit).boxed(),
    },
    Check {
        id: "screen-paid-expired",
        title: "A payment that was paid leads back after expires_at, too",
        title_vi: "Thanh toán đã trả tiền vẫn được đưa trở lại sau expires_at",
        cites: rules::SCREEN,
        run: |kit| paid_expired(kit).boxed(),
    },
    Check {
        id: "screen-escaped",
        title: "The texts of an order are text on the page, and no markup",
        title_vi: "Nội dung đơn hàng hiện trên trang là văn bản, không phải mã HTML",
        cites: rules::SCREEN,
        run: |kit| escaped(kit).boxed(),
    },
];

/// Neither a redirect nor a link of the page goes to the forged address.
fn stays_here(answer: &Answer) -> Verdict {
    not_elsewhere(answer)?;
    let expected = format!("nothing that leads to {ELSEWHERE}");
    ensure(!answer.text.contains(ELSEWHERE), expected, || {
        format!("HTTP {} with this address", answer.status)
    })
}

async fn forged_return(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let paid = kit.first().await.map_err(no_payment)?;
    let mut expired = kit.order();
    expired.expires_at_ms = expired.created_at_ms - MINUTE_MS;
    for payment in [&paid.payment, &expired] {
        let mut appended = kit.link(payment);
        let forged = with_return(&appended);
        let answer = kit.open(&forged).await?.answer;
        refused(&answer)?;
        stays_here(&answer)?;
        appended
            .query_pairs_mut()
            .append_pair("return_url", ELSEWHERE);
        stays_here(&kit.open(&appended).await?.answer)?;
    }
    Ok(())
}

fn with_return(link: &Url) -> Url {
    let pairs = link.query_pairs().map(|(name, value)| {
        let is_return = name == "return_url";
        (name, if is_return { ELSEWHERE.into() } else { value })
    });
    let mut forged = link.clone();
    forged.query_pairs_mut().clear().extend_pairs(pairs);
    forged
}

/// "Expired" would tell a customer who has paid that nothing was paid.
async fn paid_expired(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.paid_shortly_before().await?;
    kit.after_expiry(payment).await;
    let page = kit.open(&kit.link(payment)).await?;
    let decided = matches!(page.answer.status, 200 | 303) && !page.has_form();
    let expected = "HTTP 303, or what was decided, and never 410";
    ensure(decided, expected, || page.answer.shown())
}

async fn escaped(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    // How many forms a page has is the question of another check.
    let plain = kit.unpaid().await.map_err(no_payment)?;
    let page = kit.open(&kit.link(plain)).await?;
    page.form().map_err(no_payment)?;
    let payment = kit.order();
    kit.api.describe(&payment, MARKUP);
    let page = kit.open(&kit.link(&payment)).await?;
    let is_markup = page.answer.text.contains("<b>Đơn hàng</b>");
    ensure(!is_markup, "a description that is escaped", || {
        "its tags as tags of the page".to_owned()
    })?;
    page.form().map(drop).map_err(|stop| match stop {
        Stop::Failed { found, .. } => Stop::failed("the page's own form only", found),
        skipped @ Stop::Skipped(_) => skipped,
    })
}
