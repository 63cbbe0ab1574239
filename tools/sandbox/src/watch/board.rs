//! What stands where: the payments, the queues with their ages, and the files.

use std::collections::HashMap;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;

use crate::core::money;
use crate::handles::Handles;

/// Payments that the page lists, the newest first.
const MAX_PAYMENTS: usize = 20;
/// Files of a folder that the page lists, the newest first.
const MAX_FILES: usize = 6;

type Item = HashMap<String, AttributeValue>;

/// What stands where.
pub(super) struct Board {
    pub(super) payments: Vec<PaymentRow>,
    pub(super) queues: Vec<Queue>,
    pub(super) folders: Vec<Folder>,
}

/// A payment, as each of the three sides has it.
pub(super) struct PaymentRow {
    pub(super) transaction_id: String,
    pub(super) tiki_id: String,
    pub(super) amount: String,
    /// `10:02:03, 29/11`.
    pub(super) created: String,
    created_at: i64,
    ours: State,
    at_tiki: State,
    at_core: State,
    /// Why a person must look at it.
    pub(super) review: Option<String>,
}

/// A state in Vietnamese and on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) vietnamese: &'static str,
    pub(super) word: String,
    /// The class of its colour: `good`, `bad`, `waits` or `none`.
    pub(super) class: &'static str,
}

/// Obligations that wait.
pub(super) struct Queue {
    pub(super) vietnamese: &'static str,
    pub(super) english: &'static str,
    pub(super) waiting: usize,
    /// How long the oldest is overdue, or how long it has waited.
    pub(super) oldest: String,
    pub(super) is_late: bool,
}

/// A folder of Tiki's SFTP server.
pub(super) struct Folder {
    pub(super) name: &'static str,
    pub(super) files: Vec<String>,
    pub(super) more: usize,
}

/// The queues: the attribute that says when, and whether the time is one to come (else it is since when).
const QUEUES: [(&str, bool, &str, &str); 5] = [
    (
        "ipn_due_at",
        true,
        "Thông báo cho Tiki",
        "notifications to Tiki",
    ),
    (
        "refund_due_at",
        true,
        "Hoàn tiền ở hệ thống lõi",
        "refunds at the core",
    ),
    (
        "expiry_due_at",
        true,
        "Hỏi về thanh toán hết hạn",
        "questions about expired payments",
    ),
    ("needs_review_since", false, "Chờ xử lý", "review queue"),
    (
        "proposal_expires_at",
        true,
        "Chờ người thứ hai duyệt",
        "waits for a second person",
    ),
];

impl Board {
    pub(super) async fn read(handles: &Handles, now_ms: i64) -> anyhow::Result<Self> {
        let scan = handles.dynamodb.scan().table_name("TransactionsTable");
        let items = scan.send().await?.items.unwrap_or_default();
        // A count of an hour is no transaction.
        let items: Vec<Item> = items
            .into_iter()
            .filter(|item| item.contains_key("version"))
            .collect();
        let mut payments: Vec<_> = items
            .iter()
            .map(|item| PaymentRow::of(handles, item))
            .collect();
        payments.sort_by_key(|payment| std::cmp::Reverse(payment.created_at));
        payments.truncate(MAX_PAYMENTS);
        Ok(Self {
            payments,
            queues: QUEUES.map(|queue| Queue::of(queue, &items, now_ms)).into(),
            folders: ["INBOUND", "OUTBOUND", "ARCHIVED"]
                .map(|name| Folder::read(&handles.sftp_folder, name))
                .into(),
        })
    }
}

impl PaymentRow {
    fn of(handles: &Handles, item: &Item) -> Self {
        let (transaction_id, tiki_id) = (
            text(item, "transaction_id"),
            text(item, "tiki_transaction_id"),
        );
        let created_at = number(item, "created_at").unwrap_or_default();
        let at_tiki = handles.tiki.as_ref().and_then(|tiki| tiki.known(&tiki_id));
        let at_core = handles
            .core
            .as_ref()
            .and_then(|core| core.payment(&transaction_id));
        Self {
            amount: money(
                number(item, "amount_vnd")
                    .and_then(|vnd| vnd.try_into().ok())
                    .unwrap_or(0),
            ),
            created: moment(created_at),
            created_at,
            ours: State::ours(item),
            at_tiki: at_tiki.map_or_else(State::unknown, |order| State::at_tiki(&order)),
            at_core: at_core.map_or_else(State::unknown, |payment| State::at_core(&payment.status)),
            review: Some(text(item, "needs_review")).filter(|reason| !reason.is_empty()),
            transaction_id,
            tiki_id,
        }
    }

    /// Here, at Tiki and at the core.
    pub(super) fn states(&self) -> [(&'static str, &State); 3] {
        [
            ("Ở đây", &self.ours),
            ("Ở Tiki", &self.at_tiki),
            ("Ở lõi", &self.at_core),
        ]
    }
}

impl State {
    fn new(vietnamese: &'static str, word: &str, class: &'static str) -> Self {
        Self {
            vietnamese,
            word: word.to_owned(),
            class,
        }
    }

