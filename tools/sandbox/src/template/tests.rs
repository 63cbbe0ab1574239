use super::*;
use serde_json::json;

#[test]
fn a_stream_filter_matches_only_its_mark() {
    let pattern = json!({"dynamodb": {"NewImage": {"ipn_due_mark": {"S": ["now"]}}}});
    let record = |image: Value| json!({"eventName": "MODIFY", "dynamodb": {"NewImage": image}});
    assert!(Plan::matches(
        &pattern,
        &record(json!({"ipn_due_mark": {"S": "now"}, "x": {"N": "1"}}))
    ));
    assert!(!Plan::matches(
        &pattern,
        &record(json!({"ipn_due_mark": {"S": "later"}}))
    ));
    assert!(!Plan::matches(&pattern, &record(json!({}))));
    assert!(!Plan::matches(&pattern, &json!({"dynamodb": {}})));
}

#[test]
fn intrinsic_functions_are_resolved() {
    let yaml = r#"
Parameters: { Name: { Default: "" }, Env: { Default: a } }
Mappings: { Map: { a: { Url: "https://a" } } }
Conditions: { Named: !Not [!Equals [!Ref Name, ""]] }
Resources:
  Table: { Type: AWS::DynamoDB::Table, Properties: {} }
  Fn:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: fn } }
    Properties:
      Environment:
        Variables:
          URL: !If [Named, !Ref Name, !FindInMap [Map, !Ref Env, Url]]
          TABLE: !Ref Table
          INDEX: !Sub "${Table.Arn}/index/x"
"#;
    let plan = |parameters: &[(&str, &str)]| {
        let parameters = parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Plan::read(yaml, &parameters.collect())
    };
    let environment = &plan(&[]).unwrap().functions["fn"].environment;
    assert_eq!(environment["URL"], "https://a");
    assert_eq!(environment["TABLE"], "Table");
    assert!(environment["INDEX"].ends_with("/index/x"));
    let environment = &plan(&[("Name", "b")]).unwrap().functions["fn"].environment;
    assert_eq!(environment["URL"], "b");
    assert!(plan(&[("Unknown", "x")]).is_err());
}

#[test]
fn only_the_operators_policy_is_the_operators() {
    let yaml = r#"
Resources:
  OperatorPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: [sqs:PurgeQueue], Resource: "q" }] }
  StatementPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: [s3:PutObject], Resource: "b/*" }] }
"#;
    let plan = Plan::read(yaml, &BTreeMap::new()).unwrap();
    let grant = Grant {
        action: "sqs:PurgeQueue".to_owned(),
        resource: "q".to_owned(),
    };
    assert_eq!(plan.operator_grants, [grant]);
}

#[test]
fn a_bucket_has_the_same_name_in_ref_and_arn() {
    let yaml = r#"
Resources:
  Files: { Type: AWS::S3::Bucket, Properties: { VersioningConfiguration: { Status: Enabled } } }
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement: [{ Effect: Allow, Action: [s3:PutObject], Resource: !Sub "${Files.Arn}/*" }]
  Fn:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: fn } }
    Properties:
      Role: !GetAtt Role.Arn
      Environment: { Variables: { BUCKET: !Ref Files } }
"#;
    let plan = Plan::read(yaml, &BTreeMap::new()).unwrap();
    let function = &plan.functions["fn"];
    let (name, properties) = plan.buckets.iter().next().unwrap();
    assert_eq!(function.environment["BUCKET"], *name);
    assert_eq!(properties["VersioningConfiguration"]["Status"], "Enabled");
    let needed = Grant::for_object("PUT", name, "a/b").unwrap();
    assert_eq!(function.grants.len(), 1);
    assert!(function.grants[0].allows(&needed));
    let needed = Grant::for_object("GET", name, "a/b").unwrap();
    assert!(!function.grants[0].allows(&needed));
}
