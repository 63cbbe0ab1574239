//! The template is right, and a mistake that is planted in it is found.
//!
//! What the functions read and call is observed while they run. No list here repeats it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::CORE_LEASE;
use e2e::TestEnv;
use e2e::contract::API;
use lambda::secrets::SECRET_TIMEOUT;
use outbox::{Event, Group, MAX_CONCURRENT_RECORDS, MEASURING_TIME, TIME_TO_RETURN};
use pre_traffic_hook::INVOKE_TIMEOUT;
use sandbox::{ACCOUNT, Fault, Grant, Plan};
use serde_json::{Value, json};
use signing::HeaderNames;
use store::{BY_CUSTOMER, BY_STATUS, DayIndex, DueIndex, NEEDS_REVIEW, PROPOSED, REQUEST_TIMEOUT};
use tiki_api::{TIKI_ANSWER_TIMEOUT, TIKI_ANSWER_TIMEOUT_IN_REQUEST};

use crate::reconciliation::{exhausted, the_day};
use crate::reports::links;

/// What the functions did while they ran.
struct Seen {
    /// By function: the variables that it read.
    read: BTreeMap<String, BTreeSet<String>>,
    /// By function: what it called.
    called: BTreeMap<String, BTreeSet<Grant>>,
}

type Check = fn(&Plan, &Seen) -> Result<(), String>;

const CHECKS: [(&str, Check); 22] = [
    ("routes", routes),
    ("environment", environment),
    ("policies", policies),
    ("separation", separation),
    ("wildcards", wildcards),
    ("source accounts", source_accounts),
    ("operator", runbook),
    ("people", people),
    ("statements", statements),
    ("alarms", alarms),
    ("metrics", metrics),
    ("timeouts", timeouts),
    ("tables", tables),
    ("indexes", indexes),
    ("encryption", encryption),
    ("workers", workers),
    ("reconciliation", reconciliation),
    ("deployment", deployment),
    ("front door", front_door),
    ("firewall", firewall),
    ("outage minutes", outage_minutes),
    ("access trail", access_trail),
];

/// A mistake, the text in which it is planted, the text with the mistake, and the check that must find it.
const PLANTED: [(&str, &str, &str, &str); 69] = [
    (
        "a customer gets JSON when a function fails",
        "            text/html: !Sub ['<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Hệ thống đang gặp sự cố",
        "            text/plain: !Sub ['<!doctype html><html lang=\"vi\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Hệ thống đang gặp sự cố",
        "front door",
    ),
    (
        "a page of API Gateway without a way back",
        "Quý khách vui lòng quay lại Tiki VIP và mở lại từ đơn hàng.</p><p lang=\"en\">This page cannot be opened: the link is incomplete or not valid. Please go back to Tiki VIP and open it from your order.</p><p><a href=\"${Apps}/vn.tiki.vip\">",
        "Quý khách vui lòng quay lại Tiki VIP và mở lại từ đơn hàng.</p><p lang=\"en\">This page cannot be opened: the link is incomplete or not valid. Please go back to Tiki VIP and open it from your order.</p><p><a href=\"/\">",
        "front door",
    ),
    (
        "payment links in traces",
        "      TracingEnabled: false\n",
        "      TracingEnabled: true\n",
        "front door",
    ),
    (
        "the API's own address speaks TLS 1.0",
        "      SecurityPolicy: SecurityPolicy_TLS13_1_2_2021_06\n",
        "      SecurityPolicy: TLS_1_0\n",
        "front door",
    ),
    (
        "an answer of API Gateway without a request id",
        "        THROTTLED:\n          StatusCode: 429\n",
        "        THROTTLED:\n          StatusCode: 429\n          ResponseParameters: { Headers: {} }\n        OTHER:\n          StatusCode: 429\n",
        "front door",
    ),
    (
        "the firewall answers in its own words",
        "Action: { Block: { CustomResponse: { ResponseCode: 429, CustomResponseBodyKey: too-many } } }",
        "Action: { Block: {} }",
        "front door",
    ),
    (
        "a customer gets JSON from the firewall",
        "CustomResponseBodyKey: busy,",
        "CustomResponseBodyKey: too-many,",
        "front door",
    ),
    (
        "a day is not in the order of time",
        "{ AttributeName: final_at, KeyType: RANGE }",
        "{ AttributeName: transaction_id, KeyType: RANGE }",
        "indexes",
    ),
    (
        "an index lacks what its reader needs",
        "NonKeyAttributes: [tiki_transaction_id, amount_vnd, status, created_at]",
        "NonKeyAttributes: [tiki_transaction_id, amount_vnd, status]",
        "indexes",
    ),
    (
        "a time is a text",
        "{ AttributeName: needs_review_since, AttributeType: N }",
        "{ AttributeName: needs_review_since, AttributeType: S }",
        "indexes",
    ),
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
        "a variable is set that no function reads",
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
        "Action: [dynamodb:GetItem, dynamodb:PutItem], Resource: !GetAtt TransactionsTable.Arn }",
        "Action: [dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem], Resource: !GetAtt TransactionsTable.Arn }",
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
        "an operator may do everything",
        "Action: [sqs:ReceiveMessage, sqs:PurgeQueue], Resource: [!GetAtt StreamFailures.Arn, !GetAtt ScheduleFailures.Arn]",
        "Action: [sqs:ReceiveMessage, sqs:PurgeQueue], Resource: \"*\"",
        "wildcards",
    ),
    (
        "who looks may sign",
        "live/POST/operator/v1/signatures/verify",
        "live/POST/operator/v1/signatures/*",
        "people",
    ),
    (
        "who acts may approve",
        "live/POST/operator/v1/transactions/*/resolve",
        "live/POST/operator/v1/transactions/*",
        "people",
    ),
    (
        "who looks may read a secret",
        "Action: [cloudwatch:DescribeAlarms], Resource:",
        "Action: [cloudwatch:DescribeAlarms, secretsmanager:GetSecretValue], Resource:",
        "people",
    ),
    (
        "a call of operators is open to everybody",
        "Path: \"/operator/v1/findings/close\", Auth: { Authorizer: AWS_IAM, InvokeRole: NONE }",
        "Path: \"/operator/v1/findings/close\"",
        "people",
    ),
    (
        "the runbook tells the operator to type what is refused",
        "Action: [sqs:ReceiveMessage, sqs:PurgeQueue]",
        "Action: [sqs:ReceiveMessage]",
        "operator",
    ),
    (
        "the operator may do what the runbook does not say",
        "Action: [cloudformation:DescribeStacks, cloudformation:DescribeStackResource]",
        "Action: [cloudformation:DescribeStacks, cloudformation:DescribeStackResource, cloudformation:DeleteStack]",
        "operator",
    ),
    (
        "the operator may call a function that the runbook does not name",
        "Resource: [!GetAtt ReconcileFunction.Arn, ",
        "Resource: [!GetAtt ReconcileFunction.Arn, !GetAtt RefundTransactionFunction.Arn, ",
        "operator",
    ),
    (
        "the operator may read every log of the account",
        "log-group:/tikivip/${AWS::StackName}/*\"\n              - !Sub \"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:aws-waf",
        "log-group:*\"\n              - !Sub \"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:aws-waf",
        "operator",
    ),
    (
        "the core's people may put a report",
        "Action: [s3:PutObject], Resource: !Sub \"${ReconciliationBucket.Arn}/statements/*\" }",
        "Action: [s3:PutObject], Resource: !Sub \"${ReconciliationBucket.Arn}/*\" }",
        "statements",
    ),
    (
        "an alarm without a message",
        "See docs/operations.md#refunds-overdue.\"",
        "See docs/operations.md#refunds-overdue.\"\n      ActionsEnabled: false",
        "alarms",
    ),
    (
        "an alarm whose section is missing",
        "docs/operations.md#core-is-down",
        "docs/operations.md#no-such-section", // cites-nothing: planted
        "alarms",
    ),
    (
        "an alarm on a metric that no function writes",
        "MetricName: RefundOpenAge",
        "MetricName: RefundAge",
        "metrics",
    ),
    (
        "an alarm on a dimension that its metric does not have",
        "Dimensions: [{ Name: Queue, Value: refund }]",
        "Dimensions: [{ Name: Worker, Value: refund }]",
        "metrics",
    ),
    (
        "a function may take longer than API Gateway waits",
        "      Timeout: 28",
        "      Timeout: 30",
        "timeouts",
    ),
    (
        "a worker ends before its lease does",
        "      Timeout: 120",
        "      Timeout: 30",
        "timeouts",
    ),
    (
        "a function ends before its calls do",
        "      Timeout: 20",
        "      Timeout: 15",
        "timeouts",
    ),
    (
        "a table that can be deleted",
        "      DeletionProtectionEnabled: true",
        "      DeletionProtectionEnabled: false",
        "tables",
    ),
    (
        "a table without point-in-time recovery",
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
        "one bad record blocks the stream",
        "            BisectBatchOnFunctionError: true",
        "            BisectBatchOnFunctionError: false",
        "workers",
    ),
    (
        "a worker starts itself",
        "{\"ipn_due_mark\":{\"S\":[\"now\"]}}",
        "{\"refund_due_mark\":{\"S\":[\"now\"]}}",
        "workers",
    ),
    (
        "a core that hangs takes the concurrency of all functions",
        "      ReservedConcurrentExecutions: !Ref RefundConcurrency\n",
        "",
        "workers",
    ),
    (
        "the core of a refund gets more time than the function",
        "      Timeout: 28",
        "      Timeout: 27",
        "timeouts",
    ),
    (
        "nobody sweeps some shards",
        "\"group\":2,\"of\":4",
        "\"group\":1,\"of\":4",
        "workers",
    ),
    (
        "a sweep of a group that is not there",
        "\"group\":3,\"of\":4",
        "\"group\":4,\"of\":4",
        "workers",
    ),
    (
        "sweeps that take so long that too many run at once",
        "      Timeout: 120",
        "      Timeout: 180",
        "workers",
    ),
    (
        "reconcile may delete what it has put",
        "Action: [s3:PutObject], Resource",
        "Action: [s3:PutObject, s3:DeleteObject], Resource",
        "policies",
    ),
    (
        "a kept file can be overwritten",
        "      ObjectLockEnabled: true\n",
        "      ObjectLockEnabled: false\n",
        "reconciliation",
    ),
    (
        "the file is sent at 06:00 in UTC",
        "            ScheduleExpression: cron(0 6 * * ? *)\n            ScheduleExpressionTimezone: Asia/Ho_Chi_Minh",
        "            ScheduleExpression: cron(0 6 * * ? *)\n            ScheduleExpressionTimezone: UTC",
        "reconciliation",
    ),
    (
        "reconciliation uses the concurrency of payments",
        "      ReservedConcurrentExecutions: 2\n",
        "",
        "reconciliation",
    ),
    (
        "report-redirect opens the files for Tiki",
        "${ReconciliationBucket.Arn}/*/report.html",
        "${ReconciliationBucket.Arn}/*",
        "separation",
    ),
    (
        "check-reconciliation opens the reports and the core's statements",
        "${ReconciliationBucket.Arn}/*/sent/*",
        "${ReconciliationBucket.Arn}/*",
        "separation",
    ),
    (
        "another account's Lambda may take our roles",
        "Service: lambda.amazonaws.com }, Action: \"sts:AssumeRole\", Condition: { StringEquals: { \"aws:SourceAccount\": !Ref AWS::AccountId } }",
        "Service: lambda.amazonaws.com }, Action: \"sts:AssumeRole\"",
        "source accounts",
    ),
    (
        "our roles are for another account's CodeDeploy",
        "Service: codedeploy.amazonaws.com }, Action: \"sts:AssumeRole\", Condition: { StringEquals: { \"aws:SourceAccount\": !Ref AWS::AccountId } }",
        "Service: codedeploy.amazonaws.com }, Action: \"sts:AssumeRole\", Condition: { StringEquals: { \"aws:SourceAccount\": \"111122223333\" } }",
        "source accounts",
    ),
    (
        "another account's alarms may use our topic",
        "            Resource: !Ref Alarms\n            Condition: { StringEquals: { \"aws:SourceAccount\": !Ref AWS::AccountId } }",
        "            Resource: !Ref Alarms",
        "source accounts",
    ),
    (
        "a new version is not checked",
        "      Hooks: { PreTraffic: !Ref PreTrafficHookFunction }\n",
        "",
        "deployment",
    ),
    (
        "everybody may call the core's routes",
        "          - HasCoreIpRanges\n",
        "          - HasDomain\n",
        "firewall",
    ),
    (
        "a caller from elsewhere is only counted",
        "            Action: { Block: {} }\n",
        "            Action: { Count: {} }\n",
        "firewall",
    ),
    (
        "the firewall looks at no route of Tiki's",
        "RegexString: ^(/live)?/tikivip(/|$)",
        "RegexString: ^/tikivip$",
        "firewall",
    ),
    (
        "the firewall forgets the API's own address",
        "RegexString: ^(/live)?/partner(/|$)",
        "RegexString: ^/partner(/|$)",
        "firewall",
    ),
    (
        "the core may call from Tiki's addresses",
        "Arn: !GetAtt CoreAddresses.Arn",
        "Arn: !GetAtt TikiAddresses.Arn",
        "firewall",
    ),
    (
        "only the first address is known",
        "Addresses: !Split [\",\", !Ref TikiIpRanges]",
        "Addresses: [!Select [0, !Split [\",\", !Ref TikiIpRanges]]]",
        "firewall",
    ),
    (
        "an escaped path gets past the firewall",
        "TextTransformations: [{ Priority: 0, Type: URL_DECODE }, { Priority: 1, Type: NORMALIZE_PATH }]",
        "TextTransformations: [{ Priority: 0, Type: NONE }]",
        "firewall",
    ),
    (
        "the firewall is before no stage",
        "  WafAssociation:\n    Type: AWS::WAFv2::WebACLAssociation\n    Condition: HasWaf\n    Properties:\n      WebACLArn: !GetAtt Waf.Arn\n      ResourceArn: !Sub \"arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Api.Stage}\"\n",
        "",
        "firewall",
    ),
    (
        "the dashboard does not count when ipn-sender did not run",
        "{\"id\": \"sweep_month\", \"label\": \"ipn-sender did not run\", ",
        "{\"id\": \"sweep_month\", \"visible\": false, ",
        "outage minutes",
    ),
    (
        "a formula of the dashboard names what is not there",
        "RUNNING_SUM(IF(this_month, core_out, 0))",
        "RUNNING_SUM(IF(this_month, core_outage, 0))",
        "outage minutes",
    ),
    (
        "nobody writes down who reads the sessions",
        "StartsWith: [!GetAtt TransactionsTable.Arn, !GetAtt SessionsTable.Arn, !GetAtt ReconciliationTable.Arn]",
        "StartsWith: [!GetAtt TransactionsTable.Arn, !GetAtt ReconciliationTable.Arn]",
        "access trail",
    ),
    (
        "nobody writes down who reads a secret",
        "NotEquals: [kms.amazonaws.com, rdsdata.amazonaws.com]",
        "NotEquals: [kms.amazonaws.com, rdsdata.amazonaws.com, secretsmanager.amazonaws.com]",
        "access trail",
    ),
    (
        "the trail is switched off",
        "      IsLogging: true\n",
        "      IsLogging: false\n",
        "access trail",
    ),
    (
        "a line of the trail can be changed unseen",
        "      EnableLogFileValidation: true\n",
        "      EnableLogFileValidation: false\n",
        "access trail",
    ),
    (
        "the trail of another stack may be put into the bucket",
        "trail/${AWS::StackName}-access\", \"s3:x-amz-acl\"",
        "trail/*\", \"s3:x-amz-acl\"",
        "access trail",
    ),
];

