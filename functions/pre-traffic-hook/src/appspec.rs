//! The functions and versions of a deployment, by its `AppSpec`.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::Value;

/// A function, and its version that is to get traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The key in the `AppSpec`: the function's logical id, or a word that all functions share.
    pub key: String,
    /// The name or ARN of the function.
    pub function: String,
    /// The version that is to get traffic.
    pub version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AppSpec {
    resources: Vec<BTreeMap<String, Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    name: String,
    target_version: String,
}

/// The text of an `AppSpec` in a revision, under one of the two names that it has had. `None` if CodeDeploy returns
/// only its hash.
pub(crate) fn content(revision: &Value) -> Option<&str> {
    let places = ["/appSpecContent/content", "/string/content"];
    places
        .into_iter()
        .find_map(|place| revision.pointer(place)?.as_str())
}

/// The functions of an `AppSpec`: at least one.
pub(crate) fn releases(app_spec: &str) -> anyhow::Result<Vec<Release>> {
    let app_spec: AppSpec = serde_json::from_str(app_spec).context("the AppSpec is not ours")?;
    let resources = app_spec.resources.into_iter().flatten();
    let releases = resources.map(|(key, Resource { properties })| release(key, properties));
    let releases = releases.collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!releases.is_empty(), "the AppSpec names no function");
    Ok(releases)
}

/// Name and version become parts of a URL. A version is a number: `$LATEST` is not a published version.
fn release(key: String, properties: Properties) -> anyhow::Result<Release> {
    let Properties {
        name: function,
        target_version: version,
    } = properties;
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-_:".contains(&b);
    ensure!(
        !function.is_empty() && function.bytes().all(named),
        "the AppSpec names no function"
    );
    ensure!(
        !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()),
        "the AppSpec names no published version of {function}"
    );
    Ok(Release {
        key,
        function,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app_spec(name: &str, version: &str) -> String {
        let properties =
            json!({"Name": name, "Alias": "live", "CurrentVersion": "6", "TargetVersion": version});
        let function = json!({"Type": "AWS::Lambda::Function", "Properties": properties});
        json!({
            "version": "0.0",
            "Resources": [{"CreateTransactionFunction": function}],
            "Hooks": [{"BeforeAllowTraffic": "CodeDeployHook_tikivip"}],
        })
        .to_string()
    }

    #[test]
    fn an_app_spec_is_read_in_both_shapes() {
        let text = app_spec("tikivip-CreateTransactionFunction-1AB2", "7");
        let new =
            json!({"revisionType": "AppSpecContent", "appSpecContent": {"content": text.clone()}});
        let old =
            json!({"revisionType": "String", "string": {"content": text.clone(), "sha256": "0"}});
        for revision in [new, old] {
            let found = releases(content(&revision).unwrap()).unwrap();
            let release = Release {
                key: "CreateTransactionFunction".to_owned(),
                function: "tikivip-CreateTransactionFunction-1AB2".to_owned(),
                version: "7".to_owned(),
            };
            assert_eq!(found, [release]);
        }
    }

    #[test]
    fn a_revision_may_have_only_a_hash() {
        for revision in [
            json!({"revisionType": "String", "string": {"sha256": "0"}}),
            json!({"revisionType": "AppSpecContent", "appSpecContent": {"sha256": "0"}}),
            json!({"revisionType": "S3", "s3Location": {"bucket": "b"}}),
            json!(null),
        ] {
            assert_eq!(content(&revision), None, "{revision}");
        }
    }

    #[test]
    fn an_app_spec_without_a_published_version_is_refused() {
        for text in [
            String::new(),
            "version: 0.0".to_owned(),
            json!({"Resources": []}).to_string(),
            json!({"Resources": [{}]}).to_string(),
            json!({"Resources": [{"F": {"Properties": {"Name": "f"}}}]}).to_string(),
            app_spec("f", "$LATEST"),
            app_spec("f", ""),
            app_spec("", "7"),
            app_spec("f/../g", "7"),
            app_spec("f?Qualifier=1", "7"),
        ] {
            assert!(releases(&text).is_err(), "{text}");
        }
    }
}
