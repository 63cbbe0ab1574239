//! The auditor's checks of each day's file, as Tiki gets it, and of what comes of Tiki's answer to it.

use std::collections::BTreeSet;

use domain::{Day, PaymentState, Transaction};
use store::{Item, StoredKey};

use super::Invariant as I;
use crate::choices::Lane;
use crate::day_file::{self, Row};
use crate::files::FOLDER;
use crate::said::{Amount, Known};
use crate::table::text;
use crate::world::{DAY, MIDNIGHT, MINUTE, SECOND, World};

/// How far an index may be behind (`table`), and how long a run may take from reading a day to its delivery.
const FILE_LAG: i64 = 3 * MINUTE + 15 * MINUTE + SECOND;

/// So long before it asks Tiki a function may have read our record: it may have been held up.
const LOADED_BEFORE: i64 = 3 * MINUTE;

/// After so many tries a day must be exported, when nothing fails any more. A run that died may block some of them, and
/// one with a planned file that was not delivered needs more.
const MAX_TRIES: u32 = 12;

impl World {
    /// A payment has become final. Its day must not have been exported yet.
    pub(super) fn audit_became_final(&mut self, payment: usize, after: &Transaction) {
        let Some(at) = after.final_at() else {
            return;
        };
        let now = self.now();
        let record = self.audit.record(payment);
        record.final_at = Some(now);
        let reference = after
            .money_taken()
            .and_then(|paid| paid.core_reference.as_ref());
        record.reference_at_decision = reference.is_some();
        let at = at.unix_ms();
        let read = self.audit.days.keys().any(|day| number(*day) == of(at));
        self.audit.must(!read, I::ExportedOnce, payment, || {
            format!("it became final at {at}, and its day was exported before it was written")
        });
        let into_the_day = (at - MIDNIGHT).rem_euclid(DAY);
        let when = match into_the_day {
            0..MINUTE => "in a day's first minute",
            _ if into_the_day >= DAY - MINUTE => "in a day's last minute",
            _ => "in between",
        };
        self.coverage.count("reconciliation", "final", when);
    }

    /// Tiki has a file under its name. It is whole, and it is the day.
    pub(crate) fn audit_file(&mut self, name: &str, bytes: &[u8]) {
        let rows = day_file::rows(bytes);
        let whole = day_file::is_whole(bytes, &rows);
        self.audit.must(whole, I::ExportedOnce, 0, || {
            format!("{name} is not a whole file")
        });
        let day = name.split('_').nth(2);
        let day = day.and_then(|digits| Day::from_digits(digits).ok());
        let Some(day) = day else {
            return self.audit.must(false, I::ExportedOnce, 0, || {
                format!("{name} is not the name of a day's file")
            });
        };
        self.log(Lane::WORLD, "reconcile", || {
            format!("exports {day}: {} payments", rows.len())
        });
        let before = self.audit.files.insert(name.to_owned(), bytes.to_vec());
        let same = before.is_none_or(|before| before == bytes);
        self.audit.must(same, I::ExportedOnce, 0, || {
            format!("{name} has other bytes than before")
        });
        let read = self.audit_rows(day, &rows);
        self.audit_nothing_is_missing(day, &read);
        let again = self.audit.days.insert(day, read).is_some();
        let column = match (again, rows.is_empty()) {
            (true, _) => "again",
            (false, true) => "without payments",
            (false, false) => "with payments",
        };
        self.coverage.count("reconciliation", "a day", column);
    }

