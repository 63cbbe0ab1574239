//! The operator's command `tikivip`, against a sandbox.

use std::time::Duration;

use e2e::{CommandOutput, Payment, TestEnv, now_ms};
use sandbox::{Fault, Principal};
use serde_json::{Value, json};
use signing::{ClientSecret, GetSigning, Keyring};

const REASON: [&str; 2] = ["--reason", "Tiki said so by phone"];

/// A payment that Tiki knows with another amount.
async fn disputed(env: &TestEnv) -> Payment {
    let payment = env.create(100_000).await;
    env.tiki.change(&payment.tiki_id, |order| {
        order.amount = 90_000;
        "SUCCESS".clone_into(&mut order.status);
    });
    env.send_paid_result(&payment).await;
    env.until("it is disputed", async || {
        env.ipn_state(&payment).await == "disputed"
    })
    .await;
    payment
}

/// A payment whose notification is exhausted: Tiki accepted none of its attempts.
async fn exhausted(env: &TestEnv) -> Payment {
    env.tiki.faults.standing("ipn", Fault::Down);
    env.tiki.faults.standing("look_up", Fault::Down);
    let payment = env.paid(100_000).await;
    while env.ipn_state(&payment).await != "exhausted" {
        env.time_passes(&payment).await;
        env.sweep("ipn-sender").await;
    }
    env.tiki.faults.off("ipn");
    env.tiki.faults.off("look_up");
    payment
}

/// A payment that failed, and of which Tiki could not be notified.
async fn abandoned(env: &TestEnv) -> Payment {
    env.tiki.faults.standing("ipn", Fault::Down);
    env.tiki.faults.standing("look_up", Fault::Down);
    let payment = env.create(100_000).await;
    env.send_failed_result(&payment).await;
    while env.ipn_state(&payment).await != "abandoned" {
        env.time_passes(&payment).await;
        env.sweep("ipn-sender").await;
    }
    env.tiki.faults.off("ipn");
    env.tiki.faults.off("look_up");
    payment
}

/// Every terminal has eighty columns.
pub(crate) fn assert_fits(shown: &str) {
    let widest = shown.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{shown}");
}

async fn run(env: &TestEnv, first: &[&str], rest: &[&str]) -> CommandOutput {
    env.tikivip(&[first, rest].concat()).await
}

