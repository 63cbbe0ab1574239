//! `GET /report/{token}` opens a report of reconciliation for a person who has the link of the daily mail, and needs no
//! access to AWS.
//!
//! A link that S3 signs dies with the credentials of the function that made it, after some hours. So the mail has a
//! token of ours, which works for a day, and this function changes it for a link of S3 that works for minutes.

mod page;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::{ApiError, Handler, Inbound, Reply};
use async_trait::async_trait;
use domain::Clock;
use files::ObjectStore;
use http::StatusCode;
use reconciliation::place::LinkedReport;
use signing::{KeyProvider, LinkRefusal, ReportLink};

/// The time for which the link of S3 works: the browser follows it at once.
const LINK_LIFETIME: Duration = Duration::from_mins(5);

/// What the function works with.
pub struct ReportRedirect {
    /// Verifies the links of the mail.
    pub link_keys: Arc<dyn KeyProvider>,
    /// The bucket with the reports.
    pub objects: Arc<dyn ObjectStore>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for ReportRedirect {
    async fn handle(&self, request: &Inbound) -> Result<Reply, ApiError> {
        let link = match self.verify(request.path_parameter("token")).await? {
            Ok(link) => link,
            Err(LinkRefusal::Expired) => return page(StatusCode::GONE, page::EXPIRED),
            Err(LinkRefusal::Invalid) => return page(StatusCode::NOT_FOUND, page::UNKNOWN),
        };
        let Some(report) = LinkedReport::from_bytes(link.report) else {
            return page(StatusCode::NOT_FOUND, page::UNKNOWN);
        };
        let key = report.object().to_string();
        let location = self.objects.link(&key, LINK_LIFETIME).await;
        Ok(Reply::Redirect {
            location: location.map_err(|error| ApiError::Internal(error.into()))?,
        })
    }

    fn error_page(&self) -> Option<String> {
        page::render(page::FAILED).ok()
    }
}

impl ReportRedirect {
    async fn verify(&self, token: &str) -> Result<Result<ReportLink, LinkRefusal>, ApiError> {
        let now_ms = self.clock.now().unix_ms();
        let keys = self.link_keys.keys().await?;
        let link = ReportLink::verify(&keys, token, now_ms);
        if link != Err(LinkRefusal::Invalid) {
            return Ok(link);
        }
        // After a rotation reconcile may have the new key, and we the old one.
        let keys = self.link_keys.reload().await?;
        Ok(ReportLink::verify(&keys, token, now_ms))
    }
}

fn page(status: StatusCode, text: page::Text) -> Result<Reply, ApiError> {
    let html = page::render(text).context("render the page")?;
    Ok(Reply::Page { status, html })
}