/// The firewall answers in the functions' place, so it says what they say.
#[tokio::test(flavor = "multi_thread")]
async fn the_firewall_answers_as_the_functions_do() {
    let env = TestEnv::start().await;
    let url = format!("{}/tikivip/v1/transactions", env.sandbox.url);
    let answer = async |body: String, signed: bool| {
        let call = env.tiki.caller.http.post(&url);
        let call = env
            .tiki
            .caller
            .sign(e2e::now_ms(), body.as_bytes())
            .into_iter()
            .fold(call.body(body), |call, (name, value)| {
                if signed {
                    call.header(name, value)
                } else {
                    call
                }
            });
        sandbox::Response::read(call.send().await.unwrap())
            .await
            .unwrap()
    };
    let yaml = include_str!("../../template.yaml");
    for (key, function, same_words) in [
        ("too-large", answer("x".repeat(65_537), true).await, true),
        // The functions name the first header that is missing; a firewall cannot.
        ("unsigned", answer("{}".to_owned(), false).await, false),
    ] {
        let rule = format!(
            "ResponseCode: {}, CustomResponseBodyKey: {key} ",
            function.status
        );
        assert!(
            yaml.contains(&rule),
            "{key}: the functions answer {}",
            function.status
        );
        let body = format!("        {key}: {{ ContentType: APPLICATION_JSON, Content: '");
        let (_, body) = yaml.split_once(&body).unwrap();
        let body: Value = serde_json::from_str(body.split('\'').next().unwrap()).unwrap();
        assert_eq!(body["code"], function.json["code"], "{key}");
        assert_eq!(
            body["message"] == function.json["message"],
            same_words,
            "{key}: {}",
            function.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_is_right_and_planted_mistakes_are_found() {
    let seen = seen().await;
    let yaml = include_str!("../../template.yaml");
    for plan in plans(yaml).unwrap() {
        for (name, check) in CHECKS {
            check(&plan, &seen).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
    }
    for (mistake, good, bad, caught_by) in PLANTED {
        assert!(
            yaml.contains(good),
            "{mistake}: the template does not have this text any more"
        );
        let caught = match plans(&yaml.replace(good, bad)) {
            Ok(plans) => {
                let (_, check) = CHECKS.iter().find(|(name, _)| *name == caught_by).unwrap();
                plans.iter().any(|plan| check(plan, &seen).is_err())
            }
            // Its own check must find it: a template that cannot be read proves nothing.
            Err(_) => false,
        };
        assert!(caught, "not found: {mistake}");
    }
}

/// The addresses that Tiki and the core call from, in a stack that has them.
const RANGES: [(&str, &str); 2] = [
    ("TikiIpRanges", "203.0.113.0/24,192.0.2.17/32"),
    ("CoreIpRanges", "198.51.100.7/32,198.51.100.8/32"),
];

/// A stack that anybody may call, and one that only Tiki and the core may call and that writes down who reads.
fn plans(yaml: &str) -> anyhow::Result<[Plan; 2]> {
    let open = [
        ("AlarmEmail", "ops@example.com"),
        ("ReportEmail", "finance@example.com"),
        ("EnableWaf", "true"),
        ("CoreStatement", "api"),
    ];
    let guarded = [&open[..], &RANGES, &[("AccessTrail", "true")]].concat();
    Ok([stack(yaml, &open)?, stack(yaml, &guarded)?])
}

/// The template with what every stack must be given, and with these parameters.
fn stack(yaml: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Plan> {
    let needed = [
        ("TikiClientId", "client"),
        ("CoreClientId", "core"),
        ("CoreUrl", "https://core.example/api"),
        ("PaymentScreenUrl", "https://core.example/pay"),
        ("PartnerName", "acme"),
    ];
    let given = needed.iter().chain(parameters);
    let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Plan::read(yaml, &given.collect())
}

/// Who compares no statements has no need to ask the core.
#[test]
fn without_statements_reconcile_may_not_read_the_cores_secret() {
    for (statement, needs_it, reads_bucket) in [
        ("off", false, false),
        ("api", true, false),
        ("file", true, true),
    ] {
        let yaml = include_str!("../../template.yaml");
        let plan = stack(yaml, &[("CoreStatement", statement)]).unwrap();
        let secret = may(
            &plan,
            "reconcile",
            "secretsmanager:GetSecretValue",
            "CoreSecret",
        );
        assert_eq!(secret, needs_it, "{statement}");
        let bucket = may(&plan, "reconcile", "s3:GetObject", "statements");
        assert_eq!(bucket, reads_bucket, "{statement}");
    }
}

/// With a signing profile Lambda refuses code that it has not signed. Without one, code is not signed.
#[test]
fn with_a_signing_profile_other_code_is_refused() {
    let profile = "arn:aws:signer:ap-southeast-1:000000000000:/signing-profiles/tikivip/a1b2c3d4e5";
    for (arn, expected) in [("", Value::Null), (profile, json!("CodeSigningConfig"))] {
        let yaml = include_str!("../../template.yaml");
        let plan = stack(yaml, &[("SigningProfileVersionArn", arn)]).unwrap();
        for (name, properties) in of_type(&plan, "AWS::Serverless::Function") {
            assert_eq!(properties["CodeSigningConfigArn"], expected, "{name}");
        }
        let config = &plan.resources["CodeSigningConfig"];
        assert_eq!(config["Condition"], "HasSigningProfile");
        let config = &config["Properties"];
        let policy = &config["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"];
        assert_eq!(policy, "Enforce");
        let trusted = &config["AllowedPublishers"]["SigningProfileVersionArns"];
        assert_eq!(trusted, &json!([arn]));
    }
}

/// A plan in which each text parameter has its greatest length.
fn long_plan() -> Plan {
    let yaml = include_str!("../../template.yaml");
    let url = |length: usize| format!("https://{}", "x".repeat(length - 8));
    let given = [
        ("TikiClientId", "c".repeat(40)),
        ("TikiFormerClientIds", "c".repeat(40)),
        ("CoreClientId", "c".repeat(40)),
        ("CoreUrl", url(107)),
        ("PaymentScreenUrl", url(61)),
        ("PublicBaseUrl", url(50)),
        ("TikiApiUrl", url(100)),
        ("TikiAppsUrl", url(30)),
        ("RedirectHosts", "h".repeat(33)),
        ("ResultUrlAppend", "tiki_transaction_id".to_owned()),
        ("ResultUrlParameter", "p".repeat(16)),
        ("PreviousSecretDays", "365".to_owned()),
        ("TikiPhoneFormat", "international_number".to_owned()),
        ("TikiGetSigning", "relative_path".to_owned()),
        ("PartnerName", "p".repeat(32)),
        ("CoreStatement", "file".to_owned()),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value));
    Plan::read(yaml, &BTreeMap::from(given)).unwrap()
}

/// Has an operator look at everything, send a notification again, and close a finding.
async fn people_work(env: &TestEnv) {
    env.tiki.faults.next("ipn", [Fault::Down]);
    let payment = env.paid(100_000).await;
    env.until("it failed once", async || {
        env.item(&payment).await["ipn"]["failures"] == 1
    })
    .await;
    let reason = ["--reason", "ticket 4711"];
    let resend = [&["resend-ipn", &payment.id][..], &reason].concat();
    assert_eq!(env.tikivip(&resend).await.code, 0);
    for state in ["review", "proposed", "unconfirmed", "unknown", "pending"] {
        assert_eq!(env.tikivip(&["list", "--state", state]).await.code, 0);
    }
    let find = ["find", "--reference", "none"];
    assert_eq!(env.tikivip(&find).await.code, 3);
    env.tikivip(&["doctor"]).await;
    let findings = env.tikivip(&["reconciliation", "--output", "json"]).await;
    let findings = findings.json()["findings"].clone();
    let findings = findings.as_array().unwrap().iter();
    let mut for_review = findings.filter(|finding| finding["kind"] == "needs_review");
    let finding = for_review.next().expect("a finding for a person");
    let text = |name: &str| finding[name].as_str().unwrap();
    let of_day = ["reconciliation", "--day", text("day")];
    assert_eq!(env.tikivip(&of_day).await.code, 0);
    let close = ["close-finding", text("id"), "--day", text("day")];
    let seen = ["--since", text("since")];
    let closed = [&close[..], &seen, &reason].concat();
    assert_eq!(env.tikivip(&closed).await.code, 0);
}

/// Makes each function do all that it can do, and returns what was observed.
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
    // A notification and a refund that need a sweep.
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
    // A reversal, which is counted.
    env.tiki.faults.next("ipn", [cancelled()]);
    env.tiki.faults.next("look_up", [cancelled()]);
    let reversed = env.paid(100_000).await;
    env.until("it is reversed", async || {
        env.item(&reversed).await["status"] == "FAILURE"
    })
    .await;
    // An amount outside the limits, of which it is asked whether it was created under others.
    let small = env.tiki.order(1);
    assert_eq!(env.tiki.create(&small, None).await.unwrap().code(), Some(5));
    // A customer whose webview is found by the code of the customer.
    let order = json!({
        "tiki_transaction_id": env.tiki.order(100_000), "transaction_amount": 100_000,
        "identify_code": "KH-0001",
    });
    let create = env.tiki.caller.post("/tikivip/v1/transactions", &order);
    let url = create.await.unwrap().json["data"]["payment_url"].clone();
    let back = format!("{}/return", url.as_str().unwrap());
    let browser = sandbox::http().unwrap();
    assert_eq!(browser.get(back).send().await.unwrap().status(), 302);
    // An order that the app hands over, and its details.
    let handed_over = env.tiki.order(100_000);
    let order = json!({ "tiki_transaction_id": handed_over, "transaction_amount": 100_000 });
    let created = env.core.hand_over(&order).await.unwrap();
    let id = created.json["data"]["transaction_id"].as_str().unwrap();
    assert_eq!(env.core.details(id).await.unwrap().code(), Some(0));
    a_day_is_reconciled(&env).await;
    people_work(&env).await;
    let hook = env.sandbox.invoke("pre-traffic-hook", &Value::Null).await;
    assert!(hook.is_err(), "it starts, but there is no deployment");

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

fn cancelled() -> Fault {
    Fault::Answer {
        status: 200,
        body: r#"{"code":6,"message":"cancelled"}"#.to_owned(),
    }
}

/// A day with a notification that is queued again, a refund that has a row, a file that Tiki fetches, and a mail whose
/// links a person opens.
async fn a_day_is_reconciled(env: &TestEnv) {
    let given_up = exhausted(env, 200_000).await;
    env.days_pass().await;
    let day = the_day();
    env.set_first_day(day).await;
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
    let mail = env.sandbox.sns.mails().pop().unwrap();
    for url in links(&mail).into_iter().map(String::from).chain([url]) {
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 200, "{url}");
    }
}

fn must(holds: bool, problem: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.into()) }
}

/// Each route of the README is there, and calls its function.
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
        ("GET", "/report/{token}", "report-redirect"),
        ("GET", "/pay/{token}", "payment-redirect"),
        ("GET", "/pay/{token}/return", "payment-redirect"),
        ("HEAD", "/pay/{token}", "payment-redirect"),
        ("HEAD", "/pay/{token}/return", "payment-redirect"),
        ("POST", "/pay/{token}", "payment-redirect"),
        ("POST", "/pay/{token}/return", "payment-redirect"),
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
        (
            "GET",
            "/partner/v1/payments/{transaction_id}",
            "payment-details",
        ),
        ("POST", "/partner/v1/transactions", "partner-transaction"),
    ]);
    // Those of operators are held by another check.
    let found = plan.routes.iter().filter(|r| r.function != "operator");
    let found = found.map(|r| (r.method.as_str(), r.path.as_str(), r.function.as_str()));
    let found: BTreeSet<_> = found.collect();
    must(found == expected, format!("{found:?}"))?;
    let documented = API.operations().iter();
    let documented = documented.map(|o| (o.method.as_str(), o.path.as_str()));
    let documented: BTreeSet<_> = documented.collect();
    let routes: BTreeSet<_> = found
        .iter()
        .map(|(method, path, _)| (*method, *path))
        .collect();
    must(
        documented == routes,
        format!("docs/openapi.yaml has {documented:?}, and the template {routes:?}"),
    )?;
    let readme = include_str!("../../README.md");
    for (method, path, _) in expected {
        must(
            readme.contains(&format!("`{method} {path}`")),
            format!("{method} {path} is missing in the README"),
        )?;
    }
    Ok(())
}

