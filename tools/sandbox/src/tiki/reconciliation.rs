//! Tiki's side of the reconciliation (protocol §7): it reads the partner's files, compares each line with its own
//! orders, and writes a result file with the lines that differ.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use csv::{ReaderBuilder, Trim};
use domain::Timestamp;
use serde::Deserialize;

use super::result_file::{self, FileFault, ResultFile};
use super::{Order, Tiki};

/// The result codes that are usual in Vietnam. `00`, both sides agree, does not appear in these result files.
const ONLY_PARTNER: &str = "01";
const ONLY_TIKI: &str = "02";
const DIFFERS: &str = "03";

/// By how much Tiki's amount of a refund differs, in VND, if it is to differ.
const REFUND_DIFFERENCE: u64 = 1000;

/// A line of the partner's file, or of Tiki's answer.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Line {
    pub(super) tiki_transaction_id: String,
    pub(super) transaction_id: String,
    pub(super) transaction_amount: String,
    pub(super) status: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    /// `PAYMENT` or `REFUND`. This and the following are only in files that also have lines for refunds.
    #[serde(default)]
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) request_id: String,
    #[serde(default)]
    pub(super) refund_id: String,
    #[serde(default)]
    pub(super) refund_amount: String,
}

/// A line on which the sides differ, with Tiki's values.
pub(super) struct Answer {
    pub(super) line: Line,
    /// One of the result codes.
    pub(super) code: &'static str,
    pub(super) reason: String,
}

/// How many lines were compared, and how many lines the result file has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    compared: u64,
    differences: u64,
}

impl Tiki {
    /// Processes every file in this folder's `INBOUND`, and returns the names of the result files in its `OUTBOUND`. A
    /// processed file moves to `ARCHIVED`.
    pub fn reconcile(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let inbound = folder.join("INBOUND");
        let mut names = Vec::new();
        for entry in fs::read_dir(&inbound).with_context(|| inbound.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            // A name that begins with a dot belongs to a file that is still being written.
            if name.starts_with("tikivip_") && entry.file_type()?.is_file() {
                names.push(name);
            }
        }
        names.sort();
        for name in &names {
            let open = self.journal.step("Tiki", "SFTP", "reconciles a file");
            let done = self.reconcile_file(folder, name);
            let count = done.with_context(|| name.clone())?;
            let Count {
                compared,
                differences,
            } = count;
            open.done(format!("{compared} lines, {differences} differ"));
        }
        Ok(names)
    }

    fn reconcile_file(&self, folder: &Path, name: &str) -> anyhow::Result<Count> {
        let taken = folder.join("INBOUND").join(name);
        let fresh = folder.join("OUTBOUND").join(format!(".{name}.part"));
        // One snapshot of the orders for the whole file.
        let orders = self.orders.read(HashMap::clone);
        let now = Timestamp::from_unix_ms(self.caller.clock.now_ms())?;
        let input = BufReader::new(File::open(&taken)?);
        let output = BufWriter::new(File::create(&fresh)?);
        let fault = self.result_files.take(result_file::CALL);
        let count = compare(input, output, &orders, &now.on_vietnams_clock(), fault)?;
        result_file::publish(&fresh, &folder.join("OUTBOUND").join(name), fault)?;
        fs::rename(taken, folder.join("ARCHIVED").join(name))?;
        let reported: Vec<&String> = only_at_tiki(&orders).map(|(id, _)| id).collect();
        self.orders.write(|orders| {
            for id in reported {
                if let Some(order) = orders.get_mut(id) {
                    order.only_at_tiki = false;
                }
            }
        });
        Ok(count)
    }
}

/// The orders that the next result file must report as ones that only Tiki has.
fn only_at_tiki(orders: &HashMap<String, Order>) -> impl Iterator<Item = (&String, &Order)> {
    orders.iter().filter(|(_, order)| order.only_at_tiki)
}

