//! For each function one request that changes nothing, and the expected answer.

use anyhow::{Context, ensure};
use domain::Timestamp;
use serde_json::{Map, Value, json};
use signing::{HeaderNames, Keyring};

use crate::Release;

/// No transaction of Tiki has this id.
const UNKNOWN_TIKI_ID: &str = "PRE-TRAFFIC-CHECK";

/// It has the form of our ids, so the table is really read. It is none of them: ours are UUIDs of version 5.
const UNKNOWN_ID: &str = "00000000-0000-0000-0000-000000000000";

/// A day from before the first reconciliation.
const DAY_WITHOUT_FILES: &str = "2000-01-01";

/// It is not valid base64, so it is no payment link of ours.
const INVALID_TOKEN: &str = "pre-traffic-check";

/// A function that has a synthetic request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tiki creates a transaction.
    CreateTransaction,
    /// Tiki looks a transaction up.
    CheckTransaction,
    /// Tiki asks for a refund.
    RefundTransaction,
    /// Tiki asks for the reconciliation of a day.
    CheckReconciliation,
    /// A person follows the link of the daily mail.
    ReportRedirect,
    /// A customer follows a payment link.
    PaymentRedirect,
    /// The partner's app opens Tiki VIP.
    OpenWebview,
    /// The core sends a payment result.
    PaymentResult,
    /// The payment screen reads a payment.
    PaymentDetails,
    /// The partner's app hands over a payment.
    PartnerTransaction,
    /// Sends notifications (IPN) to Tiki.
    IpnSender,
    /// Asks the core about payments and refunds.
    CoreWorker,
}

/// A counterparty that calls our functions with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Tiki, with its own secret and headers.
    Tiki,
    /// The partner's core and app backend.
    Core,
}

/// The event that a function is invoked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synthetic {
    /// A request that its caller must sign.
    Signed(Caller, Request),
    /// A request that needs no signature.
    Open(Request),
    /// A batch of the table's stream.
    Batch(Value),
}

/// An HTTP request, as API Gateway passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: &'static str,
    resource: &'static str,
    /// The parameter of the path, if it has one.
    parameter: Option<(&'static str, &'static str)>,
    headers: Map<String, Value>,
    body: Option<String>,
}

/// The expected answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// An answer of an API: HTTP status and code.
    Code(u64, u64),
    /// A page for a customer: HTTP status.
    Page(u64),
    /// No record of a batch failed.
    NoFailures,
}

impl Kind {
    /// The functions in the order of their integration points.
    pub const ALL: [Self; 12] = [
        Self::CreateTransaction,
        Self::CheckTransaction,
        Self::RefundTransaction,
        Self::CheckReconciliation,
        Self::ReportRedirect,
        Self::PaymentRedirect,
        Self::OpenWebview,
        Self::PaymentResult,
        Self::PaymentDetails,
        Self::PartnerTransaction,
        Self::IpnSender,
        Self::CoreWorker,
    ];

