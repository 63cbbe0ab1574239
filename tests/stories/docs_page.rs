//! The page of the sandbox on which a person tries the API's calls.

use e2e::TestEnv;
use reqwest::RequestBuilder;
use sandbox::Response;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DOCUMENTS: [&str; 2] = ["openapi", "openapi-core"];

async fn sent(request: RequestBuilder) -> Response {
    Response::read(request.send().await.unwrap()).await.unwrap()
}

async fn get(env: &TestEnv, path: &str) -> Response {
    let url = format!("{}/_sandbox/{path}", env.sandbox.url);
    sent(sandbox::http().unwrap().get(url)).await
}

/// The answer to a path that no client sends, because it tidies the path first.
async fn as_written(env: &TestEnv, path: &str) -> String {
    let address = env.sandbox.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_nothing_from_elsewhere() {
    let env = TestEnv::start().await;
    for choice in ["", "?document=openapi-core&lang=en"] {
        let page = get(&env, &format!("docs{choice}")).await;
        assert_eq!(page.status, 200);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains("http"));
        assert!(!page.text.contains("//"), "{}", page.text);
        // Each file that it names is there.
        let named = page
            .text
            .split('"')
            .filter(|word| word.starts_with("/_sandbox/"));
        let mut files = 0;
        for path in named.filter(|path| *path != "/_sandbox/core") {
            let path = path
                .strip_prefix("/_sandbox/")
                .unwrap()
                .replace("&amp;", "&");
            let file = get(&env, &path).await;
            assert_eq!(file.status, 200, "{path}");
            files += 1;
        }
        assert_eq!(files, 9);
    }
    for ours in ["page.js", "page.css"] {
        let text = get(&env, &format!("docs/{ours}")).await.text;
        assert!(!text.contains("://"), "{ours}");
    }
    let unknown = get(&env, "docs/..%2Ftemplate.yaml").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_documents_of_this_project() {
    let env = TestEnv::start().await;
    for (document, server) in DOCUMENTS.into_iter().zip(["/", "/_sandbox/core"]) {
        let file = format!("{}/../docs/{document}.yaml", env!("CARGO_MANIFEST_DIR"));
        let served = get(&env, &format!("docs/{document}.yaml")).await;
        assert_eq!(served.text, std::fs::read_to_string(file).unwrap());
        let [vietnamese, english] =
            ["vi", "en"].map(|lang| format!("docs/{document}.yaml?lang={lang}"));
        let (vietnamese, english) = (get(&env, &vietnamese).await, get(&env, &english).await);
        for shown in [&vietnamese, &english] {
            assert_eq!(shown.json["servers"], json!([{ "url": server }]));
            assert!(!shown.text.contains("-vi\":"), "{document}");
        }
        assert_ne!(vietnamese.json, english.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_signature_is_accepted_on_both_sides() {
    let env = TestEnv::start().await;
    let http = sandbox::http().unwrap();
    let sign = async |signer: &str, message: &str| {
        let url = format!("{}/_sandbox/docs/sign?as={signer}", env.sandbox.url);
        let signed = sent(http.post(url).body(message.to_owned())).await.json;
        let payload = signed["payload"].as_str().unwrap();
        assert!(payload.ends_with(message), "{payload}");
        signed["headers"].as_object().unwrap().clone()
    };
    let signed = |request: RequestBuilder, headers: serde_json::Map<String, _>| {
        headers.iter().fold(request, |request, (name, value)| {
            let value: &serde_json::Value = value;
            request.header(name, value.as_str().unwrap())
        })
    };

    let order = env.tiki.order(100_000);
    let body = json!({ "tiki_transaction_id": order, "transaction_amount": 100_000 }).to_string();
    let url = format!("{}/tikivip/v1/transactions", env.sandbox.url);
    let created = signed(http.post(url), sign("tiki", &body).await).body(body);
    assert_eq!(sent(created).await.code(), Some(0));

    // The core is behind the same address, and signs what follows its own.
    let path = "/refunds/9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";
    let url = format!("{}/_sandbox/core{path}", env.sandbox.url);
    let asked = signed(http.get(&url), sign("partner", path).await);
    let found = sent(asked).await;
    assert_eq!(
        (found.status, &found.json["status"]),
        (404, &json!("never_seen"))
    );
    assert_eq!(sent(http.get(&url)).await.status, 401);

    // What it answers is no page of ours, and a path leads to the core and not past it.
    let answer = http.get(&url).send().await.unwrap();
    let csp = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(csp.starts_with("sandbox; default-src 'none'"), "{csp}");
    for path in ["/refunds/%2e%2e/payments/x", "/%2E/payments/x", "/.%2e/x"] {
        let answer = as_written(&env, &format!("/_sandbox/core{path}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_reaches_nothing_of_the_sandbox() {
    let env = TestEnv::start().await;
    let http = sandbox::http().unwrap();
    let sandbox = &env.sandbox;
    let port = sandbox.url.rsplit(':').next().unwrap();
    let here = format!("http://localhost:{port}");
    let get = |url: &str, path: &str| http.get(format!("{url}/_sandbox/{path}"));
    for (url, path) in [
        (&sandbox.url, "docs"),
        (&sandbox.url, "docs/openapi.yaml"),
        (&sandbox.url, "core/refunds/x"),
        (&sandbox.core_url, "bookings"),
        (&sandbox.s3_url, "files"),
        (&sandbox.sns_url, "mails"),
    ] {
        for host in [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1",
            "127.0.0.1:1",
        ] {
            let refused = sent(get(url, path).header("host", host)).await;
            assert_eq!(refused.status, 421, "{path} as {host}");
        }
        for site in ["cross-site", "same-site"] {
            let refused = sent(get(url, path).header("sec-fetch-site", site)).await;
            assert_eq!(refused.status, 403, "{path} from {site}");
        }
        let other = "http://127.0.0.1:1";
        for origin in [other, "null", "http://evil.example"] {
            let refused = sent(get(url, path).header("origin", origin)).await;
            assert_eq!(refused.status, 403, "{path} from {origin}");
        }
    }
    // Somebody on this machine reaches it, under each of its names.
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let own = get(&sandbox.url, "docs").header("host", format!("{name}:{port}"));
        assert_eq!(sent(own.header("sec-fetch-site", "none")).await.status, 200);
    }
    let own = get(&sandbox.url, "docs").header("host", format!("localhost:{port}"));
    let own = own
        .header("origin", here)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(sent(own).await.status, 200);
    // The API itself is for everybody.
    let api = http.get(format!("{}/pay/token", sandbox.url));
    let api = api
        .header("host", "evil.example")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(sent(api).await.status, 404);
}
