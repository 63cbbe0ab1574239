//! The plan of an export: whatever dies between two steps, each file arrives once, and a name never has two contents.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use domain::{Day, Timestamp};
use proptest::prelude::*;
use reconciliation::file::{Part, Sum, Totals};
use reconciliation::plan::export::{DayFiles, Step, is_delivered};
use reconciliation::record::{Exported, Sent};

fn day() -> Day {
    "2026-11-22".parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000).unwrap()
}

fn part(bytes: &str) -> Part {
    Part {
        lines: 2,
        bytes: 1,
        sha256: bytes.to_owned(),
        totals: Totals::default(),
    }
}

/// The records, and Tiki's folder as it is.
#[derive(Clone, Debug, Default)]
struct Outside {
    sent: BTreeMap<u32, Sent>,
    exported: Option<Exported>,
    archive: BTreeMap<u32, String>,
    at_tiki: BTreeMap<u32, String>,
}

impl Outside {
    /// Runs an export of these parts until it is done, or dies after so many effects. A step that delivers or archives
    /// has two effects: the file, and its record.
    fn export(&mut self, parts: &[&str], mut effects: usize) -> Result<(), ()> {
        let parts: Vec<Part> = parts.iter().map(|bytes| part(bytes)).collect();
        let mut absent = BTreeSet::new();
        let mut effect = || {
            effects = effects.checked_sub(1).ok_or(())?;
            Ok(())
        };
        loop {
            let sent: Vec<Sent> = self.sent.values().cloned().collect();
            let files = DayFiles {
                parts: &parts,
                sent: &sent,
                exported: self.exported.as_ref(),
                absent: &absent,
            };
            let Some(step) = files.next() else {
                return Ok(());
            };
            match step {
                Step::FindOut { counter } => {
                    let record = self.sent.get_mut(&counter).unwrap();
                    if self.at_tiki.get(&counter) == Some(&record.content.sha256) {
                        effect()?;
                        record.delivered_at = Some(now());
                    } else {
                        assert_eq!(self.at_tiki.get(&counter), None);
                        absent.insert(counter);
                    }
                }
                Step::Plan { counter, place } => {
                    effect()?;
                    let sent = Sent {
                        day: day(),
                        counter,
                        name: format!("f{counter}"),
                        content: parts[place].clone(),
                        run: "r".parse().unwrap(),
                        planned_at: now(),
                        archived_at: None,
                        delivered_at: None,
                        doubts: Vec::new(),
                    };
                    self.sent.insert(counter, sent);
                }
                Step::Archive { counter, place } => {
                    effect()?;
                    self.archive.insert(counter, parts[place].sha256.clone());
                    effect()?;
                    self.sent.get_mut(&counter).unwrap().archived_at = Some(now());
                }
                Step::Record { counters } => {
                    effect()?;
                    self.exported = Some(Exported {
                        day: day(),
                        totals: files.totals().unwrap(),
                        refunded: Sum::default(),
                        counters,
                        exported_at: now(),
                        run: "r".parse().unwrap(),
                    });
                }
                Step::Deliver { counter, place } => {
                    effect()?;
                    let bytes = parts[place].sha256.clone();
                    let before = self.at_tiki.insert(counter, bytes.clone());
                    assert!(before.is_none_or(|before| before == bytes), "replaced");
                    effect()?;
                    self.sent.get_mut(&counter).unwrap().delivered_at = Some(now());
                }
            }
        }
    }

    fn check(&self, parts: &[&str]) {
        let exported = self.exported.as_ref().unwrap();
        let sent: Vec<Sent> = self.sent.values().cloned().collect();
        assert!(is_delivered(Some(exported), &sent));
        let of = |from: &BTreeMap<u32, String>| -> Vec<String> {
            exported.counters.iter().map(|c| from[c].clone()).collect()
        };
        assert_eq!(of(&self.at_tiki), parts, "the day is at Tiki, in order");
        assert_eq!(of(&self.archive), parts, "and in the bucket");
        let mut contents: Vec<&String> = self.at_tiki.values().collect();
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), self.at_tiki.len(), "nothing is there twice");
    }
}

#[test]
fn an_export_that_dies_after_any_effect_is_finished_by_the_next() {
    let parts = ["a", "b", "c"];
    // Three to plan, six to archive, one to record, six to deliver.
    for dies_after in 0..=16 {
        let mut outside = Outside::default();
        let died = outside.export(&parts, dies_after).is_err();
        assert_eq!(died, dies_after < 16, "{dies_after}");
        outside.export(&parts, usize::MAX).unwrap();
        outside.check(&parts);
        let before = outside.clone();
        outside.export(&parts, 0).unwrap();
        assert_eq!(format!("{outside:?}"), format!("{before:?}"), "then rests");
    }
}

#[test]
fn bytes_that_changed_get_a_counter_that_nothing_was_delivered_under() {
    let mut outside = Outside::default();
    outside.export(&["a", "b"], usize::MAX).unwrap();
    outside.export(&["a2", "b"], usize::MAX).unwrap();
    outside.check(&["a2", "b"]);
    assert_eq!(outside.exported.as_ref().unwrap().counters, [3, 2]);
    // Planned and never delivered: the counter is free again.
    let mut outside = Outside::default();
    assert!(outside.export(&["a", "b"], 2).is_err());
    outside.export(&["a2", "b"], usize::MAX).unwrap();
    assert_eq!(outside.exported.as_ref().unwrap().counters, [1, 2]);
    outside.check(&["a2", "b"]);
}

proptest! {
    /// Any number of runs that die, over data that changes between them.
    #[test]
    fn the_last_run_always_leaves_the_day_at_tiki(
        runs in prop::collection::vec((prop::collection::btree_set("[a-h]", 1..4), 0_usize..14), 0..8),
        last in prop::collection::btree_set("[a-h]", 1..4),
    ) {
        let mut outside = Outside::default();
        for (parts, dies_after) in &runs {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let _ = outside.export(&parts, *dies_after);
        }
        let parts: Vec<&str> = last.iter().map(String::as_str).collect();
        outside.export(&parts, usize::MAX).unwrap();
        outside.check(&parts);
    }
}
