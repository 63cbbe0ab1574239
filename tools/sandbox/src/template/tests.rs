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
          SHOP: !Sub ["${Url}/shop/${Table}", { Url: !If [Named, !Ref Name, none] }]
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
    assert_eq!(environment["SHOP"], "b/shop/Table");
    assert!(plan(&[("Unknown", "x")]).is_err());
}

#[test]
fn only_the_operators_policies_are_the_operators() {
    let yaml = r#"
Resources:
  Api: { Type: AWS::Serverless::Api, Properties: { StageName: live } }
  Table: { Type: AWS::DynamoDB::Table, Properties: {} }
  Key: { Type: AWS::KMS::Key, Properties: {} }
  ReadPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - { Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/live/GET/operator/v1/*" }
          - Effect: Allow
            Action: [kms:Decrypt]
            Resource: !GetAtt Key.Arn
            Condition: { StringEquals: { "kms:ViaService": !Sub "s3.${AWS::Region}.amazonaws.com" } }
          - { Effect: Deny, Action: "dynamodb:GetItem", Resource: !GetAtt Table.Arn }
  ActPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: [sqs:PurgeQueue], Resource: "q" }] }
  StatementPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: [{ Effect: Allow, Action: [s3:PutObject], Resource: "b/*" }] }
"#;
    let plan = Plan::read(yaml, &BTreeMap::new()).unwrap();
    let grant = |action: &str, resource: &str| Grant {
        action: action.to_owned(),
        resource: resource.to_owned(),
    };
    let routes = "arn:aws:execute-api:ap-southeast-1:000000000000:Api/live/GET/operator/v1/*";
    let read = [
        grant("execute-api:Invoke", routes),
        grant("kms:Decrypt", "arn:aws:sandbox:Key:Arn"),
    ];
    let act = [grant("sqs:PurgeQueue", "q")];
    let expected = [("ReadPolicy", read.to_vec()), ("ActPolicy", act.to_vec())];
    let expected = expected.map(|(name, grants)| (name.to_owned(), grants));
    assert_eq!(plan.policies, BTreeMap::from(expected));

    let call = |method, path| grant("execute-api:Invoke", &plan.method_arn(method, path));
    let [route, _] = read;
    assert!(route.allows(&call("GET", "/operator/v1/transactions/x")));
    assert!(!route.allows(&call("POST", "/operator/v1/transactions/x")));
    assert!(!route.allows(&call("GET", "/operator/v2/transactions/x")));
}

#[test]
fn a_route_knows_whether_it_has_iam_authorisation() {
    let plan = |api: &str, route: &str| {
        let yaml = r#"
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      MethodSettings: [{ ResourcePath: "/*", HttpMethod: "*", ThrottlingRateLimit: 1, ThrottlingBurstLimit: 1 }]
      Auth: <api>
  Fn:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: fn } }
    Properties:
      Events: { Call: { Type: Api, Properties: { Method: get, Path: /x, Auth: <route> } } }
"#;
        let yaml = yaml.replace("<api>", api).replace("<route>", route);
        let plan = Plan::read(&yaml, &BTreeMap::new());
        plan.map(|plan| plan.routes.first().unwrap().is_iam)
    };
    for (route, expected) in [
        ("{ Authorizer: AWS_IAM, InvokeRole: NONE }", true),
        ("{ Authorizer: NONE }", false),
        ("{}", false),
    ] {
        assert_eq!(plan("{}", route).unwrap(), expected, "{route}");
    }
    for route in [
        "{ Authorizer: AWS_IAM }",
        "{ Authorizer: AWS_IAM, InvokeRole: CALLER_CREDENTIALS }",
        "{ Authorizer: Customers }",
        "{ ApiKeyRequired: true }",
        "{ ResourcePolicy: { IpRangeDenylist: [192.0.2.1] } }",
    ] {
        assert!(plan("{}", route).is_err(), "{route}");
    }
    assert!(plan("{ DefaultAuthorizer: AWS_IAM }", "{}").is_err());
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
