//! What every function stands on.
//!
//! | room | what is there |
//! |---|---|
//! | [`config`] | the environment, one struct per concern, every problem named at once |
//! | [`secrets`] | the secrets, cached, with a forced reload |
//! | [`api`] | the HTTP boundary: from an API Gateway event to a handler and back |
//! | [`verifier`] | the signature check, before anything is parsed |
//! | [`telemetry`] | JSON logs |
//! | [`clock`] | the time |

pub mod api;
pub mod aws;
pub mod clock;
pub mod config;
pub mod secrets;
mod serve;
pub mod telemetry;
pub mod verifier;

pub use clock::SystemClock;
pub use serve::{serve_event, serve_http, serve_stream};