fn events(shown: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let trail = shown["trail"].as_array().unwrap();
    trail
        .iter()
        .map(|entry| (text(entry, "event"), text(entry, "actor")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn show_finds_a_payment_by_either_id() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.refund(&payment, "R1", 40_000).await;
    let by_ours = env
        .tikivip(&["show", &payment.id, "--output", "json"])
        .await;
    assert_eq!(by_ours.code, 0, "{by_ours:?}");
    let shown = by_ours.json();
    assert_eq!(shown["transaction_id"], json!(payment.id));
    assert_eq!(shown["remaining_vnd"], 60_000);
    let expected = [
        ("created", "Tiki"),
        ("paid", "core"),
        ("notification_attempt", "Tiki"),
        ("refund_reserved", "Tiki"),
        ("refund_succeeded", "core"),
    ];
    let expected = expected.map(|(event, who)| (event.to_owned(), who.to_owned()));
    assert_eq!(events(&shown), expected);

    let table = env.tikivip(&["show", &payment.tiki_id]).await;
    assert_eq!(table.code, 0);
    for text in [
        "100.000 ₫",
        "IPN, attempt 1: accepted → confirmed",
        "refund 1 of 40.000 ₫ succeeded",
    ] {
        assert!(table.out.contains(text), "{}", table.out);
    }
    let unknown = env.tikivip(&["show", "T-none"]).await;
    assert_eq!(unknown.code, 3);
    assert!(unknown.err.contains("transaction T-none does not exist"));
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_each_payment_under_its_state() {
    let env = TestEnv::start().await;
    let pending = env.create(50_000).await;
    let disputed = disputed(&env).await;
    let unconfirmed = {
        env.tiki.faults.standing("ipn", Fault::Down);
        let payment = env.paid(70_000).await;
        env.until("it failed once", async || {
            env.item(&payment).await["ipn"]["failures"] == 1
        })
        .await;
        payment
    };
    env.tiki.faults.off("ipn");
    let unknown = env.confirmed(80_000).await;
    env.core.faults.next("refund", [Fault::Lost]);
    env.refund(&unknown, "R1", 80_000).await;

    let listed = async |state: &str| {
        let listed = env
            .tikivip(&["list", "--state", state, "--output", "json"])
            .await;
        assert_eq!(listed.code, 0, "{listed:?}");
        let listed = listed.json();
        let ids = listed["transactions"].as_array().unwrap().iter();
        ids.map(|t| t["transaction_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("review").await, [disputed.id.as_str()]);
    assert_eq!(listed("disputed").await, [disputed.id.as_str()]);
    assert!(listed("exhausted").await.is_empty());
    assert!(listed("refund-rejected").await.is_empty());
    for state in ["contradicted", "undecided", "refunds-rejected"] {
        assert!(listed(state).await.is_empty(), "{state}");
    }
    assert!(listed("reversing").await.is_empty());
    assert_eq!(listed("unconfirmed").await, [unconfirmed.id.as_str()]);
    assert_eq!(listed("unknown").await, [unknown.id.as_str()]);
    assert_eq!(listed("pending").await, [pending.id.as_str()]);
    for state in ["review", "unconfirmed", "unknown", "pending"] {
        assert_fits(&env.tikivip(&["list", "--state", state]).await.out);
    }
    let table = env.tikivip(&["list"]).await;
    assert!(
        table.out.contains("amount_differs") && table.out.contains(&disputed.tiki_id),
        "{}",
        table.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_resends_an_exhausted_notification() {
    let env = TestEnv::start().await;
    let payment = exhausted(&env).await;
    let waiting = env
        .tikivip(&["list", "--state", "exhausted", "--output", "json"])
        .await;
    assert_eq!(
        waiting.json()["transactions"][0]["transaction_id"],
        json!(payment.id)
    );
    // An act needs a reason. The name is not the caller's to choose.
    let no_reason = env.tikivip(&["resend-ipn", &payment.id]).await;
    assert_eq!(no_reason.code, 2);
    let by = ["resend-ipn", &payment.id, "--by", "minh", "--reason", "x"];
    assert_eq!(env.tikivip(&by).await.code, 2);

    // What can be resolved, and what that does with the money.
    let choices = env.tikivip(&["show", &payment.id]).await.out;
    for text in [
        "--review ipn_exhausted --as returned --amount 100000 \\\n    --reason \"…\"\n      This payment, 100.000 ₫",
        "exhausted: all attempts failed (10)",
        &format!("tikivip resend-ipn {} \\\n", payment.id),
    ] {
        assert!(choices.contains(text), "{choices}");
    }
    assert!(!choices.contains(r"\u{"), "{choices}");
    assert_eq!(env.refund(&payment, "R1", 100_000).await.code(), Some(0));
    let shown = env
        .tikivip(&["show", &payment.id, "--output", "json"])
        .await
        .json();
    let verdicts = shown["choices"].as_array().unwrap().iter();
    let verdicts: Vec<_> = verdicts.map(|choice| &choice["verdict"]).collect();
    assert_eq!(verdicts, ["confirmed", "reverse"], "nothing is left");

    let sent = run(&env, &["resend-ipn", &payment.id], &REASON).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    env.until("Tiki has it", async || {
        env.ipn_state(&payment).await == "confirmed"
    })
    .await;
    let shown = env.tikivip(&["show", &payment.id]).await.out;
    assert!(
        shown.contains("tikivip-operator/lan") && shown.contains("queued the notification"),
        "{shown}"
    );
    assert!(
        shown.contains("IPN, attempt 10: unclear (the answer broke off);"),
        "{shown}"
    );

    let again = run(&env, &["resend-ipn", &payment.id], &REASON).await;
    assert_eq!(again.code, 4);
    assert!(again.err.contains("by our record Tiki has it"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_proposes_and_another_resolves_a_dispute() {
    let env = TestEnv::start().await;
    let back = disputed(&env).await;
    let stands = disputed(&env).await;

    // Nothing happens at one person's word.
    let review = ["--review", "amount_differs", "--output", "json"];
    let words = &[&["resolve", &back.id, "--as", "reverse"][..], &review].concat();
    let proposed = run(&env, words, &REASON).await;
    assert_eq!(proposed.code, 0, "{proposed:?}");
    let proposal = proposed.json()["proposal"].clone();
    assert_eq!(proposal["by"], "tikivip-operator/lan");
    assert_eq!(env.ipn_state(&back).await, "disputed");
    assert_eq!(env.core.refunded_vnd(&back.id), 0);
    let number = proposal["number"].to_string();
    let again = run(&env, words, &REASON).await.json();
    assert_eq!(
        again["proposal"], proposal,
        "the same once more is the same"
    );
    let other = [&["resolve", &back.id, "--as", "confirmed"][..], &review].concat();
    let other = run(&env, &other, &REASON).await;
    assert_eq!(other.code, 4, "{other:?}");
    let listed = env.tikivip(&["list", "--state", "proposed"]).await.out;
    assert!(listed.contains(&back.id) && !listed.contains(&stands.id));
    assert_fits(&listed);
    assert_fits(
        &env.tikivip(&["show", &back.id])
            .await
            .out
            .lines()
            .take(24)
            .fold(String::new(), |all, line| format!("{all}{line}\n")),
    );

    // Neither who proposed it nor who only looks may approve it.
    let approve = ["approve", &back.id, "--proposal", &number];
    for person in [Principal::LAN, Principal::HOA, Principal::KHOA] {
        let refused = [&approve[..], &REASON].concat();
        let refused = env.tikivip_as(person, &refused).await;
        assert_eq!(refused.code, 4, "{refused:?}");
        assert!(
            refused.err.contains("the policies of your role"),
            "{refused:?}"
        );
    }
    let wrong = ["approve", &back.id, "--proposal", "9"];
    let wrong = [&wrong[..], &REASON].concat();
    assert_eq!(env.tikivip_as(Principal::MINH, &wrong).await.code, 4);
    let approved = [&approve[..], &REASON, &["--output", "json"]].concat();
    let approved = env.tikivip_as(Principal::MINH, &approved).await;
    assert_eq!(approved.code, 0, "{approved:?}");
    let trail = events(&approved.json());
    for (event, who) in [
        ("proposed", "tikivip-operator/lan"),
        ("approved", "tikivip-approver/minh"),
        ("resolved", "tikivip-operator/lan"),
    ] {
        assert!(
            trail.contains(&(event.to_owned(), who.to_owned())),
            "{trail:?}"
        );
    }
    env.until("the money is back", async || {
        env.core.refunded_vnd(&back.id) == 100_000
    })
    .await;
    // It is a failure now: Tiki has nothing to refund.
    assert_eq!(env.refund(&back, "R1", 1).await.code(), Some(6));

    let confirmed = env.resolve(&stands.tiki_id, &["confirmed"]).await;
    assert_eq!(confirmed.code, 0, "{confirmed:?}");
    assert_eq!(env.ipn_state(&stands).await, "confirmed");
    assert_eq!(env.core.refunded_vnd(&stands.id), 0);

    let twice = env.resolve(&stands.id, &["reverse"]).await;
    assert_eq!(twice.code, 4);
    assert!(twice.err.contains("nothing of it waits for a decision"));
    // The one that is reversed comes back: Tiki has it as paid, and is notified that it failed.
    env.until("Tiki is asked once more", async || {
        env.item(&back).await["needs_review"] == "known_as_paid"
    })
    .await;
    let listed = env
        .tikivip(&["list", "--state", "review", "--output", "json"])
        .await;
    let listed = listed.json()["transactions"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["transaction_id"], json!(back.id));
    // Who has seen the review before decides nothing on this one.
    let outdated = ["resolve", &back.id, "--as", "handled"];
    let outdated = [&outdated[..], &review].concat();
    let outdated = run(&env, &outdated, &REASON).await;
    assert_eq!(outdated.code, 4, "{outdated:?}");
    assert!(outdated.err.contains("known_as_paid"), "{outdated:?}");
    let handled = env.resolve(&back.id, &["handled"]).await;
    assert_eq!(handled.code, 0, "{handled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_proposal_does_nothing() {
    let env = TestEnv::start().await;
    let payment = disputed(&env).await;
    for (person, event) in [(Principal::LAN, 1), (Principal::MINH, 2)] {
        let words = [
            "resolve",
            &payment.id,
            "--as",
            "reverse",
            "--review",
            "amount_differs",
            "--output",
            "json",
        ];
        let proposed = run(&env, &words, &REASON).await.json();
        let number = proposed["proposal"]["number"].to_string();
        assert_eq!(number, event.to_string());
        let decline = [
            "decline",
            &payment.id,
            "--proposal",
            &number,
            "--output",
            "json",
        ];
        let declined = [&decline[..], &REASON].concat();
        let declined = env.tikivip_as(person, &declined).await;
        assert_eq!(declined.code, 0, "{declined:?}");
        assert_eq!(declined.json()["proposal"], Value::Null);
        let approve = ["approve", &payment.id, "--proposal", &number];
        let approve = [&approve[..], &REASON].concat();
        assert_eq!(env.tikivip_as(Principal::MINH, &approve).await.code, 4);
    }
    assert_eq!(env.ipn_state(&payment).await, "disputed");
    assert_eq!(env.core.refunded_vnd(&payment.id), 0);
}

/// A shop in which one person works, and one that lets small amounts through.
#[tokio::test(flavor = "multi_thread")]
async fn the_settings_say_what_one_person_may_do() {
    for (name, value, alone) in [
        ("OnePersonActs", "true", true),
        ("ApprovalAboveVnd", "100000", true),
        ("ApprovalAboveVnd", "99999", false),
    ] {
        let env = TestEnv::with(|options| {
            options.parameters.push((name.to_owned(), value.to_owned()));
        })
        .await;
        let payment = disputed(&env).await;
        let words = [
            "resolve",
            &payment.id,
            "--as",
            "confirmed",
            "--review",
            "amount_differs",
            "--output",
            "json",
        ];
        let resolved = run(&env, &words, &REASON).await;
        assert_eq!(resolved.code, 0, "{resolved:?}");
        assert_eq!(
            resolved.json()["proposal"].is_null(),
            alone,
            "{name} {value}"
        );
        let state = env.ipn_state(&payment).await;
        assert_eq!(state == "confirmed", alone, "{name} {value}: {state}");
    }
}

/// What one person may send again within an hour is bounded; the rest is proposed.
#[tokio::test(flavor = "multi_thread")]
async fn many_resends_need_a_second_person() {
    let env = TestEnv::with(|options| {
        let limit = ("ResendsPerHour".to_owned(), "1".to_owned());
        options.parameters.push(limit);
    })
    .await;
    let given_up = abandoned(&env).await;
    let payments = [exhausted(&env).await, exhausted(&env).await];
    env.tiki.faults.standing("ipn", Fault::Down);
    let words = ["resend-ipn", "--all-exhausted", "--output", "json"];
    let sent = run(&env, &words, &REASON).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    let sent = sent.json();
    assert_eq!(
        (&sent["queued"], &sent["proposed"]),
        (&json!(1), &json!(1)),
        "{sent}"
    );
    // The same once more, as after an interruption: nothing is left to do.
    let since = sent["began_at"].as_str().unwrap();
    for (state, left_out) in [("exhausted", 1), ("unconfirmed", 1)] {
        let words = [
            "resend-ipn",
            "--state",
            state,
            "--since",
            since,
            "--output",
            "json",
        ];
        let again = run(&env, &words, &REASON).await.json();
        assert_eq!(again["left_out"], left_out, "{state}: {again}");
        assert_eq!(
            (&again["queued"], &again["proposed"]),
            (&json!(0), &json!(0)),
            "{again}"
        );
    }
    let listed = ["list", "--state", "proposed", "--output", "json"];
    let listed = env.tikivip(&listed).await.json()["transactions"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let waits = listed[0]["transaction_id"].as_str().unwrap().to_owned();
    let payment = payments.iter().find(|payment| payment.id == waits);
    assert_eq!(env.ipn_state(payment.unwrap()).await, "exhausted");
    // Of a failure that Tiki was not notified of nothing else waits for a person.
    let again = run(&env, &["resend-ipn", &given_up.id], &REASON).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(env.ipn_state(&given_up).await, "abandoned");
    let listed = ["list", "--state", "proposed", "--output", "json"];
    let listed = env.tikivip(&listed).await.json()["transactions"].clone();
    let listed = listed.as_array().unwrap().iter();
    let listed: Vec<_> = listed.map(|t| t["transaction_id"].clone()).collect();
    assert_eq!(listed, [json!(waits), json!(given_up.id)], "oldest first");

    env.tiki.faults.off("ipn");
    let approve = ["approve", "--resends", "--output", "json"];
    let approve = [&approve[..], &REASON].concat();
    let approved = env.tikivip_as(Principal::MINH, &approve).await;
    assert_eq!(approved.code, 0, "{approved:?}");
    assert_eq!(approved.json()["queued"], 2);
    let left = env.tikivip(&["list", "--state", "proposed"]).await;
    assert!(left.out.contains("None."), "{left:?}");
    env.until("Tiki has it", async || {
        env.ipn_state(payment.unwrap()).await == "confirmed"
    })
    .await;
}

/// A customer calls, and nobody has an id.
#[tokio::test(flavor = "multi_thread")]
async fn find_needs_no_id() {
    let env = TestEnv::start().await;
    let paid = env.create(100_000).await;
    let result = json!({ "status": "SUCCESS", "amount": 100_000, "rail_reference": "FT-42" });
    let answer = env.core.send_result(&paid.id, &result).await.unwrap();
    assert_eq!(answer.code(), Some(0), "{}", answer.text);
    let reference = "FT-42";
    let found = async |words: &[&str]| {
        let found = env
            .tikivip(&[&["find", "--output", "json"], words].concat())
            .await;
        assert_eq!(found.code, 0, "{found:?}");
        let found = found.json()["transactions"].clone();
        let found = found.as_array().unwrap().iter();
        found
            .map(|t| t["transaction_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["--reference", reference]).await, [paid.id.as_str()]);
    let today = ["--reference", reference, "--days", "1"];
    assert_eq!(found(&today).await, [paid.id.as_str()]);
    let none = env
        .tikivip(&["find", "--reference", "none", "--day", "2020-02-02"])
        .await;
    assert_eq!(none.code, 3);
    assert!(none.err.contains("(0 looked at)"), "{none:?}");
    let both = ["find", "--reference", "x", "--order", "y"];
    assert_eq!(env.tikivip(&both).await.code, 2);
}

/// Each page begins where the one before it has ended, in the order of what is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_page_by_page() {
    let env = TestEnv::start().await;
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(env.create(50_000).await.id);
    }
    let listed = async |limit: &str| {
        let words = [
            "list", "--state", "pending", "--limit", limit, "--output", "json",
        ];
        env.tikivip(&words).await.json()
    };
    let ids = |list: &Value| {
        let all = list["transactions"].as_array().unwrap().iter();
        all.map(|t| t["transaction_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let two = listed("2").await;
    assert_eq!(ids(&two), created[..2]);
    assert!(two["next"].is_string(), "{two}");
    assert_eq!(two["count"]["entries"], 5);
    let all = listed("100").await;
    assert_eq!((ids(&all), &all["next"]), (created, &Value::Null));
}

/// What a decision would do is said before it is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let env = TestEnv::start().await;
    let payment = disputed(&env).await;
    let words = [
        "resolve",
        &payment.id,
        "--as",
        "reverse",
        "--review",
        "amount_differs",
    ];
    let dry = [&words[..], &REASON, &["--dry-run"]].concat();
    let dry = env.tikivip(&dry).await;
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains("It is a proposal"), "{dry:?}");
    assert!(env.item(&payment).await["proposal"].is_null());
    let outdated = [
        "resolve",
        &payment.id,
        "--as",
        "reverse",
        "--review",
        "undecided",
        "--dry-run",
    ];
    let outdated = [&outdated[..], &REASON, &["--output", "json"]].concat();
    let outdated = env.tikivip(&outdated).await;
    assert_eq!(outdated.code, 4);
    let error: Value = serde_json::from_str(&outdated.err).unwrap();
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["exit_code"]),
        (&json!("refused"), &json!(4))
    );
    // Without a terminal nobody is asked: a script names what it has seen.
    let done = [&words[..], &REASON].concat();
    assert_eq!(env.tikivip(&done).await.code, 0);
    let shown = env.tikivip(&["show", &payment.id]).await.out;
    assert!(
        shown.contains("tikivip approve") && shown.contains("tikivip decline"),
        "{shown}"
    );
    assert!(
        !shown.contains("tikivip resolve") && !shown.contains("tikivip resend-ipn"),
        "{shown}"
    );
}

/// Each policy opens its own calls. What AWS does not know opens none.
#[tokio::test(flavor = "multi_thread")]
async fn each_person_may_do_what_the_policy_says() {
    let env = TestEnv::start().await;
    let payment = exhausted(&env).await;
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, "{}").unwrap();
    let body = body.to_str().unwrap();
    let resend = [&["resend-ipn", &payment.id][..], &REASON].concat();
    let sign = ["sign", "--with", "core", "--body", body];
    for (person, may_resend, may_sign) in [
        (Principal::HOA, false, false),
        (Principal::MINH, false, false),
        (Principal::KHOA, false, true),
        (Principal::LAN, true, false),
    ] {
        assert_eq!(env.tikivip_as(person, &["show", &payment.id]).await.code, 0);
        let code = |may: bool| if may { 0 } else { 4 };
        let name = person.name;
        assert_eq!(
            env.tikivip_as(person, &resend).await.code,
            code(may_resend),
            "{name}"
        );
        assert_eq!(
            env.tikivip_as(person, &sign).await.code,
            code(may_sign),
            "{name}"
        );
    }
    let hand =
        |line: &&sandbox::LogLine| line.event["message"] == "a message is signed for a person";
    let logs = env.sandbox.logs();
    let by_hand: Vec<_> = logs.iter().filter(hand).collect();
    assert_eq!(by_hand.len(), 1);
    let digest = by_hand[0].event["sha256"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    // The alarm `SignedByHand` counts them.
    let counted = |line: &&sandbox::LogLine| line.event["SignedByHand"] == 1;
    assert_eq!(logs.iter().filter(counted).count(), 1);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "KEYOFNOBODY"),
        ("AWS_SECRET_ACCESS_KEY", "another"),
        ("AWS_SESSION_TOKEN", "session-of-minh"),
    ] {
        let refused = env
            .tikivip_set(&[(name, value)], &["show", &payment.id])
            .await;
        assert_eq!(refused.code, 4, "{name}: {refused:?}");
        assert!(refused.err.contains("AWS: "), "{refused:?}");
    }
}

/// API Gateway says who calls, and nothing in the call itself does. Without that nobody is let in, whatever the route.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_comes_from_aws_alone() {
    // Who asked is logged at this level, too.
    let env = TestEnv::with(|options| {
        let level = ("LogLevel".to_owned(), "error".to_owned());
        options.parameters.push(level);
    })
    .await;
    let payment = disputed(&env).await;
    let resource = "/operator/v1/transactions/{transaction_id}/resolve";
    let event = |identity: Value| {
        json!({
            "resource": resource, "path": resource.replace("{transaction_id}", &payment.id),
            "httpMethod": "POST", "headers": { "X-Operator": "lan" }, "multiValueHeaders": {},
            "pathParameters": { "transaction_id": payment.id },
            "requestContext": {
                "accountId": sandbox::ACCOUNT, "apiId": "a", "httpMethod": "POST", "identity": identity,
                "protocol": "HTTP/1.1", "requestId": "r", "resourcePath": resource, "stage": "live",
            },
            "body": json!({
                "verdict": "reverse", "review": "amount_differs", "reason": "x", "by": "lan", "operator": "lan",
            }).to_string(),
            "isBase64Encoded": false,
        })
    };
    let arn = |account: &str, resource: &str| format!("arn:aws:sts::{account}:{resource}");
    let of = |account: &str, resource: &str| json!({ "accountId": account, "userArn": arn(account, resource), "sourceIp": "127.0.0.1" });
    for (identity, status) in [
        (json!({}), 401),
        (json!({ "accountId": sandbox::ACCOUNT }), 401),
        (of("999999999999", "assumed-role/tikivip-operator/lan"), 400),
        (of(sandbox::ACCOUNT, "role/tikivip-operator"), 400),
        (of(sandbox::ACCOUNT, "assumed-role/user/lan"), 400),
        (of(sandbox::ACCOUNT, "root"), 400),
        (
            json!({ "accountId": sandbox::ACCOUNT, "userArn": "lan" }),
            400,
        ),
    ] {
        let answer = env
            .sandbox
            .invoke("operator", &event(identity.clone()))
            .await;
        assert_eq!(answer.unwrap()["statusCode"], status, "{identity}");
        assert!(env.item(&payment).await["proposal"].is_null(), "{identity}");
    }
    let lan = of(sandbox::ACCOUNT, "assumed-role/tikivip-operator/lan");
    let answer = env.sandbox.invoke("operator", &event(lan)).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(
        env.item(&payment).await["proposal"]["by"],
        "tikivip-operator/lan"
    );
    let logs = env.sandbox.logs();
    let said = |message: &str| logs.iter().find(|line| line.event["message"] == message);
    let asked = &said("asked").unwrap().event;
    assert_eq!(asked["operator"], "tikivip-operator/lan");
    assert_eq!(asked["transaction_id"], json!(payment.id));
    assert!(asked["request_id"].is_string(), "{asked}");
    let answered = &said("answered a person").unwrap().event;
    assert_eq!(answered["request_id"], asked["request_id"]);
    assert_eq!(answered["code"], 0);
    let refused = &said("a caller is refused").unwrap().event;
    assert!(
        refused["caller"]
            .as_str()
            .unwrap()
            .contains(":999999999999:")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lookup_shows_what_tiki_knows() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let known = env.tikivip(&["lookup", &payment.id]).await;
    assert_eq!(known.code, 0, "{known:?}");
    assert!(known.out.contains("success of 100.000 ₫"), "{}", known.out);
    env.tiki.forget(&payment.tiki_id);
    let forgotten = env
        .tikivip(&["lookup", &payment.id, "--output", "json"])
        .await;
    assert_eq!(forgotten.code, 5);
    assert_eq!(forgotten.json()["tiki"], "not_found");
    // A look-up changes nothing.
    assert_eq!(env.ipn_state(&payment).await, "confirmed");
}

/// A message from Tiki: three headers, and a file with the body.
struct Message {
    folder: tempfile::TempDir,
    headers: Vec<String>,
}

fn message(keys: &Keyring, at_ms: i64, signed: &[u8], received: &[u8]) -> Message {
    let signature = keys.sign(at_ms, signed);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body"), received).unwrap();
    let headers = [
        ("--timestamp", signature.timestamp),
        ("--client-id", signature.client_id),
        ("--signature", signature.signature),
    ];
    let headers = headers.into_iter();
    let headers = headers.flat_map(|(name, value)| [name.to_owned(), value]);
    Message {
        folder,
        headers: headers.collect(),
    }
}

async fn verified(env: &TestEnv, message: &Message, what: &[&str]) -> CommandOutput {
    let body = message.folder.path().join("body");
    let mut arguments = vec!["verify", "--explain", "--output", "json"];
    arguments.extend(message.headers.iter().map(String::as_str));
    if what.is_empty() {
        arguments.extend(["--body", body.to_str().unwrap()]);
    }
    arguments.extend(what);
    env.tikivip(&arguments).await
}

fn causes(output: &CommandOutput) -> String {
    output.json()["explanation"]["causes"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_explains_each_signature_mistake() {
    let env = TestEnv::start().await;
    let c = &env.options.credentials;
    let arn = env.sandbox.plan.secrets["TikiSecret"].clone();
    let keys = |secret: &str| Keyring::new(c.client_id.as_str(), ClientSecret::new(secret));
    let body = r#"{"b":1,"a":"Hủy đơn"}"#.as_bytes();
    let right = keys(&c.client_secret);

    let good = verified(&env, &message(&right, now_ms(), body, body), &[]).await;
    assert_eq!((good.code, causes(&good).as_str()), (0, "[]"), "{good:?}");
    assert_eq!(
        good.json()["explanation"]["payload"]
            .as_str()
            .unwrap()
            .split_once(&c.client_id)
            .unwrap()
            .1,
        r#".{"b":1,"a":"Hủy đơn"}"#
    );

    let six_minutes_ago = message(&right, now_ms() - 360_000, body, body);
    let stale = verified(&env, &six_minutes_ago, &[]).await;
    assert_eq!(stale.code, 5);
    // A busy machine may need some seconds to start the command.
    assert!(causes(&stale).contains("the timestamp is 3") && causes(&stale).contains(" s old"));
    let ahead = message(&right, now_ms() + 360_000, body, body);
    let ahead = verified(&env, &ahead, &[]).await;
    assert!(causes(&ahead).contains("s ahead: a clock is wrong"));

    let proxied = r#"{"b": 1, "a": "Hủy đơn"}"#.as_bytes();
    let rewritten = verified(&env, &message(&right, now_ms(), body, proxied), &[]).await;
    assert_eq!(rewritten.code, 5);
    assert!(
        causes(&rewritten).contains("a re-serialised body: compact"),
        "{rewritten:?}"
    );

    let core = keys(&c.core_secret);
    let mixed_up = verified(&env, &message(&core, now_ms(), body, body), &[]).await;
    assert!(causes(&mixed_up).contains("the secret of the core"));
    let unknown = verified(&env, &message(&keys("?"), now_ms(), body, body), &[]).await;
    assert!(causes(&unknown).contains("no known mistake gives this signature"));

    let get = "/transaction?tiki_transaction_id=T-1";
    let empty = message(&right, now_ms(), b"", b"");
    let variant = verified(&env, &empty, &["--get", get]).await;
    assert!(
        causes(&variant).contains("TIKI_GET_SIGNING=empty_body"),
        "{variant:?}"
    );

    // A process reads a secret again at most every five seconds; a new one reads it at once.
    let next = "the secret that is next";
    env.sandbox.secrets.put(&arn, next);
    env.sandbox.restart("operator").await;
    let previous = verified(&env, &message(&right, now_ms(), body, body), &[]).await;
    assert_eq!(previous.code, 0, "the overlap accepts it");
    assert!(causes(&previous).contains("the previous secret"));
    env.sandbox.secrets.age(&arn, Duration::from_hours(15 * 24));
    env.sandbox.restart("operator").await;
    let ended = verified(&env, &message(&right, now_ms(), body, body), &[]).await;
    assert_eq!(ended.code, 5, "it has ended, and is named all the same");
    assert!(causes(&ended).contains("the previous secret"), "{ended:?}");
    let table = env.tikivip(&["verify", "--help"]).await;
    assert_eq!(table.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_and_verify_use_the_functions_rules() {
    let env = TestEnv::start().await;
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    std::fs::write(&body, br#"{"tiki_transaction_id":"T-none"}"#).unwrap();
    let sign = ["sign", "--body", body.to_str().unwrap(), "--output", "json"];
    let signed = env.tikivip_as(Principal::KHOA, &sign).await;
    assert_eq!(signed.code, 0, "{signed:?}");
    let headers = signed.json()["headers"].clone();
    let url = format!("{}/tikivip/v1/transactions/query", env.sandbox.url);
    let mut request = sandbox::http().unwrap().post(url);
    for header in headers.as_array().unwrap() {
        request = request.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
    }
    let answer = request
        .body(std::fs::read(&body).unwrap())
        .send()
        .await
        .unwrap();
    let answer = sandbox::Response::read(answer).await.unwrap();
    assert_eq!(answer.code(), Some(3), "{}", answer.text);

    let event = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../events/create-transaction.json"
    );
    let get = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../events/check-transaction-by-get.json"
    );
    let stale = env
        .tikivip(&["verify", "--event", event, "--explain"])
        .await;
    assert_eq!(stale.code, 5);
    no_signature_but_the_received_one(&stale.out, event);
    drop(env);
    let env = TestEnv::with(|options| {
        for name in ["SignatureMaxAgeSeconds", "SignatureMaxAheadSeconds"] {
            let forever = "3153600000".to_owned();
            options.parameters.push((name.to_owned(), forever));
        }
    })
    .await;
    let verified = env
        .tikivip(&["verify", "--event", event, "--explain"])
        .await;
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.out.contains("the signature is right"));
    let verified = env.tikivip(&["verify", "--event", get]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

/// Whoever may verify must not get a signature by it, of a message of whatever age.
fn no_signature_but_the_received_one(out: &str, event: &str) {
    let event: Value = serde_json::from_slice(&std::fs::read(event).unwrap()).unwrap();
    let received = event["headers"]["X-Tikivip-Signature"].as_str().unwrap();
    let is_signature =
        |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let shown: Vec<&str> = out.split_whitespace().filter(is_signature).collect();
    assert_eq!(shown, [received], "{out}");
    assert!(
        out.contains(&format!("Expected  {}…", &received[..8])),
        "{out}"
    );
}

fn finding<'f>(found: &'f Value, what: &str) -> &'f Value {
    let all = found.as_array().unwrap().iter();
    let mut matching = all.filter(|finding| finding["what"] == what);
    matching
        .next()
        .unwrap_or_else(|| panic!("no finding about {what}: {found}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_each_known_fault() {
    let env = TestEnv::start().await;
    let c = env.options.credentials.clone();
    let secrets = &env.sandbox.secrets;
    let tiki_arn = env.sandbox.plan.secrets["TikiSecret"].clone();
    let keys = |secret: &str| Keyring::new(c.client_id.as_str(), ClientSecret::new(secret));
    let doctor = async || env.tikivip(&["doctor", "--output", "json"]).await;
    let text_of =
        |output: &CommandOutput, what: &str| finding(&output.json(), what)["text"].to_string();

    let well = doctor().await;
    assert_eq!(well.code, 0, "{well:?}");
    let all = well.json();
    assert!(
        all.as_array().unwrap().iter().all(|f| f["state"] == "good"),
        "{all}"
    );
    let table = env.tikivip(&["doctor"]).await.out;
    assert!(table.contains("✔ Tiki"), "{table}");
    assert_fits(&table);

    let nowhere = Fault::Answer {
        status: 404,
        body: String::new(),
    };
    env.tiki.faults.next("look_up", [nowhere]);
    let wrong = doctor().await;
    assert_eq!(wrong.code, 5);
    assert!(text_of(&wrong, "Tiki").contains("HTTP 404 without a code"));
    let busy = Fault::Answer {
        status: 503,
        body: String::new(),
    };
    env.tiki.faults.next("look_up", [busy]);
    let failing = doctor().await;
    let text = text_of(&failing, "Tiki");
    assert!(
        text.contains("HTTP 503") && text.contains("there and failing"),
        "{text}"
    );
    env.core.faults.standing("payment", Fault::Down);
    let down = doctor().await;
    assert_eq!(finding(&down.json(), "core")["state"], "wrong", "{down:?}");
    assert_fits(&env.tikivip(&["doctor"]).await.out);
    env.core.faults.off("payment");

    // Look-ups are answered, and a notification was not.
    env.tiki.faults.standing("ipn", Fault::Down);
    let payment = env.paid(70_000).await;
    env.until("it failed once", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    let half = doctor().await;
    assert_eq!(
        finding(&half.json(), "Tiki")["state"],
        "doubtful",
        "{half:?}"
    );
    env.tiki.faults.off("ipn");

    env.tiki.expect_get_signing(GetSigning::EmptyObject);
    let variant = doctor().await;
    assert!(
        text_of(&variant, "Tiki")
            .contains("Tiki signs a GET by empty_object, but the setting is relative_path"),
        "{variant:?}"
    );
    env.tiki.expect_get_signing(GetSigning::RelativePath);

    env.tiki.set_clock_ahead(360_000);
    let clock = doctor().await;
    assert!(
        text_of(&clock, "clock against Tiki").contains("s behind"),
        "{clock:?}"
    );
    assert!(
        text_of(&clock, "Tiki").contains("only at its own time"),
        "{clock:?}"
    );
    env.tiki.set_clock_ahead(0);

    env.tiki.expect_keys(keys("another"));
    let secret = doctor().await;
    assert!(text_of(&secret, "Tiki").contains("refuses our signature (HTTP 401)"));
    env.tiki.expect_keys(keys(&c.client_secret));
    secrets.put(&tiki_arn, "the secret after that");
    env.sandbox.restart("operator").await;
    let previous = doctor().await;
    assert!(
        text_of(&previous, "Tiki").contains("Tiki still has the previous secret"),
        "{previous:?}"
    );
    assert!(text_of(&previous, "secret of Tiki").contains("still accepted"));
    secrets.age(&tiki_arn, Duration::from_hours(15 * 24));
    env.sandbox.restart("operator").await;
    let ended = doctor().await;
    assert!(
        text_of(&ended, "Tiki").contains("Tiki still has the previous secret"),
        "{ended:?}"
    );
    assert!(!text_of(&ended, "secret of Tiki").contains("still accepted"));
    secrets.put(&tiki_arn, "");
    env.sandbox.restart("operator").await;
    let empty = doctor().await;
    assert_eq!(finding(&empty.json(), "secret of Tiki")["state"], "wrong");

    env.core.expect_keys(Keyring::new(
        c.core_client_id.as_str(),
        ClientSecret::new("another"),
    ));
    let core = doctor().await;
    assert!(
        text_of(&core, "core").contains("refuses our signature"),
        "{core:?}"
    );
}

/// What the doctor says about the third side of reconciliation.
const STATEMENT: &str = "statement of the core";

/// The third side, and where Tiki gets the files.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_what_reconciliation_needs() {
    let env = TestEnv::start().await;
    let doctor = async |env: &TestEnv, what: &str| {
        let output = env.tikivip(&["doctor", "--output", "json"]);
        let found = output.await.json();
        let found = finding(&found, what);
        let text = |name: &str| found[name].as_str().unwrap().to_owned();
        (text("state"), text("text"))
    };
    let (state, text) = doctor(&env, STATEMENT).await;
    assert_eq!(state, "good", "{text}");
    assert!(text.starts_with("the core has the one of "), "{text}");

    let says = async |status: u16, body: &str| {
        let body = body.to_owned();
        env.core
            .faults
            .next("statement", [Fault::Answer { status, body }]);
        doctor(&env, STATEMENT).await
    };
    let (state, text) = says(404, "{}").await;
    assert_eq!(state, "wrong");
    assert!(text.contains("HTTP 404"), "{text}");
    let (state, text) = says(200, "<html>").await;
    assert_eq!(state, "wrong", "{text}");
    // Whether it is late depends on the time of day; it is never an answer that cannot be used.
    let (state, text) = says(404, r#"{"status":"not_there"}"#).await;
    assert_ne!(state, "wrong");
    assert!(text.contains("it has none of "), "{text}");

    let (state, there) = doctor(&env, "file server").await;
    assert_eq!(
        (state.as_str(), there.contains("lets us in")),
        ("good", true),
        "{there}"
    );
    drop(env);
    for (statement, says) in [("off", "off"), ("file", "the core puts a file")] {
        let env = TestEnv::with(|options| {
            for (name, value) in [("CoreStatement", statement), ("SftpHost", "")] {
                options.parameters.push((name.to_owned(), value.to_owned()));
            }
        })
        .await;
        let (_, text) = doctor(&env, STATEMENT).await;
        assert!(text.starts_with(says), "{text}");
        let (state, none) = doctor(&env, "file server").await;
        assert_eq!(state, "good");
        assert!(none.starts_with("not configured"), "{none}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_work_for_each_shell() {
    let env = TestEnv::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = env.tikivip(&["completions", shell]).await;
        assert_eq!(script.code, 0);
        assert!(script.out.contains("resend-ipn"), "{shell}");
    }
}

/// What Tiki builds against is what this stack answers, and no secret goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_handover_has_the_stacks_own_addresses() {
    let env = TestEnv::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handover.html");
    let file = file.to_str().unwrap();
    let written = env.tikivip(&["handover", "--out", file]).await;
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    let page = std::fs::read_to_string(file).unwrap();
    let refunds = format!("{}/tikivip/v1/refunds", env.sandbox.url);
    assert!(page.contains(&refunds), "{refunds}");
    for words in ["Mã kết quả", "Codes", "500.000.000 VND", "TC-01"] {
        assert!(page.contains(words), "{words}");
    }
    let settings = env.sandbox.operator_settings(sandbox::Principal::LAN);
    assert!(page.contains(&settings["TIKI_CLIENT_ID"]));
    let credentials = sandbox::Options::default().credentials;
    for secret in [&credentials.client_secret, &credentials.core_secret] {
        assert!(!page.contains(secret.as_str()));
    }

    let missing = [("TIKI_CLIENT_ID", "")];
    let refused = env
        .tikivip_set(&missing, &["handover", "--out", file])
        .await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("TIKI_CLIENT_ID is missing"),
        "{}",
        refused.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collections_call_this_stack() {
    let env = TestEnv::start().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let written = env.tikivip(&["collections", "--out", out]).await;
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    let file = folder.path().join("tikivip.postman_environment.json");
    let environment: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let url =
        json!({ "key": "base_url", "value": env.sandbox.url, "type": "default", "enabled": true });
    let values = environment["values"].as_array().unwrap();
    assert!(values.contains(&url), "{environment}");
}
