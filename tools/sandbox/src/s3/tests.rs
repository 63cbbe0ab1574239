use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::*;
use crate::grants::Grant;
use crate::iam_proxy::IamProxy;
use crate::{http, sdk};

const YAML: &str = r#"
Resources:
  Files: { Type: AWS::S3::Bucket, Properties: {} }
  WriterRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement: [{ Effect: Allow, Action: [s3:PutObject], Resource: !Sub "${Files.Arn}/*" }]
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement: [{ Effect: Allow, Action: [s3:GetObject], Resource: !Sub "${Files.Arn}/day/*" }]
  Writer:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: writer } }
    Properties: { Role: !GetAtt WriterRole.Arn }
  Reader:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: reader } }
    Properties: { Role: !GetAtt ReaderRole.Arn }
"#;
const BUCKET: &str = "Files";

/// S3 behind the IAM proxy.
struct Service {
    url: String,
    proxy: IamProxy,
    folder: TempDir,
}

impl Service {
    async fn start() -> Self {
        let plan = Plan::read(YAML, &std::collections::BTreeMap::new()).unwrap();
        let folder = TempDir::new().unwrap();
        let s3 = S3::open(folder.path().join("s3"), &plan, Clock::default()).unwrap();
        let proxy = IamProxy::new(&plan, "http://127.0.0.1:9", http().unwrap());
        let router = s3.pages().merge(proxy.guard_objects(s3.objects()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, proxy, folder }
    }

    /// A client with the credentials of `who`.
    fn client(&self, who: &str) -> Client {
        let credentials =
            aws_sdk_s3::config::Credentials::new(who, "sandbox", None, None, "sandbox");
        let config = aws_sdk_s3::config::Builder::from(&sdk(&self.url))
            .credentials_provider(credentials)
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
        Client::from_conf(config.build())
    }

    async fn link(&self, who: &str, key: &str, lifetime: Duration) -> String {
        let get = self.client(who).get_object().bucket(BUCKET).key(key);
        let presigned = get.presigned(PresigningConfig::expires_in(lifetime).unwrap());
        presigned.await.unwrap().uri().to_owned()
    }

    fn file(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        file
    }
}

fn sha256(content: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(content))
}

async fn stream(file: &Path) -> ByteStream {
    ByteStream::from_path(file).await.unwrap()
}

/// Status and body of an answer to a browser.
async fn browse(url: &str) -> (u16, String, HeaderMap) {
    let answer = http().unwrap().get(url).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, answer.text().await.unwrap(), headers)
}

#[tokio::test]
async fn each_role_puts_and_gets_what_it_may() {
    let service = Service::start().await;
    let (writer, reader) = (service.client("writer"), service.client("reader"));
    // Large enough for many chunks, and for `Expect: 100-continue`.
    let content: Vec<u8> = (0..5_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    let file = service.file("large", &content);
    let put = |key: &str| {
        let put = writer.put_object().bucket(BUCKET).key(key);
        put.content_type("text/csv; charset=utf-8")
            .checksum_sha256(sha256(&content))
    };
    let key = "day/sent/tệp + 1";
    let answer = put(key).body(stream(&file).await).send().await.unwrap();
    assert_eq!(answer.checksum_sha256(), Some(sha256(&content).as_str()));
    let etag = answer.e_tag().unwrap();

    let got = reader.get_object().bucket(BUCKET).key(key).send().await;
    let got = got.unwrap();
    assert_eq!(got.content_type(), Some("text/csv; charset=utf-8"));
    assert_eq!(got.e_tag(), Some(etag));
    let bytes = got.body.collect().await.unwrap().into_bytes();
    assert!(bytes == content);
    let head = reader.head_object().bucket(BUCKET).key(key).send().await;
    assert_eq!(head.unwrap().content_length(), Some(5_000_000));

    // Each may do only what its role allows.
    put("other").body(stream(&file).await).send().await.unwrap();
    let other = reader.get_object().bucket(BUCKET).key("other").send().await;
    let refused = other.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 403);
    assert_eq!(refused.code(), Some("AccessDenied"));
    let refused = writer.get_object().bucket(BUCKET).key(key).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("AccessDenied"));
    let put = reader.put_object().bucket(BUCKET).key("day/x");
    let refused = put.checksum_sha256(sha256(b"x")).body(b"x".to_vec().into());
    let refused = refused.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    let used = |function: &str, action: &str, resource: &str| {
        let grant = Grant {
            action: action.to_owned(),
            resource: format!("arn:aws:sandbox:{BUCKET}:Arn/{resource}"),
        };
        let function = function.to_owned();
        service.proxy.usage()[&crate::AwsCall { function, grant }].calls
    };
    assert_eq!(used("writer", "s3:PutObject", "*"), 2);
    assert_eq!(used("reader", "s3:GetObject", "day/*"), 2);
    assert_eq!(service.proxy.usage().len(), 2);
}