/// Each variable that a function reads is set, and no other.
fn environment(plan: &Plan, seen: &Seen) -> Result<(), String> {
    for (name, function) in &plan.functions {
        let set: BTreeSet<String> = function.environment.keys().cloned().collect();
        let mut read = seen.read.get(name).cloned().unwrap_or_default();
        // The sandbox sets them for the SDK; in an account they are not set.
        read.retain(|name| !name.starts_with("AWS_"));
        must(
            set == read,
            format!("{name} reads {read:?}, and {set:?} is set"),
        )?;
    }
    Ok(())
}

/// Whether the sandbox has a service that can observe this action.
fn is_played(action: &str) -> bool {
    let stream = [
        "GetRecords",
        "GetShardIterator",
        "DescribeStream",
        "ListStreams",
    ];
    let services = ["dynamodb:", "secretsmanager:", "s3:", "sns:"];
    let played = services.iter().any(|service| action.starts_with(service));
    played && !stream.iter().any(|name| action.ends_with(name))
}

/// The role of a function allows what the function calls, and nothing else.
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

/// What some functions must not be allowed to do, whatever their code is.
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
    for action in ["dynamodb:PutItem", "dynamodb:Query"] {
        must(
            !may(plan, "payment-details", action, ""),
            format!("payment-details: {action}"),
        )?;
    }
    for function in ["payment-details", "payment-result"] {
        let secret = "secretsmanager:GetSecretValue";
        must(
            !may(plan, function, secret, "TikiSecret"),
            format!("{function} may read Tiki's secret"),
        )?;
    }
    for secret in ["TikiSecret", "CoreSecret", "SftpSecret"] {
        must(
            !may(
                plan,
                "report-redirect",
                "secretsmanager:GetSecretValue",
                secret,
            ),
            format!("report-redirect may read {secret}"),
        )?;
    }
    must(
        plan.functions["report-redirect"]
            .grants
            .iter()
            .filter(|grant| grant.action.starts_with("s3:"))
            .all(|grant| grant.action == "s3:GetObject" && grant.resource.contains("/*/report.")),
        "report-redirect opens more than reports",
    )?;
    must(
        plan.functions["check-reconciliation"]
            .grants
            .iter()
            .filter(|grant| grant.action.starts_with("s3:"))
            .all(|grant| grant.action == "s3:GetObject" && grant.resource.ends_with("/*/sent/*")),
        "check-reconciliation opens more than the files that we sent",
    )?;
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
    for function in ["create-transaction", "check-transaction", "ipn-sender"] {
        let secret = "secretsmanager:GetSecretValue";
        must(
            !may(plan, function, secret, "CoreSecret"),
            format!("{function} may read the core's secret"),
        )?;
    }
    must(
        !may(
            plan,
            "core-worker",
            "secretsmanager:GetSecretValue",
            "TikiSecret",
        ),
        "core-worker may read Tiki's secret",
    )
}

