//! CloudFormation, as far as our template needs it. It resolves parameters, conditions and references, and reads
//! routes, functions and event sources from the result. So the sandbox cannot differ from what is deployed.

mod events;
mod parameter;
mod stack;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use self::events::event_source;
pub use self::stack::ACCOUNT;
pub(crate) use self::stack::REGION;
use self::stack::{Stack, number, secret_arn, text};
use crate::grants::Grant;
use crate::schedule::Timetable;

/// The policies of people who operate; another managed policy is not theirs.
const OPERATORS_POLICIES: [&str; 4] = [
    "ReadPolicy",
    "ActPolicy",
    "ApprovePolicy",
    "BreakGlassPolicy",
];

/// What the template declares.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Functions by the name of their binary.
    pub functions: BTreeMap<String, FunctionPlan>,
    /// The API's routes.
    pub routes: Vec<Route>,
    /// API Gateway's own error answers: response type → status, body.
    pub gateway_responses: BTreeMap<String, (Option<u16>, String)>,
    /// The pages that browsers get instead: response type → HTML.
    pub gateway_pages: BTreeMap<String, String>,
    /// The API's logical name, which stands for its id.
    pub api: String,
    /// The API's stage.
    pub stage: String,
    /// Tables: name → properties.
    pub tables: BTreeMap<String, Value>,
    /// Buckets: name → properties.
    pub buckets: BTreeMap<String, Value>,
    pub streams: Vec<StreamPlan>,
    pub schedules: Vec<SchedulePlan>,
    /// ARNs of the secrets: logical name → ARN.
    pub secrets: BTreeMap<String, String>,
    /// The settings of the operator's command: variable → value.
    pub operator_settings: BTreeMap<String, String>,
    /// The permissions of people who operate: the policy's logical name → its permissions.
    pub policies: BTreeMap<String, Vec<Grant>>,
    /// Every resource by its logical name: its type, and its properties with all references resolved.
    pub resources: BTreeMap<String, Value>,
    /// `Globals.Function`: the properties of every function.
    pub globals: Value,
}

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct FunctionPlan {
    /// The name of the binary and of its package.
    pub binary: String,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The time limit of one invocation.
    pub timeout: Duration,
    /// Memory in MiB.
    pub memory: u64,
    /// How many events it processes at the same time, at most.
    pub reserved_concurrency: Option<u64>,
    /// The permissions of its role.
    pub grants: Vec<Grant>,
}

/// A route of the API.
#[derive(Clone, Debug)]
pub struct Route {
    /// The HTTP method in upper case.
    pub method: String,
    /// `/pay/{token}/return`.
    pub path: String,
    /// The binary that serves it.
    pub function: String,
    /// Whether API Gateway wants a signature of somebody who may call it (`AWS_IAM`).
    pub is_iam: bool,
    /// Throttling: requests per second, and burst.
    pub throttle: (f64, f64),
}

/// A function that a table's stream invokes.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    pub function: String,
    pub table: String,
    /// The largest number of records in a batch.
    pub batch_size: usize,
    /// How often a failed batch is delivered again.
    pub retries: u64,
    /// The filter: a record passes if one of these patterns matches.
    pub filters: Vec<Value>,
}

/// A function that a schedule invokes.
#[derive(Clone, Debug)]
pub struct SchedulePlan {
    pub function: String,
    /// When it fires.
    pub(crate) timetable: Timetable,
    /// The event that the function receives.
    pub input: Value,
    /// How often a failed invocation is repeated.
    pub retries: u64,
}

impl SchedulePlan {
    /// Whether it is a sweep. A `cron(…)` schedule fires rarely.
    pub(crate) fn is_often(&self) -> bool {
        matches!(self.timetable, Timetable::Sweeps)
    }
}

impl Plan {
    /// Reads a template with these parameters.
    pub fn read(yaml: &str, parameters: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let template: yaml_serde::Value = yaml_serde::from_str(yaml).context("not YAML")?;
        Stack::new(template, parameters)?.plan()
    }

    /// The resource that a call of the API is for IAM.
    #[must_use]
    pub fn method_arn(&self, method: &str, path: &str) -> String {
        let Self { api, stage, .. } = self;
        format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{stage}/{method}{path}")
    }

    /// Whether a record matches a pattern of a stream filter.
    pub(crate) fn matches(pattern: &Value, record: &Value) -> bool {
        match (pattern, record) {
            (Value::Object(pattern), Value::Object(record)) => {
                pattern.iter().all(|(name, pattern)| {
                    record
                        .get(name)
                        .is_some_and(|value| Self::matches(pattern, value))
                })
            }
            (Value::Array(any_of), value) => any_of.contains(value),
            _ => false,
        }
    }
}

