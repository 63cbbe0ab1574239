//! Calculates what a million payments cost on AWS, from the measured usage of a few payments.
//!
//! Measured: requests, invocations and their duration, DynamoDB capacity units, and bytes of logs. The prices come
//! from AWS's price list. They change, so check them before you rely on the result.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::start::Sandbox;
use crate::template::{FunctionPlan, SchedulePlan};

/// List prices in US dollars for Singapore (ap-southeast-1) in 2025, without free tiers.
mod price {
    pub(super) const API_REQUEST: f64 = 4.25e-6;
    pub(super) const INVOCATION: f64 = 0.20e-6;
    pub(super) const GB_SECOND_ARM: f64 = 1.333_34e-5;
    pub(super) const WRITE_UNIT: f64 = 0.71e-6;
    pub(super) const READ_UNIT: f64 = 0.142_5e-6;
    pub(super) const LOG_GB: f64 = 0.70;
    pub(super) const METRIC_MONTH: f64 = 0.30;
    pub(super) const SECRET_MONTH: f64 = 0.40;
    pub(super) const SECRET_CALL: f64 = 5e-6;
    pub(super) const KEY_MONTH: f64 = 1.0;
    pub(super) const ALARM_MONTH: f64 = 0.10;
    pub(super) const DASHBOARD_MONTH: f64 = 3.0;
    pub(super) const SCHEDULED_CALL: f64 = 1e-6;
}

const MILLION: f64 = 1e6;
const MINUTES_A_MONTH: f64 = 60.0 * 730.0;

/// The usage since the sandbox's start.
#[derive(Clone, Debug, Default)]
struct Meter {
    requests: f64,
    invocations: f64,
    gb_seconds: f64,
    reads: f64,
    writes: f64,
    secrets: f64,
    log_bytes: f64,
}

impl Meter {
    fn read(sandbox: &Sandbox) -> Self {
        let mut meter = Self::default();
        for entry in sandbox.journal.since(Duration::ZERO) {
            let Some(function) = sandbox.plan.functions.get(&entry.to) else {
                continue;
            };
            if !matches!(entry.from.as_str(), "stream" | "schedule") {
                meter.requests += 1.0;
            }
            meter.invocations += 1.0;
            // Billed per millisecond, rounded up. The measured time includes the sandbox's own overhead.
            meter.gb_seconds +=
                memory_gb(function) * (entry.took.as_secs_f64() * 1000.0).ceil() / 1000.0;
        }
        for (call, usage) in sandbox.aws_calls() {
            match call.grant.action.as_str() {
                "dynamodb:PutItem" => meter.writes += usage.units,
                "dynamodb:GetItem" | "dynamodb:Query" => meter.reads += usage.units,
                "secretsmanager:GetSecretValue" => {
                    meter.secrets += f64::from(u32::try_from(usage.calls).unwrap_or(u32::MAX));
                }
                // S3: a few calls a day, whatever the number of payments.
                _ => {}
            }
        }
        let lines = sandbox.logs();
        let bytes: usize = lines.iter().map(|l| l.event.to_string().len() + 26).sum();
        meter.log_bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        meter
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            invocations: self.invocations - earlier.invocations,
            gb_seconds: self.gb_seconds - earlier.gb_seconds,
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            secrets: self.secrets - earlier.secrets,
            log_bytes: self.log_bytes - earlier.log_bytes,
        }
    }
}

/// The schedules that start a sweep each minute.
fn sweeps(sandbox: &Sandbox) -> impl Iterator<Item = &SchedulePlan> {
    sandbox.plan.schedules.iter().filter(|plan| plan.is_often())
}

/// Measures the sweeps of a minute and then some payments on a warm system, and returns the costs as a table.
pub async fn bill(sandbox: &Sandbox) -> anyhow::Result<String> {
    // One payment first, so that cold starts are not measured.
    let mut silent = |_: &str| {};
    crate::walk::pay(sandbox, &mut silent).await?;
    let start = Meter::read(sandbox);
    let began = sandbox.journal.now();
    for schedule in sweeps(sandbox) {
        sandbox.invoke(&schedule.function, &schedule.input).await?;
    }
    let took = sandbox.journal.now().saturating_sub(began);
    let mut swept = Meter::read(sandbox).since(&start);
    // The journal has no entries for direct invocations.
    swept.gb_seconds = memory_gb(&sandbox.plan.functions["ipn-sender"]) * took.as_secs_f64();
    let before = Meter::read(sandbox);
    for _ in 0..MEASURED_PAYMENTS {
        crate::walk::pay(sandbox, &mut silent).await?;
    }
    let used = Meter::read(sandbox).since(&before);
    let metrics: BTreeSet<String> = sandbox.logs().iter().filter_map(metric).collect();
    Ok(table(sandbox, &used, &swept, metrics.len()))
}

