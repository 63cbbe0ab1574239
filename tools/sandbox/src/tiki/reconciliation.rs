//! Tiki's side of the reconciliation (protocol §7): it reads the partner's files, compares each line with its own
//! orders, and writes a result file with the lines that differ.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use csv::{ReaderBuilder, Terminator, Trim, WriterBuilder};
use domain::Timestamp;
use serde::Deserialize;

use super::{Order, Tiki};
use crate::caller::now_ms;

/// The result codes that are usual in Vietnam. `00`, both sides agree, does not appear in these result files.
const ONLY_PARTNER: &str = "01";
const ONLY_TIKI: &str = "02";
const DIFFERS: &str = "03";

/// The columns of a result file: those of the partner's file, and Tiki's verdict.
const COLUMNS: [&str; 8] = [
    "tiki_transaction_id",
    "transaction_id",
    "transaction_amount",
    "status",
    "created_at",
    "updated_at",
    "result",
    "reason",
];

/// The columns of the partner's file that Tiki reads.
#[derive(Clone, Debug, Deserialize)]
struct Line {
    tiki_transaction_id: String,
    transaction_id: String,
    transaction_amount: String,
    status: String,
    created_at: String,
    updated_at: String,
    /// Only in files that also have lines for refunds.
    #[serde(default)]
    r#type: Option<String>,
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
            let open = self.journal.open("Tiki", "SFTP", "reconciles a file");
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
        let now = Timestamp::from_unix_ms(now_ms())?;
        let input = BufReader::new(File::open(&taken)?);
        let output = BufWriter::new(File::create(&fresh)?);
        let count = compare(input, output, &orders, &now.on_vietnams_clock())?;
        // A rename is atomic, so a reader never finds half a file.
        fs::rename(fresh, folder.join("OUTBOUND").join(name))?;
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
) -> anyhow::Result<Count> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(input);
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .from_writer(output);
    writer.write_record(COLUMNS)?;
    let mut count = Count::default();
    for line in reader.deserialize() {
        let line: Line = line?;
        if line.r#type.as_ref().is_some_and(|kind| kind != "PAYMENT") {
            continue;
        }
        count.compared += 1;
        if let Some(answer) = answer(&line, orders.get(&line.tiki_transaction_id)) {
            writer.write_record(&answer)?;
            count.differences += 1;
        }
    }
    let mut missing: Vec<_> = only_at_tiki(orders).collect();
    missing.sort_by_key(|(id, _)| *id);
    for (id, order) in missing {
        let amount = order.amount.to_string();
        let reason = "chỉ có ở Tiki";
        let status = order.status.as_str();
        writer.write_record([id, "", &amount, status, now, now, ONLY_TIKI, reason])?;
        count.differences += 1;
    }
    writer.flush()?;
    Ok(count)
}

/// The result line for a line that differs, with Tiki's values; `None` if both sides agree.
fn answer(line: &Line, order: Option<&Order>) -> Option<[String; 8]> {
    let (mut amount, mut status) = (line.transaction_amount.clone(), line.status.clone());
    let (code, reason) = match order {
        None => (ONLY_PARTNER, "không có ở Tiki".to_owned()),
        Some(order) if order.cancelled => (ONLY_PARTNER, "đã huỷ ở Tiki".to_owned()),
        Some(order) => {
            let differs = [
                (amount.parse() != Ok(order.amount), "lệch số tiền"),
                (status != order.status, "lệch trạng thái"),
            ];
            let reasons = differs.iter().filter(|(differs, _)| *differs);
            let reasons: Vec<&str> = reasons.map(|(_, reason)| *reason).collect();
            if reasons.is_empty() {
                return None;
            }
            amount = order.amount.to_string();
            status.clone_from(&order.status);
            (DIFFERS, reasons.join(" và "))
        }
    };
    Some([
        line.tiki_transaction_id.clone(),
        line.transaction_id.clone(),
        amount,
        status,
        line.created_at.clone(),
        line.updated_at.clone(),
        code.to_owned(),
        reason,
    ])
}

#[cfg(test)]
mod tests;
