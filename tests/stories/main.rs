//! End-to-end tests over the real binaries. Each test has its own sandbox.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may panic, uses the real time, and has long tables"
)]

mod api_gateway;
mod check_transaction;
#[cfg(target_os = "linux")]
mod clock;
mod conformance;
mod contract;
mod create_transaction;
mod docs_page;
#[cfg(target_os = "linux")]
mod drills;
mod durability;
mod expiry;
mod file_delivery;
mod forgetting;
mod hostile_texts;
mod kept_connections;
mod log_privacy;
mod notification;
mod open_webview;
mod operator_command;
mod partner_transaction;
mod payment_details;
mod payment_redirect;
mod payment_result;
mod payment_screen;
mod pre_traffic_hook;
mod purchase;
mod reconciliation;
mod refund_transaction;
mod replay;
mod reports;
mod result_files;
mod reversal;
mod sample_events;
mod sandbox_command;
mod sandbox_controls;
#[cfg(target_os = "linux")]
mod scenarios;
mod secret_rotation;
mod sftp_client;
mod shop;
mod signature;
mod statement;
mod template;
mod watch;
mod watch_page;