/// Number of payments that are measured.
const MEASURED_PAYMENTS: u8 = 10;

fn memory_gb(function: &FunctionPlan) -> f64 {
    f64::from(u32::try_from(function.memory).unwrap_or(u32::MAX)) / 1024.0
}

/// A metric with its dimensions, because each combination is billed.
fn metric(line: &crate::LogLine) -> Option<String> {
    let directive = &line.event["_aws"]["CloudWatchMetrics"][0];
    let name = directive["Metrics"][0]["Name"].as_str()?;
    let dimensions = directive["Dimensions"][0].as_array()?.iter();
    let values: BTreeMap<&str, &str> = dimensions
        .filter_map(|name| Some((name.as_str()?, line.event[name.as_str()?].as_str()?)))
        .collect();
    Some(format!("{name} {values:?}"))
}

fn table(sandbox: &Sandbox, used: &Meter, swept: &Meter, metrics: usize) -> String {
    let payments = payment_costs(used);
    let monthly = monthly_costs(sandbox, swept, metrics);
    let million: f64 = payments.iter().map(|(_, _, cost)| cost).sum();
    let month: f64 = monthly.iter().map(|(_, cost)| cost).sum();
    let payments = payments
        .map(|(name, measured, cost)| format!("  {name:<36}{measured:>14.6}{cost:>18.2}\n"));
    let monthly = monthly.map(|(name, cost)| format!("  {name:<50}{cost:>18.2}\n"));
    format!(
        "  {:<36}{:>14}{:>18}\n{}  {:<50}{million:>18.2}\n\n  {:<50}{:>18}\n{}  {:<50}{month:>18.2}",
        "Each payment",
        "measured",
        "USD per million",
        payments.concat(),
        "A million payments",
        "Each month, without any payment",
        "USD",
        monthly.concat(),
        "A month without any payment",
    )
}

/// The usage of one payment, and the costs of a million payments.
fn payment_costs(used: &Meter) -> [(&'static str, f64, f64); 6] {
    [
        ("API Gateway, requests", used.requests, price::API_REQUEST),
        ("Lambda, invocations", used.invocations, price::INVOCATION),
        (
            "Lambda, GB-seconds (arm64)",
            used.gb_seconds,
            price::GB_SECOND_ARM,
        ),
        ("DynamoDB, write units", used.writes, price::WRITE_UNIT),
        ("DynamoDB, read units", used.reads, price::READ_UNIT),
        (
            "CloudWatch, GB of logs",
            used.log_bytes / 1e9,
            price::LOG_GB,
        ),
    ]
    .map(|(name, measured, price)| {
        let each = measured / f64::from(MEASURED_PAYMENTS);
        (name, each, each * price * MILLION)
    })
}

/// The costs of a month without any payment.
fn monthly_costs(sandbox: &Sandbox, swept: &Meter, metrics: usize) -> [(&'static str, f64); 6] {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let of_type = |kind: &str| {
        let resources = sandbox.plan.resources.values();
        count(
            resources
                .filter(|resource| resource["Type"] == kind)
                .count(),
        )
    };
    let called = count(sweeps(sandbox).count()) * (price::INVOCATION + price::SCHEDULED_CALL);
    let sweeps = called + swept.gb_seconds * price::GB_SECOND_ARM;
    // A few warm processes per function read both versions of their two secrets every five minutes.
    let secret_reads = of_type("AWS::Serverless::Function") * 2.0 * 2.0 * MINUTES_A_MONTH / 5.0;
    let secrets = count(sandbox.plan.secrets.len()) * price::SECRET_MONTH;
    let alarms = of_type("AWS::CloudWatch::Alarm") * price::ALARM_MONTH;
    [
        (
            "Sweeps, each minute: Lambda and Scheduler",
            MINUTES_A_MONTH * sweeps,
        ),
        (
            "Sweeps: DynamoDB",
            MINUTES_A_MONTH * swept.reads * price::READ_UNIT,
        ),
        (
            "Secrets Manager",
            secrets + secret_reads * price::SECRET_CALL,
        ),
        ("KMS, the key", of_type("AWS::KMS::Key") * price::KEY_MONTH),
        ("CloudWatch, metrics", count(metrics) * price::METRIC_MONTH),
        (
            "CloudWatch, alarms and dashboard",
            alarms + price::DASHBOARD_MONTH,
        ),
    ]
}
