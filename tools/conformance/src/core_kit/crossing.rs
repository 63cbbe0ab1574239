//! Refunds that come at once, and that no more goes back than was paid.

use futures::FutureExt;
use futures::future::{join, try_join_all};
use uuid::Uuid;

use super::bench::{Refund, no_payment, succeeded};
use super::refunds::same_word;
use super::{Check, CoreKit, rules};
use crate::call::Answer;
use crate::clock;
use crate::verdict::{Stop, Verdict, ensure};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "refund-at-once",
        title: "The same refund posted twice at the same time is paid once",
        title_vi: "Cùng một hoàn tiền gửi hai lần cùng lúc chỉ chi trả một lần",
        cites: rules::ONCE,
        run: |kit| at_once(kit).boxed(),
    },
    Check {
        id: "refund-crossing",
        title: "Two refunds at the same time never pay more than was paid",
        title_vi: "Hai hoàn tiền cùng lúc không vượt quá số đã thanh toán",
        cites: rules::REFUNDS_CROSS,
        run: |kit| crossing(kit).boxed(),
    },
    Check {
        id: "refund-crossing-fits",
        title: "Two refunds at the same time that both fit go back",
        title_vi: "Hai hoàn tiền cùng lúc, tổng không vượt quá, đều được chi trả",
        cites: rules::REFUNDS_CROSS,
        run: |kit| crossing_fits(kit).boxed(),
    },
    Check {
        id: "refund-twenty-parts",
        title: "A payment can go back in twenty parts, and no more",
        title_vi: "Có thể hoàn thanh toán làm hai mươi phần, không hơn",
        cites: rules::REFUNDS_CROSS,
        run: |kit| twenty_parts(kit).boxed(),
    },
    Check {
        id: "refund-two-parts",
        title: "A payment can go back in two parts",
        title_vi: "Có thể hoàn toàn bộ thanh toán làm hai phần",
        cites: rules::REFUNDS_CROSS,
        run: |kit| two_parts(kit).boxed(),
    },
    Check {
        id: "refund-many-parts",
        title: "Of many parts none goes back that exceeds what remains",
        title_vi: "Hoàn thành nhiều lần, không lần nào vượt quá số còn lại",
        cites: rules::NEVER_MORE,
        run: |kit| many_parts(kit).boxed(),
    },
    Check {
        id: "refund-after-all",
        title: "After a full refund nothing more goes back",
        title_vi: "Sau khi hoàn hết thì không hoàn thêm",
        cites: rules::NEVER_MORE,
        run: |kit| after_all(kit).boxed(),
    },
    Check {
        id: "refund-too-much",
        title: "A refund of more than was paid is not paid",
        title_vi: "Hoàn tiền nhiều hơn số đã thanh toán không được chi trả",
        cites: rules::NEVER_MORE,
        run: |kit| too_much(kit).boxed(),
    },
    Check {
        id: "refund-rejected-stays",
        title: "A refund that was rejected is found as rejected, and stays so",
        title_vi: "Hoàn tiền bị từ chối tra cứu vẫn là rejected",
        cites: rules::FINAL,
        run: |kit| rejected_stays(kit).boxed(),
    },
    Check {
        id: "refund-unpaid",
        title: "A refund of a transaction that is not paid is not paid",
        title_vi: "Hoàn tiền của giao dịch chưa thanh toán không được chi trả",
        cites: rules::ONLY_PAID,
        run: |kit| unpaid(kit).boxed(),
    },
    Check {
        id: "refund-cancelled",
        title: "A refund of a cancelled payment is not paid",
        title_vi: "Hoàn tiền của thanh toán đã hủy không được chi trả",
        cites: rules::ONLY_PAID,
        run: |kit| cancelled(kit).boxed(),
    },
    Check {
        id: "refund-rejected-then-paid",
        title: "A refund that was rejected stays so when its payment is made later",
        title_vi: "Hoàn tiền đã bị từ chối vẫn là rejected khi sau đó có thanh toán",
        cites: rules::FINAL,
        run: |kit| rejected_then_paid(kit).boxed(),
    },
    Check {
        id: "refund-so-far",
        title: "A refunded_so_far that is too low for over a minute is answered with 409",
        title_vi: "refunded_so_far thấp hơn thực tế quá một phút thì trả 409",
        cites: rules::REFUNDED_SO_FAR,
        run: |kit| so_far(kit).boxed(),
    },
    Check {
        id: "refund-twenty-at-once",
        title: "Twenty refunds at the same time never pay more than was paid",
        title_vi: "Hai mươi khoản hoàn cùng lúc không vượt quá số đã thanh toán",
        cites: rules::REFUNDS_CROSS,
        run: |kit| twenty_at_once(kit).boxed(),
    },
];

