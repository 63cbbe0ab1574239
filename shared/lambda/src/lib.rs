//! What every function needs from its surroundings: configuration, secrets, telemetry, the clock, the AWS clients,
//! and the loops that serve events. Each `main.rs` uses it, and `tikivip` for its configuration and secrets. It is
//! the only crate that knows Lambda's runtime, and no other shared crate may depend on it. It must not depend on a
//! function.
//!
//! | module | what is there |
//! |---|---|
//! | [`config`] | the environment, one struct per concern, every problem named at once |
//! | [`secrets`] | the secrets, cached, with a forced reload |
//! | [`aws`] | the clients and keys that a `main.rs` wires |
//! | `sdk` | the AWS SDK's configuration, with connections that are kept for a few seconds |
//! | `http` | from an event of API Gateway to a request, and back to a response |
//! | `serve` | [`serve_http`], [`serve_stream`], [`serve_event`] |
//! | [`telemetry`] | JSON logs and metrics |
//! | [`clock`] | [`SystemClock`], the only place that reads the time |

pub mod aws;
pub mod clock;
pub mod config;
mod http;
mod sdk;
pub mod secrets;
mod serve;
pub mod telemetry;

pub use clock::SystemClock;
pub use serve::{serve_event, serve_http, serve_stream};
