//! The format of a result file, as the two companies have agreed on it.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;
use strum::{IntoStaticStr, VariantArray};

/// What a line says. Both companies agree on the codes; usual in Vietnam are 00 to 03.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides agree.
    Match,
    /// Only the partner has the transaction.
    OnlyPartner,
    /// Only Tiki has it.
    OnlyTiki,
    /// The values differ.
    Differs,
}

/// The format of a result file. The default reads a file in the columns of our own one, with a header line or without,
/// and with a code in each line or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFormat {
    pub(super) separator: u8,
    pub(super) header: Header,
    /// The columns of a file without a header line. Empty: the usual ones.
    pub(super) order: Vec<Column>,
    pub(super) columns: BTreeMap<Column, String>,
    pub(super) codes: BTreeMap<String, Verdict>,
    /// Whether each line must have a code.
    pub(super) codes_required: bool,
    /// What a line without a code says.
    unmarked: Unmarked,
    /// Headings that are read over.
    pub(super) ignored: Vec<String>,
    /// How the first field of a line begins that is about no transaction: a sum, or an end mark.
    pub(super) trailers: Vec<String>,
    /// How the names of files end that are no result files: half written ones, check sums, marks.
    side_files: Vec<String>,
}

/// Whether a file has a header line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Header {
    /// It has one if one of its fields is a heading.
    #[default]
    Auto,
    Present,
    Absent,
}

/// What a line without a code says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unmarked {
    /// What stands in it: if it is what we have, the sides agree.
    #[default]
    Compare,
    /// That the sides differ, whatever stands in it: the file lists differences only.
    Differs,
}

/// A column of a result file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum Column {
    TikiTransactionId,
    TransactionId,
    TransactionAmount,
    Status,
    CreatedAt,
    UpdatedAt,
    Type,
    RequestId,
    RefundId,
    RefundAmount,
    Result,
    Reason,
}

/// What servers and programs put beside a file, or under its name until it is whole.
const SIDE_FILES: [&str; 10] = [
    ".filepart",
    ".part",
    ".tmp",
    ".temp",
    ".md5",
    ".sha256",
    ".ok",
    ".done",
    ".bak",
    "~",
];

impl Column {
    /// The columns of our own file; the last four are in files with refund rows.
    const OURS: [Self; 10] = [
        Self::TikiTransactionId,
        Self::TransactionId,
        Self::TransactionAmount,
        Self::Status,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::Type,
        Self::RequestId,
        Self::RefundId,
        Self::RefundAmount,
    ];

    const WITHOUT_REFUNDS: usize = 6;

    /// What Tiki may add to our columns.
    const ADDED: [Self; 2] = [Self::Result, Self::Reason];
}

/// The setting is not a valid format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be JSON as {{\"separator\":\",\",\"columns\":{{…}},\"codes\":{{\"00\":\"match\",…}}}}: {0}"
)]
pub struct BadFormat(String);

/// The setting as it is written. A field that is missing keeps its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    separator: Option<char>,
    #[serde(default)]
    header: Header,
    #[serde(default)]
    order: Vec<Column>,
    #[serde(default)]
    columns: BTreeMap<Column, String>,
    codes: Option<BTreeMap<String, Verdict>>,
    #[serde(default)]
    codes_required: bool,
    #[serde(default)]
    unmarked: Unmarked,
    #[serde(default)]
    ignored: Vec<String>,
    #[serde(default)]
    trailers: Vec<String>,
    side_files: Option<Vec<String>>,
}

impl Default for ResultFormat {
    fn default() -> Self {
        let name = |&column: &Column| (column, <&str>::from(column).to_owned());
        let codes = [
            ("00", Verdict::Match),
            ("01", Verdict::OnlyPartner),
            ("02", Verdict::OnlyTiki),
            ("03", Verdict::Differs),
        ];
        Self {
            separator: b',',
            header: Header::default(),
            order: Vec::new(),
            columns: Column::VARIANTS.iter().map(name).collect(),
            codes: codes
                .map(|(code, verdict)| (code.to_owned(), verdict))
                .into(),
            codes_required: false,
            unmarked: Unmarked::default(),
            ignored: Vec::new(),
            trailers: Vec::new(),
            side_files: SIDE_FILES.map(str::to_owned).into(),
        }
    }
}

