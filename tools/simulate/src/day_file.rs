//! The file of a day as Tiki reads and writes it, without our code: six columns, times on Vietnam's clock.

use domain::Transaction;

use crate::world::{HOUR, MINUTE, SECOND};

const HEADER: &str =
    "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";

/// A line of the file, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) tiki_id: String,
    pub(crate) id: String,
    pub(crate) amount: String,
    pub(crate) status: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl Row {
    /// The row that a final transaction must have.
    pub(crate) fn of(t: &Transaction) -> Option<Self> {
        Some(Self {
            tiki_id: t.tiki_id().to_string(),
            id: t.id().to_string(),
            amount: t.order().amount.get().to_string(),
            status: t.status().to_string(),
            created_at: on_the_clock(t.created_at().unix_ms()),
            updated_at: on_the_clock(t.final_at()?.unix_ms()),
        })
    }
}

/// The rows of a file; none if it is not one.
pub(crate) fn rows(bytes: &[u8]) -> Vec<Row> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let rows = text.lines().skip(1).filter_map(|line| {
        let fields: [&str; 6] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
        let [tiki_id, id, amount, status, created_at, updated_at] = fields.map(str::to_owned);
        Some(Row {
            tiki_id,
            id,
            amount,
            status,
            created_at,
            updated_at,
        })
    });
    rows.collect()
}

/// Whether the bytes are a whole file of these rows.
pub(crate) fn is_whole(bytes: &[u8], rows: &[Row]) -> bool {
    let mut whole = header(false);
    for row in rows {
        whole += &line(row, None);
    }
    whole.as_bytes() == bytes
}

pub(crate) fn header(with_codes: bool) -> String {
    let more = if with_codes { ",result" } else { "" };
    format!("{HEADER}{more}\n")
}

pub(crate) fn line(row: &Row, code: Option<&str>) -> String {
    let Row {
        tiki_id,
        id,
        amount,
        status,
        created_at,
        updated_at,
    } = row;
    let code = code.map(|code| format!(",{code}")).unwrap_or_default();
    format!("{tiki_id},{id},{amount},{status},{created_at},{updated_at}{code}\n")
}

/// A time on Vietnam's clock, without our calendar code: `2026-11-22 23:59:59`.
pub(crate) fn on_the_clock(ms: i64) -> String {
    let local = ms + 7 * HOUR;
    let days = local.div_euclid(24 * HOUR);
    let time = local.rem_euclid(24 * HOUR);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (time / HOUR, time % HOUR / MINUTE, time % MINUTE / SECOND);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The same by RFC 3339: `2026-11-22T23:59:59+07:00`.
pub(crate) fn rfc3339(ms: i64) -> String {
    on_the_clock(ms).replace(' ', "T") + "+07:00"
}

/// The date of a number of days since 1970, counted from the first of March.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_vietnams_clock() {
        for (ms, text) in [
            (1_795_366_799_000, "2026-11-22 23:59:59"),
            (1_795_366_800_000, "2026-11-23 00:00:00"),
            (1_709_139_600_000, "2024-02-29 00:00:00"),
            (0, "1970-01-01 07:00:00"),
        ] {
            assert_eq!(on_the_clock(ms), text);
        }
    }
}