/// Reads a partner's file and writes its result file.
fn compare(
    input: impl Read,
    output: impl Write,
    orders: &HashMap<String, Order>,
    now: &str,
    fault: Option<FileFault>,
) -> anyhow::Result<Count> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(input);
    let has_refunds = reader.headers()?.iter().any(|name| name == "type");
    let mut result = ResultFile::begin(output, has_refunds, fault)?;
    let mut compared = 0;
    let mut refunds = Vec::new();
    for line in reader.deserialize() {
        let line: Line = line?;
        if !["", "PAYMENT"].contains(&line.r#type.as_str()) {
            // Without a fault the sides agree about refunds.
            if fault == Some(FileFault::RefundRowsDiffer) {
                refunds.push(line);
            }
            continue;
        }
        compared += 1;
        if let Some(answer) = answer(&line, orders.get(&line.tiki_transaction_id)) {
            result.write(&answer)?;
        }
    }
    if fault == Some(FileFault::RefundRowsDiffer) {
        compared += u64::try_from(refunds.len())?;
        for answer in refunds_that_differ(&refunds)? {
            result.write(&answer)?;
        }
    }
    let mut missing: Vec<_> = only_at_tiki(orders).collect();
    missing.sort_by_key(|(id, _)| *id);
    for (id, order) in missing {
        result.write(&answer_only_at_tiki(id, order, now))?;
    }
    Ok(Count {
        compared,
        differences: result.finish()?,
    })
}

/// The answer about a line that differs; `None` if both sides agree.
fn answer(line: &Line, order: Option<&Order>) -> Option<Answer> {
    let mut line = line.clone();
    let (code, reason) = match order {
        None => (ONLY_PARTNER, "không có ở Tiki".to_owned()),
        Some(order) if order.cancelled => (ONLY_PARTNER, "đã hủy ở Tiki".to_owned()),
        Some(order) => {
            let same_amount = line.transaction_amount.parse() == Ok(order.amount);
            let differs = [
                (!same_amount, "lệch số tiền"),
                (line.status != order.status, "lệch trạng thái"),
            ];
            let reasons = differs.iter().filter(|(differs, _)| *differs);
            let reasons: Vec<&str> = reasons.map(|(_, reason)| *reason).collect();
            if reasons.is_empty() {
                return None;
            }
            line.transaction_amount = order.amount.to_string();
            line.status.clone_from(&order.status);
            (DIFFERS, reasons.join(" và "))
        }
    };
    Some(Answer { line, code, reason })
}

/// The answer about an order that the partner does not have.
fn answer_only_at_tiki(id: &str, order: &Order, now: &str) -> Answer {
    let line = Line {
        tiki_transaction_id: id.to_owned(),
        transaction_amount: order.amount.to_string(),
        status: order.status.clone(),
        created_at: now.to_owned(),
        updated_at: now.to_owned(),
        ..Line::default()
    };
    let reason = "chỉ có ở Tiki".to_owned();
    let code = ONLY_TIKI;
    Answer { line, code, reason }
}

/// The answers about the partner's refunds, if Tiki's differ: in turn one has another amount, and one is not there; and
/// one more is only at Tiki.
fn refunds_that_differ(refunds: &[Line]) -> anyhow::Result<Vec<Answer>> {
    ensure!(
        !refunds.is_empty(),
        "the file has no refund rows that can differ; refund a payment, and start the sandbox with --parameter ReconciliationRefundRows=on"
    );
    let mut answers = Vec::new();
    for (place, refund) in refunds.iter().enumerate() {
        let mut line = refund.clone();
        let (code, reason) = if place.is_multiple_of(2) {
            let amount: u64 = line.refund_amount.parse().context("refund_amount")?;
            line.refund_amount = (amount + REFUND_DIFFERENCE).to_string();
            (DIFFERS, "lệch số tiền hoàn")
        } else {
            (ONLY_PARTNER, "không có ở Tiki")
        };
        let reason = reason.to_owned();
        answers.push(Answer { line, code, reason });
    }
    if let Some(refund) = refunds.first() {
        let line = Line {
            request_id: "only-at-tiki".to_owned(),
            refund_id: String::new(),
            ..refund.clone()
        };
        let reason = "chỉ có ở Tiki".to_owned();
        let code = ONLY_TIKI;
        answers.push(Answer { line, code, reason });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests;
