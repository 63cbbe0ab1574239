//! The whole system on one machine: `cargo run -p sandbox` (design §8).
//!
//! It runs the very function binaries that would be deployed, behind a Lambda Runtime API of its own, and
//! everything that `template.yaml` declares around them. No function knows that it runs here: each reaches
//! DynamoDB and Secrets Manager through the AWS SDK's endpoint settings, and Tiki and the core through its
//! ordinary configuration.
//!
//! | room | what is played there |
//! |---|---|
//! | `template` | CloudFormation: routes, functions, tables, streams, schedules, read from the template |
//! | `build` | `sam build`: the function binaries |
//! | `lambda` | Lambda: instances, one event at a time each |
//! | `gateway` | API Gateway |
//! | `dynamodb`, `secrets`, `s3` | DynamoDB, Secrets Manager and S3 |
//! | `aws` | the door to them: each function may do what its role allows |
//! | `stream`, `schedule` | the event sources of the workers |
//! | `tiki`, `core` | the other two sides, with faults to switch on |
//! | `sftp` | Tiki's SFTP server |
//! | `calendar` | a day that passes in a moment |
//! | `costs` | what AWS would charge |
//! | `walk` | one payment, shown step by step |

#![expect(
    clippy::disallowed_methods,
    reason = "the sandbox plays the outside world, whose time and randomness are real"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "what is indexed is JSON, which answers null and does not panic"
)]

mod aws;
mod build;
mod calendar;
mod caller;
pub mod core;
mod costs;
mod dynamodb;
pub mod faults;
mod gateway;
mod journal;
mod lambda;
mod options;
mod s3;
mod schedule;
mod secrets;
mod settings;
mod sftp;
pub mod shim;
mod start;
mod state_store;
mod stream;
mod template;
pub mod tiki;
mod walk;

pub use aws::{AwsCall, Grant, Usage};
pub use build::binaries;
pub use caller::{Caller, Response, http};
pub use costs::bill;
pub use dynamodb::EmbeddedDynamoDb;
pub use faults::Fault;
pub use journal::{Entry, Journal};
pub use lambda::LogLine;
pub use options::{Credentials, Options};
pub use secrets::SecretsManager;
pub use settings::sdk;
pub use start::Sandbox;
pub use template::{FunctionPlan, Plan};
pub use walk::walk;
