//! Connects the production code of each function to the simulated edges, as its `main.rs` connects it to AWS.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Verifier;
use check_transaction::CheckTransaction;
use core_api::{CORE_TIMEOUT_IN_REQUEST, CORE_TIMEOUT_IN_WORKER, CoreClient, Statements};
use core_worker::CoreWorker;
use create_transaction::CreateTransaction;
use domain::{AmountLimits, Clock, Vnd};
use ipn_sender::IpnSender;
use lambda::config::ReversalPolicy;
use lambda::secrets::SecretKeys;
use open_webview::OpenWebview;
use outbox::Outbox;
use payment_redirect::{AllowedHosts, PaymentRedirect, Redirects, ResultUrl};
use payment_result::PaymentResult;
use reconcile::{CoreBooks, Reconcile, StatementSource, TikiFileDrop, Upload};
use reconciliation::place::Folders;
use reconciliation::result::ResultFormat;
use refund_transaction::{Patience, RefundTransaction};
use signed_http::SignedClient;
use signing::{GetSigning, HeaderNames, KeyProvider, Window};
use store::{ReconciliationRecords, Transactions, WriteIds};
use tiki_api::{PhoneFormat, TikiClient};

use crate::files::{FOLDER, SimObjects, SimServer};
use crate::fleet::{Code, Function, SimClock, SimWriteIds};
use crate::net::{Peer, SimTransport};
use crate::persons::Person;
use crate::secrets::{Secret, SimSecret};
use crate::table::SimTable;
use crate::world::World;

/// The client id that Tiki and the partner share.
pub(crate) const CLIENT_ID: &str = "f9c2a9c0-6d1d-4c2e-8f5f-2f6f3c1d7a11";
/// The client id that the core and the functions share.
pub(crate) const CORE_ID: &str = "core";
/// The URL of Tiki's API.
pub(crate) const TIKI_URL: &str = "https://tiki.simulated/vip";
/// The URL of the core's API.
pub(crate) const CORE_URL: &str = "https://core.simulated";
/// The smallest payment, in VND.
pub(crate) const MIN_AMOUNT: u64 = 1_000;
/// The largest payment, in VND.
pub(crate) const MAX_AMOUNT: u64 = 500_000_000;
/// The time after a payment's expiry at which the core is asked about it.
const EXPIRY_GRACE: Duration = Duration::from_secs(60);
/// So long the previous version of a secret is accepted.
const PREVIOUS_SECRET_FOR: Duration = Duration::from_hours(14 * 24);
/// So long personal data are kept: longer than a simulation lasts.
const PERSONAL_DATA_KEPT_FOR: Duration = Duration::from_hours(90 * 24);
/// So long a new result file must have stood still.
const UNCHANGED_FOR: Duration = Duration::from_secs(120);

/// The code of one instance.
pub(crate) fn wire(
    world: Arc<Mutex<World>>,
    who: usize,
    function: Function,
    offset: &Arc<AtomicI64>,
    reversals: ReversalPolicy,
) -> Code {
    let clock = SimClock {
        world: Arc::clone(&world),
        who,
        offset: Arc::clone(offset),
    };
    let edges = Edges {
        world,
        who,
        clock: Arc::new(clock),
    };
    match function {
        Function::Create => Code::Api(Arc::new(edges.create())),
        Function::Check => Code::Api(Arc::new(edges.check())),
        Function::Refund => Code::Api(Arc::new(edges.refund())),
        Function::Redirect => Code::Api(Arc::new(edges.redirect())),
        Function::Webview => Code::Api(Arc::new(edges.webview())),
        Function::Result => Code::Api(Arc::new(edges.result())),
        Function::Ipn => Code::Worker(Arc::new(edges.outbox(IpnSender {
            tiki: TikiClient::new(edges.tiki(), PhoneFormat::default()),
            transactions: edges.transactions(),
            confirm_after: reversals.confirm_after,
            max_reversals_per_hour: reversals.max_per_hour,
            clock: Arc::clone(&edges.clock),
        }))),
        Function::Core => Code::Worker(Arc::new(edges.outbox(CoreWorker {
            core: Arc::new(CoreClient::new(edges.core(), CORE_TIMEOUT_IN_WORKER)),
            transactions: edges.transactions(),
            clock: Arc::clone(&edges.clock),
        }))),
        Function::Reconcile => Code::Worker(Arc::new(edges.reconcile())),
        Function::Person => Code::Worker(Arc::new(Person {
            transactions: edges.transactions(),
            clock: Arc::clone(&edges.clock),
            world: Arc::clone(&edges.world),
        })),
    }
}

/// The simulated edges of one instance.
struct Edges {
    world: Arc<Mutex<World>>,
    who: usize,
    clock: Arc<dyn Clock>,
}

