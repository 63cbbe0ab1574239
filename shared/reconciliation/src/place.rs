//! The names of things outside: the objects in the bucket, and the folders of Tiki's file drop.

use std::fmt;

use domain::Day;

use crate::period::Period;

/// An object in the bucket. Its text is its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKey<'n> {
    /// A copy of a file for Tiki.
    Sent(Day, &'n str),
    /// A copy of a result file of Tiki.
    Received(Day, &'n str),
    /// The day's report for a browser.
    Page(Day),
    /// The page of the month that a day is in.
    Month(Day),
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
            Self::Page(_) | Self::Month(_) => "text/html; charset=utf-8",
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
            Self::Month(day) => write!(f, "{}/report.html", Period::month_of(*day)),
            Self::Table(day) => write!(f, "{day}/report.csv"),
            Self::Workbook(day) => write!(f, "{day}/report.xlsx"),
            // A folder of its own, so that the core may write there and nowhere else.
            Self::Statement(day) => write!(f, "statements/{day}.csv"),
        }
    }
}

/// A report to which a link can lead. The link's token carries its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkedReport {
    /// The page of a day.
    Page(Day),
    /// The workbook of a day.
    Workbook(Day),
    /// The page of the month that a day is in.
    Month(Day),
}

impl LinkedReport {
    /// A letter for the kind, and the day in digits: `p20261122`.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let (kind, day) = match self {
            Self::Page(day) => (b'p', day),
            Self::Workbook(day) => (b'w', day),
            Self::Month(day) => (b'm', day),
        };
        let mut bytes = [kind; 9];
        // A day has eight digits.
        for (byte, digit) in bytes.iter_mut().skip(1).zip(day.digits().bytes()) {
            *byte = digit;
        }
        bytes
    }

    /// The report with these bytes, if there is one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 9]) -> Option<Self> {
        let [kind, digits @ ..] = bytes;
        let digits = std::str::from_utf8(&digits).ok()?;
        let day = Day::from_digits(digits).ok()?;
        match kind {
            b'p' => Some(Self::Page(day)),
            b'w' => Some(Self::Workbook(day)),
            b'm' => Some(Self::Month(day)),
            _ => None,
        }
    }

    /// The object that the link leads to.
    #[must_use]
    pub fn object(self) -> ObjectKey<'static> {
        match self {
            Self::Page(day) => ObjectKey::Page(day),
            Self::Workbook(day) => ObjectKey::Workbook(day),
            Self::Month(day) => ObjectKey::Month(day),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_report_are_read_back() {
        let day: Day = "2026-11-22".parse().unwrap();
        for (report, bytes, key) in [
            (
                LinkedReport::Page(day),
                b"p20261122",
                "2026-11-22/report.html",
            ),
            (
                LinkedReport::Workbook(day),
                b"w20261122",
                "2026-11-22/report.xlsx",
            ),
            (
                LinkedReport::Month(day),
                b"m20261122",
                "2026-11/report.html",
            ),
        ] {
            assert_eq!(&report.to_bytes(), bytes);
            assert_eq!(LinkedReport::from_bytes(*bytes), Some(report));
            assert_eq!(report.object().to_string(), key);
        }
        for bad in [b"x20261122", b"p20261199", b"p2026112x", &[0xff; 9]] {
            assert_eq!(LinkedReport::from_bytes(*bad), None);
        }
    }
}