#[tokio::test]
async fn a_refused_put_leaves_no_file() {
    let service = Service::start().await;
    let client = service.client("sandbox");
    let put = |bucket: &str, key: &str| {
        let put = client.put_object().bucket(bucket).key(key);
        put.checksum_sha256(sha256(b"right"))
    };
    let wrong = put(BUCKET, "a").body(b"wrong".to_vec().into()).send().await;
    assert_eq!(wrong.unwrap_err().code(), Some("BadDigest"));
    let nowhere = put("Others", "a").body(b"right".to_vec().into()).send();
    let nowhere = nowhere.await.unwrap_err();
    assert_eq!(nowhere.code(), Some("NoSuchBucket"));
    assert_eq!(nowhere.raw_response().unwrap().status().as_u16(), 404);
    // Without the caller's checksum the SDK sends its own, after a body in chunks.
    let file = service.file("chunked", b"right");
    let chunked = client.put_object().bucket(BUCKET).key("a");
    let chunked = chunked.body(stream(&file).await).send().await.unwrap_err();
    assert_eq!(chunked.code(), Some("NotImplemented"));
    assert_eq!(chunked.raw_response().unwrap().status().as_u16(), 501);
    let once = put(BUCKET, "a")
        .if_none_match("*")
        .body(b"right".to_vec().into());
    let once = once.send().await.unwrap_err();
    assert_eq!(once.code(), Some("NotImplemented"));

    let missing = client.get_object().bucket(BUCKET).key("a").send().await;
    let missing = missing.unwrap_err();
    assert_eq!(missing.raw_response().unwrap().status().as_u16(), 404);
    assert_eq!(missing.code(), Some("NoSuchKey"));
    let head = client.head_object().bucket(BUCKET).key("a").send().await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    let deleted = client.delete_object().bucket(BUCKET).key("a").send().await;
    assert_eq!(deleted.unwrap_err().code(), Some("NotImplemented"));
    let listed = client.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(listed.unwrap_err().code(), Some("NotImplemented"));
    let tags = client.get_object_tagging().bucket(BUCKET).key("a").send();
    assert_eq!(tags.await.unwrap_err().code(), Some("NotImplemented"));

    let left = std::fs::read_dir(service.folder.path().join("s3/.fresh")).unwrap();
    assert_eq!(left.count(), 0);
    assert!(!service.folder.path().join("s3/Files").exists());
}

#[tokio::test]
async fn a_presigned_link_needs_no_other_credentials() {
    let service = Service::start().await;
    let put = service.client("writer").put_object();
    let put = put.bucket(BUCKET).key("day/a").content_type("text/csv");
    let put = put.checksum_sha256(sha256(b"a,b\n"));
    put.body(b"a,b\n".to_vec().into()).send().await.unwrap();

    let link = service
        .link("reader", "day/a", Duration::from_mins(5))
        .await;
    let (status, text, headers) = browse(&link).await;
    assert_eq!((status, text.as_str()), (200, "a,b\n"));
    assert_eq!(headers["content-type"], "text/csv");
    // A link allows no more than its signer's role.
    let link = service
        .link("writer", "day/a", Duration::from_mins(5))
        .await;
    assert_eq!(browse(&link).await.0, 403);
    let bare = format!("{}/{BUCKET}/day/a", service.url);
    let (status, text, _) = browse(&bare).await;
    assert_eq!(status, 403);
    assert!(text.contains("<Code>AccessDenied</Code>"), "{text}");
}