    /// The logical id of the function in the template.
    #[must_use]
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::CreateTransaction => "CreateTransactionFunction",
            Self::CheckTransaction => "CheckTransactionFunction",
            Self::RefundTransaction => "RefundTransactionFunction",
            Self::CheckReconciliation => "CheckReconciliationFunction",
            Self::ReportRedirect => "ReportRedirectFunction",
            Self::PaymentRedirect => "PaymentRedirectFunction",
            Self::OpenWebview => "OpenWebviewFunction",
            Self::PaymentResult => "PaymentResultFunction",
            Self::PaymentDetails => "PaymentDetailsFunction",
            Self::PartnerTransaction => "PartnerTransactionFunction",
            Self::IpnSender => "IpnSenderFunction",
            Self::CoreWorker => "CoreWorkerFunction",
        }
    }

    /// The function that an `AppSpec` means, by its key or else by the name of the function. `None` if neither
    /// identifies one, or the name fits two.
    #[must_use]
    pub fn of(release: &Release) -> Option<Self> {
        let by_key = |kind: &Self| kind.logical_id() == release.key;
        if let Some(kind) = Self::ALL.into_iter().find(by_key) {
            return Some(kind);
        }
        let by_name = |kind: &Self| kind.names(&release.function);
        let mut named = Self::ALL.into_iter().filter(by_name);
        named.next().filter(|_| named.next().is_none())
    }

    /// Whether CloudFormation may have made this name from the logical id: `tikivip-CreateTransactionFunctio-1AB2`. It
    /// shortens the logical id, but never to less than the part before the word that all of ours end in.
    fn names(self, function: &str) -> bool {
        let whole = self.logical_id();
        let least = whole.trim_end_matches("Function").len();
        function
            .split(['-', ':'])
            .any(|part| part.len() >= least && whole.starts_with(part))
    }

    /// The event that the function is invoked with.
    #[must_use]
    pub fn synthetic(self) -> Synthetic {
        let id = json!({ "tiki_transaction_id": UNKNOWN_TIKI_ID });
        match self {
            // The amount is missing.
            Self::CreateTransaction => {
                let request = Request::post("/tikivip/v1/transactions", &id);
                Synthetic::Signed(Caller::Tiki, request)
            }
            Self::CheckTransaction => {
                let request = Request::post("/tikivip/v1/transactions/query", &id);
                Synthetic::Signed(Caller::Tiki, request)
            }
            Self::RefundTransaction => {
                let body = json!({
                    "tiki_transaction_id": UNKNOWN_TIKI_ID,
                    "transaction_id": UNKNOWN_ID,
                    "transaction_amount": 1,
                    "reason": "pre-traffic check",
                    "request_id": UNKNOWN_TIKI_ID,
                });
                let request = Request::post("/tikivip/v1/refunds", &body);
                Synthetic::Signed(Caller::Tiki, request)
            }
            Self::CheckReconciliation => {
                let request = Request::get("/tikivip/v1/reconciliation/{day}");
                let request = request.with_parameter("day", DAY_WITHOUT_FILES);
                Synthetic::Signed(Caller::Tiki, request)
            }
            Self::ReportRedirect => {
                let request = Request::get("/report/{token}");
                Synthetic::Open(request.with_parameter("token", INVALID_TOKEN))
            }
            Self::PaymentRedirect => {
                let request = Request::get("/pay/{token}");
                Synthetic::Open(request.with_parameter("token", INVALID_TOKEN))
            }
            Self::OpenWebview => {
                let request = Request::post("/partner/v1/webview", &json!({}));
                Synthetic::Signed(Caller::Core, request)
            }
            Self::PaymentResult => {
                let resource = "/partner/v1/payments/{transaction_id}/result";
                let result = json!({ "transaction_id": UNKNOWN_ID, "status": "FAILURE" });
                let request = Request::post(resource, &result);
                let request = request.with_parameter("transaction_id", UNKNOWN_ID);
                Synthetic::Signed(Caller::Core, request)
            }
            Self::PaymentDetails => {
                let request = Request::get("/partner/v1/payments/{transaction_id}");
                let request = request.with_parameter("transaction_id", UNKNOWN_ID);
                Synthetic::Signed(Caller::Core, request)
            }
            // The amount is missing, so Tiki is not asked.
            Self::PartnerTransaction => {
                let request = Request::post("/partner/v1/transactions", &id);
                Synthetic::Signed(Caller::Core, request)
            }
            Self::IpnSender | Self::CoreWorker => Synthetic::Batch(json!({ "Records": [] })),
        }
    }

    fn expected(self) -> Expected {
        match self {
            // Verified, and refused for a missing field.
            Self::CreateTransaction | Self::OpenWebview | Self::PartnerTransaction => {
                Expected::Code(400, 1)
            }
            // Verified, and not found in the table.
            Self::CheckTransaction | Self::CheckReconciliation => Expected::Code(200, 3),
            // Verified, and the id is not found.
            Self::PaymentResult | Self::PaymentDetails => Expected::Code(200, 3),
            // The same, with the HTTP status that refunds have.
            Self::RefundTransaction => Expected::Code(500, 3),
            Self::ReportRedirect | Self::PaymentRedirect => Expected::Page(404),
            Self::IpnSender | Self::CoreWorker => Expected::NoFailures,
        }
    }

    /// Checks the payload of a function's answer. The error has only numbers, and nothing of a body.
    pub fn check(self, payload: &[u8]) -> anyhow::Result<()> {
        let answer: Value = serde_json::from_slice(payload)
            .ok()
            .context("its answer is not JSON")?;
        match self.expected() {
            Expected::Code(status, code) => {
                let got = (status_of(&answer), code_of(&answer));
                ensure!(
                    got == (Some(status), Some(code)),
                    "it answers {}, and not HTTP {status} with code {code}",
                    described(got)
                );
            }
            Expected::Page(status) => {
                let got = status_of(&answer);
                ensure!(
                    got == Some(status),
                    "it answers {}, and not HTTP {status}",
                    described((got, code_of(&answer)))
                );
                ensure!(is_page(&answer), "its answer is not HTML");
            }
            Expected::NoFailures => {
                let failures = answer.get("batchItemFailures").and_then(Value::as_array);
                let failures = failures.context("it answers without batchItemFailures")?;
                ensure!(
                    failures.is_empty(),
                    "it returns records as failed that it did not get"
                );
            }
        }
        Ok(())
    }
}

