//! What IAM roles allow, and which permission each call needs.

use serde_json::Value;

/// A permission: an action on a resource, both as the template writes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `dynamodb:GetItem`.
    pub action: String,
    /// The ARN; it may end in `*`.
    pub resource: String,
}

impl Grant {
    /// Whether this permission covers the one that a call needs.
    pub(crate) fn allows(&self, needed: &Self) -> bool {
        let fits = match self.resource.strip_suffix('*') {
            Some(prefix) => needed.resource.starts_with(prefix),
            None => self.resource == needed.resource,
        };
        self.action == needed.action && fits
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
