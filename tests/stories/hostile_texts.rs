//! Texts from outside reach people as text: none sets the title of a terminal, forges a line of a table or of a log, or
//! turns what stands behind it around.

use std::fs;

use e2e::{CommandOutput, TestEnv};
use serde_json::{Value, json};

use crate::reconciliation::{archived, folder, reconcile, run, the_day};

/// Sets a title, clears the screen, begins a new line, and turns the direction of the text.
const HOSTILE: &str =
    "no\u{1b}]0;owned\u{7}\u{1b}[2J\r\n  SUCCESS  100.000 ₫\u{202e}\u{2066}\u{85}\u{9b}31m";

/// Signs that act on whoever looks at them. `\n` ends our own lines.
fn acts(text: &str) -> Option<char> {
    let marks = [
        '\u{202a}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
        '\u{200e}'..='\u{200f}',
    ];
    let is_mark = |c: char| marks.iter().any(|range| range.contains(&c)) || c == '\u{61c}';
    text.chars()
        .find(|c| (c.is_control() && *c != '\n') || is_mark(*c))
}

fn assert_harmless(what: &str, text: &str) {
    assert_eq!(acts(text), None, "{what}: {text:?}");
}

fn assert_shown(output: &CommandOutput) {
    assert_harmless("standard output", &output.out);
    assert_harmless("standard error", &output.err);
    let forged = |line: &str| line.trim_start().starts_with("SUCCESS  100.000");
    assert!(!output.out.lines().any(forged), "{}", output.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_acts_on_no_terminal_and_on_no_log() {
    let env = TestEnv::start().await;
    let failed = env.create(100_000).await;
    let result = json!({ "status": "FAILURE", "reason": HOSTILE });
    let accepted = env.core.send_result(&failed.id, &result).await.unwrap();
    assert_eq!(accepted.code(), Some(0), "{}", accepted.text);
    let paid = env.confirmed(100_000).await;
    let refund = json!({
        "tiki_transaction_id": paid.tiki_id, "transaction_id": paid.id, "transaction_amount": 10_000,
        "request_id": "R-1", "request_amount": 10_000, "reason": HOSTILE,
    });
    let refunded = env
        .tiki
        .caller
        .post("/tikivip/v1/refunds", &refund)
        .await
        .unwrap();
    assert_eq!(refunded.code(), Some(0), "{}", refunded.text);

    for payment in [&failed, &paid] {
        assert_shown(&env.tikivip(&["show", &payment.id]).await);
        let as_json = env
            .tikivip(&["show", &payment.id, "--output", "json"])
            .await;
        assert_eq!(as_json.code, 0, "{}", as_json.err);
        assert_harmless("JSON", &as_json.out);
        serde_json::from_str::<Value>(&as_json.out).unwrap();
        let checked = env.check(payment).await.to_string();
        assert_harmless("the look-up", &checked);
    }
    for line in env.sandbox.logs() {
        assert_harmless("a log", &format!("{line:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_with_a_sign_that_acts_is_refused() {
    let env = TestEnv::start().await;
    for field in [
        "order_code",
        "identify_code",
        "request_id",
        "tiki_transaction_id",
    ] {
        for sign in [
            "\u{1b}", "\n", "\u{0}", "\u{7f}", "\u{9b}", "\u{202e}", "\u{2028}",
        ] {
            let mut order = json!({
                "tiki_transaction_id": env.tiki.order(100_000), "transaction_amount": 100_000,
            });
            order[field] = json!(format!("A{sign}B"));
            let refused = env
                .tiki
                .caller
                .post("/tikivip/v1/transactions", &order)
                .await;
            let refused = refused.unwrap();
            assert_eq!((refused.status, refused.code()), (400, Some(1)), "{order}");
            assert!(refused.text.contains(field), "{}", refused.text);
            assert_harmless("the refusal", &refused.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_file_of_tikis_acts_on_nobody() {
    let env = TestEnv::start().await;
    env.confirmed(100_000).await;
    env.days_pass().await;
    let day = the_day();
    run(&env, json!({ "day": day.to_string() })).await;
    let name = format!(
        "tikivip_sandbox_{}_1{}",
        day.digits(),
        HOSTILE.replace('/', "")
    );
    fs::write(folder(&env, "OUTBOUND").join(name), "x").unwrap();
    reconcile(&env).await;

    let day = day.to_string();
    for arguments in [
        &["reconciliation"][..],
        &["reconciliation", "--output", "json"],
    ] {
        let shown = env.tikivip(arguments).await;
        assert_shown(&shown);
    }
    for line in env.sandbox.logs() {
        assert_harmless("a log", &format!("{line:?}"));
    }
    for file in ["report.csv", "report.html"] {
        let text = archived(&env, &format!("{day}/{file}"))
            .await
            .replace('\r', "");
        assert_harmless(file, &text);
    }
}

/// What an attacker writes into the headers that tell where a call came to, and a name that comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn odd_headers_and_doubled_names_end_no_process() {
    let env = TestEnv::start().await;
    let payment = env.create(100_000).await;
    let caller = env.sandbox.as_tiki(&env.options).unwrap();
    let check = format!(
        "/tikivip/v1/transactions?tiki_transaction_id={}",
        payment.tiki_id
    );
    for (name, value) in [
        ("x-forwarded-proto", "ht tp"),
        ("x-forwarded-proto", "://"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-host", "a b"),
        ("host", "exa mple"),
        ("host", "[::1"),
        ("host", "@@@"),
    ] {
        let signed = caller.sign(e2e::now_ms(), check.as_bytes());
        let get = caller.http.get(caller.url(&check)).header(name, value);
        let get = signed
            .into_iter()
            .fold(get, |get, (name, value)| get.header(name, value));
        let answer = get.send().await.unwrap();
        assert!(
            answer.status().as_u16() < 500,
            "{name}: {value}: {}",
            answer.status()
        );
    }
    for (doubled, refusal) in [
        (
            format!("{check}&tiki_transaction_id={}", payment.tiki_id),
            (400, Some(1)),
        ),
        // A name that is escaped without need is not as we would put the query together.
        (
            format!("{check}&tiki%5Ftransaction_id=another"),
            (401, Some(97)),
        ),
    ] {
        let refused = caller.get(&doubled).await.unwrap();
        let found = (refused.status, refused.code());
        assert_eq!(found, refusal, "{doubled}: {}", refused.text);
    }
    assert_eq!(env.check(&payment).await["status"], "PENDING");
}