#[test]
fn a_presigned_link_expires() {
    let query = |date: &str, lifetime: &str| {
        format!(
            "X-Amz-Date={date}&X-Amz-Expires={lifetime}&X-Amz-Credential=a%2Fb&X-Amz-Signature=ab"
        )
    };
    let link = query("20261122T100000Z", "300");
    let signed = 1_795_341_600_000;
    assert_eq!(access::check_link(&link, signed), Ok(()));
    assert_eq!(access::check_link(&link, signed + 299_999), Ok(()));
    let expired = access::check_link(&link, signed + 300_000).unwrap_err();
    assert_eq!(
        (expired.code, expired.status.as_u16()),
        ("AccessDenied", 403)
    );
    for malformed in [
        query("20261122", "300"),
        query("20261322T100000Z", "300"),
        query("2026-1122T1000000", "300"),
        query("20261122T100000Z", "-1"),
        query("20261122T100000Z", "604801"),
        link.replace("X-Amz-Signature=ab", ""),
        link.replace("X-Amz-Signature=ab", "X-Amz-Signature="),
        String::new(),
    ] {
        assert!(
            access::check_link(&malformed, signed).is_err(),
            "{malformed}"
        );
    }
    assert_eq!(access::link_signer(&link).as_deref(), Some("a"));
}

#[test]
fn no_key_leaves_its_bucket() {
    let folder = TempDir::new().unwrap();
    let objects = Objects::open(folder.path().to_owned()).unwrap();
    for key in ["a", "a/b/c", "..a", "a..b/...", ".hidden", "tệp 1"] {
        assert!(objects.place("bucket", key).is_some(), "{key}");
    }
    let long = "a".repeat(1025);
    for key in [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", "a\0b", "a\\b",
        &long,
    ] {
        assert!(objects.place("bucket", key).is_none(), "{key}");
    }
    for bucket in ["", ".", "..", ".about", "a/b"] {
        assert!(objects.place(bucket, "a").is_none(), "{bucket}");
    }
}

#[tokio::test]
async fn a_path_with_parent_folders_is_refused() {
    let service = Service::start().await;
    service.file("secret", b"secret");
    let address = service.url.strip_prefix("http://").unwrap();
    for path in [
        "/Files/../../secret",
        "/Files/%2e%2e/%2e%2e/secret",
        "/Files/..%2f..%2fsecret",
        "/_sandbox/files/Files/../../../secret",
        "/_sandbox/files/Files/..%2f..%2f..%2fsecret",
        "/_sandbox/files/..%2f../secret",
    ] {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 501"),
            "{answer}"
        );
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn people_see_the_objects_in_a_browser() {
    let service = Service::start().await;
    let list = format!("{}/_sandbox/files", service.url);
    let (status, empty, _) = browse(&list).await;
    assert_eq!(status, 200);
    assert!(empty.contains("Chưa có tệp nào"));
    let client = service.client("sandbox");
    let put = async |key: &str, content_type: &str, content: &'static [u8]| {
        let put = client.put_object().bucket(BUCKET).key(key);
        let put = put
            .content_type(content_type)
            .checksum_sha256(sha256(content));
        put.body(content.to_vec().into()).send().await.unwrap();
    };
    put("day/sent/a?b", "text/csv; charset=utf-8", b"a,b\n").await;
    put("day/<report>.html", "text/html; charset=utf-8", b"<p>").await;
    let (_, html, _) = browse(&list).await;
    assert!(html.contains("day/&#60;report&#62;.html"), "{html}");
    assert!(!html.contains("<report>"));
    let page = |path: &str| format!("{}{path}", service.url);
    let csv = "/_sandbox/files/Files/day/sent/a%3Fb";
    assert!(html.contains(&format!("href=\"{csv}\"")), "{html}");
    let (status, text, headers) = browse(&page(csv)).await;
    assert_eq!((status, text.as_str()), (200, "a,b\n"));
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    let report = "/_sandbox/files/Files/day/%3Creport%3E.html";
    assert!(html.contains(report), "{html}");
    let (_, text, headers) = browse(&page(report)).await;
    assert_eq!(
        (text.as_str(), &headers["content-type"]),
        ("<p>", &"text/html; charset=utf-8".parse().unwrap())
    );
    assert_eq!(browse(&page("/_sandbox/files/Files/none")).await.0, 404);
    assert_eq!(browse(&page("/_sandbox/files/Others/none")).await.0, 404);
}
