//! `GET /tikivip/v1/reconciliation/{day}`: the totals of a day, and a short-lived link to each of its files, for
//! reconciliation by API (protocol §1, §7).

use std::sync::Arc;
use std::time::Duration;

use api::{
    ApiError, Code, Handler, Inbound, Reply, Verifier, envelope, payload_candidates, refusal,
};
use archive::Archive;
use async_trait::async_trait;
use domain::{Clock, Day};
use json_fields::InvalidField;
use ledger::{Entry, Ledger};
use reconciliation::file::Sum;
use reconciliation::record::{Exported, Record, Sent, of_day};
use serde::Serialize;
use signing::GetSigning;

/// The part of the path that belongs to the base URL that Tiki was given.
const BASE_PATH: &str = "/tikivip/v1";

/// How long a link to a file works.
const LINK_LIFETIME: Duration = Duration::from_mins(10);

/// What the function works with.
pub struct CheckReconciliation {
    /// Verifies Tiki's signature.
    pub verifier: Verifier,
    /// What is signed of a GET.
    pub get_signing: GetSigning,
    /// The records of files.
    pub ledger: Ledger,
    /// The files themselves.
    pub archive: Archive,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for CheckReconciliation {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let candidates = payload_candidates(self.get_signing, request, BASE_PATH);
        self.verifier.verify_get(request, &candidates).await?;
        let day: Day = request
            .path_parameter("day")
            .parse()
            .map_err(|error| InvalidField::field("day", error))?;

        let subject = of_day(day);
        let exported = self
            .ledger
            .get::<Exported>(&subject, Exported::PREFIX)
            .await?;
        let Some(Entry {
            record: exported, ..
        }) = exported
        else {
            return Ok(Reply::Json {
                code: Code::NotFound,
                body: refusal(Code::NotFound, "there is no file of this day"),
            });
        };
        let sent = self.ledger.list::<Sent>(&subject).await?;
        Ok(Reply::Json {
            code: Code::Success,
            body: self.answer(day, &exported, &sent).await?,
        })
    }
}

impl CheckReconciliation {
    async fn answer(
        &self,
        day: Day,
        exported: &Exported,
        sent: &[Entry<Sent>],
    ) -> Result<Vec<u8>, ApiError> {
        let mut files = Vec::new();
        for counter in &exported.counters {
            let of_counter = |sent: &&Entry<Sent>| sent.record.counter == *counter;
            if let Some(Entry { record, .. }) = sent.iter().find(of_counter) {
                files.push(self.file(record).await?);
            }
        }
        let totals = &exported.totals;
        let data = Data {
            day: day.to_string(),
            totals: Totals {
                success: totals.success,
                failure: totals.failure,
                refunds: (totals.refunds != Sum::default()).then_some(totals.refunds),
            },
            files,
        };
        Ok(envelope(Code::Success, "success", Some(data)))
    }

    async fn file(&self, sent: &Sent) -> Result<File, ApiError> {
        let key = format!("{}/sent/{}", sent.day, sent.name);
        let url = self.archive.link(&key, LINK_LIFETIME).await;
        Ok(File {
            name: sent.name.clone(),
            lines: sent.lines,
            bytes: sent.bytes,
            sha256: sent.sha256.clone(),
            url: url.map_err(|error| ApiError::Internal(error.into()))?,
            url_expires_at: self.clock.now().after(LINK_LIFETIME).to_rfc3339(),
        })
    }
}

#[derive(Serialize)]
struct Data {
    day: String,
    totals: Totals,
    files: Vec<File>,
}

#[derive(Serialize)]
struct Totals {
    #[serde(rename = "SUCCESS")]
    success: Sum,
    #[serde(rename = "FAILURE")]
    failure: Sum,
    #[serde(rename = "REFUNDS", skip_serializing_if = "Option::is_none")]
    refunds: Option<Sum>,
}

#[derive(Serialize)]
struct File {
    name: String,
    /// With the header.
    lines: u64,
    bytes: u64,
    sha256: String,
    url: String,
    url_expires_at: String,
}
