//! SNS, as far as the functions use it: publish a mail to a topic. Nobody is mailed: the mails are kept for people and
//! tests to read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router, middleware};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::grants::Grant;
use crate::iam_proxy::IamProxy;
use crate::own_pages;
use crate::template::Plan;

/// The limits of SNS: characters of a subject, and bytes of a message.
const MAX_SUBJECT_CHARS: usize = 99;
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The topics, and what was published to them.
#[derive(Clone, Debug)]
pub struct Sns {
    topics: Arc<BTreeSet<String>>,
    mails: Arc<Mutex<Vec<PublishedMail>>>,
}

/// A mail that every subscriber of a topic would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedMail {
    /// The topic's name in the template.
    pub topic: String,
    pub subject: String,
    pub message: String,
}

/// The parameters of a call of the query protocol.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Call {
    action: String,
    #[serde(default)]
    topic_arn: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    message: String,
}

impl Sns {
    pub(crate) fn new(plan: &Plan) -> Self {
        let of_type = |kind: &str| {
            let resources = plan.resources.iter();
            resources
                .filter(move |(_, resource)| resource["Type"] == kind)
                .map(|(name, _)| name.clone())
                .collect()
        };
        Self {
            topics: Arc::new(of_type("AWS::SNS::Topic")),
            mails: Arc::default(),
        }
    }

    /// All mails, the first one first.
    #[must_use]
    pub fn mails(&self) -> Vec<PublishedMail> {
        let mails = self.mails.lock();
        mails.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The API of AWS behind the IAM proxy, and the mails for people.
    pub(crate) fn router(&self, proxy: IamProxy) -> Router {
        Router::new()
            .route("/", post(publish))
            .route_layer(middleware::from_fn(own_pages::no_browser))
            .with_state((self.clone(), proxy))
            .route("/_sandbox/mails", get(show).with_state(self.clone()))
    }

    fn publish(&self, call: Call) -> Result<String, (StatusCode, &'static str, String)> {
        let invalid = |what: &str| {
            let message = format!("Invalid parameter: {what}");
            (StatusCode::BAD_REQUEST, "InvalidParameter", message)
        };
        if call.action != "Publish" {
            let message = format!("the sandbox does not support {}", call.action);
            return Err((StatusCode::BAD_REQUEST, "InvalidAction", message));
        }
        if !self.topics.contains(&call.topic_arn) {
            let message = "Topic does not exist".to_owned();
            return Err((StatusCode::NOT_FOUND, "NotFound", message));
        }
        let visible = |text: &str| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        if !visible(&call.subject) || call.subject.len() > MAX_SUBJECT_CHARS {
            return Err(invalid("Subject"));
        }
        if call.message.is_empty() || call.message.len() > MAX_MESSAGE_BYTES {
            return Err(invalid("Message"));
        }
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push(PublishedMail {
            topic: call.topic_arn,
            subject: call.subject,
            message: call.message,
        });
        Ok(Uuid::new_v4().to_string())
    }
}

async fn publish(
    State((sns, proxy)): State<(Sns, IamProxy)>,
    headers: HeaderMap,
    Form(call): Form<Call>,
) -> Response {
    let needed = Grant {
        action: format!("sns:{}", call.action),
        resource: call.topic_arn.clone(),
    };
    if let Err(message) = proxy.check(&headers, needed) {
        return refusal(StatusCode::FORBIDDEN, "AuthorizationError", &message);
    }
    match sns.publish(call) {
        Ok(id) => xml(
            StatusCode::OK,
            format!(
                "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                 <MessageId>{id}</MessageId></PublishResult></PublishResponse>"
            ),
        ),
        Err((status, code, message)) => refusal(status, code, &message),
    }
}

async fn show(State(sns): State<Sns>) -> axum::Json<Vec<PublishedMail>> {
    axum::Json(sns.mails())
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    xml(status, body)
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}
