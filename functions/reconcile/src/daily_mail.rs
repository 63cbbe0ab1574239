//! Mails the verdict about yesterday, once a day, to people who need no access to AWS.

use std::sync::Arc;
use std::time::Duration;

use domain::{Day, Timestamp};
use mail::{Mail, Mailbox};
use reconciliation::period::Period;
use reconciliation::place::LinkedReport;
use reconciliation::record::{DaySummary, Mailed, Reported, Results};
use reconciliation_report::mail::{Links, MailText, daily_mail};
use signed_http::BaseUrl;
use signing::{KeyProvider, ReportLink};
use store::Key;

use crate::Reconcile;

/// The time after the end of a day from which on it is mailed: 08:00 in Vietnam, two hours after its files are due.
const MAIL_AFTER: Duration = Duration::from_hours(8);

/// For so long the links of a mail work.
const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// Where the daily mail goes, and what its links are made of.
pub struct DailyMail {
    pub mailbox: Arc<dyn Mailbox>,
    /// The URL under which people reach report-redirect; with none a mail has no links.
    pub links: Option<LinkMaker>,
}

/// Makes links to reports.
pub struct LinkMaker {
    /// The URL that comes before the path of report-redirect.
    pub base_url: BaseUrl,
    /// The keys with which report-redirect verifies the links.
    pub keys: Arc<dyn KeyProvider>,
}

impl Reconcile {
    /// Mails what became of yesterday, if it is time, and if no run has done so. A run that dies in between mails it
    /// a second time: better twice than never.
    pub(crate) async fn mail_yesterday(&self) -> anyhow::Result<()> {
        let Some(mail) = &self.daily_mail else {
            return Ok(());
        };
        let now = self.clock.now();
        let day = now.vietnamese_day().previous();
        if now < day.end_exclusive().after(MAIL_AFTER) {
            return Ok(());
        }
        if self.records.get(&Key::mailed(day)).await?.is_some() {
            return Ok(());
        }
        let links = match &mail.links {
            Some(maker) => Some(maker.links(day, now).await?),
            None => None,
        };
        let others = self.earlier_days(day).await?;
        let summary = self.summary(day).await?.unwrap_or_else(|| unreported(day));
        let MailText { subject, body } = daily_mail(&summary, &others, links.as_ref());
        mail.mailbox.send(&Mail::new(subject, body)?).await?;
        let mailed = Mailed {
            day,
            mailed_at: self.clock.now(),
        };
        self.records.put(mailed, None).await?;
        Ok(())
    }

    /// The days before this one of which there is a report, the latest first.
    async fn earlier_days(&self, day: Day) -> anyhow::Result<Vec<DaySummary>> {
        let mut all = Vec::new();
        for earlier in self.due_days().await?.into_iter().rev() {
            if earlier < day {
                all.extend(self.summary(earlier).await?);
            }
        }
        Ok(all)
    }

    async fn summary(&self, day: Day) -> anyhow::Result<Option<DaySummary>> {
        let reported = self.records.get::<Reported>(&Key::reported(day)).await?;
        Ok(reported.and_then(|known| known.record.summary))
    }
}

impl LinkMaker {
    async fn links(&self, day: Day, now: Timestamp) -> anyhow::Result<Links> {
        let until = now.after(LINK_LIFETIME);
        let keys = self.keys.keys().await?;
        let link = |report: LinkedReport| {
            let link = ReportLink {
                report: report.to_bytes(),
                expires_at_ms: u64::try_from(until.unix_ms()).unwrap_or_default(),
            };
            self.base_url.join(&format!("/report/{}", link.token(&keys)))
        };
        Ok(Links {
            page: link(LinkedReport::Page(day)),
            workbook: link(LinkedReport::Workbook(day)),
            month: link(LinkedReport::Month(Period::month_of(day).first())),
            until,
        })
    }
}

/// A day of which nothing was reported.
fn unreported(day: Day) -> DaySummary {
    DaySummary {
        day,
        money: None,
        delivered: false,
        results: Results::None,
        orders_without_money: 0,
        needs_review: 0,
        automatic: 0,
        differences_vnd: 0,
    }
}
