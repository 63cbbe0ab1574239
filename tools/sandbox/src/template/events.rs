//! What calls a function: a route, a stream or a schedule.

use anyhow::{Context, bail};
use serde_json::Value;

use super::stack::{number, text};
use super::{Plan, Route, SchedulePlan, StreamPlan};
use crate::schedule::Timetable;

/// Reads an event of a function.
pub(super) fn event_source(plan: &mut Plan, binary: &str, event: &Value) -> anyhow::Result<()> {
    let properties = &event["Properties"];
    let function = binary.to_owned();
    match event["Type"].as_str() {
        Some("Api") => plan.routes.push(Route {
            method: text(&properties["Method"]).to_uppercase(),
            path: text(&properties["Path"]),
            function,
            is_iam: is_iam(&properties["Auth"])?,
            throttle: (0.0, 0.0),
        }),
        Some("DynamoDB") => {
            let stream = text(&properties["Stream"]);
            let table = stream
                .split(':')
                .nth(3)
                .context("the event source is not the stream of a table")?;
            let filters = properties["FilterCriteria"]["Filters"]
                .as_array()
                .into_iter()
                .flatten();
            let filters =
                filters.map(|filter| Ok(serde_json::from_str(&text(&filter["Pattern"]))?));
            plan.streams.push(StreamPlan {
                function,
                table: table.to_owned(),
                batch_size: number(&properties["BatchSize"])
                    .and_then(|n| usize::try_from(n).ok())
                    .unwrap_or(100),
                retries: number(&properties["MaximumRetryAttempts"]).unwrap_or(u64::MAX),
                filters: filters.collect::<anyhow::Result<_>>()?,
            });
        }
        Some("ScheduleV2") => plan.schedules.push(SchedulePlan {
            function,
            timetable: Timetable::read(
                &text(&properties["ScheduleExpression"]),
                &text(&properties["ScheduleExpressionTimezone"]),
            )?,
            input: serde_json::from_str(&text(&properties["Input"])).context("Input")?,
            retries: number(&properties["RetryPolicy"]["MaximumRetryAttempts"]).unwrap_or(185),
        }),
        other => bail!("the sandbox does not support events of type {other:?}"),
    }
    Ok(())
}

/// Whether a route has IAM authorisation. What the sandbox does not play is an error, so that no route is open here and
/// closed on AWS, or the other way round.
fn is_iam(auth: &Value) -> anyhow::Result<bool> {
    for (name, value) in auth.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_str()) {
            ("Authorizer", Some("AWS_IAM" | "NONE")) | ("InvokeRole", Some("NONE")) => {}
            _ => bail!("the sandbox does not support Auth with {name}: {value}"),
        }
    }
    let is_iam = auth["Authorizer"] == "AWS_IAM";
    if is_iam && auth["InvokeRole"].is_null() {
        bail!("AWS_IAM needs InvokeRole: NONE, or SAM has the function called as the caller");
    }
    Ok(is_iam)
}
