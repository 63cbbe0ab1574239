//! The export of a day, step by step, from its records.
//!
//! A file is recorded before it is sent. So a run that follows a crashed one knows what was planned: if Tiki has a
//! file with this name and these bytes, it was delivered; if not, it is sent. The same bytes are sent once, and bytes
//! that have changed since get the next counter.

use std::collections::BTreeSet;

use crate::file::{Part, Totals};
use crate::record::{Exported, Sent};

/// What is known of a day.
#[derive(Clone, Debug)]
pub struct DayFiles<'d> {
    /// The parts of the day, as they are now.
    pub parts: &'d [Part],
    /// The recorded files of the day, in the order of their counters.
    pub sent: &'d [Sent],
    /// The last export that is recorded.
    pub exported: Option<&'d Exported>,
    /// Counters of planned files that are certainly not at Tiki.
    pub absent: &'d BTreeSet<u32>,
}

/// What to do next for a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Find out whether Tiki has the file of this counter. Its run may have delivered it, and died before it recorded
    /// that.
    FindOut { counter: u32 },
    /// Record that this part gets this counter. An unfinished record of the same counter is replaced.
    Plan { counter: u32, place: usize },
    /// Store a copy of this part in the bucket, and record that.
    Archive { counter: u32, place: usize },
    /// Record that these files are the day. From then on check-reconciliation offers them, delivered or not.
    Record { counters: Vec<u32> },
    /// Deliver this part under its name, and record that.
    Deliver { counter: u32, place: usize },
}

/// The place of a part among the recorded files of its day.
enum Place<'d> {
    /// This record has the same bytes.
    Known(&'d Sent),
    /// The file of this record was never delivered, and no part has its bytes any more.
    Unfinished(&'d Sent),
    /// The next counter.
    New(u32),
}

impl DayFiles<'_> {
    /// The next step, until everything is done.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        let mut known = Vec::new();
        for (place, part) in self.parts.iter().enumerate() {
            match self.place_of(part) {
                Place::Known(sent) => known.push((place, sent)),
                Place::Unfinished(sent) if !self.absent.contains(&sent.counter) => {
                    let counter = sent.counter;
                    return Some(Step::FindOut { counter });
                }
                Place::Unfinished(Sent { counter, .. }) => {
                    let counter = *counter;
                    return Some(Step::Plan { counter, place });
                }
                Place::New(counter) => return Some(Step::Plan { counter, place }),
            }
        }
        let not_archived = known.iter().find(|(_, sent)| sent.archived_at.is_none());
        if let Some((place, sent)) = not_archived {
            return Some(Step::Archive {
                counter: sent.counter,
                place: *place,
            });
        }
        let counters: Vec<u32> = known.iter().map(|(_, sent)| sent.counter).collect();
        let recorded = self.exported.map(|exported| &exported.counters);
        if recorded != Some(&counters) {
            return Some(Step::Record { counters });
        }
        let not_delivered = known.iter().find(|(_, sent)| sent.delivered_at.is_none());
        not_delivered.map(|(place, sent)| Step::Deliver {
            counter: sent.counter,
            place: *place,
        })
    }

    /// The sums of all parts; `None` if they are too large for a number.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        let mut totals = Totals::default();
        for part in self.parts {
            totals.add(&part.totals).ok()?;
        }
        Some(totals)
    }

    fn place_of(&self, part: &Part) -> Place<'_> {
        let same = |sent: &&Sent| sent.content.sha256 == part.sha256;
        if let Some(known) = self.sent.iter().find(same) {
            return Place::Known(known);
        }
        let unfinished = |sent: &&Sent| {
            // If another part of the day has these bytes, the record belongs to that part.
            let mut parts = self.parts.iter();
            let wanted = parts.any(|part| part.sha256 == sent.content.sha256);
            sent.delivered_at.is_none() && !wanted
        };
        let last = self.sent.last().map_or(0, |last| last.counter);
        let new = Place::New(last.saturating_add(1));
        let unfinished = self.sent.iter().find(unfinished);
        unfinished.map_or(new, Place::Unfinished)
    }
}

/// Whether a day was exported, and Tiki has each of its files.
#[must_use]
pub fn is_delivered(exported: Option<&Exported>, sent: &[Sent]) -> bool {
    let delivered = |counter: &u32| {
        let of_counter = sent.iter().find(|sent| sent.counter == *counter);
        of_counter.is_some_and(|sent| sent.delivered_at.is_some())
    };
    exported.is_some_and(|exported| exported.counters.iter().all(delivered))
}
