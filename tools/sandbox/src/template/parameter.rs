//! What CloudFormation checks of a parameter's value before it makes anything.

use anyhow::{Context, bail};
use regex::Regex;
use serde_json::Value;

use super::stack::text;

/// Refuses a value that the parameter's declaration does not allow, in one line.
pub(super) fn check(name: &str, value: &Value, declaration: &Value) -> anyhow::Result<()> {
    let given = text(value);
    let refused = |rule: String| format!("{name}={given}: {rule}");
    if let Some(allowed) = declaration["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().map(text).collect();
        if !allowed.contains(&given) {
            bail!(refused(format!("must be one of {}", allowed.join(", "))));
        }
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str() {
        // CloudFormation wants the whole value to match.
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        let whole = whole.with_context(|| format!("AllowedPattern of {name}"))?;
        if !whole.is_match(&given) {
            let why = declaration["ConstraintDescription"].as_str();
            let why = why.map_or_else(|| format!("must match {pattern}"), str::to_owned);
            bail!(refused(why));
        }
    }
    if declaration["Type"] == "Number" {
        let Ok(number_given) = given.parse::<f64>() else {
            bail!(refused("must be a number".to_owned()));
        };
        let bound = |name: &str| declaration[name].as_f64();
        if let Some(least) = bound("MinValue").filter(|least| number_given < *least) {
            bail!(refused(format!("must be {least} or more")));
        }
        if let Some(most) = bound("MaxValue").filter(|most| number_given > *most) {
            bail!(refused(format!("must be {most} or less")));
        }
    }
    let chars = given.chars().count();
    let length = |name: &str| {
        declaration[name]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
    };
    if length("MinLength").is_some_and(|least| chars < least) {
        bail!(refused("is too short".to_owned()));
    }
    if length("MaxLength").is_some_and(|most| chars > most) {
        bail!(refused("is too long".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_that_is_not_allowed_is_refused_in_one_line() {
        let word = json!({ "Type": "String", "AllowedValues": ["on", "off"] });
        let whole = json!({ "Type": "Number", "MinValue": 1, "MaxValue": 9 });
        let name = json!({ "Type": "String", "AllowedPattern": "^$|[a-z]+", "MaxLength": 3 });
        for (declaration, value, refusal) in [
            (&word, json!("on"), None),
            (
                &word,
                json!("wrong"),
                Some("P=wrong: must be one of on, off"),
            ),
            (&whole, json!("1"), None),
            (&whole, json!(9), None),
            (&whole, json!("0"), Some("P=0: must be 1 or more")),
            (&whole, json!("10"), Some("P=10: must be 9 or less")),
            (&whole, json!("x"), Some("P=x: must be a number")),
            (&name, json!(""), None),
            (&name, json!("abc"), None),
            (&name, json!("a1"), Some("P=a1: must match ^$|[a-z]+")),
            (&name, json!("abcd"), Some("P=abcd: is too long")),
        ] {
            let checked = check("P", &value, declaration);
            let found = checked.err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), refusal, "{value}");
        }
    }
}
