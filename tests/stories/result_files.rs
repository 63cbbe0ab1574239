//! Tiki's result files (protocol §7): what is read, what is not, and what follows from each line.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use e2e::{Payment, TestEnv};
use sandbox::Fault;
use serde_json::json;

use crate::operator_command::assert_fits;
use crate::reconciliation::{
    archived, finding, folder, inbound, open_findings, reconcile, run, since, the_day,
};

/// Tiki puts a file about the day into OUTBOUND, and it is read.
async fn returned(env: &TestEnv, ending: &str, text: &str) {
    let name = format!("tikivip_sandbox_{}_1{ending}", the_day().digits());
    fs::write(folder(env, "OUTBOUND").join(&name), text).unwrap();
    assert_eq!(reconcile(env).await["received"], json!([name]));
}

/// What Tiki's file says of a payment, in the six columns.
fn line(payment: &Payment, amount: u64) -> String {
    let (id, ours) = (&payment.tiki_id, &payment.id);
    format!("{id},{ours},{amount},SUCCESS,22/11/2026 10:00,22/11/2026 10:01")
}

/// The likeliest file: a list in our own columns, without codes, and perhaps without a header line.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_codes_and_without_a_header_line_is_read() {
    let env = TestEnv::start().await;
    let agrees = env.confirmed(100_000).await;
    let differs = env.confirmed(200_000).await;
    let other_id = env.confirmed(300_000).await;
    env.tiki
        .change(&differs.tiki_id, |order| order.amount = 199_000);
    let swapped = Payment {
        id: agrees.id.clone(),
        tiki_id: other_id.tiki_id.clone(),
        ..other_id
    };
    let lines = [
        line(&agrees, 100_000),
        line(&differs, 199_000),
        line(&swapped, 300_000),
        // A decimal comma: one field too many, whatever stands in it.
        line(&agrees, 100_000).replace(",SUCCESS", ",00,SUCCESS"),
    ];
    let text = lines.join("\r\n");
    returned(&env, ".csv", &text).await;
    let torn = format!("tikivip_sandbox_{}_1.csv:4", the_day().digits());
    let expected = BTreeMap::from([
        (
            differs.tiki_id.clone(),
            finding("needs_review", "amount_differs"),
        ),
        (
            swapped.tiki_id.clone(),
            finding("needs_review", "other_transaction_id"),
        ),
        (torn, finding("needs_review", "unreadable_line")),
    ]);
    assert_eq!(open_findings(&env).await, expected);
    // People can see which id the file has.
    let listed = env.tikivip(&["reconciliation"]).await.out;
    assert!(listed.contains(&format!("has {}", agrees.id)), "{listed}");
    // And ours, under which the core and the logs know it.
    assert!(
        listed.contains(&format!("our id {}\n", differs.id)),
        "{listed}"
    );
    let sides = "ours: SUCCESS, 200.000 ₫ → Tiki: success, 199.000 ₫\n";
    assert!(listed.contains(sides), "{listed}");
    assert_fits(&listed);
    let page = archived(&env, &format!("{}/report.html", the_day())).await;
    assert!(page.contains("our id in the file"), "{page}");
    // Tiki's answer to a look-up says nothing of our id: the next run does not close it.
    env.tiki
        .change(&differs.tiki_id, |order| order.amount = 200_000);
    reconcile(&env).await;
    let open = open_findings(&env).await;
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(open.contains_key(&swapped.tiki_id), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_nothing_is_a_finding() {
    let env = TestEnv::start().await;
    returned(&env, "", "\u{feff}").await;
    returned(&env, "_0", "").await;
    let empty = |ending: &str| {
        let id = format!("tikivip_sandbox_{}_1{ending}:1", the_day().digits());
        (id, finding("needs_review", "unreadable_line"))
    };
    let expected = BTreeMap::from([empty(""), empty("_0")]);
    assert_eq!(open_findings(&env).await, expected);
}

/// Half of a file would be read as the whole of it, and what stands beside a file as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_when_it_stands_still() {
    let env = TestEnv::with(|options| {
        let unchanged = ("ReconciliationUnchangedSeconds".to_owned(), "2".to_owned());
        options.parameters.push(unchanged);
    })
    .await;
    let payments = [env.confirmed(100_000).await, env.confirmed(200_000).await];
    let name = format!("tikivip_sandbox_{}_1", the_day().digits());
    let path = folder(&env, "OUTBOUND").join(&name);
    let half = line(&payments[0], 100_000) + "\n";
    fs::write(&path, &half).unwrap();
    fs::write(path.with_extension("md5"), "d41d8cd98f00b204").unwrap();
    fs::write(path.with_extension("filepart"), "T-1,").unwrap();
    let reading = reconcile(&env);
    let writing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fs::write(&path, half.clone() + &line(&payments[1], 1)).unwrap();
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read["received"], json!([]), "it is being written");
    assert_eq!(reconcile(&env).await["received"], json!([name]));
    // Both lines were looked at, and the sides agree on both.
    assert_eq!(open_findings(&env).await, BTreeMap::new());
    assert_eq!(reconcile(&env).await["received"], json!([]));
}

