//! The payment screen: its page, its form, and the links that it refuses.

use std::time::Duration;

use axum::http::StatusCode;
use futures::FutureExt;

use super::bench::{Payment, Submitted, no_payment};
use super::partner_api::Fault;
use super::payments::says_unpaid;
use super::{Check, CoreKit, Limits, rules};
use crate::browser::Page;
use crate::call::Answer;
use crate::clock;
use crate::page_text::shows_amount;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const MINUTE_MS: i64 = 60_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "screen-page",
        title: "The payment screen is an HTML page that shows the amount",
        title_vi: "Màn hình thanh toán là trang HTML có hiển thị số tiền",
        cites: rules::SCREEN,
        run: |kit| page(kit).boxed(),
    },
    Check {
        id: "screen-form",
        title: "The page has one form with a button to pay",
        title_vi: "Trang có đúng một biểu mẫu với nút thanh toán",
        cites: rules::FORM,
        run: |kit| form(kit).boxed(),
    },
    Check {
        id: "screen-headers",
        title: "The page is not kept, and its address is not passed on",
        title_vi: "Trang không được lưu đệm và địa chỉ trang không bị chuyển đi",
        cites: rules::PAGE_HEADERS,
        run: |kit| headers(kit).boxed(),
    },
    Check {
        id: "screen-pay",
        title: "A payment is made, and its result is sent",
        title_vi: "Thanh toán được thực hiện và kết quả được gửi",
        cites: rules::RESULT,
        run: |kit| async { kit.first().await.map(drop) }.boxed(),
    },
    Check {
        id: "screen-redirect",
        title: "After the payment the customer is sent to return_url",
        title_vi: "Sau khi thanh toán, khách hàng được đưa đến return_url",
        cites: rules::WAY_BACK,
        run: |kit| redirect(kit).boxed(),
    },
    Check {
        id: "screen-cancel",
        title: "A customer who cancels has not paid, and comes back",
        title_vi: "Khách hàng hủy thì không bị ghi nợ và được đưa trở lại",
        cites: rules::FORM,
        run: |kit| cancel(kit).boxed(),
    },
    Check {
        id: "screen-changed-amount",
        title: "A link with a changed amount is refused",
        title_vi: "Liên kết bị đổi số tiền phải bị từ chối",
        cites: rules::LINK,
        run: |kit| changed(kit, "amount", "1000").boxed(),
    },
    Check {
        id: "screen-changed-return",
        title: "A link with a changed return_url is refused",
        title_vi: "Liên kết bị đổi return_url phải bị từ chối",
        cites: rules::LINK,
        run: |kit| changed(kit, "return_url", "https://example.com/").boxed(),
    },
    Check {
        id: "screen-unsigned",
        title: "A link without a signature is refused",
        title_vi: "Liên kết không có chữ ký phải bị từ chối",
        cites: rules::LINK,
        run: |kit| unsigned(kit).boxed(),
    },
    Check {
        id: "screen-old-link",
        title: "A link that was signed 20 minutes ago lives until expires_at",
        title_vi: "Liên kết ký cách đây 20 phút còn hiệu lực đến expires_at",
        cites: rules::LINK_AGE,
        run: |kit| old_link(kit).boxed(),
    },
    Check {
        id: "screen-link-ahead",
        title: "A link that was signed 2 minutes ahead is refused",
        title_vi: "Liên kết có thời điểm ký ở tương lai (2 phút) phải bị từ chối",
        cites: rules::LINK_AGE,
        run: |kit| link_ahead(kit).boxed(),
    },
    Check {
        id: "screen-expired",
        title: "An expired link shows no form, and HTTP 410",
        title_vi: "Liên kết hết hạn trả HTTP 410 và không có biểu mẫu",
        cites: rules::LINK_AGE,
        run: |kit| expired(kit).boxed(),
    },
    Check {
        id: "screen-expired-click",
        title: "A form that was opened before expires_at cannot pay after it",
        title_vi: "Biểu mẫu mở trước expires_at không thể thanh toán sau đó",
        cites: rules::LINK_AGE,
        run: |kit| expired_click(kit).boxed(),
    },
    Check {
        id: "screen-unknown-payment",
        title: "A payment that our API does not know shows no form, and HTTP 400",
        title_vi: "Thanh toán mà API của chúng tôi không biết: HTTP 400, không có biểu mẫu",
        cites: rules::SCREEN,
        run: |kit| unknown_payment(kit).boxed(),
    },
    Check {
        id: "screen-other-amount",
        title: "A link whose amount is not our API's shows no form, and HTTP 400",
        title_vi: "Số tiền trong liên kết khác API của chúng tôi: HTTP 400, không có biểu mẫu",
        cites: rules::SCREEN,
        run: |kit| other_amount(kit).boxed(),
    },
    Check {
        id: "screen-closed-payment",
        title: "A payment that is not open any more leads back at once",
        title_vi: "Thanh toán không còn mở thì được đưa trở lại ngay",
        cites: rules::SCREEN,
        run: |kit| closed_payment(kit).boxed(),
    },
    Check {
        id: "screen-unread-payment",
        title: "A payment that cannot be read shows no form, and HTTP 503",
        title_vi: "Thanh toán không đọc được: HTTP 503, không có biểu mẫu",
        cites: rules::SCREEN,
        run: |kit| unread_payment(kit).boxed(),
    },
];

