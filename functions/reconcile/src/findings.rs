//! Writes a finding, and reads those of a day.

use domain::{Day, Timestamp};
use reconciliation::record::{Finding, Subject};
use store::{Key, Pages, StoreError, day_partition};

use crate::Reconcile;

impl Reconcile {
    /// Brings a finding up to date with what both sides say now. What is in order is a finding only if it was one
    /// before. The answer is the finding, if it is one.
    pub(crate) async fn update_finding(
        &self,
        day: Day,
        subject: &Subject,
        in_order: bool,
        mut record: impl FnMut(&mut Finding, Timestamp),
    ) -> anyhow::Result<Option<Finding>> {
        self.change_finding(&Key::finding(day, subject), |known, now| {
            if known.is_none() && in_order {
                return None;
            }
            let mut finding = known.unwrap_or_else(|| Finding::new(day, subject.clone(), now));
            record(&mut finding, now);
            Some(finding)
        })
        .await
    }

    /// Changes a finding, or makes it, and counts it if its kind is another one then. With `None` there is nothing to
    /// write.
    pub(crate) async fn change_finding(
        &self,
        key: &Key<Finding>,
        mut change: impl FnMut(Option<Finding>, Timestamp) -> Option<Finding>,
    ) -> anyhow::Result<Option<Finding>> {
        let mut before = None;
        let updated = self
            .records
            .update::<_, StoreError>(key, |known| {
                before = known.as_ref().map(|known| known.kind);
                Ok(change(known, self.clock.now()))
            })
            .await?;
        let kind = updated.as_ref().map(|finding| finding.kind);
        if let Some(kind) = kind.filter(|kind| before != Some(*kind)) {
            metrics::FINDINGS.count(&[kind.as_str()]);
        }
        Ok(updated)
    }

    /// The findings of a day, page by page: there may be as many as lines in Tiki's file.
    pub(crate) fn findings_of(&self, day: Day) -> Pages<'_, Finding> {
        self.records.pages(day_partition(day))
    }
}
