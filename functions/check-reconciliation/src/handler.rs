//! `GET /tikivip/v1/reconciliation/{day}`: the totals of a day, and a short-lived link to each of its files. Tiki
//! calls it if it reconciles by API and not by SFTP (protocol §1, §7).

use std::sync::Arc;
use std::time::Duration;

use api::{
    ApiError, Code, Handler, Inbound, Reply, Verifier, envelope, payload_candidates, refusal,
};
use async_trait::async_trait;
use domain::{Clock, Day};
use files::ObjectStore;
use json_fields::InvalidField;
use reconciliation::file::Sum;
use reconciliation::place::ObjectKey;
use reconciliation::record::{Exported, Sent};
use serde::Serialize;
use store::{Key, ReconciliationRecords, Versioned, day_partition};

/// The part of the path that belongs to our base URL, as Tiki has it.
const BASE_PATH: &str = "/tikivip/v1";

/// The time for which a link works.
const LINK_LIFETIME: Duration = Duration::from_mins(10);

pub struct CheckReconciliation {
    /// Verifies Tiki's signature.
    pub verifier: Verifier,
    /// The records of files.
    pub records: ReconciliationRecords,
    /// The bucket with the files.
    pub objects: Arc<dyn ObjectStore>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for CheckReconciliation {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let candidates = payload_candidates(request, Some(BASE_PATH));
        self.verifier.verify_get(request, &candidates).await?;
        let day: Day = request
            .path_parameter("day")
            .parse()
            .map_err(|error| InvalidField::field("day", error))?;

        let exported = self.records.get(&Key::exported(day)).await?;
        let Some(Versioned {
            record: exported, ..
        }) = exported
        else {
            return Ok(Reply::Json {
                code: Code::NotFound,
                body: refusal(Code::NotFound, "there is no file of this day"),
            });
        };
        let sent = self.records.list::<Sent>(&day_partition(day)).await?;
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
        sent: &[Versioned<Sent>],
    ) -> Result<Vec<u8>, ApiError> {
        let mut files = Vec::new();
        for counter in &exported.counters {
            let of_counter = |sent: &&Versioned<Sent>| sent.record.counter == *counter;
            if let Some(Versioned { record, .. }) = sent.iter().find(of_counter) {
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
        let key = ObjectKey::Sent(sent.day, &sent.name);
        let url = self.objects.link(&key.to_string(), LINK_LIFETIME).await;
        Ok(File {
            name: sent.name.clone(),
            lines: sent.content.lines,
            bytes: sent.content.bytes,
            sha256: sent.content.sha256.clone(),
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
