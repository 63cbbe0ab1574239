//! Mails the verdict about a day, once, to people who need no access to AWS.

use std::sync::Arc;
use std::time::Duration;

use domain::{Day, Timestamp};
use mail::{Mail, Mailbox};
use reconciliation::place::LinkedReport;
use reconciliation::record::{DaySummary, Mailed, Reported, Results, Statement};
use reconciliation_report::mail::{Links, MailText, daily_mail};
use signed_http::BaseUrl;
use signing::{KeyProvider, ReportLink};
use store::Key;

use crate::{Reconcile, Run};

/// For so long the links of a mail work.
const LINK_LIFETIME: Duration = Duration::from_hours(24);

/// Where the daily mail goes, and what its links are made of.
pub struct DailyMail {
    pub mailbox: Arc<dyn Mailbox>,
    /// So long after the end of a day in Vietnam it is mailed.
    pub after: Duration,
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
    /// Mails what became of the latest day whose files are due, if it is time, and if no run has done so. A run that
    /// dies in between mails it a second time: better twice than never.
    pub(crate) async fn mail_latest_day(&self, run: &mut Run) -> anyhow::Result<()> {
        let Some(mail) = &self.daily_mail else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut earlier = self.due_days().await?;
        let Some(day) = earlier.pop() else {
            return Ok(());
        };
        if now < day.end_exclusive().after(mail.after) {
            return Ok(());
        }
        if self.records.get(&Key::mailed(day)).await?.is_some() {
            return Ok(());
        }
        let summary = self.summary(run, day).await;
        let mut others = Vec::new();
        for earlier in earlier {
            let summary = self.summary(run, earlier).await;
            others.push(summary.unwrap_or_else(|| unreported(earlier)));
        }
        // Without a report there is nothing that a link could open.
        let maker = mail.links.as_ref().filter(|_| summary.is_some());
        let links = match maker {
            Some(maker) => match maker.links(day, now).await {
                Ok(links) => Some(links),
                Err(error) => {
                    run.note("a mail has no links", Err(error));
                    None
                }
            },
            None => None,
        };
        let summary = summary.unwrap_or_else(|| unreported(day));
        let MailText { subject, body } = daily_mail(&summary, &others, links.as_ref());
        mail.mailbox.send(&Mail::new(subject, body)?).await?;
        let mailed = Mailed {
            day,
            mailed_at: self.clock.now(),
        };
        self.records.put(mailed, None).await?;
        Ok(())
    }

    /// What was last reported of a day. What cannot be read holds up no mail.
    async fn summary(&self, run: &mut Run, day: Day) -> Option<DaySummary> {
        match self.records.get::<Reported>(&Key::reported(day)).await {
            Ok(reported) => reported.and_then(|known| known.record.summary),
            Err(error) => {
                run.note(
                    "the record of a report could not be read",
                    Err(error.into()),
                );
                None
            }
        }
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
            self.base_url
                .join(&format!("/report/{}", link.token(&keys)))
        };
        Ok(Links {
            page: link(LinkedReport::Page(day)),
            workbook: link(LinkedReport::Workbook(day)),
            month: link(LinkedReport::Month(day)),
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
        statement: Statement::NotAsked,
        orders_without_money: 0,
        needs_review: 0,
        automatic: 0,
        differences_vnd: 0,
    }
}
