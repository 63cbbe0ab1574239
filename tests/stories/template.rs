//! The template is what it must be; and a mistake planted in it is caught.
//!
//! What the functions read and call is taken from the functions at work, not from a list of ours.

use std::collections::{BTreeMap, BTreeSet};

use e2e::TestEnv;
use sandbox::{Fault, Grant, Plan};
use serde_json::{Value, json};

use crate::reconciliation::{exhausted, the_day};

/// What the functions were seen to do.
struct Seen {
    /// Function → variables that it read.
    read: BTreeMap<String, BTreeSet<String>>,
    /// Function → what it called.
    called: BTreeMap<String, BTreeSet<Grant>>,
}

type Check = fn(&Plan, &Seen) -> Result<(), String>;

const CHECKS: [(&str, Check); 13] = [
    ("routes", routes),
    ("environment", environment),
    ("policies", policies),
    ("separation", separation),
    ("wildcards", wildcards),
    ("alarms", alarms),
    ("metrics", metrics),
    ("timeouts", timeouts),
    ("tables", tables),
    ("encryption", encryption),
    ("workers", workers),
    ("reconciliation", reconciliation),
    ("deployment", deployment),
];

/// A mistake, the text that it is made in, and the check that must catch it.
const PLANTED: [(&str, &str, &str, &str); 23] = [
    (
        "a route is lost",
        "Method: POST, Path: \"/tikivip/v1/refunds\"",
        "Method: PUT, Path: \"/tikivip/v1/refunds\"",
        "routes",
    ),
    (
        "a variable is misspelt",
        "          MIN_AMOUNT_VND: !Ref MinAmountVnd",
        "          MIN_AMOUNT: !Ref MinAmountVnd",
        "environment",
    ),
    (
        "a variable that nobody reads is set",
        "          EXPIRY_GRACE_S: !Ref ExpiryGraceSeconds",
        "          EXPIRY_GRACE_S: !Ref ExpiryGraceSeconds\n          DEBUG: \"1\"",
        "environment",
    ),
    (
        "a permission is missing",
        "Action: [dynamodb:Query], Resource: [!Sub \"${TransactionsTable.Arn}/index/refund_due\"",
        "Action: [dynamodb:Scan], Resource: [!Sub \"${TransactionsTable.Arn}/index/refund_due\"",
        "policies",
    ),
    (
        "a permission too many",
        "Action: [dynamodb:PutItem], Resource: !GetAtt TransactionsTable.Arn }",
        "Action: [dynamodb:PutItem, dynamodb:DeleteItem], Resource: !GetAtt TransactionsTable.Arn }",
        "policies",
    ),
    (
        "open-webview may read transactions",
        "Action: [dynamodb:PutItem], Resource: !GetAtt SessionsTable.Arn }",
        "Action: [dynamodb:PutItem, dynamodb:GetItem], Resource: [!GetAtt SessionsTable.Arn, !GetAtt TransactionsTable.Arn] }",
        "separation",
    ),
    (
        "a permission on everything",
        "Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: !GetAtt CheckTransactionLogs.Arn }",
        "Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: \"*\" }",
        "wildcards",
    ),
    (
        "the operator may read everything",
        "Action: [dynamodb:GetItem], Resource: !GetAtt SessionsTable.Arn }\n          - Effect: Allow",
        "Action: [dynamodb:GetItem], Resource: \"*\" }\n          - Effect: Allow",
        "wildcards",
    ),
    (
        "an alarm that nobody hears",
        "See docs/operations.md#refunds-overdue.\"",
        "See docs/operations.md#refunds-overdue.\"\n      ActionsEnabled: false",
        "alarms",
    ),
    (
        "an alarm that leads nowhere",
        "docs/operations.md#core-is-down",
        "docs/operations.md#the-core-is-down",
        "alarms",
    ),
    (
        "an alarm on a metric that nobody writes",
        "MetricName: RefundOpenAge",
        "MetricName: RefundAge",
        "metrics",
    ),
    (
        "an alarm on a dimension that the metric has not",
        "Dimensions: [{ Name: Queue, Value: refund }]",
        "Dimensions: [{ Name: Worker, Value: refund }]",
        "metrics",
    ),
    (
        "a function outlives API Gateway's patience",
        "      Timeout: 28",
        "      Timeout: 30",
        "timeouts",
    ),
    (
        "a table that can be deleted",
        "      DeletionProtectionEnabled: true",
        "      DeletionProtectionEnabled: false",
        "tables",
    ),
    (
        "no way back in time",
        "PointInTimeRecoveryEnabled: true",
        "PointInTimeRecoveryEnabled: false",
        "tables",
    ),
    (
        "a queue without a key",
        "    Properties: { KmsMasterKeyId: !GetAtt Key.Arn, MessageRetentionPeriod: 1209600 }",
        "    Properties: { MessageRetentionPeriod: 1209600 }",
        "encryption",
    ),
    (
        "a poisoned record holds up the stream",
        "            BisectBatchOnFunctionError: true",
        "            BisectBatchOnFunctionError: false",
        "workers",
    ),
    (
        "a worker wakes itself",
        "{\"ipn_due_mark\":{\"S\":[\"now\"]}}",
        "{\"refund_due_mark\":{\"S\":[\"now\"]}}",
        "workers",
    ),
    (
        "reconcile may take away what it has put",
        "Action: [s3:PutObject], Resource",
        "Action: [s3:PutObject, s3:DeleteObject], Resource",
        "policies",
    ),
    (
        "what is kept can be overwritten",
        "      ObjectLockEnabled: true\n",
        "      ObjectLockEnabled: false\n",
        "reconciliation",
    ),
    (
        "the file is sent at six in London",
        "            ScheduleExpression: cron(0 6 * * ? *)\n            ScheduleExpressionTimezone: Asia/Ho_Chi_Minh",
        "            ScheduleExpression: cron(0 6 * * ? *)\n            ScheduleExpressionTimezone: Europe/London",
        "reconciliation",
    ),
    (
        "reconciliation takes from payments",
        "      ReservedConcurrentExecutions: 2\n",
        "",
        "reconciliation",
    ),
    (
        "a new version is not asked",
        "      Hooks: { PreTraffic: !Ref PreTrafficHookFunction }\n",
        "",
        "deployment",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_template_is_what_the_functions_need_and_a_planted_mistake_is_caught() {
    let seen = seen().await;
    let yaml = include_str!("../../template.yaml");
    let plan = read(yaml).unwrap();
    for (name, check) in CHECKS {
        check(&plan, &seen).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
    for (mistake, good, bad, caught_by) in PLANTED {
        assert!(
            yaml.contains(good),
            "{mistake}: the text is not there any more"
        );
        let caught = match read(&yaml.replace(good, bad)) {
            Ok(plan) => {
                let (_, check) = CHECKS.iter().find(|(name, _)| *name == caught_by).unwrap();
                check(&plan, &seen).is_err()
            }
            // It must be caught by its check, and not for being unreadable.
            Err(_) => false,
        };
        assert!(caught, "not caught: {mistake}");
    }
}

fn read(yaml: &str) -> anyhow::Result<Plan> {
    let given = [
        ("TikiClientId", "client"),
        ("CoreClientId", "core"),
        ("CoreUrl", "https://core.example/api"),
        ("PaymentScreenUrl", "https://core.example/pay"),
        ("AlarmEmail", "ops@example.com"),
        ("EnableWaf", "true"),
        ("PartnerName", "acme"),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Plan::read(yaml, &BTreeMap::from(given))
}

/// With every text of a function's own at its longest.
fn long_plan() -> Plan {
    let yaml = include_str!("../../template.yaml");
    let url = |length: usize| format!("https://{}", "x".repeat(length - 8));
    let given = [
        ("TikiClientId", "c".repeat(40)),
        ("CoreClientId", "c".repeat(40)),
        ("CoreUrl", url(140)),
        ("PaymentScreenUrl", url(80)),
        ("PublicBaseUrl", url(50)),
        ("TikiApiUrl", url(100)),
        ("TikiAppsUrl", url(30)),
        ("RedirectHosts", "h".repeat(33)),
        ("TikiPhoneFormat", "international_number".to_owned()),
        ("TikiGetSigning", "relative_path".to_owned()),
        ("PartnerName", "p".repeat(32)),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value));
    Plan::read(yaml, &BTreeMap::from(given)).unwrap()
}

/// Has every function do all that it can do.
async fn seen() -> Seen {
    let env = TestEnv::with(|options| {
        for (name, value) in [("LogLevel", "debug"), ("ReconciliationRefundRows", "on")] {
            options.parameters.push((name.to_owned(), value.to_owned()));
        }
    });
    let env = env.await;
    sandbox::walk(&env.sandbox, &mut |_: &str| {})
        .await
        .unwrap();
    // A report and a refund that only a sweep brings to an end.
    env.tiki.faults.next("ipn", [Fault::Down]);
    let payment = env.paid(100_000).await;
    env.until("it failed once", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    env.later(&payment).await;
    env.core.faults.next("refund", [Fault::Lost]);
    env.refund(&payment, "R1", 100_000).await;
    env.later(&payment).await;
    assert_eq!(env.core.refunded_vnd(&payment.id), 100_000);
    a_day_is_reconciled(&env).await;
    let hook = env.sandbox.invoke("pre-traffic-hook", &Value::Null).await;
    assert!(hook.is_err(), "it starts, and there is no deployment");

    let mut read = BTreeMap::<String, BTreeSet<String>>::new();
    for line in env.sandbox.logs() {
        if let Some(variables) = line.event["variables"].as_str() {
            let variables = variables.split(' ').map(str::to_owned);
            read.entry(line.function).or_default().extend(variables);
        }
    }
    let mut called = BTreeMap::<String, BTreeSet<Grant>>::new();
    for call in env.sandbox.aws_calls().into_keys() {
        called.entry(call.function).or_default().insert(call.grant);
    }
    Seen { read, called }
}

/// With a report that is taken up again, a refund that has a row, and a Tiki that fetches the file.
async fn a_day_is_reconciled(env: &TestEnv) {
    let given_up = exhausted(env, 200_000).await;
    env.days_pass().await;
    let day = the_day();
    let event = json!({ "day": day.to_string() });
    env.sandbox.invoke("reconcile", &event).await.unwrap();
    env.tiki.reconcile(&env.sandbox.sftp_folder).unwrap();
    let event = json!({ "action": "reconcile" });
    env.sandbox.invoke("reconcile", &event).await.unwrap();
    let requeued = |item: &Value| item["trail"].to_string().contains("requeued");
    assert!(requeued(&env.item(&given_up).await));
    let path = format!("/tikivip/v1/reconciliation/{day}");
    let answer = env.tiki.caller.get(&path).await.unwrap();
    let url = answer.json["data"]["files"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let got = sandbox::http().unwrap().get(url).send().await.unwrap();
    assert_eq!(got.status(), 200);
}

fn must(holds: bool, problem: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.into()) }
}

/// The routes that the README gives to Tiki, to the core and to customers, each at its function.
fn routes(plan: &Plan, _: &Seen) -> Result<(), String> {
    let expected = BTreeSet::from([
        ("POST", "/tikivip/v1/transactions", "create-transaction"),
        (
            "POST",
            "/tikivip/v1/transactions/query",
            "check-transaction",
        ),
        ("GET", "/tikivip/v1/transactions", "check-transaction"),
        ("POST", "/tikivip/v1/refunds", "refund-transaction"),
        ("GET", "/pay/{token}", "payment-redirect"),
        ("GET", "/pay/{token}/return", "payment-redirect"),
        (
            "GET",
            "/tikivip/v1/reconciliation/{day}",
            "check-reconciliation",
        ),
        ("POST", "/partner/v1/webview", "open-webview"),
        (
            "POST",
            "/partner/v1/payments/{transaction_id}/result",
            "payment-result",
        ),
    ]);
    let found = plan.routes.iter();
    let found = found.map(|r| (r.method.as_str(), r.path.as_str(), r.function.as_str()));
    let found: BTreeSet<_> = found.collect();
    must(found == expected, format!("{found:?}"))?;
    let readme = include_str!("../../README.md");
    for (method, path, _) in expected {
        must(
            readme.contains(&format!("`{method} {path}`")),
            format!("the README lacks {method} {path}"),
        )?;
    }
    Ok(())
}

/// Every variable that a function reads is set, and none is set that nobody reads.
fn environment(plan: &Plan, seen: &Seen) -> Result<(), String> {
    for (name, function) in &plan.functions {
        let set: BTreeSet<String> = function.environment.keys().cloned().collect();
        let mut read = seen.read.get(name).cloned().unwrap_or_default();
        // Where the SDKs look for another endpoint than AWS's own; not set in an account.
        read.retain(|name| !name.starts_with("AWS_"));
        must(
            set == read,
            format!("{name} reads {read:?}, and {set:?} is set"),
        )?;
    }
    Ok(())
}

/// Of the services that the sandbox plays.
fn is_played(action: &str) -> bool {
    let stream = [
        "GetRecords",
        "GetShardIterator",
        "DescribeStream",
        "ListStreams",
    ];
    let services = ["dynamodb:", "secretsmanager:", "s3:"];
    let played = services.iter().any(|service| action.starts_with(service));
    played && !stream.iter().any(|name| action.ends_with(name))
}

/// A function may do what it does, and nothing else.
fn policies(plan: &Plan, seen: &Seen) -> Result<(), String> {
    for (name, function) in &plan.functions {
        let granted = function
            .grants
            .iter()
            .filter(|grant| is_played(&grant.action));
        let granted: BTreeSet<Grant> = granted.cloned().collect();
        let called = seen.called.get(name).cloned().unwrap_or_default();
        must(
            granted == called,
            format!("{name} calls {called:?}, and may {granted:?}"),
        )?;
    }
    Ok(())
}

fn may(plan: &Plan, function: &str, action: &str, resource: &str) -> bool {
    let grants = &plan.functions[function].grants;
    let allows = |grant: &Grant| grant.action == action && grant.resource.contains(resource);
    grants.iter().any(allows)
}

/// Who must not be able to do what, whatever its code does.
fn separation(plan: &Plan, _: &Seen) -> Result<(), String> {
    for action in [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:Scan",
    ] {
        must(
            !may(plan, "open-webview", action, "TransactionsTable"),
            format!("open-webview: {action}"),
        )?;
    }
    for action in [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
    ] {
        must(
            !may(plan, "check-transaction", action, ""),
            format!("check-transaction: {action}"),
        )?;
        must(
            !may(plan, "payment-redirect", action, ""),
            format!("payment-redirect: {action}"),
        )?;
    }
    for action in ["dynamodb:PutItem", "s3:PutObject", "dynamodb:DeleteItem"] {
        must(
            !may(plan, "check-reconciliation", action, ""),
            format!("check-reconciliation: {action}"),
        )?;
    }
    must(
        !may(
            plan,
            "check-reconciliation",
            "dynamodb:",
            "TransactionsTable",
        ),
        "check-reconciliation reads transactions",
    )?;
    for function in [
        "create-transaction",
        "check-transaction",
        "ipn-sender",
        "reconcile",
    ] {
        let secret = "secretsmanager:GetSecretValue";
        must(
            !may(plan, function, secret, "CoreSecret"),
            format!("{function} sees the core's secret"),
        )?;
    }
    must(
        !may(
            plan,
            "core-worker",
            "secretsmanager:GetSecretValue",
            "TikiSecret",
        ),
        "core-worker sees Tiki's secret",
    )
}

/// A role that may do something to everything: only where AWS offers no other.
fn wildcards(plan: &Plan, _: &Seen) -> Result<(), String> {
    for (name, function) in &plan.functions {
        for grant in &function.grants {
            let tracing = grant.action.starts_with("xray:");
            must(
                grant.resource != "*" || tracing,
                format!("{name}: {grant:?}"),
            )?;
            must(!grant.action.contains('*'), format!("{name}: {grant:?}"))?;
        }
    }
    for kind in ["AWS::IAM::Role", "AWS::IAM::ManagedPolicy"] {
        for (name, role) in of_type(plan, kind) {
            let wide = role.to_string().replace(' ', "");
            let wide = wide.matches(r#""Resource":"*""#).count();
            let traces = role.to_string().contains("xray:PutTraceSegments");
            must(
                wide <= usize::from(traces),
                format!("{name} may do something to everything"),
            )?;
        }
    }
    Ok(())
}

fn of_type<'p>(plan: &'p Plan, kind: &'p str) -> impl Iterator<Item = (&'p String, &'p Value)> {
    let resources = plan.resources.iter();
    resources
        .filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name, &resource["Properties"]))
}

/// Every alarm is heard, and says where to read on.
fn alarms(plan: &Plan, _: &Seen) -> Result<(), String> {
    let pages = include_str!("../../docs/operations.md");
    let anchors: BTreeSet<String> = pages
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
        })
        .map(|heading| {
            let kept = heading.to_lowercase();
            let kept = kept
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    must(
        of_type(plan, "AWS::CloudWatch::Alarm").count() >= 20,
        "alarms are missing",
    )?;
    for (name, alarm) in of_type(plan, "AWS::CloudWatch::Alarm") {
        let acts = |kind: &str| {
            alarm[kind]
                .as_array()
                .is_some_and(|actions| !actions.is_empty())
        };
        must(
            acts("AlarmActions") && acts("OKActions"),
            format!("{name} has no action"),
        )?;
        must(
            alarm["ActionsEnabled"] != false,
            format!("{name} is not heard"),
        )?;
        let text = alarm["AlarmDescription"].as_str().unwrap_or_default();
        let anchor = text.split("docs/operations.md#").nth(1).unwrap_or_default();
        let anchor = anchor.trim_end_matches('.');
        must(
            anchors.contains(anchor),
            format!("{name} leads to #{anchor}, which is not there"),
        )?;
    }
    Ok(())
}

/// Every alarm of ours is on a metric that the functions write, with the dimensions that it has.
fn metrics(plan: &Plan, _: &Seen) -> Result<(), String> {
    let known: BTreeMap<&str, &::metrics::Metric> = ::metrics::all()
        .map(|metric| (metric.name, metric))
        .collect();
    let mut used = BTreeSet::new();
    for (name, alarm) in of_type(plan, "AWS::CloudWatch::Alarm") {
        let parts = alarm["Metrics"].as_array().into_iter().flatten();
        let parts = parts.map(|part| &part["MetricStat"]["Metric"]);
        for part in parts.chain([alarm]) {
            let namespace = part["Namespace"].as_str().unwrap_or_default();
            if !namespace.starts_with("TikiVip/") {
                continue;
            }
            let metric = part["MetricName"].as_str().unwrap_or_default();
            let found = known
                .get(metric)
                .ok_or(format!("{name}: nobody writes {metric}"))?;
            let dimensions = part["Dimensions"].as_array().into_iter().flatten();
            let dimensions: Vec<&str> = dimensions.filter_map(|d| d["Name"].as_str()).collect();
            let fits = dimensions == found.dimensions || (found.total && dimensions.is_empty());
            must(
                fits,
                format!("{name}: {metric} has no dimensions {dimensions:?}"),
            )?;
            used.insert(metric.to_owned());
        }
    }
    let dashboards: String = of_type(plan, "AWS::CloudWatch::Dashboard")
        .map(|(_, dashboard)| dashboard["DashboardBody"].to_string())
        .collect();
    for metric in known.keys() {
        let shown = used.contains(*metric) || dashboards.contains(metric);
        must(shown, format!("nobody looks at {metric}"))?;
    }
    Ok(())
}

/// Each waits longer than what it waits for: our client < the function < API Gateway's 29 s.
fn timeouts(plan: &Plan, _: &Seen) -> Result<(), String> {
    for route in &plan.routes {
        let timeout = plan.functions[&route.function].timeout.as_secs();
        must(
            timeout < 29,
            format!("{} may take {timeout} s", route.function),
        )?;
    }
    let patient = |name: &str, at_least| {
        let timeout = plan.functions[name].timeout.as_secs();
        must(
            timeout > at_least,
            format!("{name} gives up after {timeout} s"),
        )
    };
    // Tiki twice 15 s at most within one call of ours; the core 3 s; a worker one obligation at least.
    patient("open-webview", 15)?;
    patient("refund-transaction", 3)?;
    patient("ipn-sender", 40)?;
    patient("core-worker", 40)
}

fn tables(plan: &Plan, _: &Seen) -> Result<(), String> {
    for name in ["TransactionsTable", "SessionsTable", "ReconciliationTable"] {
        let table = &plan.resources[name];
        let properties = &table["Properties"];
        must(
            table["DeletionPolicy"] == "Retain",
            format!("{name} goes with the stack"),
        )?;
        must(
            properties["DeletionProtectionEnabled"] == true,
            format!("{name} can be deleted"),
        )?;
        let recovery = &properties["PointInTimeRecoverySpecification"];
        must(
            recovery["PointInTimeRecoveryEnabled"] == true,
            format!("{name}: no way back"),
        )?;
        must(
            properties["BillingMode"] == "PAY_PER_REQUEST",
            format!("{name} is provisioned"),
        )?;
    }
    Ok(())
}

/// Whatever rests is under the stack's own key.
fn encryption(plan: &Plan, _: &Seen) -> Result<(), String> {
    let kinds = [
        ("AWS::SQS::Queue", "/KmsMasterKeyId"),
        ("AWS::SNS::Topic", "/KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "/KmsKeyId"),
        ("AWS::SecretsManager::Secret", "/KmsKeyId"),
        ("AWS::DynamoDB::Table", "/SSESpecification/KMSMasterKeyId"),
        (
            "AWS::S3::Bucket",
            "/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/KMSMasterKeyID",
        ),
    ];
    for (kind, place) in kinds {
        must(
            of_type(plan, kind).count() > 0,
            format!("there is no {kind}"),
        )?;
        for (name, properties) in of_type(plan, kind) {
            let key = properties.pointer(place).and_then(Value::as_str);
            must(
                key.is_some_and(|key| key.contains("Key")),
                format!("{name} has no key of ours"),
            )?;
        }
    }
    for (name, group) in of_type(plan, "AWS::Logs::LogGroup") {
        must(
            !group["RetentionInDays"].is_null(),
            format!("{name} is kept for ever"),
        )?;
    }
    Ok(())
}

/// The stream and the schedule bring each worker its work, and nothing is dropped unseen.
fn workers(plan: &Plan, _: &Seen) -> Result<(), String> {
    for (function, mark) in [
        ("IpnSenderFunction", "ipn_due_mark"),
        ("CoreWorkerFunction", "refund_due_mark"),
    ] {
        let properties = &plan.resources[function]["Properties"];
        let reserved = !properties["ReservedConcurrentExecutions"].is_null();
        must(reserved, format!("{function} may starve the others"))?;
        let (stream, sweep) = (
            &properties["Events"]["Stream"]["Properties"],
            &properties["Events"]["Sweep"]["Properties"],
        );
        must(
            stream["BisectBatchOnFunctionError"] == true,
            format!("{function}: no bisect"),
        )?;
        let bounded = stream["MaximumRetryAttempts"]
            .as_i64()
            .is_some_and(|n| (1..=100).contains(&n));
        must(bounded, format!("{function}: retries without end"))?;
        must(
            stream["MaximumRecordAgeInSeconds"].is_i64(),
            format!("{function}: no age"),
        )?;
        must(
            stream["FunctionResponseTypes"][0] == "ReportBatchItemFailures",
            format!("{function}: whole batches"),
        )?;
        must(
            !stream["DestinationConfig"]["OnFailure"].is_null(),
            format!("{function}: no destination"),
        )?;
        let filter = stream["FilterCriteria"]["Filters"][0]["Pattern"].as_str();
        must(
            filter.is_some_and(|filter| filter.contains(mark)),
            format!("{function}: filter {filter:?}"),
        )?;
        must(
            !sweep["DeadLetterConfig"].is_null(),
            format!("{function}: no dead letters"),
        )?;
        must(
            !sweep["RetryPolicy"].is_null(),
            format!("{function}: no retry policy"),
        )?;
    }
    Ok(())
}

/// The file goes up at six in Vietnam, what was sent stays as it was sent, and payments lose nothing by it.
fn reconciliation(plan: &Plan, _: &Seen) -> Result<(), String> {
    let reconcile = &plan.resources["ReconcileFunction"]["Properties"];
    must(
        reconcile["ReservedConcurrentExecutions"].is_i64(),
        "reconcile may take from payments",
    )?;
    must(reconcile["Timeout"] == 900, "a million lines need time")?;
    let mut hours = BTreeSet::new();
    for (name, event) in reconcile["Events"].as_object().into_iter().flatten() {
        let schedule = &event["Properties"];
        let at_home = schedule["ScheduleExpressionTimezone"] == "Asia/Ho_Chi_Minh";
        must(at_home, format!("{name} goes by another clock"))?;
        hours.insert(schedule["ScheduleExpression"].as_str().unwrap_or_default());
    }
    let expected = BTreeSet::from(["cron(0 6 * * ? *)", "cron(0 0-5,7-23 * * ? *)"]);
    must(hours == expected, format!("{hours:?}"))?;
    let bucket = &plan.resources["ReconciliationBucket"];
    let properties = &bucket["Properties"];
    let kept = bucket["DeletionPolicy"] == "Retain"
        && properties["VersioningConfiguration"]["Status"] == "Enabled"
        && properties["ObjectLockEnabled"] == true;
    must(kept, "what was sent can be lost")
}

/// Each function is published as a version, asked before it has traffic, and watched while it gets it.
fn deployment(plan: &Plan, _: &Seen) -> Result<(), String> {
    let yaml_globals = &plan.globals;
    let hook = &yaml_globals["DeploymentPreference"]["Hooks"]["PreTraffic"];
    must(*hook == "PreTrafficHookFunction", "no hook")?;
    must(yaml_globals["AutoPublishAlias"] == "live", "no alias")?;
    for (name, properties) in of_type(plan, "AWS::Serverless::Function") {
        // reconcile has no traffic that could be shifted.
        let hook = ["PreTrafficHookFunction", "ReconcileFunction"].contains(&name.as_str());
        let alarms = properties["DeploymentPreference"]["Alarms"].as_array();
        must(
            hook || alarms.is_some_and(|alarms| !alarms.is_empty()),
            format!("{name} is not watched"),
        )?;
        must(
            properties["Role"].is_string(),
            format!("{name} has no role of its own"),
        )?;
        must(
            properties["Policies"].is_null(),
            format!("{name}: SAM would widen its role"),
        )?;
    }
    // Every parameter at its longest: Lambda takes 256 characters.
    let longest = long_plan();
    for (name, properties) in of_type(&longest, "AWS::Serverless::Function") {
        let text = properties["VersionDescription"]
            .as_str()
            .unwrap_or_default();
        must(
            text.len() <= 256,
            format!("{name}: {} characters", text.len()),
        )?;
    }
    Ok(())
}
