//! Calls that are signed wrong, and some that are signed right at the edge of what is allowed.

use futures::FutureExt;
use reqwest::Method;
use signing::{ClientSecret, Keyring};
use uuid::Uuid;

use super::bench::Refund;
use super::refunds::not_paid;
use super::{Check, CoreKit, rules};
use crate::call::{Answer, Request, SignatureHeaders};
use crate::clock::day_ago;
use crate::verdict::{Verdict, ensure};

/// The ends of what is accepted.
const OLDEST_MS: i64 = 5 * 60_000;
const FURTHEST_AHEAD_MS: i64 = 60_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "signature-refund",
        title: "A refund with a wrong signature is refused and not paid",
        title_vi: "Hoàn tiền có chữ ký sai bị từ chối và không chi trả",
        cites: rules::SIGNATURE,
        run: |kit| refund(kit).boxed(),
    },
    Check {
        id: "signature-find-refund",
        title: "A question about a refund with a wrong signature is refused",
        title_vi: "Tra cứu hoàn tiền có chữ ký sai bị từ chối",
        cites: rules::SIGNATURE,
        run: |kit| wrong(kit, "/refunds/").boxed(),
    },
    Check {
        id: "signature-payment",
        title: "A question about a payment with a wrong signature is refused",
        title_vi: "Tra cứu thanh toán có chữ ký sai bị từ chối",
        cites: rules::SIGNATURE,
        run: |kit| wrong(kit, "/payments/").boxed(),
    },
    Check {
        id: "signature-statement",
        title: "A question for a statement with a wrong signature is refused",
        title_vi: "Yêu cầu sao kê có chữ ký sai bị từ chối",
        cites: rules::SIGNED_GET,
        run: |kit| statement(kit).boxed(),
    },
    Check {
        id: "signature-body",
        title: "A signature of another body is refused",
        title_vi: "Chữ ký của phần thân khác bị từ chối",
        cites: rules::SIGNED,
        run: |kit| other_body(kit).boxed(),
    },
    Check {
        id: "signature-other-path",
        title: "A signature of another path is refused",
        title_vi: "Chữ ký của đường dẫn khác bị từ chối",
        cites: rules::SIGNED_GET,
        run: |kit| other_path(kit).boxed(),
    },
    Check {
        id: "signature-post-path",
        title: "A refund that is signed like a GET, over its path, is refused",
        title_vi: "Hoàn tiền ký theo đường dẫn như lời gọi GET bị từ chối",
        cites: rules::SIGNED,
        run: |kit| post_path(kit).boxed(),
    },
    Check {
        id: "signature-empty-secret",
        title: "A signature that is made with an empty secret is refused",
        title_vi: "Chữ ký tạo bằng khóa rỗng bị từ chối",
        cites: rules::ROTATION,
        run: |kit| empty_secret(kit).boxed(),
    },
    Check {
        id: "signature-missing",
        title: "A call without one of the three headers, or without all, is refused",
        title_vi: "Thiếu một hoặc cả ba header chữ ký bị từ chối",
        cites: rules::SIGNATURE,
        run: |kit| missing(kit).boxed(),
    },
    Check {
        id: "signature-malformed",
        title: "Headers that are malformed are refused, and are no error of the server",
        title_vi: "Tiêu đề sai định dạng bị từ chối, không gây lỗi máy chủ",
        cites: rules::SIGNATURE,
        run: |kit| malformed(kit).boxed(),
    },
    Check {
        id: "signature-client-id",
        title: "Another client id is refused, also when it is signed right",
        title_vi: "Mã client khác bị từ chối dù ký đúng",
        cites: rules::SIGNATURE,
        run: |kit| client_id(kit).boxed(),
    },
    Check {
        id: "signature-stale",
        title: "A signature that is 5 minutes and 20 seconds old is refused",
        title_vi: "Chữ ký cũ 5 phút 20 giây bị từ chối",
        cites: rules::AGE,
        run: |kit| refused_at(kit, -OLDEST_MS - 20_000).boxed(),
    },
    Check {
        id: "signature-ahead",
        title: "A signature that is 80 seconds ahead is refused",
        title_vi: "Chữ ký vượt trước 80 giây bị từ chối",
        cites: rules::AGE,
        run: |kit| refused_at(kit, FURTHEST_AHEAD_MS + 20_000).boxed(),
    },
    Check {
        id: "signature-old-enough",
        title: "A signature that is 4 minutes and 40 seconds old is accepted",
        title_vi: "Chữ ký cũ 4 phút 40 giây được chấp nhận",
        cites: rules::AGE,
        run: |kit| accepted_at(kit, 20_000 - OLDEST_MS).boxed(),
    },
    Check {
        id: "signature-little-ahead",
        title: "A signature that is 45 seconds ahead is accepted",
        title_vi: "Chữ ký vượt trước 45 giây được chấp nhận",
        cites: rules::AGE,
        run: |kit| accepted_at(kit, FURTHEST_AHEAD_MS - 15_000).boxed(),
    },
    Check {
        id: "signature-spelling",
        title: "A call without a signature does nothing under another spelling or method",
        title_vi: "Thiếu chữ ký: cách viết đường dẫn hay phương thức khác cũng không có tác dụng",
        cites: rules::SIGNATURE,
        run: |kit| spelling(kit).boxed(),
    },
];

