//! The names of things outside: the objects in the bucket, and the folders of Tiki's file drop.

use std::fmt;

use domain::Day;

/// An object in the bucket. Its text is its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKey<'n> {
    /// A copy of a file for Tiki.
    Sent(Day, &'n str),
    /// A copy of a result file of Tiki.
    Received(Day, &'n str),
    /// The day's report for a browser.
    Page(Day),
    /// The day's findings for a spreadsheet.
    Table(Day),
    /// The day's findings as a workbook.
    Workbook(Day),
    /// The core's statement of a day, which the core puts there.
    Statement(Day),
}

impl ObjectKey<'_> {
    /// The kind of its bytes, for whoever opens it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Sent(..) | Self::Table(_) | Self::Statement(_) => "text/csv; charset=utf-8",
            // Whatever Tiki sends is shown as text.
            Self::Received(..) => "text/plain; charset=utf-8",
            Self::Page(_) => "text/html; charset=utf-8",
            Self::Workbook(_) => {
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            }
        }
    }
}

impl fmt::Display for ObjectKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(day, name) => write!(f, "{day}/sent/{name}"),
            Self::Received(day, name) => write!(f, "{day}/received/{name}"),
            Self::Page(day) => write!(f, "{day}/report.html"),
            Self::Table(day) => write!(f, "{day}/report.csv"),
            Self::Workbook(day) => write!(f, "{day}/report.xlsx"),
            // A folder of its own, so that the core may write there and nowhere else.
            Self::Statement(day) => write!(f, "statements/{day}.csv"),
        }
    }
}

/// The folders of Tiki's file drop (protocol §7), below the folder that contains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// The folder that contains the three.
    pub root: String,
}

impl Folders {
    /// Where we put files for Tiki.
    #[must_use]
    pub fn inbound(&self) -> String {
        format!("{}/INBOUND", self.root)
    }

    /// Where Tiki puts its results.
    #[must_use]
    pub fn outbound(&self) -> String {
        format!("{}/OUTBOUND", self.root)
    }

    /// Where Tiki moves our files after it has taken them.
    #[must_use]
    pub fn archived(&self) -> String {
        format!("{}/ARCHIVED", self.root)
    }
}