/// A role has a permission on all resources only where AWS offers no narrower one.
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
            let questions = name == "ReadPolicy";
            must(
                wide <= usize::from(traces || questions),
                format!("{name} has a permission on all resources"),
            )?;
        }
    }
    for (name, grants) in &plan.policies {
        for grant in grants {
            must(
                grant.resource != "*" || UNRESTRICTED.contains(&grant.action.as_str()),
                format!("{name}: {grant:?}"),
            )?;
            must(!grant.action.contains('*'), format!("{name}: {grant:?}"))?;
        }
    }
    Ok(())
}

/// The roles without a condition on the account, with the reason: docs/operations.md#who-may-take-a-role.
const ANY_ACCOUNT: [&str; 1] = ["ApiGatewayLoggingRole"];

/// A service of AWS acts here only for this account: it takes a role, uses the key or a topic because something of this
/// account makes it do so. Otherwise whoever knows an ARN could have the service do it for another account.
fn source_accounts(plan: &Plan, _: &Seen) -> Result<(), String> {
    let policies = [
        ("AWS::IAM::Role", "/AssumeRolePolicyDocument/Statement"),
        ("AWS::KMS::Key", "/KeyPolicy/Statement"),
        ("AWS::SNS::TopicPolicy", "/PolicyDocument/Statement"),
        ("AWS::SQS::QueuePolicy", "/PolicyDocument/Statement"),
        ("AWS::S3::BucketPolicy", "/PolicyDocument/Statement"),
    ];
    let mut to_services = 0;
    for (kind, place) in policies {
        for (name, properties) in of_type(plan, kind) {
            let statements = properties.pointer(place).and_then(Value::as_array);
            let statements = statements.ok_or(format!("{name} has no policy"))?;
            for statement in statements {
                let is_for_services = !statement["Principal"]["Service"].is_null();
                if statement["Effect"] == "Deny" || !is_for_services {
                    continue;
                }
                to_services += 1;
                let condition = &statement["Condition"];
                let account = condition["StringEquals"]["aws:SourceAccount"].as_str();
                // CloudWatch Logs says for which log group it uses the key; its ARN has the account.
                let groups = condition["ArnLike"]["kms:EncryptionContext:aws:logs:arn"].as_array();
                let ours = format!(":{ACCOUNT}:log-group:");
                let is_ours = |arn: &Value| arn.as_str().is_some_and(|arn| arn.contains(&ours));
                let of_our_logs =
                    groups.is_some_and(|groups| !groups.is_empty() && groups.iter().all(is_ours));
                // CloudTrail says for which trail it writes; its ARN has the account, too.
                let trail = condition["StringEquals"]["aws:SourceArn"].as_str();
                let of_our_trail =
                    trail.is_some_and(|arn| arn.contains(&format!(":{ACCOUNT}:trail/")));
                must(
                    account == Some(ACCOUNT)
                        || of_our_logs
                        || of_our_trail
                        || ANY_ACCOUNT.contains(&name.as_str()),
                    format!("{name} serves every account: {statement}"),
                )?;
            }
        }
    }
    must(
        to_services >= 20,
        format!("only {to_services} statements are for services"),
    )
}

/// What only reads, and what AWS allows on all resources or not at all.
const UNRESTRICTED: [&str; 4] = [
    "cloudwatch:ListMetrics",
    "lambda:GetAccountSettings",
    "logs:GetQueryResults",
    "scheduler:ListSchedules",
];

/// The sections that docs/operations.md#who-may-do-what leaves to another role, or that come before it
/// is attached.
const OF_ANOTHER_ROLE: [&str; 9] = [
    "Deploy",
    "Go live with Tiki",
    "The operator's command",
    "Rotate a secret",
    "Set up",
    "Where the files are",
    "Who may do what",
    "Restore to a point in time",
    "Repair during an incident",
];

/// The commands of the AWS CLI that an operator on call types: the rights that they need.
fn typed_by_operators() -> BTreeSet<String> {
    let runbook = include_str!("../../docs/operations.md");
    let mut typed = BTreeSet::new();
    let mut is_another_role = false;
    for line in runbook.lines() {
        if line.starts_with("##") {
            let heading = line.trim_start_matches('#').trim();
            is_another_role = OF_ANOTHER_ROLE.contains(&heading);
        }
        // After a quote, a parenthesis or a blank: `$(aws logs start-query …)`.
        for command in line.split("aws ").skip(1).filter(|_| !is_another_role) {
            let mut words = command.split([' ', '`', ')']);
            let (service, name) = (words.next(), words.next());
            let (Some(service), Some(name)) = (service, name) else {
                continue;
            };
            typed.insert(match (service, name) {
                ("logs", "tail") => "logs:FilterLogEvents".to_owned(),
                ("lambda", "invoke") => "lambda:InvokeFunction".to_owned(),
                _ => format!("{service}:{}", in_camel_case(name)),
            });
        }
    }
    typed
}

/// `describe-stacks` → `DescribeStacks`.
fn in_camel_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// The operator may do what the runbook says, to what is of this stack, and nothing else. What the command `tikivip`
/// calls is checked by the sandbox while the stories of the command run.
fn runbook(plan: &Plan, _: &Seen) -> Result<(), String> {
    // What the command tikivip calls is another check's; the key is for what the queue keeps.
    let of_others = ["execute-api:", "kms:"];
    let granted = plan.policies.values().flatten();
    let granted: Vec<&Grant> = granted
        .filter(|grant| {
            !of_others
                .iter()
                .any(|service| grant.action.starts_with(service))
        })
        .collect();
    let actions: BTreeSet<String> = granted.iter().map(|grant| grant.action.clone()).collect();
    let typed = typed_by_operators();
    must(typed.len() >= 10, format!("the runbook has only {typed:?}"))?;
    must(
        actions == typed,
        format!("the operator types {typed:?}, and may {actions:?}"),
    )?;
    let may_call = [
        "ReconcileFunction:Arn",
        "IpnSenderFunction:Arn:live",
        "CoreWorkerFunction:Arn:live",
    ];
    for grant in granted {
        let resource = grant.resource.as_str();
        let (_, of_it) = resource.split_once("arn:aws:").unwrap_or_default();
        let is_ours = match grant.action.split_once(':').unwrap_or_default().0 {
            "lambda" if resource != "*" => may_call
                .iter()
                .any(|name| of_it == format!("sandbox:{name}")),
            "sqs" => of_it.starts_with("sandbox:") && of_it.ends_with("Failures:Arn"),
            // Without a name all alarms of the region are one resource.
            "cloudwatch" if resource != "*" => of_it.ends_with(":alarm:*"),
            _ if UNRESTRICTED.contains(&grant.action.as_str()) => resource == "*",
            _ => [
                "stack/sandbox/*",
                ":/tikivip/sandbox/*",
                ":aws-waf-logs-sandbox:*",
            ]
            .iter()
            .any(|name| of_it.ends_with(name)),
        };
        must(is_ours, format!("not of this stack: {grant:?}"))?;
    }
    Ok(())
}

/// Each call of operators is authorised by AWS, and is open to those of whom docs/operations.md#who-may-do-what says so.
fn people(plan: &Plan, _: &Seen) -> Result<(), String> {
    let page = include_str!("../../docs/operations.md");
    let mut documented = BTreeSet::new();
    for row in page.lines().filter(|line| line.contains(" /operator/v1/")) {
        let mut cells = row.split('|').map(str::trim);
        let (Some(call), Some(who)) = (cells.nth(1), cells.nth(1)) else {
            continue;
        };
        let call = call.trim_matches('`');
        for policy in who.split(", ") {
            documented.insert((call.to_owned(), policy.to_owned()));
        }
    }
    let mut allowed = BTreeSet::new();
    for route in &plan.routes {
        let is_operators = route.path.starts_with("/operator/");
        must(
            is_operators == (route.function == "operator") && is_operators == route.is_iam,
            format!("{} {}: {}", route.method, route.path, route.function),
        )?;
        let needed = plan.method_arn(&route.method, &route.path);
        for (policy, grants) in &plan.policies {
            let call = Grant {
                action: "execute-api:Invoke".to_owned(),
                resource: needed.clone(),
            };
            if grants.iter().any(|grant| grant.allows(&call)) {
                allowed.insert((format!("{} {}", route.method, route.path), policy.clone()));
            }
        }
    }
    must(allowed.len() > 10, "no policy opens anything")?;
    must(
        documented == allowed,
        format!("the page says {documented:?}, and the policies {allowed:?}"),
    )?;
    let forbidden = ["dynamodb:", "secretsmanager:", "s3:"];
    for (name, grants) in &plan.policies {
        for grant in grants {
            let is_forbidden = forbidden
                .iter()
                .any(|service| grant.action.starts_with(service));
            must(!is_forbidden, format!("{name}: {grant:?}"))?;
        }
    }
    Ok(())
}