impl FromStr for ResultFormat {
    type Err = BadFormat;

    fn from_str(json: &str) -> Result<Self, BadFormat> {
        let settings: Settings =
            serde_json::from_str(json).map_err(|error| BadFormat(error.to_string()))?;
        let bad = |problem: &str| Err(BadFormat(problem.to_owned()));
        let mut format = Self::default();
        if let Some(separator) = settings.separator {
            let Some(separator) = u8::try_from(separator).ok().filter(|b| may_separate(*b)) else {
                return bad("the separator is not a single ASCII punctuation character");
            };
            format.separator = separator;
        }
        format.columns.extend(settings.columns);
        let mut names: Vec<_> = format.columns.values().map(|n| normalised(n)).collect();
        names.extend(settings.ignored.iter().map(|n| normalised(n)));
        if has_doubles(&mut names) || names.iter().any(String::is_empty) {
            return bad("two columns have the same name, or a name is empty");
        }
        let mut order = settings.order.clone();
        let in_order = |column| settings.order.contains(&column);
        if has_doubles(&mut order) || !(order.is_empty() || in_order(Column::TikiTransactionId)) {
            return bad("the order has a column twice, or lacks tiki_transaction_id");
        }
        if settings.header == Header::Absent && settings.codes_required && !in_order(Column::Result)
        {
            return bad("the order lacks result, and codes are required");
        }
        if let Some(codes) = settings.codes {
            if codes.is_empty() {
                return bad("there are no codes");
            }
            format.codes = codes;
        }
        format.trailers = settings.trailers.iter().map(|t| normalised(t)).collect();
        if format.trailers.iter().any(String::is_empty) {
            return bad("a trailer is empty: every line would be one");
        }
        if let Some(side_files) = settings.side_files {
            format.side_files = side_files.iter().map(|end| normalised(end)).collect();
        }
        if format.side_files.iter().any(String::is_empty) {
            return bad("an ending of side_files is empty: every file would be one");
        }
        Ok(Self {
            header: settings.header,
            order: settings.order,
            codes_required: settings.codes_required,
            unmarked: settings.unmarked,
            ignored: settings.ignored.iter().map(|n| normalised(n)).collect(),
            ..format
        })
    }
}

impl ResultFormat {
    /// What a line without a code says; `None` if only its values say it.
    pub(super) fn unmarked(&self) -> Option<Verdict> {
        match self.unmarked {
            Unmarked::Compare => None,
            Unmarked::Differs => Some(Verdict::Differs),
        }
    }

    /// Whether a file of this name is no result file, but stands beside one. It is left alone.
    #[must_use]
    pub fn is_side_file(&self, name: &str) -> bool {
        let name = normalised(name);
        self.side_files.iter().any(|end| name.ends_with(end))
    }

    /// The heading of a column.
    pub(super) fn heading(&self, column: Column) -> &str {
        self.columns.get(&column).map_or("", String::as_str)
    }

    /// The columns of a file without a header line, by the number of its fields.
    pub(super) fn order_of(&self, fields: usize) -> Option<Vec<Column>> {
        if !self.order.is_empty() {
            return (self.order.len() == fields).then(|| self.order.clone());
        }
        let usual = [Column::WITHOUT_REFUNDS, Column::OURS.len()];
        let orders = usual.iter().flat_map(|ours| {
            (0..=Column::ADDED.len()).map(move |added| {
                let ours = Column::OURS.iter().take(*ours);
                let columns = ours.chain(Column::ADDED.iter().take(added));
                columns.copied().collect::<Vec<_>>()
            })
        });
        orders.into_iter().find(|order| order.len() == fields)
    }
}

/// A heading, or the beginning of a line, as it is compared.
pub(super) fn normalised(name: &str) -> String {
    name.trim().to_lowercase()
}

fn may_separate(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(&byte)
}

fn has_doubles<T: Ord>(of: &mut [T]) -> bool {
    of.sort_unstable();
    of.windows(2).any(|two| two.first() == two.last())
}
