//! `/operator/v1/…`: what people look at and decide, by the command `tikivip`. API Gateway lets nobody in whom AWS does not
//! know (IAM), and says who it is. The name in the audit trail comes from there, and from nothing that a caller writes.
//!
//! | module | what it answers |
//! |---|---|
//! | `acts` | resend, resolve, approve, decline, forget |
//! | `checks` | what `tikivip doctor` asks |
//! | `find` | payments by a reference, an order or a customer |
//! | `findings` | the findings of the reconciliation |
//! | `report` | the report of a period |
//! | `signatures` | verifies a signature; signs a message, by break-glass |
//! | `trail` | who asked for what, in the log |
//! | `list` | transactions of a state, page by page |
//! | `transactions` | one transaction, Tiki's side of it |

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, which returns null and does not panic"
)]

mod acts;
mod answer;
mod caller;
mod checks;
mod counterparties;
mod find;
mod findings;
mod list;
mod report;
mod signatures;
mod trail;
mod transactions;

use std::sync::Arc;

use api::{ApiError, Handler, Inbound, Reply, record_transaction_in_span};
use async_trait::async_trait;
use domain::{ApprovalRule, Clock};
use reports::Sides;
use signing::KeyProvider;
use store::{DynamoSessions, ReconciliationRecords, Transactions};

use crate::caller::Caller;

pub use crate::checks::{FileServer, TIME_OF_A_CHECK};
pub use crate::counterparties::{CoreSide, SideKeys, TikiSide};

/// What the function works with.
pub struct Operator {
    /// Says when something happens.
    pub clock: Arc<dyn Clock>,
    /// The table of payments.
    pub transactions: Transactions,
    /// The table of opened webviews.
    pub sessions: DynamoSessions,
    /// The table of reconciliation.
    pub records: ReconciliationRecords,
    /// The keys from which those of hashes of personal data follow.
    pub link_keys: Arc<dyn KeyProvider>,
    /// How we talk to Tiki.
    pub tiki: TikiSide,
    /// How we talk to the core.
    pub core: CoreSide,
    /// Tiki's file server; `None` if Tiki fetches the files by API.
    pub file_server: Option<FileServer>,
    /// Who else keeps books of our days.
    pub sides: Sides,
    /// What one person may decide alone.
    pub approval: ApprovalRule,
    /// How many notifications people may have sent again in an hour without a second person.
    pub resends_per_hour: u32,
}

#[async_trait]
impl Handler for Operator {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let caller = Caller::of(request)?;
        if let Ok(id) = request.path_parameter("transaction_id").parse() {
            record_transaction_in_span(id);
        }
        // Who looked at what is known, too.
        trail::asked(caller.name(), request);
        let result = self.answer(&caller, request).await;
        trail::answered(caller.name(), request, &result);
        result
    }
}

impl Operator {
    async fn answer(&self, caller: &Caller, request: &Inbound) -> Result<Reply, ApiError> {
        let route = (request.method.as_str(), request.resource.as_str());
        match route {
            ("GET", "/operator/v1/transactions") => list::list(self, request).await,
            ("GET", "/operator/v1/transactions/{transaction_id}") => {
                transactions::show(self, request).await
            }
            ("GET", "/operator/v1/transactions/{transaction_id}/lookup") => {
                transactions::look_up(self, request).await
            }
            ("POST", "/operator/v1/transactions/{transaction_id}/resend") => {
                acts::resend(self, caller, request).await
            }
            ("POST", "/operator/v1/transactions/{transaction_id}/resolve") => {
                acts::resolve(self, caller, request).await
            }
            ("POST", "/operator/v1/transactions/{transaction_id}/approve") => {
                acts::approve(self, caller, request).await
            }
            ("POST", "/operator/v1/transactions/{transaction_id}/decline") => {
                acts::decline(self, caller, request).await
            }
            ("POST", "/operator/v1/transactions/{transaction_id}/forget") => {
                acts::forget(self, caller, request).await
            }
            ("GET", "/operator/v1/findings") => findings::list(self, request).await,
            ("POST", "/operator/v1/findings/close") => findings::close(self, caller, request).await,
            ("GET", "/operator/v1/report") => report::show(self, request).await,
            ("GET", "/operator/v1/report/file") => report::file(self, request).await,
            ("GET", "/operator/v1/checks/{check}") => checks::check(self, request).await,
            ("POST", "/operator/v1/checks/file-server") => checks::try_file_server(self).await,
            ("POST", "/operator/v1/signatures/verify") => signatures::verify(self, request).await,
            ("POST", "/operator/v1/signatures/sign") => {
                signatures::sign(self, caller, request).await
            }
            _ => Ok(answer::no_such_route()),
        }
    }
}