fn unauthorized(answer: &Answer) -> Verdict {
    ensure(answer.status == 401, "HTTP 401", || answer.shown())
}

/// A right signature with its first, a middle, or its last digit changed.
const SPOILT: [fn(&mut SignatureHeaders); 3] = [
    |headers| spoil(headers, 0),
    |headers| spoil(headers, 32),
    |headers| spoil(headers, 63),
];

fn spoil(headers: &mut SignatureHeaders, at: usize) {
    if let Some(signature) = &mut headers.signature {
        *signature = spoilt(signature, at);
    }
}

/// The same text with another digit at one place.
pub(super) fn spoilt(hex: &str, at: usize) -> String {
    let other = |c| if c == '0' { '1' } else { '0' };
    let changed = hex.chars().enumerate();
    let changed = changed.map(|(place, c)| if place == at { other(c) } else { c });
    changed.collect()
}

/// A refund of an unknown transaction: no core pays it, whatever it makes of the signature.
fn any_refund(kit: &CoreKit) -> Refund {
    kit.order().refund(1_000, 0)
}

async fn refund(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(1_000, 0);
    for spoil in SPOILT {
        unauthorized(&kit.core.send(refund.call().changed(spoil)).await?)?;
    }
    let found = kit.core.get(refund.path()).await?;
    ensure(
        found.json["status"] == "never_seen",
        "a refund that was never seen",
        || found.shown(),
    )
}

async fn wrong(kit: &CoreKit, path: &str) -> Verdict {
    for spoil in SPOILT {
        let call = Request::get(format!("{path}{}", Uuid::new_v4()));
        unauthorized(&kit.core.send(call.changed(spoil)).await?)?;
    }
    Ok(())
}

async fn statement(kit: &CoreKit) -> Verdict {
    kit.has_statements()?;
    let path = format!("/statements/{}", day_ago(3));
    for spoil in SPOILT {
        unauthorized(&kit.core.send(Request::get(&*path).changed(spoil)).await?)?;
    }
    // The signature covers the query: a page is not another one.
    let other = Request::get(format!("{path}?cursor=x")).signing(path);
    unauthorized(&kit.core.send(other).await?)
}

async fn other_body(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let small = payment.refund(1_000, 0);
    let large = small.with("amount", 2_000);
    let call = large.call().signing(small.body.to_string());
    unauthorized(&kit.core.send(call).await?)?;
    // The same headers again, after they were right with their own body.
    let at = kit.core.clock.next_ms();
    let answer = kit.core.send(small.call().at(at)).await?;
    kit.when_final(&small, answer).await?;
    let other = payment.refund(2_000, 1_000);
    let call = other.call().at(at).signing(small.body.to_string());
    unauthorized(&kit.core.send(call).await?)?;
    not_paid(kit, &other).await
}

async fn other_path(kit: &CoreKit) -> Verdict {
    let call = Request::get(format!("/payments/{}", Uuid::new_v4()));
    let other = call
        .clone()
        .signing(format!("/payments/{}", Uuid::new_v4()));
    unauthorized(&kit.core.send(other).await?)?;
    // The question about a refund of the same id is another question.
    let id = Uuid::new_v4();
    for (path, other) in [("payments", "refunds"), ("refunds", "payments")] {
        let call = Request::get(format!("/{path}/{id}"));
        let other = call.signing(format!("/{other}/{id}"));
        unauthorized(&kit.core.send(other).await?)?;
    }
    // One signature of an empty body would open every GET.
    for empty in ["", "{}"] {
        unauthorized(&kit.core.send(call.clone().signing(empty)).await?)?;
    }
    Ok(())
}

async fn post_path(kit: &CoreKit) -> Verdict {
    let refund = kit.paid().await?.refund(1_000, 0);
    for path in ["/refunds", ""] {
        unauthorized(&kit.core.send(refund.call().signing(path)).await?)?;
    }
    not_paid(kit, &refund).await
}