    fn audit_rows(&mut self, day: Day, rows: &[Row]) -> BTreeSet<usize> {
        let mut read = BTreeSet::new();
        let mut before = None;
        let now = self.now();
        for row in rows {
            let Some(payment) = self.payment_of_row(row) else {
                self.audit.must(false, I::ExportedOnce, 0, || {
                    format!("{day} has {row:?}, which nobody knows")
                });
                continue;
            };
            let stored = self.rows.find(self.payments[payment].id);
            let final_at = stored.and_then(Transaction::final_at);
            let place = final_at.zip(stored.map(Transaction::id));
            let expected = stored.and_then(Row::of);
            let days = self.audit.days.iter();
            let mut others = days.filter(|(other, of)| **other != day && of.contains(&payment));
            let other = others.next().map(|(other, _)| *other);
            let audit = &mut self.audit;
            let reversed_at = audit.reversed_since(payment);
            // The file may show the payment as it was when the day was read.
            let fresh = reversed_at.is_some_and(|at| at >= now - FILE_LAG);
            let as_before = expected.as_ref().map(|expected| Row {
                status: row.status.clone(),
                ..expected.clone()
            });
            let same_status = expected.as_ref().map(|e| &e.status) == Some(&row.status);
            audit.must(
                as_before.as_ref() == Some(row) && (same_status || fresh),
                if reversed_at.is_some() {
                    I::ReversedIsFailure
                } else {
                    I::ExportedOnce
                },
                payment,
                || format!("{day} has {row:?}, and stored is {expected:?}"),
            );
            let is_its_day = final_at.is_some_and(|at| of(at.unix_ms()) == number(day));
            audit.must(is_its_day, I::ExportedOnce, payment, || {
                format!("{day} has {row:?}")
            });
            audit.must(other.is_none(), I::ExportedOnce, payment, || {
                format!("{day} has it, and {other:?} has it too")
            });
            audit.must(before < place, I::ExportedOnce, payment, || {
                format!("{day} has {place:?} after {before:?}")
            });
            before = place;
            read.insert(payment);
        }
        read
    }

    /// A run says that the day is exported: then Tiki has it, and the bucket too.
    pub(crate) fn audit_exported(&mut self, day: Day) {
        let at_tiki = self.audit.days.contains_key(&day);
        self.audit.must(at_tiki, I::ExportedOnce, 0, || {
            format!("{day} is said to be exported, and Tiki never had a file")
        });
        let copied = self.audit.files.keys().all(|name| {
            let digits = day.digits();
            !name.contains(&digits) || self.bucket.contains_key(&format!("{day}/sent/{name}"))
        });
        self.audit.must(copied, I::ExportedOnce, 0, || {
            format!("Tiki has a file of {day} of which there is no copy")
        });
    }

    /// A day could not be exported. Without faults it can always be, sooner or later.
    pub(crate) fn audit_not_exported(&mut self, day: Day, last: bool, tried: u32) {
        let holds = !last || tried < MAX_TRIES;
        self.audit.must(holds, I::ExportedOnce, 0, || {
            format!("{day} cannot be exported, though nothing fails")
        });
    }

    /// All stored payments of the day must be in the export, because every write has ended before the export cutoff.
    fn audit_nothing_is_missing(&mut self, day: Day, read: &BTreeSet<usize>) {
        for (payment, simulated) in self.payments.iter().enumerate() {
            let final_at = self
                .rows
                .find(simulated.id)
                .and_then(domain::Transaction::final_at);
            let its_day = final_at.is_some_and(|at| of(at.unix_ms()) == number(day));
            let missing = its_day && !read.contains(&payment);
            self.audit.must(!missing, I::ExportedOnce, payment, || {
                format!("it became final at {final_at:?}, and {day} was exported without it")
            });
        }
    }

    /// At the end each final payment is in the data of one day.
    pub(super) fn audit_exports(&mut self, payment: usize, t: &Transaction) {
        let days = self.audit.days.iter();
        let days = days.filter(|(_, of)| of.contains(&payment));
        let days: Vec<_> = days.map(|(day, _)| *day).collect();
        let once = days.len() == usize::from(t.final_at().is_some());
        self.audit.must(once, I::ExportedOnce, payment, || {
            format!("final at {:?}, and in the data of {days:?}", t.final_at())
        });
    }