/// A part, and all of it: of the whole amount nothing remains for the second post.
async fn at_once(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 10;
    twice(kit, &payment.refund(part, 0)).await?;
    kit.rest_goes_back(&payment, part).await?;
    let payment = kit.paid().await?;
    twice(kit, &payment.refund(payment.amount, 0)).await
}

async fn twice(kit: &CoreKit, refund: &Refund) -> Verdict {
    let (one, two) = join(kit.refund(refund), kit.refund(refund)).await;
    let answers = [one?, two?];
    let paid = answers.iter().filter(|answer| answer.status == 200);
    for answer in paid.clone() {
        let named = answer.json["refund_id"] == *refund.id;
        let pending = answer.json["status"] == "pending";
        let right = named && (pending || succeeded(answer, refund).is_ok());
        ensure(right, "succeeded, or pending, about this refund", || {
            answer.shown()
        })?;
    }
    ensure(paid.count() >= 1, "at least one answer 200", || {
        answers.each_ref().map(Answer::shown).join("; ")
    })?;
    let found = kit.core.get(refund.path()).await?;
    succeeded(&kit.when_final(refund, found).await?, refund)
}

async fn crossing(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let most = payment.amount / 10 * 6;
    let refunds = [payment.refund(most, 0), payment.refund(most, 0)];
    let (one, two) = join(kit.refund(&refunds[0]), kit.refund(&refunds[1])).await;
    let mut answers = [one?, two?];
    for (refund, answer) in refunds.iter().zip(&mut answers) {
        if answer.status == 200 {
            // It is known from its first answer on, also while it is pending.
            let found = kit.core.get(refund.path()).await?;
            ensure(found.status == 200, "a refund that is known", || {
                found.shown()
            })?;
            *answer = kit.when_final(refund, found).await?;
        }
    }
    let paid = answers.iter().filter(|answer| is_paid(answer)).count();
    ensure(
        paid <= 1,
        format!(
            "at most one of two refunds of {most} VND each, of {}",
            payment.amount
        ),
        || answers.each_ref().map(Answer::shown).join("; "),
    )
}

/// Neither knows of the other one: both say that nothing has gone back before.
async fn crossing_fits(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 10 * 3;
    let refunds = [payment.refund(part, 0), payment.refund(part, 0)];
    let (one, two) = join(kit.refunded(&refunds[0]), kit.refunded(&refunds[1])).await;
    one?;
    two?;
    kit.rest_goes_back(&payment, 2 * part).await
}

/// Each of a tenth. A core that waits for its lock for some time only must not go on without it.
async fn twenty_at_once(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 10;
    let refunds: Vec<Refund> = (0..20).map(|_| payment.refund(part, 0)).collect();
    let answers = refunds.iter().map(|refund| kit.refund_to_its_end(refund));
    let answers = try_join_all(answers).await?;
    let paid = answers.iter().filter(|answer| is_paid(answer)).count();
    let expected = "at most ten tenths of the payment that go back";
    ensure(paid <= 10, expected, || format!("{paid} of them"))?;
    let back = part * u64::try_from(paid).unwrap_or_default();
    if back < payment.amount {
        return kit.rest_goes_back(&payment, back).await;
    }
    Ok(())
}

async fn twenty_parts(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 20;
    let mut back = 0;
    for _ in 0..20 {
        kit.refunded(&payment.refund(part, back)).await?;
        back += part;
    }
    stays_unpaid(kit, &payment.refund(part, back)).await
}

fn is_paid(answer: &Answer) -> bool {
    answer.status == 200 && answer.json["status"] == "succeeded"
}

async fn two_parts(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 10 * 4;
    kit.refunded(&payment.refund(part, 0)).await?;
    kit.refunded(&payment.refund(payment.amount - part, part))
        .await
}

/// Three times two fifths are more than all: the third is not paid, whatever the last refund was, and the last fifth is.
async fn many_parts(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let part = payment.amount / 5;
    kit.refunded(&payment.refund(2 * part, 0)).await?;
    kit.refunded(&payment.refund(2 * part, 2 * part)).await?;
    stays_unpaid(kit, &payment.refund(2 * part, 4 * part)).await?;
    kit.rest_goes_back(&payment, 4 * part).await
}

async fn after_all(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let all = payment.refund(payment.amount, 0);
    if let Err(Stop::Failed { found, .. }) = kit.refunded(&all).await {
        return Err(Stop::skipped(format!("the full refund failed: {found}")));
    }
    stays_unpaid(kit, &payment.refund(1_000, payment.amount)).await
}

