//! That nothing has changed at the end of the run: a core that forgets, or that changes its word, is seen only later.

use futures::FutureExt;
use serde_json::{Value, json};

use super::bench::{Refund, no_payment};
use super::once::one_word;
use super::payments::says_unpaid;
use super::results::{content, vnd};
use super::{Check, CoreKit, rules};
use crate::verdict::{Stop, Verdict, ensure, says};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "end-refunds",
        title: "At the end each refund of the run has the answer that it had",
        title_vi: "Cuối cùng, mọi khoản hoàn vẫn có câu trả lời như trước",
        cites: rules::ID_KEEPING,
        run: |kit| refunds(kit).boxed(),
    },
    Check {
        id: "end-payments",
        title: "At the end each payment of the run is what it was, also if it went back",
        title_vi: "Cuối cùng, mọi thanh toán vẫn như trước, kể cả khi đã hoàn tiền",
        cites: rules::ID_KEEPING,
        run: |kit| payments(kit).boxed(),
    },
    Check {
        id: "end-results",
        title: "Each payment result of the run is right, and none contradicts another",
        title_vi: "Mọi kết quả thanh toán đều đúng và không mâu thuẫn nhau",
        cites: rules::SECOND_RESULT,
        run: |kit| results(kit).boxed(),
    },
    Check {
        id: "end-references",
        title: "Each payment of the run has a rail_reference of its own, or none",
        title_vi: "Mỗi thanh toán có rail_reference riêng, hoặc không có",
        cites: rules::IDS,
        run: |kit| references(kit).boxed(),
    },
];

/// Each refund is posted and asked about once more. What a core has paid again then is missing of what remains.
async fn refunds(kit: &CoreKit) -> Verdict {
    let known = kit.refunds.all();
    if known.is_empty() {
        return Err(Stop::skipped("no refund was decided"));
    }
    all_the_same(kit, &known).await?;
    for (payment, result) in kit.api.decided() {
        let of_it = known.iter().filter(|(refund, status)| {
            status == "succeeded" && refund.body["transaction_id"] == *payment.id
        });
        let back: u64 = of_it.filter_map(|(r, _)| r.body["amount"].as_u64()).sum();
        let is_whole = vnd(&result.body["amount"]) == Some(payment.amount);
        if result.body["status"] == "SUCCESS" && is_whole && back < payment.amount {
            kit.rest_goes_back(&payment, back).await?;
        }
    }
    // Nothing remains of the payments now: a core that decides a refund anew rejects what it had paid.
    all_the_same(kit, &known).await
}

async fn all_the_same(kit: &CoreKit, known: &[(Refund, String)]) -> Verdict {
    for (refund, status) in known {
        let expected = json!({
            "refund_id": refund.id,
            "amount": refund.body["amount"],
            "status": status,
        });
        says(&kit.refund(refund).await?, 200, &expected)?;
        says(&kit.core.get(refund.path()).await?, 200, &expected)?;
    }
    Ok(())
}

async fn payments(kit: &CoreKit) -> Verdict {
    kit.first().await.map_err(no_payment)?;
    for (payment, result) in kit.api.decided() {
        let answer = kit.core.get(payment.path()).await?;
        if result.body["status"] == "SUCCESS" {
            let expected = json!({
                "transaction_id": payment.id,
                "status": "paid",
                "amount": payment.amount,
            });
            says(&answer, 200, &expected)?;
        } else {
            ensure(says_unpaid(&answer), "failed or not_paid", || {
                answer.shown()
            })?;
        }
    }
    Ok(())
}

async fn results(kit: &CoreKit) -> Verdict {
    kit.first().await.map_err(no_payment)?;
    for (payment, accepted) in kit.api.decided() {
        let all = kit.api.results(&payment.id);
        for result in &all {
            content(&payment, result)?;
        }
        one_word(&all, &accepted)?;
    }
    Ok(())
}

async fn references(kit: &CoreKit) -> Verdict {
    kit.first().await.map_err(no_payment)?;
    let mut seen: Vec<Value> = Vec::new();
    for (_, result) in kit.api.decided() {
        let reference = result.body["rail_reference"].clone();
        if reference.as_str().unwrap_or_default().is_empty() {
            continue;
        }
        let expected = "another rail_reference for another debit";
        ensure(!seen.contains(&reference), expected, || {
            format!("{reference} of two payments")
        })?;
        seen.push(reference);
    }
    Ok(())
}