impl Caller {
    /// The names of its headers.
    #[must_use]
    pub fn headers(self) -> HeaderNames {
        match self {
            Self::Tiki => HeaderNames::TIKI,
            Self::Core => HeaderNames::PARTNER,
        }
    }
}

impl Request {
    fn get(resource: &'static str) -> Self {
        Self {
            method: "GET",
            resource,
            parameter: None,
            headers: Map::new(),
            body: None,
        }
    }

    fn post(resource: &'static str, body: &Value) -> Self {
        let mut request = Self::get(resource);
        request.method = "POST";
        request.body = Some(body.to_string());
        request.with_header("Content-Type", "application/json")
    }

    fn with_parameter(mut self, name: &'static str, value: &'static str) -> Self {
        self.parameter = Some((name, value));
        self
    }

    fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Signs as the caller does: the exact bytes of the body, or the path of a GET.
    #[must_use]
    pub fn signed(self, caller: Caller, keys: &Keyring, now: Timestamp) -> Self {
        let names = caller.headers();
        // The whole path of a GET is accepted, whatever the base URL is (docs/decisions/0005).
        let message = self.body.clone().unwrap_or_else(|| self.path());
        let signed = keys.sign(now.unix_ms(), message.as_bytes());
        self.with_header(names.timestamp, &signed.timestamp)
            .with_header(names.client_id, &signed.client_id)
            .with_header(names.signature, &signed.signature)
    }

    fn path(&self) -> String {
        match self.parameter {
            Some((name, value)) => self.resource.replace(&format!("{{{name}}}"), value),
            None => self.resource.to_owned(),
        }
    }

    /// The event that API Gateway would make of the request.
    #[must_use]
    pub fn event(&self, request_id: &str) -> Value {
        let path = self.path();
        let parameters = self.parameter.map(|(name, value)| json!({ name: value }));
        let host = "pre-traffic-hook.invalid";
        let mut headers = self.headers.clone();
        headers.insert("Host".to_owned(), host.into());
        json!({
            "resource": self.resource,
            "path": path,
            "httpMethod": self.method,
            "headers": headers,
            "queryStringParameters": null,
            "pathParameters": parameters,
            "body": self.body,
            "isBase64Encoded": false,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "pre-traffic-hook",
                "domainName": host,
                "httpMethod": self.method,
                "identity": { "sourceIp": "127.0.0.1" },
                "path": format!("/live{path}"),
                "protocol": "HTTP/1.1",
                "requestId": request_id,
                "resourceId": "pre-traffic-hook",
                "resourcePath": self.resource,
                "stage": "live",
            },
        })
    }
}