/// Tiki corrects a file under its name: what only the old bytes said ends with them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_again_replaces_the_first() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let torn = line(&payment, 100_000) + ",00,x,y";
    let other_id = line(&payment, 100_000).replace(&payment.id, "x");
    let name = format!("tikivip_sandbox_{}_1", the_day().digits());
    returned(&env, "", &format!("{other_id}\n{torn}\n")).await;
    let open = open_findings(&env).await;
    assert_eq!(open.len(), 2, "{open:?}");
    // The second still has the other id.
    returned(&env, "", &format!("{other_id}\n")).await;
    let other = BTreeMap::from([(
        payment.tiki_id.clone(),
        finding("needs_review", "other_transaction_id"),
    )]);
    assert_eq!(open_findings(&env).await, other);
    // The first bytes again: what they said is found again.
    returned(&env, "", &format!("{other_id}\n{torn}\n")).await;
    assert_eq!(open_findings(&env).await, open);
    // Bytes that nobody understands take nothing back.
    returned(&env, "", "xin chào\n").await;
    assert!(open_findings(&env).await.contains_key(&payment.tiki_id));
    returned(&env, "", &line(&payment, 100_000)).await;
    reconcile(&env).await;
    assert_eq!(open_findings(&env).await, BTreeMap::new(), "{name}");
}

