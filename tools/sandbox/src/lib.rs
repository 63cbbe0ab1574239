//! The whole system on one machine: `cargo run -p sandbox`.
//!
//! The sandbox runs the same function binaries that are deployed, behind its own Lambda Runtime API, and everything
//! that `template.yaml` declares around them. No function knows that it runs in the sandbox: it reaches the AWS
//! services through the AWS SDK's endpoint settings, and Tiki and the core through its ordinary configuration.
//!
//! | module | what it plays |
//! |---|---|
//! | `template` | CloudFormation: reads routes, functions, tables, streams and schedules from the template |
//! | `grants` | IAM: what a role allows, and which permission a call needs |
//! | `principals` | people with roles: their credentials and policies |
//! | `build` | `sam build`: the function binaries |
//! | `lambda` | Lambda: instances, one event at a time each |
//! | `gateway` | API Gateway, with its IAM authorisation |
//! | `dynamodb`, `secrets`, `s3`, `sns` | DynamoDB, Secrets Manager, S3 and SNS |
//! | `cloudwatch` | CloudWatch: the metrics that functions log, and the alarms over them |
//! | `iam_proxy` | the proxy in front of them: checks each call against the caller's role |
//! | `stream`, `schedule` | the event sources of the workers |
//! | `tiki`, `core` | Tiki and the partner's core |
//! | `sftp` | Tiki's SFTP server |
//! | `docs` | the API documents as a page that signs, for people who try calls |
//! | `watch` | the page on which a person sees everything happen |
//! | `handles` | handles of all this, for the sandbox's own pages |
//! | `terminal`, `command` | what it prints, and `sandbox scenario NAME` |
//! | `own_pages` | who may open what only a sandbox has |
//! | `body` | the body of a call that a person makes by hand |
//! | `faults` | what goes wrong at these three, when it is switched on |
//! | `magic` | amounts at which they do something special |
//! | `clock`, `time` | the time, which can be moved forward |
//! | `calendar` | a day that passes in a moment, though no clock moves |
//! | `costs` | the costs on AWS |
//! | `customer` | a customer with a browser |
//! | `scenarios` | situations that a person asks for by name |
//! | `walk` | one payment, shown step by step |

#![expect(
    clippy::disallowed_methods,
    reason = "the sandbox plays the outside world, which has real time and randomness"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, which returns null and does not panic"
)]

mod body;
mod build;
mod calendar;
mod caller;
mod clock;
mod cloudwatch;
mod command;
pub mod core;
mod costs;
mod customer;
mod docs;
mod dynamodb;
pub mod faults;
mod gateway;
mod grants;
mod handles;
mod iam_proxy;
mod journal;
mod lambda;
mod magic;
mod options;
mod own_pages;
mod principals;
mod s3;
mod scenarios;
mod schedule;
mod secrets;
mod settings;
mod sftp;
pub mod shim;
mod sns;
mod start;
mod state_store;
mod stream;
mod template;
mod terminal;
pub mod tiki;
mod time;
mod walk;
mod watch;

pub use build::binaries;
pub use caller::{Caller, Response, http};
pub use clock::Clock;
pub use command::{Ended, scenario};
pub use costs::bill;
pub use dynamodb::EmbeddedDynamoDb;
pub use faults::Fault;
pub use grants::Grant;
pub use iam_proxy::{AwsCall, Usage};
pub use journal::{Callee, Entry, Exchange, Journal};
pub use lambda::LogLine;
pub use options::{Command, Credentials, Options, ScenarioCommand};
pub use principals::Principal;
pub use secrets::SecretsManager;
pub use settings::sdk;
pub use sftp::SftpFault;
pub use sns::{PublishedMail, Sns};
pub use start::Sandbox;
pub use template::{ACCOUNT, FunctionPlan, Plan};
pub use time::{Fired, Time};
pub use walk::walk;