fn status_of(answer: &Value) -> Option<u64> {
    answer.get("statusCode")?.as_u64()
}

fn code_of(answer: &Value) -> Option<u64> {
    let body: Value = serde_json::from_str(answer.get("body")?.as_str()?).ok()?;
    body.get("code")?.as_u64()
}

fn described((status, code): (Option<u64>, Option<u64>)) -> String {
    let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    format!("HTTP {} with code {}", number(status), number(code))
}

/// Whether an answer is HTML, by its header in one of the two places from which API Gateway takes headers.
fn is_page(answer: &Value) -> bool {
    let single = answer.get("headers").and_then(Value::as_object);
    let multiple = answer.get("multiValueHeaders").and_then(Value::as_object);
    let mut headers = [single, multiple].into_iter().flatten().flatten();
    headers.any(|(name, value)| {
        let first = value.get(0).unwrap_or(value).as_str();
        let html = first.is_some_and(|value| value.starts_with("text/html"));
        html && name.eq_ignore_ascii_case("content-type")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Inbound, payload_candidates};
    use signing::{ClientSecret, SignatureHeaders, Window};

    const NOW: i64 = 1_795_000_000_000;

    fn release(key: &str, function: &str) -> Release {
        Release {
            key: key.to_owned(),
            function: function.to_owned(),
            version: "7".to_owned(),
        }
    }

    #[test]
    fn a_function_is_identified_by_its_key_or_its_name() {
        for kind in Kind::ALL {
            let id = kind.logical_id();
            assert_eq!(Kind::of(&release(id, "anything")), Some(kind));
            for function in [
                format!("tikivip-{id}-1AB2CD3EF4GH"),
                format!(
                    "a-stack-of-a-long-name-{}-x1",
                    id.get(..id.len() - 3).unwrap()
                ),
                format!("arn:aws:lambda:ap-southeast-1:000000000000:function:t-{id}-x"),
                id.to_owned(),
            ] {
                assert_eq!(
                    Kind::of(&release("LambdaFunction", &function)),
                    Some(kind),
                    "{function}"
                );
            }
        }
    }

    #[test]
    fn a_function_of_another_stack_is_not_guessed() {
        for function in [
            "",
            "tikivip-Function-x",
            "tikivip-Payment-x",
            "tikivip-CreateTransactionFunctionOfAnother-x",
            "CodeDeployHook_tikivip",
            "IpnSenderFunction-CoreWorkerFunction-x",
        ] {
            assert_eq!(
                Kind::of(&release("LambdaFunction", function)),
                None,
                "{function}"
            );
        }
    }

    fn keys() -> Keyring {
        Keyring::new("client", ClientSecret::new("secret"))
    }

    /// The event of a signed request.
    fn signed(caller: Caller, request: Request) -> Value {
        let now = Timestamp::from_unix_ms(NOW).unwrap();
        request.signed(caller, &keys(), now).event("d-1")
    }

    /// Whether the signature of an event is valid for one of these texts.
    fn holds(caller: Caller, event: &Value, over: &[String]) -> bool {
        let names = caller.headers();
        let header = |name: &str| event["headers"][name].as_str();
        let headers = SignatureHeaders {
            timestamp: header(names.timestamp),
            client_id: header(names.client_id),
            signature: header(names.signature),
        };
        let any = |text: &String| {
            let verified = keys().verify(&headers, text.as_bytes(), NOW, Window::default());
            verified.is_ok()
        };
        over.iter().any(any)
    }

    /// What a function takes for the signed text of a GET.
    fn candidates(event: &Value) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let request = Inbound {
            path: text(&event["path"]),
            full_path: text(&event["requestContext"]["path"]),
            ..Inbound::default()
        };
        payload_candidates(&request, None)
    }

    #[test]
    fn each_signature_is_valid_for_the_body_that_is_sent() {
        let mut bodies = 0;
        for kind in Kind::ALL {
            let Synthetic::Signed(caller, request) = kind.synthetic() else {
                continue;
            };
            let event = signed(caller, request);
            let Some(body) = event["body"].as_str() else {
                continue;
            };
            assert!(holds(caller, &event, &[body.to_owned()]), "{kind:?}");
            assert_eq!(event["requestContext"]["requestId"], "d-1");
            bodies += 1;
        }
        assert_eq!(bodies, 6);
    }

    #[test]
    fn a_get_is_signed_with_its_path() {
        let mut gets = 0;
        for kind in Kind::ALL {
            let Synthetic::Signed(caller, request) = kind.synthetic() else {
                continue;
            };
            if request.body.is_some() {
                continue;
            }
            let event = signed(caller, request);
            assert_eq!(event["httpMethod"], "GET");
            assert_eq!(event["body"], Value::Null);
            assert!(holds(caller, &event, &candidates(&event)), "{kind:?}");
            assert!(!holds(caller, &event, &[String::new()]), "{kind:?}");
            gets += 1;
        }
        assert_eq!(gets, 2);
    }

    #[test]
    fn a_parameter_is_in_the_path_and_in_its_own_field() {
        let Synthetic::Open(request) = Kind::PaymentRedirect.synthetic() else {
            panic!("a payment link needs no signature");
        };
        let event = request.event("d-1");
        assert_eq!(event["path"], "/pay/pre-traffic-check");
        assert_eq!(event["resource"], "/pay/{token}");
        assert_eq!(event["requestContext"]["resourcePath"], "/pay/{token}");
        assert_eq!(
            event["pathParameters"],
            json!({"token": "pre-traffic-check"})
        );
        assert_eq!(event["body"], Value::Null);
        let Synthetic::Signed(_, request) = Kind::CheckReconciliation.synthetic() else {
            panic!("Tiki signs its requests");
        };
        let event = request.event("d-1");
        assert_eq!(event["path"], "/tikivip/v1/reconciliation/2000-01-01");
        assert_eq!(event["resource"], "/tikivip/v1/reconciliation/{day}");
        assert_eq!(event["pathParameters"], json!({"day": "2000-01-01"}));
    }

    fn api(status: u64, code: u64) -> Value {
        json!({"statusCode": status, "headers": {}, "body": json!({"code": code}).to_string()})
    }

    fn page(status: u64, content_type: &str) -> Value {
        json!({
            "statusCode": status,
            "multiValueHeaders": {"Content-Type": [content_type]},
            "body": "<!doctype html>",
        })
    }

    fn expected_answer(kind: Kind) -> Value {
        match kind.expected() {
            Expected::Code(status, code) => api(status, code),
            Expected::Page(status) => page(status, "text/html; charset=utf-8"),
            Expected::NoFailures => json!({"batchItemFailures": []}),
        }
    }

    #[test]
    fn only_the_expected_answer_passes() {
        let wrong = [
            api(200, 0),
            api(400, 2),
            api(401, 97),
            api(401, 98),
            api(500, 2),
            api(502, 1),
            api(200, 1),
            page(404, "application/json"),
            page(410, "text/html"),
            json!({"statusCode": 404, "headers": {}, "body": ""}),
            json!({"batchItemFailures": [{"itemIdentifier": "1"}]}),
            json!({"errorMessage": "it broke", "errorType": "Runtime.ExitError"}),
            json!({}),
            json!(null),
        ];
        for kind in Kind::ALL {
            let right = expected_answer(kind).to_string();
            kind.check(right.as_bytes()).unwrap();
            for wrong in &wrong {
                let checked = kind.check(wrong.to_string().as_bytes());
                assert!(checked.is_err(), "{kind:?} {wrong}");
            }
            assert!(kind.check(b"").is_err() && kind.check(b"<html>").is_err());
        }
    }

    #[test]
    fn a_page_may_have_either_kind_of_headers() {
        let page =
            json!({"statusCode": 404, "headers": {"content-type": "text/html; charset=utf-8"}});
        Kind::PaymentRedirect
            .check(page.to_string().as_bytes())
            .unwrap();
    }
}
