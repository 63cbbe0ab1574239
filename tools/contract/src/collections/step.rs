//! A request, and what must hold of its answer.

use crate::Document;
use crate::Text;
use crate::document::{DocumentError, Example, Operation};

/// What is in the document's examples, and what a run has in its place: each run has orders of its own.
const VARIABLES: [(&str, &str); 7] = [
    ("261127TIKIVIP-235784371-1795773600", "tiki_id_paid"),
    ("261127TIKIVIP-235784372-1795773660", "tiki_id_pending"),
    ("261127TIKIVIP-235784373-1795773720", "tiki_id_refused"),
    ("261127TIKIVIP-235784375-1795773840", "tiki_id_handed"),
    ("261127TIKIVIP-235784376-1795773900", "tiki_id_handed_other"),
    (
        "a48f46ff-cd8d-5da2-ba2a-72142ee252d0",
        "transaction_id_paid",
    ),
    (
        "0f3c5fec-92e1-52e4-be89-efc4c4f05bdf",
        "transaction_id_pending",
    ),
];

const JSON: (&str, &str) = ("Content-Type", "application/json");

pub(super) struct Step {
    pub(super) title: Text,
    /// The operation and the name of the example, if it is one of the document.
    pub(super) example: Option<(String, String)>,
    pub(super) method: String,
    /// With variables: `{{base_url}}/tikivip/v1/refunds`.
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Option<String>,
    pub(super) http: u16,
    /// One of these; empty if the answer is no JSON.
    pub(super) codes: Vec<u64>,
    /// Fields of the answer, and JavaScript that gives the value of each.
    pub(super) fields: Vec<(&'static str, &'static str)>,
    /// Fields of the answer, or its header `Location`, and the variable that keeps each.
    pub(super) captures: Vec<(&'static str, &'static str)>,
    /// Whether a function of ours answers, and not the played Tiki or the core's screen.
    pub(super) is_api: bool,
    pub(super) sandbox_only: bool,
    pub(super) special: Special,
}

/// What a step does beside sending and checking.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    Nothing,
    /// It begins a run.
    Starts,
    /// It reads the form of the payment screen.
    ReadsForm,
}

impl Step {
    fn new(title: Text, method: &str, url: &str, http: u16) -> Self {
        Self {
            title,
            example: None,
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            http,
            codes: Vec::new(),
            fields: Vec::new(),
            captures: Vec::new(),
            is_api: false,
            sandbox_only: false,
            special: Special::Nothing,
        }
    }

    /// What the customer's browser does.
    pub(super) fn browser(title: Text, method: &str, url: &str, http: u16) -> Self {
        Self::new(title, method, url, http).only_in_a_sandbox()
    }

    /// Adds an order to the Tiki that the sandbox plays. A payment that Tiki does not know is given back.
    pub(super) fn order_at_tiki(variable: &str, amount: u64) -> Self {
        let title = Text::new(
            "Đơn hàng tại Tiki (chỉ môi trường sandbox)",
            "The order at Tiki (sandbox only)",
        );
        let url = format!("{{{{tiki_url}}}}/_sandbox/orders/{{{{{variable}}}}}");
        let mut step = Self::new(title, "PUT", &url, 204).only_in_a_sandbox();
        step.headers.push(JSON);
        step.body = Some(format!("{{\"amount\":{amount}}}"));
        step
    }

    /// A call of the document without a body, with the example values of its parameters.
    pub(super) fn call(document: &Document, id: &str) -> Result<Self, DocumentError> {
        let operation = document.operation(id)?;
        let mut url = format!("{{{{base_url}}}}{}", operation.path);
        let mut query = Vec::new();
        for parameter in &operation.parameters {
            let name = &parameter.field.name;
            match (parameter.place.as_str(), &parameter.example) {
                ("path", Some(value)) => url = url.replace(&format!("{{{name}}}"), value),
                ("query", Some(value)) => query.push(format!("{name}={value}")),
                _ => {}
            }
        }
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let title = operation.summary.clone();
        let mut step = Self::new(title, &operation.method, &with_variables(&url), 200);
        step.is_api = true;
        Ok(step)
    }

    /// An example of the document, and what the document says of its answer.
    pub(super) fn example(
        document: &Document,
        id: &str,
        name: &str,
    ) -> Result<Self, DocumentError> {
        let operation = document.operation(id)?;
        let request = operation.request.as_ref();
        let example = request.and_then(|body| body.examples.iter().find(|e| e.name == name));
        let example = example.ok_or_else(|| DocumentError {
            place: id.to_owned(),
            problem: format!("there is no example {name} of the request"),
        })?;
        let mut step = Self::call(document, id)?;
        step.example = Some((id.to_owned(), name.to_owned()));
        let title = |of: &str, what: &str| format!("{of}: {what}");
        step.title = Text::new(
            title(&operation.summary.vi, &example.summary.vi),
            title(&operation.summary.en, &example.summary.en),
        );
        step.headers.push(JSON);
        let body = with_variables(&example.pretty());
        // The path names the same transaction as the body.
        if name != "another_id"
            && body.contains("{{transaction_id_pending}}")
            && step.method == "POST"
        {
            step.url = step
                .url
                .replace("{{transaction_id_paid}}", "{{transaction_id_pending}}");
        }
        step.body = Some(body);
        if let Some((http, code)) = answer_to(operation, name) {
            step.http = http;
            step.codes = vec![code];
        }
        Ok(step)
    }

    pub(super) fn titled(mut self, vi: &str, en: &str) -> Self {
        self.title = Text::new(vi, en);
        self
    }

    pub(super) fn expecting(mut self, http: u16, codes: &[u64]) -> Self {
        self.http = http;
        self.codes = codes.to_vec();
        self
    }

    /// A field of the answer equals what this JavaScript gives.
    pub(super) fn having(mut self, path: &'static str, javascript: &'static str) -> Self {
        self.fields.push((path, javascript));
        self
    }

    pub(super) fn keeping(mut self, path: &'static str, variable: &'static str) -> Self {
        self.captures.push((path, variable));
        self
    }

    /// Its signature has this mistake: `wrong`, `stale`, `missing`.
    pub(super) fn mistaken(mut self, mistake: &'static str) -> Self {
        self.headers.push(("X-Collection-Mistake", mistake));
        self
    }

    pub(super) fn only_in_a_sandbox(mut self) -> Self {
        self.sandbox_only = true;
        self
    }

    pub(super) fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Without this field of the body. A field has a line of its own.
    pub(super) fn without(mut self, field: &str) -> Self {
        let start = format!("\"{field}\":");
        self.body = self.body.map(|body| {
            let lines = body.lines();
            let lines = lines.filter(|line| !line.trim_start().starts_with(&start));
            let lines: Vec<&str> = lines.collect();
            lines.join("\n").replace(",\n}", "\n}")
        });
        self
    }
}

/// What the document says that this request is answered.
fn answer_to(operation: &Operation, request: &str) -> Option<(u16, u64)> {
    let is_meant =
        |example: &&Example| !example.needs_fault && example.of_request.as_deref() == Some(request);
    operation.answers.iter().find_map(|answer| {
        let example = answer.message.examples.iter().find(is_meant)?;
        let code = example.value.get("code")?.as_u64()?;
        Some((answer.status.parse().ok()?, code))
    })
}

fn with_variables(text: &str) -> String {
    VARIABLES.iter().fold(text.to_owned(), |text, (id, name)| {
        text.replace(id, &format!("{{{{{name}}}}}"))
    })
}