/// The core may put its statements into the bucket, encrypted, and do nothing else there.
fn statements(plan: &Plan, _: &Seen) -> Result<(), String> {
    let policy = &plan.resources["StatementPolicy"];
    must(
        policy["Condition"] == "StatementsAreFiles",
        "the policy is there without files of the core",
    )?;
    let document = &policy["Properties"]["PolicyDocument"]["Statement"];
    let expected = json!([
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject"],
            "Resource": "arn:aws:sandbox:ReconciliationBucket:Arn/statements/*",
        },
        {
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "arn:aws:sandbox:Key:Arn",
            "Condition": { "StringEquals": { "kms:ViaService": "s3.ap-southeast-1.amazonaws.com" } },
        },
    ]);
    must(*document == expected, format!("{document}"))
}

fn of_type<'p>(plan: &'p Plan, kind: &'p str) -> impl Iterator<Item = (&'p String, &'p Value)> {
    let resources = plan.resources.iter();
    resources
        .filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name, &resource["Properties"]))
}

/// Each alarm sends a message, and names a section of operations.md.
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
            format!("{name} sends no message"),
        )?;
        let text = alarm["AlarmDescription"].as_str().unwrap_or_default();
        let anchor = text.split("docs/operations.md#").nth(1).unwrap_or_default();
        let anchor = anchor.trim_end_matches('.');
        must(
            anchors.contains(anchor),
            format!("{name}: docs/operations.md has no section #{anchor}"),
        )?;
    }
    Ok(())
}

/// Each alarm on a metric of ours names a metric that the functions write, with its dimensions.
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
                .ok_or(format!("{name}: no function writes {metric}"))?;
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
        must(
            shown,
            format!("{metric} is in no alarm and not in the dashboard"),
        )?;
    }
    Ok(())
}

/// Each side waits longer than the one that it calls: our client, the function, API Gateway (29 s). The time-out of a
/// function covers the calls that it makes one after the other, each with its own time-out.
fn timeouts(plan: &Plan, _: &Seen) -> Result<(), String> {
    for route in &plan.routes {
        let timeout = plan.functions[&route.function].timeout;
        must(
            timeout < Duration::from_secs(29) && timeout < INVOKE_TIMEOUT,
            format!("{} may take {timeout:?}", route.function),
        )?;
    }
    let mut checked = BTreeSet::new();
    for (name, secrets, requests, calls) in [
        // (function, reads of secrets, requests to DynamoDB, calls to Tiki or the core)
        ("create-transaction", 2, 1, Duration::ZERO),
        ("check-transaction", 1, 1, Duration::ZERO),
        ("check-reconciliation", 1, 2, Duration::ZERO),
        // It signs the link of S3 by itself.
        ("report-redirect", 2, 0, Duration::ZERO),
        ("payment-redirect", 1, 2, Duration::ZERO),
        ("open-webview", 1, 1, TIKI_ANSWER_TIMEOUT),
        ("payment-result", 1, 2, Duration::ZERO),
        ("payment-details", 1, 1, Duration::ZERO),
        ("partner-transaction", 2, 2, TIKI_ANSWER_TIMEOUT_IN_REQUEST),
    ] {
        let needs = SECRET_TIMEOUT * secrets + REQUEST_TIMEOUT * requests + calls;
        covers(plan, name, needs)?;
        checked.insert(name);
    }
    covers(plan, "operator", operator::TIME_OF_A_CHECK)?;
    checked.insert("operator");
    // Its core gets less time when another step has taken more.
    covers(
        plan,
        "refund-transaction",
        refund_transaction::MAX_REQUEST_TIME,
    )?;
    must(
        plan.functions["refund-transaction"].timeout < CORE_LEASE,
        "core-worker asks about refunds whose request still runs",
    )?;
    checked.insert("refund-transaction");
    for (name, longest) in [
        ("ipn-sender", ipn_sender::MAX_PROCESSING_TIME),
        ("core-worker", core_worker::MAX_PROCESSING_TIME),
    ] {
        // A sweep starts nothing with less time left than one transaction takes; a batch starts everything.
        covers(plan, name, longest * batches(plan, name)?)?;
        // At least half of the time of a sweep is left to start transactions, and for what it measures beside them.
        covers(
            plan,
            name,
            (longest + TIME_TO_RETURN).max(MEASURING_TIME) * 2,
        )?;
        checked.insert(name);
    }
    covers(plan, "reconcile", reconcile::TIME_TO_FINISH * 2)?;
    covers(plan, "pre-traffic-hook", pre_traffic_hook::MAX_RUN_TIME)?;
    checked.extend(["reconcile", "pre-traffic-hook"]);
    for name in plan.functions.keys() {
        must(
            checked.contains(name.as_str()),
            format!("the time-out of {name} is not checked"),
        )?;
    }
    Ok(())
}

fn covers(plan: &Plan, name: &str, needs: Duration) -> Result<(), String> {
    let timeout = plan.functions[name].timeout;
    must(
        timeout >= needs,
        format!("{name} ends after {timeout:?}, and may need {needs:?}"),
    )
}

/// How many groups of records that are processed at the same time a batch of the stream can have.
fn batches(plan: &Plan, name: &str) -> Result<u32, String> {
    let binary = |function: &&Value| function["Metadata"]["BuildProperties"]["Binary"] == name;
    let events = plan.resources.values().find(binary);
    let events = events.map(|function| &function["Properties"]["Events"]);
    let events = events.and_then(Value::as_object).into_iter().flatten();
    let sizes = events.filter_map(|(_, event)| event["Properties"]["BatchSize"].as_u64());
    let largest = sizes.max().ok_or(format!("{name} has no batch size"))?;
    let groups = largest.div_ceil(MAX_CONCURRENT_RECORDS as u64);
    u32::try_from(groups).map_err(|error| error.to_string())
}

fn tables(plan: &Plan, _: &Seen) -> Result<(), String> {
    for name in ["TransactionsTable", "SessionsTable", "ReconciliationTable"] {
        let table = &plan.resources[name];
        let properties = &table["Properties"];
        must(
            table["DeletionPolicy"] == "Retain",
            format!("{name} is deleted with the stack"),
        )?;
        must(
            properties["DeletionProtectionEnabled"] == true,
            format!("{name} can be deleted"),
        )?;
        let recovery = &properties["PointInTimeRecoverySpecification"];
        must(
            recovery["PointInTimeRecoveryEnabled"] == true,
            format!("{name} has no point-in-time recovery"),
        )?;
        must(
            properties["BillingMode"] == "PAY_PER_REQUEST",
            format!("{name} is provisioned"),
        )?;
    }
    Ok(())
}

/// Each index stands in the code once and here once, and both are the same. The simulation and the sandbox have theirs
/// from the template.
fn indexes(plan: &Plan, _: &Seen) -> Result<(), String> {
    let due = [DueIndex::Ipn, DueIndex::Refund, DueIndex::Expiry].map(DueIndex::index);
    let days = [DayIndex::Final, DayIndex::Refund, DayIndex::Reversal].map(DayIndex::index);
    let of_transactions = [&due[..], &days[..], &[NEEDS_REVIEW, PROPOSED]].concat();
    for (table, indexes) in [
        ("TransactionsTable", of_transactions),
        ("SessionsTable", vec![BY_CUSTOMER]),
        ("ReconciliationTable", vec![BY_STATUS]),
    ] {
        let properties = &plan.resources[table]["Properties"];
        let there = properties["GlobalSecondaryIndexes"].as_array();
        let there = there.ok_or(format!("{table} has no index"))?;
        must(
            there.len() == indexes.len(),
            format!("{table} has an index that the code does not know, or lacks one"),
        )?;
        for index in indexes {
            let named = there.iter().find(|there| there["IndexName"] == index.name);
            let named = named.ok_or(format!("{table} has no index {}", index.name))?;
            let attributes = index.projection.attributes();
            let expected = json!([
                { "AttributeName": index.partition_key, "KeyType": "HASH" },
                { "AttributeName": index.sort_key, "KeyType": "RANGE" },
            ]);
            let projection = match attributes {
                [] => json!({ "ProjectionType": "KEYS_ONLY" }),
                some => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": some }),
            };
            let same = named["KeySchema"] == expected && named["Projection"] == projection;
            must(same, format!("{table}, {}: {named}", index.name))?;
            for (key, kind) in [(index.partition_key, "S"), (index.sort_key, "N")] {
                let definition = json!({ "AttributeName": key, "AttributeType": kind });
                let definitions = properties["AttributeDefinitions"].as_array();
                let defined = definitions.is_some_and(|all| all.contains(&definition));
                must(defined, format!("{table}: {key} is not of type {kind}"))?;
            }
        }
    }
    Ok(())
}

/// All that is stored is encrypted with the stack's key.
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
                format!("{name} does not use the stack's key"),
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