/// The page shows the amount where the customer sees it.
async fn page(kit: &CoreKit) -> Verdict {
    let payment = kit.unpaid().await?;
    let page = &kit.open(&kit.link(payment)).await?.answer;
    let kind = page.content_type();
    ensure(
        page.status == 200 && kind.contains("text/html"),
        "HTTP 200 with an HTML page",
        || page.shown(),
    )?;
    let amount = payment.amount;
    let expected = format!("a page whose text shows {amount} VND");
    ensure(shows_amount(&page.text, amount), expected, || {
        "a page without this number".to_owned()
    })
}

async fn form(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.unpaid().await.map_err(no_payment)?;
    let form = kit.open(&kit.link(payment)).await?.form()?;
    for value in ["pay", "cancel"] {
        let button = ("action".to_owned(), value.to_owned());
        ensure(
            form.buttons.contains(&button),
            format!("a button with name=\"action\" value=\"{value}\""),
            || format!("the buttons {:?}", form.buttons),
        )?;
    }
    Ok(())
}

async fn headers(kit: &CoreKit) -> Verdict {
    let payment = kit.unpaid().await.map_err(no_payment)?;
    let page = kit.open(&kit.link(payment)).await?.answer;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ] {
        let found = page.header(name).unwrap_or("none");
        let expected = format!("the header {name}: {value}");
        ensure(found.contains(value), expected, || {
            format!("{name}: {found}")
        })?;
    }
    Ok(())
}

pub(super) fn by_form(kit: &CoreKit) -> Verdict {
    if kit.options.by_hand {
        return Err(Stop::skipped("a person submits the form (--by-hand)"));
    }
    Ok(())
}

async fn redirect(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let paid = kit.first().await.map_err(no_payment)?;
    let Some(Submitted { answer, .. }) = &paid.submitted else {
        return by_form(kit);
    };
    comes_back(answer, &paid.payment)
}

fn comes_back(answer: &Answer, payment: &Payment) -> Verdict {
    let location = answer.header("location").unwrap_or("no Location");
    ensure(
        answer.status == 303 && location == payment.return_url,
        format!("HTTP 303 to {}", payment.return_url),
        || format!("HTTP {} to {location}", answer.status),
    )
}

async fn cancel(kit: &CoreKit) -> Verdict {
    let cancelled = kit.cancelled().await?;
    ensure(
        cancelled.result.body["status"] == "FAILURE",
        "a payment result with the status FAILURE",
        || cancelled.result.body.to_string(),
    )?;
    match &cancelled.submitted {
        Some(Submitted { answer, .. }) => comes_back(answer, &cancelled.payment),
        None => Ok(()),
    }
}

async fn changed(kit: &CoreKit, name: &str, value: &str) -> Verdict {
    let link = kit.link(&kit.order());
    let pairs = link.query_pairs().map(|(found, kept)| {
        let kept = if found == name { value.into() } else { kept };
        (found, kept)
    });
    let mut other = link.clone();
    other.query_pairs_mut().clear().extend_pairs(pairs);
    refused(&kit.open(&other).await?.answer)
}

async fn unsigned(kit: &CoreKit) -> Verdict {
    let mut link = kit.screen_url.clone();
    let payment = kit.order();
    link.query_pairs_mut().extend_pairs(payment.parameters());
    refused(&kit.open(&link).await?.answer)
}

async fn old_link(kit: &CoreKit) -> Verdict {
    let payment = kit.order();
    let link = kit.link_at(&payment, payment.created_at_ms - 20 * MINUTE_MS);
    let page = kit.open(&link).await?.answer;
    ensure(page.status == 200, "HTTP 200: the payment screen", || {
        page.shown()
    })
}