impl Edges {
    fn create(&self) -> CreateTransaction {
        CreateTransaction {
            verifier: self.verifier(HeaderNames::TIKI, Secret::Tiki),
            limits: AmountLimits {
                min: Vnd::new(MIN_AMOUNT).expect("an amount"),
                max: Vnd::new(MAX_AMOUNT).expect("an amount"),
            },
            expiry_grace: EXPIRY_GRACE,
            link_keys: self.keys(Secret::Link),
            public_base_url: None,
            transactions: self.transactions(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn check(&self) -> CheckTransaction {
        CheckTransaction {
            verifier: self.verifier(HeaderNames::TIKI, Secret::Tiki),
            transactions: self.transactions(),
        }
    }

    fn refund(&self) -> RefundTransaction {
        RefundTransaction {
            verifier: self.verifier(HeaderNames::TIKI, Secret::Tiki),
            transactions: self.transactions(),
            core: Arc::new(CoreClient::new(self.core(), CORE_TIMEOUT_IN_REQUEST)),
            patience: Patience::default(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn redirect(&self) -> PaymentRedirect {
        PaymentRedirect {
            link_keys: self.keys(Secret::Link),
            core_keys: self.keys(Secret::Core),
            redirects: Redirects {
                payment_screen: "https://core.simulated/pay".parse().expect("a URL"),
                apps: "https://tiki.vn/apps".parse().expect("a base URL"),
                allowed: "".parse::<AllowedHosts>().expect("no more hosts"),
                result_url: ResultUrl::default(),
            },
            public_base_url: None,
            transactions: self.transactions(),
            sessions: self.table(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn webview(&self) -> OpenWebview {
        OpenWebview {
            verifier: self.verifier(HeaderNames::PARTNER, Secret::Core),
            tiki: TikiClient::new(self.tiki(), PhoneFormat::default()),
            calls: self.table(),
            link_keys: self.keys(Secret::Link),
            clock: Arc::clone(&self.clock),
        }
    }

    fn result(&self) -> PaymentResult {
        PaymentResult {
            verifier: self.verifier(HeaderNames::PARTNER, Secret::Core),
            transactions: self.transactions(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn reconcile(&self) -> Reconcile {
        Reconcile {
            transactions: self.transactions(),
            records: ReconciliationRecords::new(self.table(), self.write_ids()),
            objects: Arc::new(SimObjects {
                world: Arc::clone(&self.world),
                who: self.who,
            }),
            file_drop: Some(TikiFileDrop {
                server: Arc::new(SimServer {
                    world: Arc::clone(&self.world),
                    who: self.who,
                }),
                folders: Folders {
                    root: FOLDER.to_owned(),
                },
                upload: Upload::default(),
            }),
            tiki: TikiClient::new(self.tiki(), PhoneFormat::default()),
            core_books: Some(self.core_books()),
            daily_mail: None,
            link_keys: self.keys(Secret::Link),
            personal_data_kept_for: PERSONAL_DATA_KEPT_FOR,
            partner: "sim".parse().expect("a name"),
            refund_rows: false,
            format: ResultFormat::default(),
            unchanged_for: UNCHANGED_FOR,
            clock: Arc::clone(&self.clock),
            write_ids: self.write_ids(),
        }
    }

    fn core_books(&self) -> CoreBooks {
        let core = Arc::new(CoreClient::new(self.core(), CORE_TIMEOUT_IN_WORKER));
        CoreBooks {
            source: StatementSource::Api(Arc::clone(&core) as Arc<dyn Statements>),
            core,
        }
    }

    fn write_ids(&self) -> Arc<dyn WriteIds> {
        Arc::new(SimWriteIds {
            world: Arc::clone(&self.world),
        })
    }

    fn outbox<W>(&self, worker: W) -> Outbox<W> {
        Outbox {
            worker,
            transactions: self.transactions(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn transactions(&self) -> Transactions {
        Transactions::new(self.table(), self.write_ids(), Arc::clone(&self.clock))
    }

    fn table(&self) -> Arc<SimTable> {
        Arc::new(SimTable {
            world: Arc::clone(&self.world),
            who: self.who,
        })
    }

    fn keys(&self, secret: Secret) -> Arc<dyn KeyProvider> {
        let source = SimSecret {
            world: Arc::clone(&self.world),
            who: self.who,
            secret,
        };
        Arc::new(SecretKeys::new(
            Arc::new(source),
            Arc::clone(&self.clock),
            secret.name(),
            secret.client_id(),
            PREVIOUS_SECRET_FOR,
        ))
    }

    fn verifier(&self, headers: HeaderNames, secret: Secret) -> Verifier {
        Verifier {
            headers,
            keys: self.keys(secret),
            former_client_ids: Vec::new(),
            window: Window::default(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn tiki(&self) -> SignedClient {
        self.client(Peer::Tiki, TIKI_URL, HeaderNames::TIKI, Secret::Tiki)
    }

    fn core(&self) -> SignedClient {
        self.client(Peer::Core, CORE_URL, HeaderNames::PARTNER, Secret::Core)
    }

    fn client(&self, peer: Peer, url: &str, headers: HeaderNames, secret: Secret) -> SignedClient {
        SignedClient {
            base: url.parse().expect("a base URL"),
            headers,
            get_signing: GetSigning::default(),
            keys: self.keys(secret),
            clock: Arc::clone(&self.clock),
            transport: Arc::new(SimTransport {
                world: Arc::clone(&self.world),
                who: self.who,
                peer,
            }),
        }
    }
}