impl Stack {
    fn plan(&self) -> anyhow::Result<Plan> {
        self.keeps_the_rules()?;
        let mut plan = Plan {
            functions: BTreeMap::new(),
            routes: Vec::new(),
            gateway_responses: BTreeMap::new(),
            gateway_pages: BTreeMap::new(),
            api: String::new(),
            stage: String::new(),
            tables: BTreeMap::new(),
            buckets: BTreeMap::new(),
            streams: Vec::new(),
            schedules: Vec::new(),
            secrets: BTreeMap::new(),
            operator_settings: self.operator_settings()?,
            policies: BTreeMap::new(),
            resources: BTreeMap::new(),
            globals: self.resolve(&self.template["Globals"]["Function"])?,
        };
        let resources = self.template["Resources"]
            .as_object()
            .context("no Resources")?;
        let mut method_settings = Value::Null;
        for (name, resource) in resources {
            let properties = self
                .resolve(&resource["Properties"])
                .context(name.clone())?;
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    self.function(&mut plan, resource, &properties)
                }
                Some("AWS::Serverless::Api") => {
                    method_settings.clone_from(&properties["MethodSettings"]);
                    plan.api.clone_from(name);
                    api(&mut plan, &properties)
                }
                Some("AWS::DynamoDB::Table") => {
                    plan.tables.insert(name.clone(), properties.clone());
                    Ok(())
                }
                Some("AWS::S3::Bucket") => {
                    plan.buckets.insert(name.clone(), properties.clone());
                    Ok(())
                }
                Some("AWS::SecretsManager::Secret") => {
                    plan.secrets.insert(name.clone(), secret_arn(name));
                    Ok(())
                }
                Some("AWS::IAM::ManagedPolicy") if OPERATORS_POLICIES.contains(&name.as_str()) => {
                    let granted = granted(&properties["PolicyDocument"]);
                    plan.policies.insert(name.clone(), granted);
                    Ok(())
                }
                _ => Ok(()),
            }
            .with_context(|| format!("resource {name} of the template"))?;
            let mut resource = resource.clone();
            resource["Properties"] = properties;
            plan.resources.insert(name.clone(), resource);
        }
        for route in &mut plan.routes {
            route.throttle = throttle(&method_settings, route)?;
        }
        Ok(plan)
    }

    /// The template's output `OperatorSettings`.
    fn operator_settings(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let output = &self.template["Outputs"]["OperatorSettings"]["Value"];
        if output.is_null() {
            return Ok(BTreeMap::new());
        }
        let json = text(&self.resolve(output)?);
        serde_json::from_str(&json).context("output OperatorSettings")
    }

    /// The permissions of a function's role.
    fn grants(&self, own: &Value) -> anyhow::Result<Vec<Grant>> {
        let role = text(&own["Role"]);
        let Some(role) = role.split(':').nth(3) else {
            return Ok(Vec::new());
        };
        let policies = self.resolve(&self.template["Resources"][role]["Properties"]["Policies"])?;
        let documents = list(&policies).map(|policy| granted(&policy["PolicyDocument"]));
        Ok(documents.flatten().collect())
    }

    fn function(&self, plan: &mut Plan, resource: &Value, own: &Value) -> anyhow::Result<()> {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let binary = binary.context("no BuildProperties.Binary")?.to_owned();
        let globals = plan.globals.clone();
        let setting = |name: &str| own.get(name).or(globals.get(name)).and_then(number);

        let mut environment = BTreeMap::new();
        for source in [&globals, own] {
            for (name, value) in source["Environment"]["Variables"]
                .as_object()
                .into_iter()
                .flatten()
            {
                environment.insert(name.clone(), text(value));
            }
        }
        for event in own["Events"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, event)| event)
        {
            event_source(plan, &binary, event)?;
        }
        let function = FunctionPlan {
            binary: binary.clone(),
            environment,
            timeout: Duration::from_secs(setting("Timeout").unwrap_or(3)),
            memory: setting("MemorySize").unwrap_or(128),
            reserved_concurrency: setting("ReservedConcurrentExecutions"),
            grants: self.grants(own)?,
        };
        plan.functions.insert(binary, function);
        Ok(())
    }
}

fn api(plan: &mut Plan, properties: &Value) -> anyhow::Result<()> {
    if !properties["Auth"]["DefaultAuthorizer"].is_null() {
        bail!("the sandbox does not support a DefaultAuthorizer");
    }
    let stage = properties["StageName"].as_str();
    stage.context("no StageName")?.clone_into(&mut plan.stage);
    let responses = properties["GatewayResponses"].as_object();
    for (kind, response) in responses.into_iter().flatten() {
        let status = response["StatusCode"]
            .as_u64()
            .and_then(|s| u16::try_from(s).ok());
        let body = text(&response["ResponseTemplates"]["application/json"]);
        if let Some(page) = response["ResponseTemplates"]["text/html"].as_str() {
            plan.gateway_pages.insert(kind.clone(), page.to_owned());
        }
        plan.gateway_responses.insert(kind.clone(), (status, body));
    }
    Ok(())
}

/// The throttling of a route: its own, or the one of all routes.
fn throttle(settings: &Value, route: &Route) -> anyhow::Result<(f64, f64)> {
    let path = format!("/{}", route.path.replace('/', "~1"));
    let own = |setting: &&Value| {
        setting["ResourcePath"] == path.as_str() && setting["HttpMethod"] == route.method.as_str()
    };
    let all = |setting: &&Value| setting["ResourcePath"] == "/*";
    let found = list(settings)
        .find(own)
        .or_else(|| list(settings).find(all));
    let limits = found.and_then(|setting| {
        let rate = number(&setting["ThrottlingRateLimit"])?;
        Some((rate, number(&setting["ThrottlingBurstLimit"])?))
    });
    let (rate, burst) =
        limits.with_context(|| format!("MethodSettings has no throttling for {}", route.path))?;
    Ok((
        f64::from(u32::try_from(rate)?),
        f64::from(u32::try_from(burst)?),
    ))
}

/// The permissions in a policy. A statement that denies gives none.
fn granted(document: &Value) -> Vec<Grant> {
    let mut grants = Vec::new();
    let statements = list(&document["Statement"]);
    for statement in statements.filter(|statement| statement["Effect"] != "Deny") {
        for action in list(&statement["Action"]) {
            grants.extend(list(&statement["Resource"]).map(|resource| Grant {
                action: text(action),
                resource: text(resource),
            }));
        }
    }
    grants
}

/// The members of a list. IAM also accepts one value in place of a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Value::Array(items) => (Some(items), None),
        Value::Null => (None, None),
        one => (None, Some(one)),
    };
    many.into_iter().flatten().chain(one)
}

#[cfg(test)]
mod tests;