/// The stream and the schedule start each worker, and each failed event is kept. What may wait for a slow counterparty
/// for long cannot take the concurrency of the other functions.
fn workers(plan: &Plan, _: &Seen) -> Result<(), String> {
    let refunds = &plan.functions["refund-transaction"];
    must(
        refunds.reserved_concurrency.is_some(),
        "refunds can take the concurrency of all functions",
    )?;
    let throttled = plan.gateway_responses.get("INTEGRATION_FAILURE");
    must(
        throttled.is_some_and(|(status, body)| *status == Some(429) && body.contains("\"code\":2")),
        "a throttled refund is not answered 429",
    )?;
    for (function, mark) in [
        ("IpnSenderFunction", "ipn_due_mark"),
        ("CoreWorkerFunction", "refund_due_mark"),
    ] {
        let properties = &plan.resources[function]["Properties"];
        let reserved = !properties["ReservedConcurrentExecutions"].is_null();
        must(reserved, format!("{function} has no reserved concurrency"))?;
        let stream = &properties["Events"]["Stream"]["Properties"];
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
        sweeps(function, properties)?;
    }
    Ok(())
}

/// The schedules of a worker sweep each group of shards once a minute, and there is concurrency for all of them.
fn sweeps(function: &str, properties: &Value) -> Result<(), String> {
    let events = properties["Events"].as_object().into_iter().flatten();
    let schedules: Vec<&Value> = events
        .filter(|(_, event)| event["Type"] == "ScheduleV2")
        .map(|(_, event)| &event["Properties"])
        .collect();
    let of = u8::try_from(schedules.len()).map_err(|error| error.to_string())?;
    let mut expected: Vec<Group> = (0..of).map(|n| Group::new(n, of).unwrap()).collect();
    for schedule in schedules {
        must(
            !schedule["DeadLetterConfig"].is_null() && !schedule["RetryPolicy"].is_null(),
            format!("{function}: no dead letters or no retry policy"),
        )?;
        must(
            schedule["ScheduleExpression"] == "rate(1 minute)",
            format!("{function}: not each minute"),
        )?;
        let input = schedule["Input"].as_str().unwrap_or_default();
        let input = serde_json::from_str(input).map_err(|error| error.to_string())?;
        match Event::read(input).map_err(|error| format!("{function}: {error:#}"))? {
            Event::Sweep(group) => expected.retain(|other| *other != group),
            Event::Stream(_) => return Err(format!("{function}: not a sweep")),
        }
    }
    must(of > 1, format!("{function}: one sweep for all shards"))?;
    must(
        expected.is_empty(),
        format!("{function}: nobody sweeps {expected:?}"),
    )?;
    // A sweep may still run when the next one of its group begins, and the stream needs an instance too.
    let minutes = properties["Timeout"].as_u64().unwrap_or(900).div_ceil(60);
    let needed = u64::from(of) * minutes + 1;
    let yaml: yaml_serde::Value =
        yaml_serde::from_str(include_str!("../../template.yaml")).unwrap();
    let concurrency = &yaml["Parameters"]["WorkerConcurrency"];
    let least = concurrency["MinValue"].as_u64().unwrap_or_default();
    must(
        least >= needed,
        format!("{function}: WorkerConcurrency may be {least}, and {needed} are needed"),
    )
}