    fn ours(item: &Item) -> Self {
        if item.contains_key("reversal") {
            Self::new("đảo giao dịch", "reversed", "bad")
        } else if item.contains_key("failure") {
            Self::new("thất bại", "FAILURE", "bad")
        } else if item.contains_key("payment") {
            Self::new("thành công", "SUCCESS", "good")
        } else {
            Self::new("chờ thanh toán", "PENDING", "waits")
        }
    }

    fn at_tiki(order: &crate::tiki::Order) -> Self {
        match order.status.as_str() {
            _ if order.cancelled => Self::new("đã hủy", "cancelled", "bad"),
            "SUCCESS" => Self::new("thành công", "SUCCESS", "good"),
            "FAILURE" => Self::new("thất bại", "FAILURE", "bad"),
            word => Self::new("chưa biết kết quả", word, "waits"),
        }
    }

    fn at_core(word: &str) -> Self {
        match word {
            "paid" => Self::new("đã trừ tiền", word, "good"),
            "failed" => Self::new("không trừ tiền", word, "bad"),
            "not_paid" => Self::new("chưa trả", word, "waits"),
            word => Self::new("đang xử lý", word, "waits"),
        }
    }

    fn unknown() -> Self {
        Self::new("không có", "–", "none")
    }
}

impl Queue {
    fn of(
        (attribute, is_due, vietnamese, english): (&str, bool, &'static str, &'static str),
        items: &[Item],
        now_ms: i64,
    ) -> Self {
        let times: Vec<i64> = items
            .iter()
            .filter_map(|item| number(item, attribute))
            .collect();
        let oldest = times.iter().min().copied();
        let late = oldest.map(|oldest| now_ms.saturating_sub(oldest));
        Self {
            vietnamese,
            english,
            waiting: times.len(),
            oldest: late.map_or_else(|| "–".to_owned(), |late| age(late, is_due)),
            is_late: late.is_some_and(|late| if is_due { late > 60_000 } else { late >= 0 }),
        }
    }
}

impl Folder {
    fn read(sftp: &Path, name: &'static str) -> Self {
        let entries = std::fs::read_dir(sftp.join(name))
            .into_iter()
            .flatten()
            .flatten();
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let modified = entry.metadata().ok()?.modified().ok()?;
                Some((modified, entry.file_name().into_string().ok()?))
            })
            .collect();
        files.sort_by_key(|(modified, _)| std::cmp::Reverse(*modified));
        let more = files.len().saturating_sub(MAX_FILES);
        files.truncate(MAX_FILES);
        Self {
            name,
            files: files.into_iter().map(|(_, name)| name).collect(),
            more,
        }
    }
}

/// `quá hạn 3 phút`, `còn 20 giây`, or `3 phút` of what waits for a person.
fn age(late_ms: i64, is_due: bool) -> String {
    let span = span(late_ms.unsigned_abs());
    match (is_due, late_ms > 0) {
        (false, _) => span,
        (true, true) => format!("quá hạn {span}"),
        (true, false) => format!("còn {span}"),
    }
}

/// `20 giây`, `3 phút`, `2 giờ 5 phút` or `3 ngày`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 if minutes == 0 => format!("{seconds} giây"),
        0 => format!("{minutes} phút"),
        1..=47 if minutes % 60 == 0 => format!("{hours} giờ"),
        1..=47 => format!("{hours} giờ {} phút", minutes % 60),
        _ => format!("{} ngày", hours / 24),
    }
}

/// `10:02:03, 29/11`, in Vietnam.
pub(super) fn moment(at_ms: i64) -> String {
    let at = Timestamp::from_unix_ms(at_ms).map(Timestamp::to_rfc3339);
    let at = at.unwrap_or_default();
    let part = |range| at.get(range).unwrap_or_default();
    format!("{}, {}/{}", part(11..19), part(8..10), part(5..7))
}

fn text(item: &Item, name: &str) -> String {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.cloned().unwrap_or_default()
}

fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_at_a_glance() {
        for (ms, shown) in [
            (0, "0 giây"),
            (59_999, "59 giây"),
            (60_000, "1 phút"),
            (2 * 3_600_000, "2 giờ"),
            (47 * 3_600_000 + 300_000, "47 giờ 5 phút"),
            (48 * 3_600_000, "2 ngày"),
        ] {
            assert_eq!(span(ms), shown);
        }
        assert_eq!(age(-20_000, true), "còn 20 giây");
        assert_eq!(age(180_000, true), "quá hạn 3 phút");
        assert_eq!(age(180_000, false), "3 phút");
    }

    #[test]
    fn a_moment_is_vietnams() {
        assert_eq!(moment(1_764_381_600_000), "09:00:00, 29/11");
    }

    #[test]
    fn our_state_is_read_from_the_item() {
        let with = |names: &[&str]| -> Item {
            let names = names.iter();
            names
                .map(|name| ((*name).to_owned(), AttributeValue::Bool(true)))
                .collect()
        };
        for (names, word) in [
            (&[][..], "PENDING"),
            (&["payment"], "SUCCESS"),
            (&["payment", "reversal"], "reversed"),
            (&["failure"], "FAILURE"),
        ] {
            assert_eq!(State::ours(&with(names)).word, word);
        }
    }
}
