//! A template with its parameters. It resolves references, conditions and intrinsic functions.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::parameter;

/// The region that the sandbox plays.
pub(crate) const REGION: &str = "ap-southeast-1";
/// The account that the sandbox plays.
pub const ACCOUNT: &str = "000000000000";

pub(super) struct Stack {
    pub(super) template: Value,
    parameters: BTreeMap<String, Value>,
}

impl Stack {
    pub(super) fn new(
        template: yaml_serde::Value,
        given: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let template = untagged(template)?;
        let mut parameters = BTreeMap::new();
        let declared = template["Parameters"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        for name in given.keys() {
            if !declared.contains_key(name) {
                bail!("the template has no parameter {name}");
            }
        }
        for (name, declaration) in declared {
            let value = match given.get(&name) {
                Some(value) => json!(value),
                None => declaration
                    .get("Default")
                    .cloned()
                    .with_context(|| format!("parameter {name} of the template has no value"))?,
            };
            parameter::check(&name, &value, &declaration)?;
            parameters.insert(name, value);
        }
        Ok(Self {
            template,
            parameters,
        })
    }

    /// The value with all intrinsic functions resolved.
    pub(super) fn resolve(&self, value: &Value) -> anyhow::Result<Value> {
        match value {
            Value::Object(object) => {
                if let (1, Some((name, argument))) = (object.len(), object.iter().next())
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.intrinsic(name, argument);
                }
                let entries = object
                    .iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve(v)?)));
                Ok(Value::Object(entries.collect::<anyhow::Result<_>>()?))
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                Ok(Value::Array(items.collect::<anyhow::Result<_>>()?))
            }
            plain => Ok(plain.clone()),
        }
    }

    fn intrinsic(&self, name: &str, argument: &Value) -> anyhow::Result<Value> {
        if name == "Fn::If" {
            let condition = argument[0].as_str().context("Fn::If without a condition")?;
            let chosen = if self.condition(condition)? {
                &argument[1]
            } else {
                &argument[2]
            };
            return self.resolve(chosen);
        }
        let argument = self.resolve(argument)?;
        let part = |i: usize| {
            argument[i]
                .as_str()
                .with_context(|| format!("{name} {argument}"))
        };
        match name {
            "Ref" => self.reference(argument.as_str().context("Ref needs a name")?),
            "Fn::GetAtt" => Ok(json!(format!("arn:aws:sandbox:{}:{}", part(0)?, part(1)?))),
            "Fn::FindInMap" => {
                let found = &self.template["Mappings"][part(0)?][part(1)?][part(2)?];
                Ok(found.clone())
            }
            "Fn::Join" => {
                let parts = argument[1].as_array().context("Fn::Join needs a list")?;
                let parts: Vec<String> = parts.iter().map(text).collect();
                Ok(json!(parts.join(part(0)?)))
            }
            "Fn::Split" => Ok(part(1)?.split(part(0)?).collect()),
            "Fn::Select" => {
                let index = number(&argument[0]).and_then(|i| usize::try_from(i).ok());
                let index = index.context("Fn::Select without an index")?;
                Ok(argument[1][index].clone())
            }
            // A text, or a list of a text and of the values of names of its own.
            "Fn::Sub" => {
                let template = argument.as_str().or(argument[0].as_str());
                self.substitute(template.context("Fn::Sub needs a text")?, &argument[1])
            }
            _ => bail!("the sandbox does not support {name}"),
        }
    }

    fn reference(&self, name: &str) -> anyhow::Result<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        Ok(match name {
            "AWS::StackName" => json!("sandbox"),
            "AWS::Region" => json!(REGION),
            "AWS::AccountId" => json!(ACCOUNT),
            "AWS::Partition" => json!("aws"),
            "AWS::URLSuffix" => json!("amazonaws.com"),
            "AWS::NoValue" => Value::Null,
            _ => match self.template["Resources"][name]["Type"].as_str() {
                Some("AWS::SecretsManager::Secret") => json!(secret_arn(name)),
                Some(_) => json!(name),
                None => bail!("the template has no resource or parameter {name}"),
            },
        })
    }

    fn substitute(&self, template: &str, own: &Value) -> anyhow::Result<Value> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after
                .split_once('}')
                .context("Fn::Sub without a closing brace")?;
            out.push_str(before);
            let value = match name.split_once('.') {
                _ if !own[name].is_null() => own[name].clone(),
                Some((resource, attribute)) => {
                    json!(format!("arn:aws:sandbox:{resource}:{attribute}"))
                }
                None => self.reference(name)?,
            };
            out.push_str(&text(&value));
            rest = tail;
        }
        out.push_str(rest);
        Ok(json!(out))
    }

    /// The template's `Rules`, which CloudFormation checks before it makes anything.
    pub(super) fn keeps_the_rules(&self) -> anyhow::Result<()> {
        for (name, rule) in self.template["Rules"].as_object().into_iter().flatten() {
            let condition = &rule["RuleCondition"];
            if !condition.is_null() && !self.holds(condition).context(name.clone())? {
                continue;
            }
            for assertion in rule["Assertions"].as_array().into_iter().flatten() {
                if !self.holds(&assertion["Assert"]).context(name.clone())? {
                    bail!("{}", text(&assertion["AssertDescription"]));
                }
            }
        }
        Ok(())
    }

    fn condition(&self, name: &str) -> anyhow::Result<bool> {
        self.holds(&self.template["Conditions"][name])
            .with_context(|| format!("condition {name}"))
    }

    fn holds(&self, condition: &Value) -> anyhow::Result<bool> {
        if let Some(equal) = condition["Fn::Equals"].as_array() {
            let [left, right] = equal.as_slice() else {
                bail!("Fn::Equals needs two values");
            };
            return Ok(text(&self.resolve(left)?) == text(&self.resolve(right)?));
        }
        if let Some(contains) = condition["Fn::Contains"].as_array() {
            let [list, value] = contains.as_slice() else {
                bail!("Fn::Contains needs a list and a value");
            };
            let (list, value) = (self.resolve(list)?, text(&self.resolve(value)?));
            let mut list = list.as_array().into_iter().flatten();
            return Ok(list.any(|item| text(item) == value));
        }
        if let Some(inner) = condition["Fn::Not"].as_array() {
            return Ok(!self.holds(inner.first().context("Fn::Not needs a condition")?)?);
        }
        let each = |all: &Value| -> anyhow::Result<Vec<bool>> {
            let all = all.as_array().into_iter().flatten();
            all.map(|condition| self.holds(condition)).collect()
        };
        if !condition["Fn::And"].is_null() {
            return Ok(each(&condition["Fn::And"])?.into_iter().all(|holds| holds));
        }
        if !condition["Fn::Or"].is_null() {
            return Ok(each(&condition["Fn::Or"])?.into_iter().any(|holds| holds));
        }
        if let Some(name) = condition["Condition"].as_str() {
            return self.condition(name);
        }
        bail!("the sandbox does not support the condition {condition}")
    }
}

/// Turns YAML's short forms (`!Ref x`) into the long ones (`{"Ref": "x"}`).
fn untagged(value: yaml_serde::Value) -> anyhow::Result<Value> {
    use yaml_serde::Value as Yaml;
    Ok(match value {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                "Condition" => "Condition".to_owned(),
                name => format!("Fn::{name}"),
            };
            let mut value = untagged(tagged.value)?;
            if name == "Fn::GetAtt"
                && let Some((resource, attribute)) = value.as_str().and_then(|s| s.split_once('.'))
            {
                value = json!([resource, attribute]);
            }
            Value::Object(Map::from_iter([(name, value)]))
        }
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(untagged).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let entries = entries.into_iter().map(|(name, value)| {
                let name = name
                    .as_str()
                    .context("a name that is not a text")?
                    .to_owned();
                Ok((name, untagged(value)?))
            });
            Value::Object(entries.collect::<anyhow::Result<_>>()?)
        }
        plain => serde_json::to_value(plain)?,
    })
}

pub(super) fn secret_arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}")
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
