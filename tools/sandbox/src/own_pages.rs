//! Who may open what only a sandbox has: a person on this machine, and no page of another site. And who may call its AWS:
//! programs, and no browser.
//!
//! Under `/_sandbox/` faults are switched, files are shown, and calls are signed with the credentials. Nobody on another
//! machine may reach it, not even with `--listen 0.0.0.0`, whatever its headers say. And a page that the browser of this machine
//! has open must reach none of it, neither by itself nor by a name that leads to this machine.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names of this machine. Another name may be an attacker's that leads here.
const THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// A proxy on this machine adds one of them to what it passes on for another machine.
const FORWARDED: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// The name under which a container reaches its host. It is Docker's own, and leads nowhere else.
const CONTAINERS_HOST: &str = "host.docker.internal";

type Refusal = (StatusCode, String);

/// Lets a request to `/_sandbox/…` through if it is from this machine, for this machine and this port, and from no other
/// site.
pub(crate) async fn guard(
    State(port): State<u16>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path == "/_sandbox" || path.starts_with("/_sandbox/") {
        let target = request.uri().authority().map(Authority::as_str);
        if let Err(refusal) = check(peer, target, request.headers(), port) {
            return refusal.into_response();
        }
    }
    next.run(request).await
}

/// Lets a call of an AWS service through if no browser made it. The services have what is not for a page: the secrets, and
/// the data of payments. A browser says who asks; and a name that leads to this machine stands in `Host`.
pub(crate) async fn no_browser(request: Request, next: Next) -> Response {
    match check_program(
        request.uri().authority().map(Authority::as_str),
        request.headers(),
    ) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check_program(target: Option<&str>, headers: &HeaderMap) -> Result<(), Refusal> {
    if [ORIGIN.as_str(), "sec-fetch-site", "sec-fetch-mode"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        let problem = "The services of the sandbox answer no browser.\n".to_owned();
        return Err((StatusCode::FORBIDDEN, problem));
    }
    let host = single_value(headers, HOST.as_str())?.unwrap_or_default();
    if !is_no_domain(host) || !target.is_none_or(is_no_domain) {
        let problem = "The services of the sandbox answer to an IP address, to localhost and to host.docker.internal.\n";
        return Err((StatusCode::MISDIRECTED_REQUEST, problem.to_owned()));
    }
    Ok(())
}

/// Whether the host is one that nobody can register and lead to this machine.
fn is_no_domain(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name.parse::<IpAddr>().is_ok()
        || ["localhost", CONTAINERS_HOST]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
}

/// `target` is the host that the request's first line names. Usually it names none.
fn check(
    peer: SocketAddr,
    target: Option<&str>,
    headers: &HeaderMap,
    port: u16,
) -> Result<(), Refusal> {
    let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    if is_forwarded || !peer.ip().to_canonical().is_loopback() {
        let problem = "The sandbox shows this only to the machine on which it runs.\n".to_owned();
        return Err((StatusCode::FORBIDDEN, problem));
    }
    let host = single_value(headers, HOST.as_str())?.unwrap_or_default();
    let ours = THIS_MACHINE.map(|name| format!("{name}:{port}"));
    let is_ours = |host: &str| ours.iter().any(|name| name.eq_ignore_ascii_case(host));
    if !is_ours(host) || !target.is_none_or(is_ours) {
        let names = ours.join(", ");
        let problem =
            format!("The sandbox shows this only as {names}. Open it under one of them.\n");
        return Err((StatusCode::MISDIRECTED_REQUEST, problem));
    }
    // `none` is an address that a person typed.
    let site = single_value(headers, "sec-fetch-site")?.unwrap_or("none");
    let from_here = single_value(headers, ORIGIN.as_str())?.is_none_or(|origin| {
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

/// The header's value, if there is one. No browser sends it twice, or as something that is no text: whoever does wants this
/// check to read another value than the one that counts.
fn single_value<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refusal> {
    let unclear = || {
        let problem = format!("The header {name} must be there once, and be a text.\n");
        (StatusCode::BAD_REQUEST, problem)
    };
    let mut values = headers.get_all(name).iter();
    let value = values
        .next()
        .map(|value| value.to_str().map_err(|_| unclear()));
    match values.next() {
        Some(_) => Err(unclear()),
        None => value.transpose(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const PORT: u16 = 8080;
    const HERE: &str = "127.0.0.1:8080";

    fn status(peer: &str, headers: &[(&'static str, &[u8])]) -> Option<u16> {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let refused = check(peer.parse().unwrap(), None, &map, PORT).err();
        refused.map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_this_machine_reaches_the_pages_whatever_it_calls_itself() {
        let host: (&str, &[u8]) = ("host", HERE.as_bytes());
        for peer in [
            "127.0.0.1:4000",
            "127.8.9.1:4000",
            "[::1]:4000",
            "[::ffff:127.0.0.1]:4000",
        ] {
            assert_eq!(status(peer, &[host]), None, "{peer}");
        }
        for peer in [
            "192.168.1.7:4000",
            "0.0.0.0:4000",
            "[fe80::1]:4000",
            "[::ffff:10.0.0.1]:4000",
        ] {
            assert_eq!(status(peer, &[host]), Some(403), "{peer}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_or_is_no_text_is_refused() {
        let host: (&str, &[u8]) = ("host", HERE.as_bytes());
        let ours: (&str, &[u8]) = ("origin", b"http://127.0.0.1:8080");
        let same: (&str, &[u8]) = ("sec-fetch-site", b"same-origin");
        let here = "127.0.0.1:4000";
        assert_eq!(status(here, &[host, ours, same]), None);
        for headers in [
            &[host, host][..],
            &[host, ("host", b"evil.example")],
            &[host, ours, ("origin", b"http://evil.example")],
            &[host, same, ("sec-fetch-site", b"cross-site")],
            &[host, ("origin", b"http://\xff")],
            &[host, ("sec-fetch-site", b"\xff")],
            &[("host", b"\xff")],
        ] {
            assert_eq!(status(here, headers), Some(400), "{headers:?}");
        }
        assert_eq!(status(here, &[]), Some(421));
    }

    #[test]
    fn what_a_proxy_passes_on_is_refused() {
        let host: (&str, &[u8]) = ("host", HERE.as_bytes());
        for name in FORWARDED {
            let headers = [host, (name, &b"8.8.8.8"[..])];
            assert_eq!(status("127.0.0.1:4000", &headers), Some(403), "{name}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(HERE));
        let peer = "127.0.0.1:4000".parse().unwrap();
        assert!(check(peer, Some(HERE), &headers, PORT).is_ok());
        assert!(check(peer, Some("evil.example"), &headers, PORT).is_err());
    }

    #[test]
    fn the_services_answer_no_browser_and_no_name_that_somebody_can_register() {
        let refused = |target: Option<&str>, headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            let refused = check_program(target, &map).err();
            refused.map(|(status, _)| status.as_u16())
        };
        for host in [
            HERE,
            "[::1]:8080",
            "localhost",
            "172.17.0.1:9",
            "HOST.docker.internal:1",
        ] {
            assert_eq!(refused(None, &[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "a b",
        ] {
            assert_eq!(refused(None, &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(refused(None, &[]), Some(421));
        assert_eq!(refused(Some("evil.example"), &[("host", HERE)]), Some(421));
        assert_eq!(refused(None, &[("host", HERE), ("host", HERE)]), Some(400));
        for browsers in [
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "no-cors"),
        ] {
            assert_eq!(
                refused(None, &[("host", HERE), browsers]),
                Some(403),
                "{browsers:?}"
            );
        }
    }
}
