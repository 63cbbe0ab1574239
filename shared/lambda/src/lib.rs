//! What every function stands on.
//!
//! | room | what is there |
//! |---|---|
//! | [`config`] | the environment, one struct per concern, every problem named at once |
//! | [`secrets`] | the secrets, cached, with a forced reload |
//! | `http` | from an API Gateway event to a handler and back |
//! | `serve` | the serve loops |
//! | [`telemetry`] | JSON logs |
//! | [`clock`] | the time |

pub mod aws;
pub mod clock;
pub mod config;
mod http;
pub mod secrets;
mod serve;
pub mod telemetry;

pub use clock::SystemClock;
pub use serve::{serve_event, serve_http, serve_stream};
