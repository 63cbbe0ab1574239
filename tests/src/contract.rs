//! Holds every call of a story against `docs/openapi.yaml` and `docs/openapi-core.yaml`.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use openapi::{Answer, Api, Operation, Request};
use sandbox::{Callee, Exchange, Journal};
use serde_json::Value;

/// What Tiki, the partner's systems and customers call at us.
pub static API: LazyLock<Api> = LazyLock::new(|| {
    let document = include_str!("../../docs/openapi.yaml");
    Api::parse(document).unwrap().with_exact_answers()
});

/// What we call at the core.
pub static CORE: LazyLock<Api> =
    LazyLock::new(|| Api::parse(include_str!("../../docs/openapi-core.yaml")).unwrap());

/// Refusals (code 1) of requests that a schema cannot tell from good ones: two fields, or a field and the path, contradict
/// each other; a name comes twice; a query has neither id; a body is too large.
const NOT_IN_A_SCHEMA: [&str; 6] = [
    "request_amount differs from transaction_amount",
    "tiki_transaction_id and transaction_id do not name the same transaction",
    "transaction_id is not the one of the path",
    "a name twice",
    "tiki_transaction_id or transaction_id is required",
    "the body is larger than 65536 bytes",
];

/// What the code accepts although the document does not have it: a time that cannot be read refuses no payment (decision 13).
const READ_ALL_THE_SAME: &str = "/paid_at";

/// Watches the calls of a sandbox, and fails the test at its end if one is not as the documents say.
#[derive(Default)]
pub struct Contract {
    problems: Arc<Mutex<Vec<String>>>,
}

impl Contract {
    pub(crate) fn watching(journal: &Journal) -> Self {
        let contract = Self::default();
        let problems = Arc::clone(&contract.problems);
        journal.watch(move |exchange| {
            let found = problems_of(exchange);
            let mut problems = problems.lock().unwrap_or_else(PoisonError::into_inner);
            problems.extend(found);
        });
        contract
    }
}

impl Drop for Contract {
    fn drop(&mut self) {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let all = problems.join("\n\n");
        assert!(
            problems.is_empty() || std::thread::panicking(),
            "not as docs/openapi.yaml or docs/openapi-core.yaml say:\n{all}"
        );
    }
}

fn problems_of(exchange: &Exchange) -> Vec<String> {
    let api = match exchange.to {
        Callee::Api => &API,
        Callee::Core => &CORE,
        // Tiki's own API is in no document of ours; and what API Gateway answers itself is not ours either.
        Callee::Tiki | Callee::Gateway => return Vec::new(),
    };
    let Exchange { method, path, .. } = exchange;
    // Of our own command, which is of the same version; and an answer that a fault broke.
    if path.starts_with("/operator/") || exchange.status == 0 {
        return Vec::new();
    }
    let found = api.find(method, path);
    let problems = match (found, exchange.to) {
        (Some(operation), Callee::Api) => problems_of_ours(operation, exchange),
        // What the played core answers is as a test wants it: it also plays cores that are broken.
        (Some(operation), _) => api.request_problems(operation, &request(exchange)),
        (None, Callee::Api) => vec!["the document has no such call".to_owned()],
        // The payment screen.
        (None, _) => Vec::new(),
    };
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (sent, status, answer) = (
        show(&exchange.body),
        exchange.status,
        show(&exchange.answer),
    );
    let context = |problem| {
        format!("{method} {path}: {problem}\n  sent {sent}\n  answered {status} {answer}")
    };
    problems.into_iter().map(context).collect()
}

/// Our answer must be as the document says. And what we accept must be a request of the document, and what we refuse as
/// malformed must be none.
fn problems_of_ours(operation: &Operation, exchange: &Exchange) -> Vec<String> {
    let answer = Answer {
        status: exchange.status,
        headers: &exchange.answer_headers,
        body: &exchange.answer,
    };
    let mut problems = API.answer_problems(operation, &answer);
    // No firewall stands before a sandbox, so every answer has it, also where the document does not demand it.
    let has_id = |(name, value): &(String, String)| name == "x-request-id" && !value.is_empty();
    if !exchange.answer_headers.iter().any(has_id) {
        problems.push("header x-request-id is missing".to_owned());
    }
    let wrong = API.request_problems(operation, &request(exchange));
    let answered: Value = serde_json::from_slice(&exchange.answer).unwrap_or_default();
    let message = answered["message"].as_str().unwrap_or_default();
    match answered["code"].as_u64() {
        Some(0) => {
            let wrong = wrong
                .into_iter()
                .filter(|problem| !problem.starts_with(READ_ALL_THE_SAME));
            problems.extend(
                wrong.map(|problem| format!("accepted, and not in the document: {problem}")),
            );
        }
        Some(1) if wrong.is_empty() && !is_known(operation, message) => {
            problems.push("refused as malformed, and the document has it".to_owned());
        }
        _ => {}
    }
    problems
}

/// Whether a refusal (code 1) of a request of the document is one that no schema can foresee.
fn is_known(operation: &Operation, message: &str) -> bool {
    let in_words = NOT_IN_A_SCHEMA.iter().any(|known| message.contains(known));
    // A query has no schema as a whole, so the document cannot say which parameters it must not have.
    let of_a_query =
        operation.method == "GET" && message.ends_with("does not belong to this message");
    // Tiki's own refusal, passed on.
    let of_tiki = operation.id == "openWebview" && message == "invalid request";
    in_words || of_a_query || of_tiki
}

fn request(exchange: &Exchange) -> Request<'_> {
    Request {
        path: &exchange.path,
        query: &exchange.query,
        headers: &exchange.headers,
        body: &exchange.body,
    }
}
