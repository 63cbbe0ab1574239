//! What holds for every answer of the run.

use futures::FutureExt;
use reqwest::Method;

use super::{Check, CoreKit, rules};
use crate::call::{Answer, Call};
use crate::verdict::{Stop, Verdict, ensure};

const MOST_BYTES: usize = 256 * 1024;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "answer-json",
        title: "Each answer that says something is JSON and says so",
        title_vi: "Mọi câu trả lời có nội dung đều là JSON và khai báo đúng",
        cites: rules::SIZES,
        run: |kit| async { json(kit) }.boxed(),
    },
    Check {
        id: "answer-schema",
        title: "Each answer has the fields of docs/openapi-core.yaml",
        title_vi: "Mọi câu trả lời có các trường đúng theo docs/openapi-core.yaml",
        cites: rules::OPENAPI,
        run: |kit| async { schema(kit) }.boxed(),
    },
    Check {
        id: "answer-size",
        title: "No answer is larger than 256 KiB",
        title_vi: "Không câu trả lời nào lớn hơn 256 KiB",
        cites: rules::SIZES,
        run: |kit| async { size(kit) }.boxed(),
    },
    Check {
        id: "answer-time",
        title: "The core answers each call in time",
        title_vi: "Hệ thống lõi trả lời mọi lời gọi đúng hạn",
        cites: rules::TIME_OUTS,
        run: |kit| async { time(kit) }.boxed(),
    },
    Check {
        id: "answer-no-error",
        title: "No call is answered with an error of the server",
        title_vi: "Không lời gọi nào bị trả lời bằng lỗi máy chủ",
        cites: rules::WRONG_CALL,
        run: |kit| async { no_error(kit) }.boxed(),
    },
];

/// The first call of the run whose answer is wrong.
fn all(kit: &CoreKit, expected: &str, right: impl Fn(&Call) -> bool) -> Verdict {
    let calls = kit.core.journal.since(0);
    let wrong = calls.iter().find(|call| !right(call));
    ensure(wrong.is_none(), expected, || {
        wrong.map(Call::shown).unwrap_or_default()
    })
}

/// Of a refusal the status is enough, but for the 404 of what was never seen.
fn json(kit: &CoreKit) -> Verdict {
    all(
        kit,
        "content-type: application/json, and one JSON object",
        |call| {
            let Ok(answer) = &call.answer else {
                return true;
            };
            let mut parts = call.path.split('/').skip(1);
            let kind = parts.next().unwrap_or_default();
            let has_id = parts.next().is_some_and(|id| !id.is_empty()) && parts.next().is_none();
            let of_id =
                call.method == Method::GET && matches!(kind, "refunds" | "payments") && has_id;
            let means = answer.status == 200 || (answer.status == 404 && of_id);
            let json =
                answer.content_type().starts_with("application/json") && answer.json.is_object();
            !means || json
        },
    )
}

fn schema(kit: &CoreKit) -> Verdict {
    let means = |answer: &Answer| answer.status == 200 && answer.json.is_object();
    for call in kit.core.journal.since(0) {
        if let Some(problem) = kit.schema.problems(&call, means).into_iter().next() {
            return Err(Stop::failed(problem, call.shown()));
        }
    }
    Ok(())
}

fn size(kit: &CoreKit) -> Verdict {
    all(kit, "at most 256 KiB", |call| {
        let answer = call.answer.as_ref();
        answer.map_or(true, |answer| answer.bytes <= MOST_BYTES)
    })
}

/// A call without an answer counts, too.
fn time(kit: &CoreKit) -> Verdict {
    let limit = kit.options.limits.answer;
    let expected = format!("an answer within {} s", limit.as_secs_f32());
    all(kit, &expected, |call| call.took <= limit)
}

fn no_error(kit: &CoreKit) -> Verdict {
    // A core that is not sure whether a transaction is paid answers 503 to its refund (docs/core.md, "Only a paid
    // payment is refunded"). What must be paid is not paid by it, so the checks of refunds see one that always does.
    let may_be_unsure = |call: &Call| call.method == Method::POST && call.path == "/refunds";
    all(kit, "no HTTP 5xx, but 503 to a refund", |call| {
        let answer = call.answer.as_ref();
        // 501 is said of a method that a server does not have.
        let is_known = matches!(call.method, Method::GET | Method::POST);
        answer.map_or(true, |answer| {
            answer.status < 500
                || (answer.status == 501 && !is_known)
                || (answer.status == 503 && may_be_unsure(call))
        })
    })
}