/// "Tiki has 4.000 of 40.000", "no such refund", "only Tiki has 70.000": each was closed by a look-up that says nothing
/// about refunds.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_compared_with_our_refund() {
    let env = TestEnv::with(|options| {
        let on = ("ReconciliationRefundRows".to_owned(), "on".to_owned());
        options.parameters.push(on);
    })
    .await;
    let payment = env.confirmed(200_000).await;
    for (request_id, amount) in [("r-1", 40_000), ("r-2", 50_000), ("r-3", 60_000)] {
        let refunded = env.refund(&payment, request_id, amount).await;
        assert_eq!(refunded.code(), Some(0));
    }
    env.days_pass().await;
    run(&env, json!({ "day": the_day().to_string() })).await;
    let ours = &inbound(&env)[&format!("tikivip_sandbox_{}_1", the_day().digits())];
    let row = |of: &str| ours.lines().find(|line| line.contains(of)).unwrap();
    let id_of = |of: &str| row(of).split(',').nth(8).unwrap().to_owned();
    let header = ours.lines().next().unwrap();
    let says = |first: &str, second: &str, third: &str| {
        let payment = row(",PAYMENT,");
        format!("{header},result\n{payment},00\n{first}\n{second}\n{third}\n")
    };
    let text = says(
        &format!("{},03", row(",r-1,").replace(",40000", ",4000")),
        &format!("{},01", row(",r-2,")),
        &format!("{},00", row(",r-3,")),
    );
    let unknown = row(",r-1,")
        .replace("r-1", "r-9")
        .replace(&id_of(",r-1,"), "");
    let text = format!("{text}{},02\n", unknown.replace(",40000", ",70000"));
    returned(&env, "", &text).await;
    let id = |refund: &str| format!("{}/{refund}", payment.tiki_id);
    let expected = BTreeMap::from([
        (
            id(&id_of(",r-1,")),
            finding("needs_review", "refund_differs"),
        ),
        (
            id(&id_of(",r-2,")),
            finding("needs_review", "refund_only_here"),
        ),
        (id("r-9"), finding("needs_review", "refund_only_at_tiki")),
    ]);
    assert_eq!(open_findings(&env).await, expected);
    // Nobody can be asked about a refund, so nothing ends by itself, and no money moves.
    reconcile(&env).await;
    assert_eq!(open_findings(&env).await, expected);
    assert_eq!(env.core.refunded_vnd(&payment.id), 150_000);
    let page = archived(&env, &format!("{}/report.html", the_day())).await;
    assert!(
        page.contains("The refund in Tiki&#39;s file differs from ours"),
        "{page}"
    );
    let command = format!("tikivip close-finding {}", id(&id_of(",r-2,")));
    assert!(page.contains(&command), "{page}");

    // A later file of another name takes nothing back. Under its name the file comes again, with other bytes.
    let text = says(
        &format!("{},00", row(",r-1,")),
        &format!("{},00", row(",r-2,")),
        &format!("{},00", row(",r-3,")),
    );
    returned(&env, "_corrected", &text).await;
    assert_eq!(open_findings(&env).await, expected);
    let still = format!("{text}{},02\n", unknown.replace(",40000", ",70000"));
    returned(&env, "", &still).await;
    let left = BTreeMap::from([(id("r-9"), finding("needs_review", "refund_only_at_tiki"))]);
    assert_eq!(open_findings(&env).await, left);
    let closed = env
        .tikivip(&[
            "close-finding",
            &id("r-9"),
            "--day",
            &the_day().to_string(),
            "--since",
            &since(&env, &id("r-9")).await,
            "--reason",
            "Tiki, ticket 4713",
        ])
        .await;
    assert_eq!(closed.code, 0, "{}", closed.err);
    assert_eq!(open_findings(&env).await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_line_does_not_stop_the_others() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    env.days_pass().await;
    let day = the_day();
    run(&env, json!({ "day": day.to_string() })).await;
    let name = format!("tikivip_sandbox_{}_1", day.digits());
    let (id, ours) = (&payment.tiki_id, &payment.id);
    let result = format!(
        "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at,result,reason\r\n\
         {id},{ours},100000,SUCCESS,,,00,\r\n\
         =cmd(),x,100000,SUCCESS,,,03,\r\n\
         other,x,1.5,SUCCESS,,,03,\r\n\
         other,x,100000,SUCCESS,,,99,\r\n\
         \r\n\
         unheard,x,100000,SUCCESS,,,02,<b>=1+1</b>\r\n"
    );
    fs::write(folder(&env, "OUTBOUND").join(&name), result).unwrap();
    fs::write(folder(&env, "OUTBOUND").join("readme.txt"), "hello").unwrap();
    let outcome = reconcile(&env).await;
    assert_eq!(outcome["received"], json!([name]));
    let unreadable = |line: u32| {
        (
            format!("{name}:{line}"),
            finding("needs_review", "unreadable_line"),
        )
    };
    let expected = BTreeMap::from([
        unreadable(3),
        unreadable(4),
        unreadable(5),
        (
            "readme.txt:0".to_owned(),
            finding("needs_review", "unreadable_line"),
        ),
    ]);
    // `unheard` is no finding: the look-up shows that Tiki does not have this order.
    assert_eq!(open_findings(&env).await, expected);
    let table = archived(&env, &format!("{day}/report.csv")).await;
    assert!(!table.contains(",=") && !table.contains("\n="), "{table}");
    let page = archived(&env, &format!("{day}/report.html")).await;
    assert!(
        page.contains("&#60;b&#62;") && !page.contains("<b>=1+1"),
        "escaped"
    );
    for named in ["tiki_transaction_id", "transaction_amount", "result"] {
        assert!(table.contains(named), "{named}: {table}");
    }
    // A file is processed once, by name and content.
    assert_eq!(reconcile(&env).await["received"], json!([]));
    // A person can process it again, for example after a change of the format setting.
    let again = run(&env, json!({ "results": name })).await;
    assert_eq!(again["received"], json!([name]));
    assert_eq!(open_findings(&env).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_of_tikis_result_file_is_a_setting() {
    let format = json!({
        "separator": ";",
        "columns": { "tiki_transaction_id": "Mã GD Tiki", "result": "Kết quả", "reason": "Lý do" },
        "codes": { "KHOP": "match", "LECH": "differs" },
    });
    let env = TestEnv::with(|options| {
        let format = ("ReconciliationResultFormat".to_owned(), format.to_string());
        options.parameters.push(format);
    })
    .await;
    let payment = env.confirmed(100_000).await;
    env.tiki
        .change(&payment.tiki_id, |order| order.amount = 99_000);
    let day = the_day();
    let name = format!("tikivip_sandbox_{}_1.csv", day.digits());
    let result = format!(
        "\u{feff}Mã GD Tiki;Kết quả;Lý do\n{};LECH;lệch số tiền\n",
        payment.tiki_id
    );
    fs::write(folder(&env, "OUTBOUND").join(&name), result).unwrap();
    assert_eq!(reconcile(&env).await["received"], json!([name]));
    let expected = finding("needs_review", "amount_differs");
    assert_eq!(
        open_findings(&env).await,
        BTreeMap::from([(payment.tiki_id.clone(), expected)])
    );
    // Tiki corrects the amount; in the next run both sides agree.
    env.tiki
        .change(&payment.tiki_id, |order| order.amount = 100_000);
    reconcile(&env).await;
    assert_eq!(open_findings(&env).await, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecided_finding_is_looked_up_again() {
    let env = TestEnv::start().await;
    let payment = env.confirmed(100_000).await;
    let name = format!("tikivip_sandbox_{}_1", the_day().digits());
    let result = format!("tiki_transaction_id,result\n{},03\n", payment.tiki_id);
    fs::write(folder(&env, "OUTBOUND").join(name), result).unwrap();
    env.tiki.faults.standing("look_up", Fault::Down);
    reconcile(&env).await;
    let undecided = BTreeMap::from([(
        payment.tiki_id.clone(),
        finding("undecided", "no_clear_answer"),
    )]);
    assert_eq!(open_findings(&env).await, undecided);
    env.tiki.faults.off("look_up");
    reconcile(&env).await;
    assert_eq!(open_findings(&env).await, BTreeMap::new());
}