    /// A run has read these result files to their ends: each payment on which they differ from our record is a finding.
    pub(crate) fn audit_results_read(&mut self, names: &[String]) {
        for name in names {
            let Some(file) = self.server.files.get(&format!("{FOLDER}/OUTBOUND/{name}")) else {
                continue;
            };
            let day = name.split('_').nth(2);
            let Some(day) = day.and_then(|digits| Day::from_digits(digits).ok()) else {
                continue;
            };
            let rows = day_file::rows(&file.bytes.clone());
            for row in rows {
                let Some(payment) = self.payment_of_row(&row) else {
                    continue;
                };
                let stored = self.rows.find(self.payments[payment].id);
                let differs = stored.and_then(Row::of).as_ref() != Some(&row);
                // Since it was read, the payment may have been reversed.
                let now = self.now();
                let reversed = self.audit.reversed_since(payment);
                let fresh = reversed.is_some_and(|at| at >= now - FILE_LAG);
                let partition = format!("day#{day}");
                let sort = format!("finding#{}", row.tiki_id);
                let found = self.records.of(&partition, &sort).next().is_some();
                self.coverage.count(
                    "reconciliation",
                    "a line of Tiki",
                    if found { "a finding" } else { "matched" },
                );
                let holds = !differs || found || fresh;
                self.audit.must(holds, I::DifferencesAreFound, payment, || {
                    format!("{name} has {row:?}, and there is no finding")
                });
            }
        }
    }

    /// A record is written. A finding about a payment says what Tiki has answered, and agrees only where that is so.
    pub(crate) fn audit_record(&mut self, key: &StoredKey, item: &Item, heard: Option<Heard>) {
        let Some((payment, heard)) = payment_of_finding(key).zip(heard) else {
            return;
        };
        let record = map(item, "record");
        let said = record.as_ref().and_then(|record| map(record, "tiki"));
        let answer = said.as_ref().and_then(|said| text(said, "answer"));
        let part = |name: &str| record.as_ref().and_then(|record| text(record, name));
        let (kind, mismatch) = (part("kind"), part("mismatch"));
        let Some(known) = heard.answer else {
            return;
        };
        let expected = match known {
            Known::Success(_) => "success",
            Known::Failure => "failure",
            Known::Pending => "pending",
            Known::Code(1) => "invalid_request",
            Known::Code(2) => "system_error",
            Known::Code(3) => "not_found",
            Known::Code(4) => "not_of_this_partner",
            Known::Code(6) => "cancelled",
            Known::Code(_) => "unclear",
        };
        self.audit.must(
            answer.as_deref() == Some(expected),
            I::FindingsAreSo,
            payment,
            || format!("Tiki answered {known:?}, and the finding says {answer:?}"),
        );
        let (row, column) = (
            mismatch.unwrap_or_default(),
            kind.clone().unwrap_or_default(),
        );
        self.coverage
            .count("finding", expected, (row.as_str(), column.as_str()));
        if kind.as_deref() != Some("matched") {
            return;
        }
        let stored = self.rows.find(self.payments[payment].id);
        let paid = stored.is_some_and(|t| matches!(t.payment(), PaymentState::Paid { .. }));
        let holds = match known {
            Known::Success(Amount::Same) => {
                // What went back since the look-up is another matter.
                let reversed = self.audit.reversed_since(payment);
                paid || reversed.is_some_and(|at| at >= heard.asked_at - LOADED_BEFORE)
            }
            Known::Success(Amount::Other | Amount::None) => false,
            _ => true,
        };
        self.audit.must(holds, I::FindingsAreSo, payment, || {
            format!("Tiki answered {known:?}, and the finding of {row} is {kind:?}")
        });
    }
}

/// What a function last heard from Tiki about a payment.
#[derive(Clone, Copy)]
pub(crate) struct Heard {
    /// When it asked.
    pub(crate) asked_at: i64,
    /// The answer, if one came.
    pub(crate) answer: Option<Known>,
}

/// The payment that a finding is about, if it is about one.
pub(crate) fn payment_of_finding(key: &StoredKey) -> Option<usize> {
    let id = key.sort.strip_prefix("finding#")?;
    id.strip_prefix("SIM-")?.parse().ok()
}

fn map(item: &Item, name: &str) -> Option<Item> {
    match item.get(name)? {
        serde_dynamo::AttributeValue::M(map) => Some(map.clone().into()),
        _ => None,
    }
}

/// The number of a time's day, without our calendar code.
fn of(at: i64) -> i64 {
    (at - MIDNIGHT).div_euclid(DAY)
}

/// The same number for a day of our calendar.
fn number(day: Day) -> i64 {
    of(day.start().unix_ms())
}
