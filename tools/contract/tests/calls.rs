//! What the hand-over says that we call at Tiki is what the client sends.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    AmountLimits, Clock, Customer, FinalStatus, Order, PaidDetails, PaymentResult,
    PaymentResultMessage, TikiTransactionId, Timestamp, Transaction, Vnd,
};
use signed_http::{Answer, Method, Outgoing, SignedClient, Transport, TransportError};
use signing::{ClientSecret, GetSigning, HeaderNames, KeyError, KeyProvider, Keyring};
use tiki_api::{PhoneFormat, TikiClient};

const BASE: &str = "https://tiki.example";
const PAGES: [&str; 2] = [
    include_str!("../handover/en.md"),
    include_str!("../handover/vi.md"),
];

/// What was sent: the method, the path with its query, and the body.
type Sent = (Method, String, String);

/// Keeps what is sent, and answers nothing.
#[derive(Default)]
struct Recorder(Mutex<Vec<Sent>>);

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: Outgoing, _: Duration) -> Result<Answer, TransportError> {
        let path = request.url.strip_prefix(BASE).unwrap().to_owned();
        let body = String::from_utf8(request.body).unwrap();
        self.0.lock().unwrap().push((request.method, path, body));
        Err(TransportError::TimedOut)
    }
}

struct Keys;

#[async_trait]
impl KeyProvider for Keys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(Keyring::new("client", ClientSecret::new("secret")))
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        self.keys().await
    }
}

struct Standing;

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::MIN
    }

    async fn sleep(&self, _: Duration) {}
}

fn client(recorder: &Arc<Recorder>) -> TikiClient {
    let transport: Arc<dyn Transport> = Arc::clone(recorder) as _;
    let client = SignedClient {
        base: BASE.parse().unwrap(),
        headers: HeaderNames::TIKI,
        get_signing: GetSigning::RelativePath,
        keys: Arc::new(Keys),
        clock: Arc::new(Standing),
        transport,
    };
    TikiClient::new(client, PhoneFormat::NationalNumber)
}

fn tiki_id() -> TikiTransactionId {
    "261127TIKIVIP-235784371-1795773600".parse().unwrap()
}

fn pending() -> Transaction {
    let amount = Vnd::new(150_000).unwrap();
    let order = Order {
        amount,
        webview_request_id: None,
        identify_code: None,
        order_code: None,
        description: None,
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: amount,
        max: amount,
    };
    let grace = Duration::ZERO;
    let created = Transaction::create(&tiki_id(), order, limits, grace, Timestamp::MIN);
    created.unwrap().transaction().clone()
}

fn paid() -> Transaction {
    let details = PaidDetails {
        banking_method: Some("ACCOUNT".parse().unwrap()),
        ..PaidDetails::default()
    };
    let message = PaymentResultMessage {
        amount: None,
        result: PaymentResult::Paid(details),
    };
    let recorded = pending().record_payment_result(&message, Timestamp::MIN);
    #[expect(clippy::disallowed_methods, reason = "nothing is stored here")]
    recorded.change.unwrap().into_transaction()
}

async fn sent() -> Vec<Sent> {
    let recorder = Arc::new(Recorder::default());
    let client = client(&recorder);
    client.send_ipn(&paid(), FinalStatus::Success).await;
    client.send_ipn(&pending(), FinalStatus::Failure).await;
    client.look_up(&tiki_id(), None).await;
    let customer = Customer {
        identify_code: "KH-000123".parse().unwrap(),
        identify_phone: "0912345678".parse().unwrap(),
        identify_fullname: Some("Nguyễn Văn A".parse().unwrap()),
    };
    client.open_webview(&customer).await;
    let sent = recorder.0.lock().unwrap();
    sent.clone()
}

/// The sections of a page's part about our calls, in its order.
fn sections(page: &str) -> Vec<&str> {
    let (_, after) = page.split_once("\n## 8. ").unwrap();
    let (part, _) = after.split_once("\n## 9. ").unwrap();
    part.split("\n### ").skip(1).collect()
}

fn blocks(section: &str) -> Vec<&str> {
    let parts = section.split("\n```").skip(1).step_by(2);
    parts.map(|part| part.split_once('\n').unwrap().1).collect()
}

/// The names in the table of fields, in its order, and the first cell of no other table.
fn fields(section: &str) -> Vec<&str> {
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0).collect()
}

#[tokio::test]
async fn the_examples_of_our_calls_are_what_is_sent() {
    let sent = sent().await;
    let [ipn, failure, look_up, webview] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    for page in PAGES {
        let [about_ipn, about_look_up, about_webview, _] = sections(page)[..] else {
            panic!("another number of calls");
        };
        for ((method, path, body), section, place) in [
            (ipn, about_ipn, 0),
            (failure, about_ipn, 1),
            (webview, about_webview, 0),
        ] {
            assert_eq!(*method, Method::Post);
            assert!(section.contains(&format!("`POST {path}`")), "{path}");
            assert_eq!(blocks(section).get(place), Some(&body.as_str()), "{path}");
        }
        let (method, path, body) = look_up;
        assert_eq!((*method, body.as_str()), (Method::Get, ""));
        assert_eq!(blocks(about_look_up), [path]);
        let (path, _) = path.split_once('=').unwrap();
        assert!(about_look_up.contains(&format!("`GET {path}=…`")));
    }
}

#[tokio::test]
async fn the_fields_of_our_calls_are_those_that_are_sent() {
    let sent = sent().await;
    let names = |body: &str| -> Vec<String> {
        // The names stand before a colon, and no value of the examples has a quote before one.
        let parts = body.split("\":").map(|part| part.rsplit('"').next());
        let mut names: Vec<String> = parts.flatten().map(str::to_owned).collect();
        names.pop();
        names
    };
    for page in PAGES {
        let sections = sections(page);
        assert_eq!(fields(sections[0]), names(&sent[0].2));
        assert_eq!(fields(sections[1]), ["tiki_transaction_id"]);
        assert_eq!(fields(sections[2]), names(&sent[3].2));
    }
}