/// A core whose previous secret is not set must not take the empty text for one.
async fn empty_secret(kit: &CoreKit) -> Verdict {
    let nothing = Keyring::new(&*kit.options.client_id, ClientSecret::new(""));
    let call = Request::get(format!("/payments/{}", Uuid::new_v4()));
    unauthorized(&kit.core.send(call.with_keys(nothing.clone())).await?)?;
    let refund = kit.paid().await?.refund(1_000, 0);
    let call = refund.call().with_keys(nothing);
    unauthorized(&kit.core.send(call).await?)?;
    not_paid(kit, &refund).await
}

async fn missing(kit: &CoreKit) -> Verdict {
    let changes: [fn(&mut SignatureHeaders); 4] = [
        |headers| headers.timestamp = None,
        |headers| headers.client_id = None,
        |headers| headers.signature = None,
        |headers| {
            headers.timestamp = None;
            headers.client_id = None;
            headers.signature = None;
        },
    ];
    all_refused(kit, &changes).await
}

async fn malformed(kit: &CoreKit) -> Verdict {
    let changes: [fn(&mut SignatureHeaders); 6] = [
        // The payload has the text of the header, and this is another text.
        |headers| {
            if let Some(timestamp) = &mut headers.timestamp {
                timestamp.insert(0, '0');
            }
        },
        |headers| headers.timestamp = Some("yesterday".to_owned()),
        |headers| headers.timestamp = Some("99999999999999999999999".to_owned()),
        |headers| headers.signature = Some("z".repeat(64)),
        |headers| headers.signature = Some(String::new()),
        |headers| {
            if let Some(signature) = &mut headers.signature {
                signature.truncate(32);
            }
        },
    ];
    all_refused(kit, &changes).await
}

/// A path of each GET that the core has.
fn questions(kit: &CoreKit) -> Vec<String> {
    let id = Uuid::new_v4();
    let mut paths = vec![format!("/payments/{id}"), format!("/refunds/{id}")];
    if kit.options.statements {
        paths.push(format!("/statements/{}", day_ago(3)));
    }
    paths
}

async fn all_refused(kit: &CoreKit, changes: &[fn(&mut SignatureHeaders)]) -> Verdict {
    for change in changes {
        for path in questions(kit) {
            let call = Request::get(path).changed(*change);
            unauthorized(&kit.core.send(call).await?)?;
        }
        let refund = any_refund(kit).call().changed(*change);
        unauthorized(&kit.core.send(refund).await?)?;
    }
    Ok(())
}

async fn client_id(kit: &CoreKit) -> Verdict {
    let call = Request::get(format!("/payments/{}", Uuid::new_v4()));
    unauthorized(&kit.core.send(call.client_id("another-client")).await?)?;
    // The signature is that of the right client id, and the header names another one.
    let call = Request::get(format!("/payments/{}", Uuid::new_v4()));
    let other = |headers: &mut SignatureHeaders| {
        headers.client_id = Some("another-client".to_owned());
    };
    unauthorized(&kit.core.send(call.changed(other)).await?)
}

async fn refused_at(kit: &CoreKit, shift_ms: i64) -> Verdict {
    for path in questions(kit) {
        let call = Request::get(path).shifted(shift_ms);
        unauthorized(&kit.core.send(call).await?)?;
    }
    let refund = any_refund(kit).call().shifted(shift_ms);
    unauthorized(&kit.core.send(refund).await?)
}

async fn accepted_at(kit: &CoreKit, shift_ms: i64) -> Verdict {
    let call = Request::get(format!("/payments/{}", Uuid::new_v4()));
    let answer = kit.core.send(call.shifted(shift_ms)).await?;
    ensure(
        answer.status == 404,
        "HTTP 404 never_seen, as with a fresh signature",
        || answer.shown(),
    )
}

/// A filter that looks at the path must look at what the program behind it answers.
async fn spelling(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let posts = [
        "/refunds/",
        "//refunds",
        "/REFUNDS",
        "/Refunds",
        "/%72efunds",
    ];
    let posts = posts.map(|path| (Method::POST, path));
    let others = [(Method::PUT, "/refunds"), (Method::PATCH, "/refunds")];
    for (method, path) in posts.into_iter().chain(others) {
        let refund = payment.refund(1_000, 0);
        let call = Request::post(path, &refund.body).method(method);
        let call = call.header("idempotency-key", &*refund.id).unsigned();
        nothing_said(&kit.core.send(call).await?)?;
        not_paid(kit, &refund).await?;
    }
    for path in [
        format!("/payments/{}/", payment.id),
        format!("//payments/{}", payment.id),
        format!("/PAYMENTS/{}", payment.id),
    ] {
        nothing_said(&kit.core.send(Request::get(path).unsigned()).await?)?;
    }
    kit.rest_goes_back(&payment, 0).await
}

fn nothing_said(answer: &Answer) -> Verdict {
    ensure(answer.status != 200, "HTTP 401, 404 or 405", || {
        answer.shown()
    })
}