/// By much, and by one đồng; at once, and after a part.
async fn too_much(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    // The last one is small again for a number of 32 bits.
    for more in [1_000, 1, 1 << 32] {
        stays_unpaid(kit, &payment.refund(payment.amount + more, 0)).await?;
    }
    let part = payment.amount / 10 * 4;
    if kit.refunded(&payment.refund(part, 0)).await.is_err() {
        return Err(Stop::skipped("no part could go back"));
    }
    let rest = payment.amount - part;
    stays_unpaid(kit, &payment.refund(rest + 1, part)).await
}

async fn unpaid(kit: &CoreKit) -> Verdict {
    let payment = kit.unpaid().await.map_err(no_payment)?;
    stays_unpaid(kit, &payment.refund(1_000, 0)).await?;
    let mut unknown = payment.clone();
    unknown.id = Uuid::new_v4().to_string();
    stays_unpaid(kit, &unknown.refund(1_000, 0)).await
}

async fn cancelled(kit: &CoreKit) -> Verdict {
    let cancelled = kit.cancelled().await.map_err(no_payment)?;
    if cancelled.result.body["status"] != "FAILURE" {
        return Err(Stop::skipped("no payment could be cancelled"));
    }
    stays_unpaid(kit, &cancelled.payment.refund(1_000, 0)).await?;
    let all = cancelled.payment.refund(cancelled.payment.amount, 0);
    stays_unpaid(kit, &all).await
}

/// We never post such a refund. But an answer that is final must not depend on when a question is repeated.
async fn rejected_then_paid(kit: &CoreKit) -> Verdict {
    kit.first().await.map_err(no_payment)?;
    let payment = kit.order();
    let refund = payment.refund(1_000, 0);
    let first = kit.refund_to_its_end(&refund).await?;
    // A core that was not sure has said nothing final. It is asked again when the payment is made.
    let was_unsure = first.status == 503;
    if first.json["status"] != "rejected" && !was_unsure {
        let why = "the core rejected no refund of a payment that is not made";
        return Err(Stop::skipped(why));
    }
    let paid = kit.decide(payment, "pay").await.map_err(no_payment)?;
    if paid.result.body["status"] != "SUCCESS" {
        return Err(Stop::skipped("the payment was not made"));
    }
    if was_unsure {
        kit.refunded(&refund).await?;
        return kit.rest_goes_back(&paid.payment, 1_000).await;
    }
    let again = kit.refund(&refund).await?;
    ensure(
        same_word(&first, &again),
        "the status rejected again",
        || again.shown(),
    )?;
    kit.refunded(&paid.payment.refund(paid.payment.amount, 0))
        .await
}

/// `rejected` is the right answer: it is final. An error leaves the refund unknown, which moves no money either.
pub(super) async fn stays_unpaid(kit: &CoreKit, refund: &Refund) -> Verdict {
    let expected = "\"status\":\"rejected\", or an error, and no money that goes back";
    let answer = kit.refund_to_its_end(refund).await?;
    let rejected = answer.status == 200 && answer.json["status"] == "rejected";
    let named = answer.json["refund_id"] == *refund.id;
    // 503: the core cannot say now whether the transaction is paid.
    let right = (rejected && named) || matches!(answer.status, 400..500 | 503);
    ensure(right, expected, || answer.shown())?;
    let found = kit.core.get(refund.path()).await?;
    ensure(!is_paid(&found), expected, || found.shown())
}

async fn rejected_stays(kit: &CoreKit) -> Verdict {
    let payment = kit.paid().await?;
    let refund = payment.refund(payment.amount + 1_000, 0);
    let answer = kit.refund_to_its_end(&refund).await?;
    if answer.json["status"] != "rejected" {
        return Err(Stop::skipped("the core rejected no refund"));
    }
    let expected = "the status rejected again";
    for again in [
        kit.refund(&refund).await?,
        kit.core.get(refund.path()).await?,
    ] {
        ensure(same_word(&answer, &again), expected, || again.shown())?;
    }
    Ok(())
}

async fn so_far(kit: &CoreKit) -> Verdict {
    if !kit.options.slow {
        return Err(Stop::skipped(
            "it needs more than a minute of waiting (--slow)",
        ));
    }
    let payment = kit.paid().await?;
    let part = payment.amount / 10;
    let first = payment.refund(part, 0);
    kit.refunded(&first).await?;
    clock::wait(kit.options.limits.on_its_way).await;
    let stale = payment.refund(part, 0);
    let answer = kit.refund(&stale).await?;
    let expected = "HTTP 409: more is back than refunded_so_far says";
    ensure(answer.status == 409, expected, || answer.shown())?;
    kit.refunded(&stale.with("refunded_so_far", part)).await
}
