//! Who may open what only a sandbox has: a person on this machine, and no page of another site.
//!
//! Under `/_sandbox/` faults are switched, files are shown, and calls are signed with the credentials. A page that the
//! same browser has open must reach none of it, neither by itself nor by a name that leads to this machine.

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names of this machine. Another name may be an attacker's that leads here.
const THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Lets a request to `/_sandbox/…` through if it is for this machine and this port, and from no other site.
pub(crate) async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_sandbox/")
        && let Err(refusal) = check(request.headers(), port)
    {
        return refusal.into_response();
    }
    next.run(request).await
}

fn check(headers: &HeaderMap, port: u16) -> Result<(), (StatusCode, String)> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST.as_str()).unwrap_or_default();
    let ours = THIS_MACHINE.map(|name| format!("{name}:{port}"));
    if !ours.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        let names = ours.join(", ");
        let problem =
            format!("The sandbox shows this only as {names}. Open it under one of them.\n");
        return Err((StatusCode::MISDIRECTED_REQUEST, problem));
    }
    // `none` is an address that a person typed.
    let site = header("sec-fetch-site").unwrap_or("none");
    let from_here = header(ORIGIN.as_str()).is_none_or(|origin| {
        origin
            .strip_prefix("http://")
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    });
    if !from_here || !["none", "same-origin"].contains(&site) {
        let problem = "Another page asked for this. Open the address yourself.\n".to_owned();
        return Err((StatusCode::FORBIDDEN, problem));
    }
    Ok(())
}
