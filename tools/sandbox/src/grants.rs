//! What IAM roles allow, and which permission each call needs.

use serde_json::Value;

/// A permission: an action on a resource, both as the template writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `dynamodb:GetItem`.
    pub action: String,
    /// The ARN; it may have `*` in it.
    pub resource: String,
}

impl Grant {
    /// Whether this permission covers the one that a call needs.
    #[must_use]
    pub fn allows(&self, needed: &Self) -> bool {
        self.action == needed.action && fits(&self.resource, &needed.resource)
    }

    /// The permission that a call of DynamoDB or Secrets Manager needs.
    pub(crate) fn for_json_call(target: &str, body: &Value) -> Option<Self> {
        let (service, operation) = target.split_once('.')?;
        let text = |name: &str| body[name].as_str();
        let (service, resource) = if service.starts_with("DynamoDB_") {
            let table = format!("arn:aws:sandbox:{}:Arn", text("TableName")?);
            let resource = match text("IndexName") {
                Some(index) => format!("{table}/index/{index}"),
                None => table,
            };
            ("dynamodb", resource)
        } else {
            (service, text("SecretId")?.to_owned())
        };
        Some(Self {
            action: format!("{service}:{operation}"),
            resource,
        })
    }

    /// The permission that a request to S3 needs.
    pub(crate) fn for_object(method: &str, bucket: &str, key: &str) -> Option<Self> {
        let action = match method {
            "PUT" => "s3:PutObject",
            "GET" | "HEAD" => "s3:GetObject",
            _ => return None,
        };
        Some(Self {
            action: action.to_owned(),
            resource: format!("arn:aws:sandbox:{bucket}:Arn/{key}"),
        })
    }
}

/// Whether a resource fits a pattern, in which each `*` stands for any text.
fn fits(pattern: &str, resource: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == resource;
    };
    let Some(after) = resource.strip_prefix(start) else {
        return false;
    };
    let mut ends = after.char_indices().map(|(at, _)| at).chain([after.len()]);
    ends.any(|at| after.get(at..).is_some_and(|left| fits(rest, left)))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, resource, expected) in [
            ("a:b", "a:b", true),
            ("a:b", "a:bc", false),
            ("a:b/2*", "a:b/2026-11-22/sent/x", true),
            ("a:b/2*", "a:b/statements/x", false),
            ("a:b/*/report.html", "a:b/2026-11-22/report.html", true),
            ("a:b/*/report.html", "a:b/2026-11-22/report.csv", false),
            ("a:b/*/report.html", "a:b/report.html", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, resource), expected, "{pattern} {resource}");
        }
    }
}