async fn link_ahead(kit: &CoreKit) -> Verdict {
    let payment = kit.order();
    let link = kit.link_at(&payment, payment.created_at_ms + 2 * MINUTE_MS);
    refused(&kit.open(&link).await?.answer)
}

pub(super) fn refused(page: &Answer) -> Verdict {
    ensure(
        (400..500).contains(&page.status),
        "HTTP 4xx and no payment screen",
        || page.shown(),
    )
}

/// A page with this status, on which nobody can pay.
pub(super) fn no_form(page: &Page, status: u16) -> Verdict {
    let right = page.answer.status == status && !page.has_form();
    ensure(right, format!("HTTP {status} and no form"), || {
        let form = if page.has_form() { ", with a form" } else { "" };
        format!("{}{form}", page.answer.shown())
    })
}

async fn expired(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let mut payment = kit.order();
    payment.expires_at_ms = payment.created_at_ms - MINUTE_MS;
    no_form(&kit.open(&kit.link(&payment)).await?, 410)
}

async fn expired_click(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.short_lived();
    let Limits {
        form_open,
        clock_margin,
        ..
    } = kit.options.limits;
    let page = kit.open(&kit.link(&payment)).await?;
    let expected = format!(
        "a form, {} s before expires_at (do the clocks of both machines agree?)",
        form_open.as_secs()
    );
    ensure(page.has_form(), expected, || page.answer.shown())?;
    let form = page.form().map_err(no_payment)?;
    // Its time passes while this check waits for its own form.
    let _ = kit.paid_shortly_before().await;
    clock::wait(form_open + clock_margin).await;
    let answer = page.submit(&kit.core.http, &form, "pay").await?;
    let expected = "HTTP 410, and a payment that is not paid";
    let results = kit.api.results(&payment.id);
    // A core may have decided at expires_at that the payment has failed: then this leads back, or says it.
    let failed = results.iter().any(|r| r.body["status"] == "FAILURE");
    let decided = failed && matches!(answer.status, 200 | 303);
    let right = answer.status == 410 || decided;
    ensure(right, expected, || answer.shown())?;
    let after = kit.core.get(payment.path()).await?;
    ensure(says_unpaid(&after), expected, || after.shown())?;
    let paid = results.iter().any(|r| r.body["status"] == "SUCCESS");
    ensure(!paid, expected, || {
        "a payment result SUCCESS after expires_at".to_owned()
    })
}

impl CoreKit {
    /// A payment that can be paid for some seconds only.
    pub(super) fn short_lived(&self) -> Payment {
        let mut payment = self.new_payment();
        let open_ms = i64::try_from(self.options.limits.form_open.as_millis());
        payment.expires_at_ms = payment.created_at_ms + open_ms.unwrap_or(MINUTE_MS);
        self.api.add(&payment, &[]);
        payment
    }

    /// Waits until `expires_at` of a payment is over.
    pub(super) async fn after_expiry(&self, payment: &Payment) {
        let after_ms = payment.expires_at_ms - clock::now_ms();
        let remaining = Duration::from_millis(after_ms.try_into().unwrap_or_default());
        clock::wait(remaining + self.options.limits.clock_margin).await;
    }

    /// A payment that was paid shortly before its `expires_at`.
    pub(super) async fn paid_shortly_before(&self) -> Verdict<&Payment> {
        let pay = async || {
            let paid = self.decide(self.short_lived(), "pay").await;
            Ok(paid.map_err(no_payment)?.payment)
        };
        let paid = self.short.get_or_init(pay).await;
        paid.as_ref().map_err(Clone::clone)
    }
}

async fn unknown_payment(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.new_payment();
    no_form(&kit.open(&kit.link(&payment)).await?, 400)
}

async fn other_amount(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let mut payment = kit.order();
    payment.amount -= 1_000;
    no_form(&kit.open(&kit.link(&payment)).await?, 400)
}

async fn closed_payment(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    // Also if it was opened before: what our API said then may have changed.
    for (status, is_opened) in [("FAILURE", false), ("SUCCESS", false), ("FAILURE", true)] {
        let payment = kit.order();
        if is_opened {
            kit.open(&kit.link(&payment)).await?;
        }
        kit.api.close(&payment, status);
        comes_back(&kit.open(&kit.link(&payment)).await?.answer, &payment)?;
    }
    Ok(())
}

async fn unread_payment(kit: &CoreKit) -> Verdict {
    by_form(kit)?;
    let payment = kit.order();
    kit.api
        .hide(&payment, Fault::Status(StatusCode::INTERNAL_SERVER_ERROR));
    no_form(&kit.open(&kit.link(&payment)).await?, 503)
}