/// The file is sent at 06:00 in Vietnam, sent files cannot change, and payments keep their concurrency.
fn reconciliation(plan: &Plan, _: &Seen) -> Result<(), String> {
    let reconcile = &plan.resources["ReconcileFunction"]["Properties"];
    must(
        reconcile["ReservedConcurrentExecutions"].is_i64(),
        "reconcile has no reserved concurrency",
    )?;
    must(reconcile["Timeout"] == 900, "a million lines need time")?;
    let mut hours = BTreeSet::new();
    for (name, event) in reconcile["Events"].as_object().into_iter().flatten() {
        let schedule = &event["Properties"];
        let at_home = schedule["ScheduleExpressionTimezone"] == "Asia/Ho_Chi_Minh";
        must(at_home, format!("{name} is not in the time of Vietnam"))?;
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

/// API Gateway's answers that a customer can get.
const TO_CUSTOMERS: [&str; 6] = [
    "MISSING_AUTHENTICATION_TOKEN",
    "THROTTLED",
    "INTEGRATION_FAILURE",
    "WAF_FILTERED",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
];

/// A page in both languages that loads nothing, and leads back to Tiki. API Gateway would replace a `$`.
fn is_customers_page(plan: &Plan, page: &str, of: &str) -> Result<(), String> {
    let apps = &plan.functions["payment-redirect"].environment["TIKI_APPS_URL"];
    let shop = format!(r#"<a href="{apps}/vn.tiki.vip">"#);
    let parts = [r#"<html lang="vi">"#, r#"<p lang="en">"#, "<title>"];
    for part in parts.into_iter().chain(["Quý khách", &shop]) {
        must(page.contains(part), format!("{of}: no {part}: {page}"))?;
    }
    for part in ["<script", "src=", "$"] {
        must(!page.contains(part), format!("{of}: {part}"))?;
    }
    Ok(())
}

/// No old TLS, no payment link in a trace, and in each answer of API Gateway and of the firewall our own words.
fn front_door(plan: &Plan, _: &Seen) -> Result<(), String> {
    let (_, api) = of_type(plan, "AWS::Serverless::Api")
        .next()
        .ok_or("no API")?;
    must(api["TracingEnabled"] == false, "URLs are traced")?;
    let policy = api["SecurityPolicy"].as_str().unwrap_or_default();
    must(policy.starts_with("SecurityPolicy_TLS13_1_"), policy)?;
    let (_, domain) = of_type(plan, "AWS::ApiGateway::DomainName")
        .next()
        .ok_or("no domain")?;
    must(domain["SecurityPolicy"] == "TLS_1_2", "the domain's TLS")?;

    let answers = api["GatewayResponses"].as_object().ok_or("no answers")?;
    for kind in ["DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED", "THROTTLED"] {
        must(answers.contains_key(kind), kind)?;
    }
    for (kind, answer) in answers {
        let headers = &answer["ResponseParameters"]["Headers"];
        must(
            headers["X-Request-Id"] == "context.requestId",
            format!("{kind}: no id"),
        )?;
        let hsts = headers["Strict-Transport-Security"].as_str();
        must(
            hsts == Some("'max-age=31536000'"),
            format!("{kind}: no HSTS"),
        )?;
        let body = answer["ResponseTemplates"]["application/json"].as_str();
        let body: Value = serde_json::from_str(body.unwrap_or_default()).unwrap_or_default();
        must(body["code"].is_number(), format!("{kind}: no code"))?;
    }
    for kind in TO_CUSTOMERS {
        let page = answers[kind]["ResponseTemplates"]["text/html"].as_str();
        is_customers_page(plan, page.unwrap_or_default(), kind)?;
    }

    let (_, waf) = of_type(plan, "AWS::WAFv2::WebACL")
        .next()
        .ok_or("no firewall")?;
    // What these rules block is a call from elsewhere, which WAF_FILTERED answers.
    let by_gateway = ["only-tiki", "only-core", "known-bad-inputs"];
    for rule in waf["Rules"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rule| !rule.is_null())
    {
        let name = rule["Name"].as_str().unwrap_or_default();
        let own = &rule["Action"]["Block"]["CustomResponse"];
        let body = own["CustomResponseBodyKey"].as_str().unwrap_or_default();
        let html = waf["CustomResponseBodies"][body]["ContentType"] == "TEXT_HTML";
        if html {
            let page = waf["CustomResponseBodies"][body]["Content"].as_str();
            is_customers_page(plan, page.unwrap_or_default(), name)?;
        }
        let known = !waf["CustomResponseBodies"][body].is_null();
        must(
            by_gateway.contains(&name) != known,
            format!("{name}: whose words?"),
        )?;
        must(
            html == (name == "customer-rate"),
            format!("{name}: a page, or JSON?"),
        )?;
    }
    Ok(())
}

/// The ARN that the sandbox gives a resource.
fn arn(name: &str) -> String {
    format!("arn:aws:sandbox:{name}:Arn")
}

/// Whether a path fits an expression of the firewall. It knows what the template uses: `^`, `$`, and groups with `|` and
/// `?`.
fn fits(expression: &str, path: &str) -> Result<bool, String> {
    if let Some((head, tail)) = expression.split_once(')') {
        let (before, group) = head.rsplit_once('(').ok_or("a group has no beginning")?;
        let (tail, optional) = match tail.strip_prefix('?') {
            Some(tail) => (tail, Some("")),
            None => (tail, None),
        };
        for way in group.split('|').chain(optional) {
            if fits(&format!("{before}{way}{tail}"), path)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let text = expression.strip_prefix('^').unwrap_or(expression);
    let text = text.strip_suffix('$').unwrap_or(text);
    let is_plain = |c: char| c.is_alphanumeric() || "/-_".contains(c);
    must(text.chars().all(is_plain), format!("{expression}: unknown"))?;
    Ok(
        match (expression.starts_with('^'), expression.ends_with('$')) {
            (true, true) => path == text,
            (true, false) => path.starts_with(text),
            (false, true) => path.ends_with(text),
            (false, false) => path.contains(text),
        },
    )
}

/// A rule of the firewall that looks at the path sees the routes below these beginnings, at either address of the API, and
/// no other route.
fn sees(plan: &Plan, name: &str, statement: &Value, beginnings: &[&str]) -> Result<(), String> {
    let matching = &statement["RegexMatchStatement"];
    must(
        matching["FieldToMatch"] == json!({ "UriPath": {} }),
        format!("{name}: not the path"),
    )?;
    // As API Gateway does before it looks for the route.
    let decoded = json!([
        { "Priority": 0, "Type": "URL_DECODE" },
        { "Priority": 1, "Type": "NORMALIZE_PATH" },
    ]);
    must(
        matching["TextTransformations"] == decoded,
        format!("{name}: the path as it is written"),
    )?;
    let expression = matching["RegexString"].as_str();
    let expression = expression.ok_or(format!("{name}: no expression"))?;
    let (mut seen, mut unseen) = (0, 0);
    for route in &plan.routes {
        let path = route.path.replace(['{', '}'], "");
        let expected = beginnings.iter().any(|start| path.starts_with(start));
        *(if expected { &mut seen } else { &mut unseen }) += 1;
        for path in [path.clone(), format!("/{}{path}", plan.stage)] {
            must(
                fits(expression, &path)? == expected,
                format!("{name}: {expression} and {path}"),
            )?;
        }
    }
    must(seen > 0 && unseen > 0, format!("{name}: no route to try"))?;
    for path in ["/x/tikivip/v1", "/x/partner/v1", "/tikivipx", "/partners"] {
        must(
            !fits(expression, path)?,
            format!("{name}: {expression} and {path}"),
        )?;
    }
    Ok(())
}

/// A rule for one counterparty's routes: what else must be so for a call to be blocked.
fn below<'r>(
    plan: &Plan,
    rule: &'r Value,
    name: &str,
    beginning: &str,
) -> Result<&'r Value, String> {
    let both = rule["Statement"]["AndStatement"]["Statements"].as_array();
    let Some([path, unless]) = both.map(Vec::as_slice) else {
        return Err(format!("{name}: not a path and something else"));
    };
    sees(plan, name, path, &[beginning])?;
    Ok(&unless["NotStatement"]["Statement"])
}

/// Only the addresses of this set get past the rule. It is there if, and only if, the stack was given addresses.
fn only_from(plan: &Plan, rule: Option<&Value>, name: &str) -> Result<(), String> {
    let (set, beginning, condition) = match name {
        "only-tiki" => ("TikiAddresses", "/tikivip/", "HasTikiIpRanges"),
        _ => ("CoreAddresses", "/partner/", "HasCoreIpRanges"),
    };
    let resource = &plan.resources[set];
    let addresses = &resource["Properties"];
    must(
        resource["Type"] == "AWS::WAFv2::IPSet" && resource["Condition"] == condition,
        format!("{set}: no set of addresses"),
    )?;
    let Some(rule) = rule else {
        return must(
            addresses["Addresses"] == json!([""]),
            format!("{name}: everybody may call"),
        );
    };
    let parameter = condition.trim_start_matches("Has");
    let given = RANGES.iter().find(|(name, _)| *name == parameter);
    let (_, given) = given.ok_or(format!("{parameter}?"))?;
    let given: Vec<&str> = given.split(',').collect();
    must(
        addresses["Addresses"] == json!(given)
            && addresses["Scope"] == "REGIONAL"
            && addresses["IPAddressVersion"] == "IPV4",
        format!("{set}: {addresses}"),
    )?;
    must(
        rule["Action"] == json!({ "Block": {} }),
        format!("{name}: {}", rule["Action"]),
    )?;
    let unless = below(plan, rule, name, beginning)?;
    must(
        *unless == json!({ "IPSetReferenceStatement": { "Arn": arn(set) } }),
        format!("{name}: unless {unless}"),
    )
}

/// A call without all headers of the signature goes no further.
fn is_signed(plan: &Plan, rule: &Value, name: &str) -> Result<(), String> {
    let (headers, beginning) = match name {
        "tiki-signs" => (HeaderNames::TIKI, "/tikivip/"),
        _ => (HeaderNames::PARTNER, "/partner/"),
    };
    let unless = below(plan, rule, name, beginning)?;
    let names = [headers.timestamp, headers.client_id, headers.signature];
    let expected = names.map(|name| {
        json!({ "SizeConstraintStatement": {
            "FieldToMatch": { "SingleHeader": { "Name": name.to_lowercase() } },
            "ComparisonOperator": "GT", "Size": 0,
            "TextTransformations": [{ "Priority": 0, "Type": "NONE" }],
        } })
    });
    must(
        *unless == json!({ "AndStatement": { "Statements": expected } }),
        format!("{name}: unless {unless}"),
    )
}

/// Each rule of the firewall by its name, in its order, and the firewall before the stage.
fn firewall(plan: &Plan, _: &Seen) -> Result<(), String> {
    let waf = &plan.resources["Waf"];
    must(waf["Condition"] == "HasWaf", "the firewall is there always")?;
    let waf = &waf["Properties"];
    must(
        waf["Scope"] == "REGIONAL" && waf["DefaultAction"] == json!({ "Allow": {} }),
        "the firewall is not for the API",
    )?;
    let all = waf["Rules"].as_array().into_iter().flatten();
    let all: Vec<&Value> = all.filter(|rule| !rule.is_null()).collect();
    let named = |name: &str| all.iter().find(|rule| rule["Name"] == name).copied();
    let mut known = 0;
    let mut priorities = BTreeSet::new();
    for name in ["only-tiki", "only-core"] {
        only_from(plan, named(name), name)?;
        known += usize::from(named(name).is_some());
    }
    // A customer gets a page, every other caller JSON.
    let of_programs = ["/tikivip/", "/partner/", "/operator/"];
    for (name, status) in [
        ("body-too-large", 413),
        ("tiki-signs", 401),
        ("core-signs", 401),
        ("caller-rate", 429),
        ("customer-rate", 429),
        ("known-bad-inputs", 403),
    ] {
        let rule = named(name).ok_or(format!("no rule {name}"))?;
        known += 1;
        let blocks = match name {
            // A group of AWS's own rules: what they say counts.
            "known-bad-inputs" => rule["OverrideAction"] == json!({ "None": {} }),
            _ => rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == status,
        };
        must(blocks, format!("{name} does not block with {status}"))?;
        let statement = &rule["Statement"];
        let rate = &statement["RateBasedStatement"];
        let looks_at = &rate["ScopeDownStatement"];
        match name {
            "tiki-signs" | "core-signs" => is_signed(plan, rule, name)?,
            "caller-rate" => sees(plan, name, looks_at, &of_programs)?,
            "customer-rate" => {
                let others = &looks_at["NotStatement"]["Statement"];
                sees(plan, name, others, &of_programs)?;
            }
            "body-too-large" => must(
                statement["SizeConstraintStatement"]["Size"] == api::MAX_BODY_BYTES,
                "body-too-large: another size than the functions'",
            )?,
            _ => must(
                statement["ManagedRuleGroupStatement"]["VendorName"] == "AWS",
                format!("{name}: whose rules?"),
            )?,
        }
        if name.ends_with("-rate") {
            must(
                rate["AggregateKeyType"] == "IP" && !rate["Limit"].is_null(),
                format!("{name}: no rate of an address"),
            )?;
        }
    }
    must(known == all.len(), "a rule that nobody has checked")?;
    for rule in all {
        must(
            priorities.insert(rule["Priority"].as_u64()),
            format!("two rules have the priority of {}", rule["Name"]),
        )?;
    }
    before_the_stage(plan)
}

/// The firewall that stands before nothing blocks nothing.
fn before_the_stage(plan: &Plan) -> Result<(), String> {
    let association = plan.resources.get("WafAssociation");
    let association = association.ok_or("the firewall is before no stage")?;
    let properties = &association["Properties"];
    let stage = format!("::/restapis/{}/stages/arn:aws:sandbox:{0}:Stage", plan.api);
    let resource = properties["ResourceArn"].as_str().unwrap_or_default();
    must(
        association["Type"] == "AWS::WAFv2::WebACLAssociation"
            && association["Condition"] == "HasWaf"
            && properties["WebACLArn"] == arn("Waf")
            && resource.starts_with("arn:aws:apigateway:")
            && resource.ends_with(&stage),
        format!("the firewall is before another stage: {association}"),
    )
}

/// The dashboard counts the outage minutes that docs/operations.md#outage-minutes explains, by formulas that name what is
/// there.
fn outage_minutes(plan: &Plan, _: &Seen) -> Result<(), String> {
    let page = include_str!("../../docs/operations.md");
    let section = page
        .split("\n## ")
        .find(|s| s.starts_with("Outage minutes"));
    let section = section.ok_or("operations.md has no section")?;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let names = rows.filter_map(|row| row.split(" |").next());
    let documented: BTreeSet<&str> = names.skip(1).collect();
    must(documented.len() == 4, format!("{documented:?}"))?;

    let body = &plan.resources["Dashboard"]["Properties"]["DashboardBody"];
    let body: Value = serde_json::from_str(body.as_str().unwrap_or_default())
        .map_err(|error| format!("the dashboard is no JSON: {error}"))?;
    let widgets = || body["widgets"].as_array().into_iter().flatten();
    let heading = widgets().find(|widget| {
        let text = widget["properties"]["markdown"].as_str();
        text.is_some_and(|text| text.contains("docs/operations.md#outage-minutes"))
    });
    let heading = heading.ok_or("no row of outage minutes")?;
    let below = heading["y"].as_u64().map(|y| json!(y + 1));
    let row = widgets().filter(|widget| Some(&widget["y"]) == below.as_ref());
    let mut shown = BTreeSet::new();
    for widget in row {
        let properties = &widget["properties"];
        must(
            properties["period"] == 300 && properties["view"] == "singleValue",
            format!("not in steps of five minutes: {}", properties["title"]),
        )?;
        let metrics = properties["metrics"].as_array().into_iter().flatten();
        // The last part of a metric says how it is shown; a formula has no other part.
        let parts: Vec<&Value> = metrics.filter_map(|m| m.as_array()?.last()).collect();
        let ids: BTreeSet<&str> = parts.iter().filter_map(|p| p["id"].as_str()).collect();
        must(ids.len() == parts.len(), "two of one id, or one without")?;
        for part in parts {
            let formula = part["expression"].as_str().unwrap_or_default();
            let words = formula.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let mut ours = words.filter(|w| w.starts_with(|c: char| c.is_ascii_lowercase()));
            if let Some(unknown) = ours.find(|word| !ids.contains(word)) {
                return Err(format!("{formula}: {unknown} is not there"));
            }
            if part["visible"] != false {
                shown.extend(part["label"].as_str());
            }
        }
    }
    must(
        shown == documented,
        format!("the dashboard shows {shown:?}, and the page explains {documented:?}"),
    )
}

/// Who reads and writes is written down, all of it, where nobody of this stack can change it; and only if it is wanted.
fn access_trail(plan: &Plan, _: &Seen) -> Result<(), String> {
    for name in [
        "AccessTrailBucket",
        "AccessTrailBucketPolicy",
        "AccessTrailOfStack",
    ] {
        let resource = plan.resources.get(name).ok_or(format!("no {name}"))?;
        let condition = &resource["Condition"];
        must(
            *condition == "KeepsAccessTrail",
            format!("{name}: {condition}"),
        )?;
    }
    let trail = &plan.resources["AccessTrailOfStack"];
    must(
        trail["DependsOn"] == "AccessTrailBucketPolicy",
        "the trail comes before it may write",
    )?;
    let trail = &trail["Properties"];
    must(
        trail["IsLogging"] == true && trail["EnableLogFileValidation"] == true,
        "the trail is off, or can be changed unseen",
    )?;
    must(
        trail["S3BucketName"] == "AccessTrailBucket" && trail["KMSKeyId"] == arn("Key"),
        "the trail goes elsewhere",
    )?;
    let tables = plan.tables.keys().map(|name| arn(name));
    let tables: BTreeSet<String> = tables.collect();
    must(tables.len() == 3, format!("{tables:?}"))?;
    let selectors = &trail["AdvancedEventSelectors"];
    let fields = |at: usize| &selectors[at]["FieldSelectors"];
    let logged = fields(0)[2]["StartsWith"].as_array().into_iter().flatten();
    let logged: BTreeSet<String> = logged
        .filter_map(|arn| Some(arn.as_str()?.to_owned()))
        .collect();
    must(logged == tables, format!("the trail has {logged:?}"))?;
    let data = |kind: &str, begin: &Value| {
        json!([
            { "Field": "eventCategory", "Equals": ["Data"] },
            { "Field": "resources.type", "Equals": [kind] },
            { "Field": "resources.ARN", "StartsWith": begin },
        ])
    };
    let of_tables = data("AWS::DynamoDB::Table", &fields(0)[2]["StartsWith"]);
    must(*fields(0) == of_tables, format!("{}", fields(0)))?;
    let files = format!("{}/", arn("ReconciliationBucket"));
    let of_files = data("AWS::S3::Object", &json!([files]));
    must(*fields(1) == of_files, format!("{}", fields(1)))?;
    let invoked = [
        "OperatorFunction",
        "ReconcileFunction",
        "IpnSenderFunction",
        "CoreWorkerFunction",
    ];
    let of_functions = data("AWS::Lambda::Function", &json!(invoked.map(arn)));
    must(*fields(2) == of_functions, format!("{}", fields(2)))?;
    // Reading a secret is a call of management. CloudTrail can leave out only these two services.
    let management = json!([
        { "Field": "eventCategory", "Equals": ["Management"] },
        { "Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"] },
    ]);
    must(*fields(3) == management, format!("{}", fields(3)))?;
    must(fields(4).is_null(), "a selector that nobody has checked")?;
    trail_is_safe(plan, trail["TrailName"].as_str().unwrap_or_default())
}

/// Only this trail may write into its bucket, and no permission of this stack reaches there.
fn trail_is_safe(plan: &Plan, trail: &str) -> Result<(), String> {
    let (bucket, region) = (arn("AccessTrailBucket"), "ap-southeast-1");
    let this_trail = format!("arn:aws:cloudtrail:{region}:{ACCOUNT}:trail/{trail}");
    let service = json!({ "Service": "cloudtrail.amazonaws.com" });
    let of_trail = json!({ "aws:SourceArn": this_trail });
    let expected = json!([
        {
            "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
            "Resource": bucket, "Condition": { "StringEquals": of_trail },
        },
        {
            "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
            "Resource": format!("{bucket}/AWSLogs/{ACCOUNT}/*"),
            "Condition": { "StringEquals": {
                "aws:SourceArn": this_trail, "s3:x-amz-acl": "bucket-owner-full-control",
            } },
        },
        {
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [bucket, format!("{bucket}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        },
    ]);
    let policy = &plan.resources["AccessTrailBucketPolicy"]["Properties"];
    must(
        policy["Bucket"] == "AccessTrailBucket"
            && policy["PolicyDocument"]["Statement"] == expected,
        format!("the policy of the trail's bucket: {policy}"),
    )?;
    let bucket = &plan.resources["AccessTrailBucket"];
    let properties = &bucket["Properties"];
    let public = &properties["PublicAccessBlockConfiguration"];
    let public = public.as_object().map(|blocks| blocks.values());
    must(
        bucket["DeletionPolicy"] == "Retain"
            && properties["ObjectLockEnabled"] == true
            && properties["VersioningConfiguration"]["Status"] == "Enabled"
            && public.is_some_and(|mut blocks| blocks.len() == 4 && blocks.all(|b| b == true)),
        "the trail can be lost, or be read by everybody",
    )?;
    let of_functions = plan.functions.values().map(|function| &function.grants);
    for grant in of_functions.chain(plan.policies.values()).flatten() {
        let reaches = ["s3:", "cloudtrail:"]
            .iter()
            .any(|s| grant.action.starts_with(s))
            && ["AccessTrail", "trail/"]
                .iter()
                .any(|name| grant.resource.contains(name));
        must(!reaches, format!("somebody reaches the trail: {grant:?}"))?;
    }
    Ok(())
}

/// The service of the trail may use the key for this trail, and where there is no trail it may not use it.
#[test]
fn the_key_serves_cloudtrail_only_for_the_trail() {
    let yaml = include_str!("../../template.yaml");
    for (kept, expected) in [("false", 0), ("true", 1)] {
        let plan = stack(yaml, &[("AccessTrail", kept)]).unwrap();
        let statements = &plan.resources["Key"]["Properties"]["KeyPolicy"]["Statement"];
        let statements = statements.as_array().unwrap().iter();
        let service = json!({ "Service": "cloudtrail.amazonaws.com" });
        let of_trail = statements.filter(|statement| statement["Principal"] == service);
        let of_trail: Vec<&Value> = of_trail.collect();
        assert_eq!(of_trail.len(), expected, "AccessTrail is {kept}");
        for statement in of_trail {
            let actions = json!(["kms:GenerateDataKey*", "kms:DescribeKey"]);
            assert_eq!(statement["Action"], actions);
            let name = &plan.resources["AccessTrailOfStack"]["Properties"]["TrailName"];
            let source = &statement["Condition"]["StringEquals"]["aws:SourceArn"];
            let source = source.as_str().unwrap();
            let trail = format!(":{ACCOUNT}:trail/{}", name.as_str().unwrap());
            assert!(source.ends_with(&trail), "{source}");
        }
    }
}

/// CloudFormation makes no production stack that anybody may call.
#[test]
fn a_production_stack_knows_its_callers() {
    let yaml = include_str!("../../template.yaml");
    let refusal = |parameters: &[(&str, &str)]| {
        let made = stack(yaml, parameters);
        made.err().map(|error| error.to_string())
    };
    let live = ("TikiEnvironment", "production");
    let (tiki, core) = (
        ("TikiIpRanges", "203.0.113.0/24"),
        ("CoreIpRanges", "198.51.100.7/32"),
    );
    assert_eq!(refusal(&[]), None);
    assert_eq!(refusal(&[live, tiki, core]), None);
    assert_eq!(refusal(&[("LogRetentionDays", "30")]), None);
    for (set, names) in [
        (vec![live], "Set TikiIpRanges"),
        (vec![live, core], "Set TikiIpRanges"),
        (vec![live, tiki], "Set CoreIpRanges"),
        (
            vec![live, tiki, core, ("EnableWaf", "false")],
            "Set EnableWaf",
        ),
        (
            vec![live, tiki, core, ("LogRetentionDays", "180")],
            "Set LogRetentionDays",
        ),
        (
            vec![("DomainName", "pay.example")],
            "DomainName needs CertificateArn",
        ),
    ] {
        let refused = refusal(&set).unwrap_or_default();
        assert!(refused.contains(names), "{set:?}: {refused}");
    }
}

/// Each function is published as a version, checked before it gets calls, and watched while it gets them.
fn deployment(plan: &Plan, _: &Seen) -> Result<(), String> {
    let yaml_globals = &plan.globals;
    let hook = &yaml_globals["DeploymentPreference"]["Hooks"]["PreTraffic"];
    must(*hook == "PreTrafficHookFunction", "no hook")?;
    must(yaml_globals["AutoPublishAlias"] == "live", "no alias")?;
    for (name, properties) in of_type(plan, "AWS::Serverless::Function") {
        // They have no alias, so no traffic is shifted.
        let without = [
            "PreTrafficHookFunction",
            "ReconcileFunction",
            "OperatorFunction",
        ];
        let hook = without.contains(&name.as_str());
        let alarms = properties["DeploymentPreference"]["Alarms"].as_array();
        must(
            hook || alarms.is_some_and(|alarms| !alarms.is_empty()),
            format!("{name} has no alarm that its deployment watches"),
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
    // With each parameter at its greatest length: Lambda accepts 256 characters.
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

#[test]
fn the_sections_of_the_template_are_those_of_its_index() {
    let yaml = include_str!("../../template.yaml");
    let lines = || yaml.lines().map(str::trim_start);
    let index: Vec<&str> = lines()
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("#   "))
        .filter_map(|line| line.split("  ").next())
        .collect();
    let heads: Vec<&str> = lines()
        .filter_map(|line| line.strip_prefix("# ---- "))
        .map(|head| head.trim_end_matches('-').trim_end())
        .collect();
    assert!(!index.is_empty());
    assert_eq!(index, heads, "the index at the top of template.yaml");
}
