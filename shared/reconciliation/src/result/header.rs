//! Which field of a line is which column: by the header line, or by the order that was agreed.

use std::collections::BTreeMap;

use super::format::{Column, Header, ResultFormat, normalised};

/// The places of the columns in each line of a file.
pub(super) struct Columns {
    places: BTreeMap<Column, usize>,
    /// The places without a heading. A line must have nothing there.
    unnamed: Vec<usize>,
    /// Each line has so many fields.
    pub(super) fields: usize,
}

/// What the first line of a file is.
pub(super) enum First {
    Header(Columns),
    /// A file without a header line: the line is the first one about a transaction.
    Line(Columns),
}

/// Why the first line gives no columns: the heading, if one has the problem, and the problem.
pub(super) type Problem = (Option<String>, String);

impl Columns {
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places.get(&column).copied()
    }

    pub(super) fn unnamed(&self) -> &[usize] {
        &self.unnamed
    }

    /// Reads the first line of a file.
    pub(super) fn of(first: &[String], format: &ResultFormat) -> Result<First, Problem> {
        let names: Vec<String> = first.iter().map(|name| normalised(name)).collect();
        let is_heading = |name: &String| {
            let mut headings = format.columns.values();
            headings.any(|heading| normalised(heading) == *name)
        };
        match format.header {
            Header::Present => Self::by_heading(&names, format).map(First::Header),
            Header::Absent => Self::by_order(names.len(), format).map(First::Line),
            Header::Auto if names.iter().any(is_heading) => {
                Self::by_heading(&names, format).map(First::Header)
            }
            // A header line that we do not know has no amount.
            Header::Auto => {
                let columns = Self::by_order(names.len(), format);
                let missing_codes = columns.as_ref().is_err_and(|(column, _)| column.is_some());
                let columns = match columns {
                    Ok(columns) => Some(columns).filter(|columns| columns.fit(first)),
                    Err(problem) if missing_codes => return Err(problem),
                    Err(_) => None,
                };
                columns.map(First::Line).ok_or_else(|| {
                    let id = format.heading(Column::TikiTransactionId).to_owned();
                    let problem = "is not in the header, and the line is none of the usual ones";
                    (Some(id), problem.to_owned())
                })
            }
        }
    }

    fn by_heading(names: &[String], format: &ResultFormat) -> Result<Self, Problem> {
        let mut places = BTreeMap::new();
        for (column, heading) in &format.columns {
            let wanted = normalised(heading);
            let mut found = names
                .iter()
                .enumerate()
                .filter(|(_, name)| **name == wanted);
            let problem = match (found.next(), found.next()) {
                (Some((place, _)), None) => {
                    places.insert(*column, place);
                    continue;
                }
                (Some(_), Some(_)) => "is in the header twice",
                (None, _) if is_required(*column, format) => "is not in the header",
                (None, _) => continue,
            };
            return Err((Some(heading.clone()), problem.to_owned()));
        }
        let unnamed = names.iter().enumerate();
        let unnamed = unnamed.filter(|(_, name)| name.is_empty());
        let columns = Self {
            places,
            unnamed: unnamed.map(|(place, _)| place).collect(),
            fields: names.len(),
        };
        columns.nothing_unread(names, format)?;
        Ok(columns)
    }

    /// Without a code, what a line says is its values. So no column may be read over that may say something else.
    fn nothing_unread(&self, names: &[String], format: &ResultFormat) -> Result<(), Problem> {
        if self.places.contains_key(&Column::Result) {
            return Ok(());
        }
        let is_read = |place: usize| self.places.values().any(|read| *read == place);
        let unknown = names.iter().enumerate().find(|(place, name)| {
            !is_read(*place) && !name.is_empty() && !format.ignored.contains(name)
        });
        match unknown {
            None => Ok(()),
            Some((_, name)) => Err((
                Some(super::cut(name)),
                "is not an agreed column, and the file has no codes: name it under columns or ignored"
                    .to_owned(),
            )),
        }
    }

    fn by_order(fields: usize, format: &ResultFormat) -> Result<Self, Problem> {
        let order = format.order_of(fields).ok_or_else(|| {
            (
                None,
                format!("has {fields} fields, and no such order of columns is agreed"),
            )
        })?;
        if format.codes_required && !order.contains(&Column::Result) {
            let heading = format.heading(Column::Result).to_owned();
            return Err((
                Some(heading),
                "is missing, and codes are required".to_owned(),
            ));
        }
        Ok(Self {
            places: order.into_iter().zip(0..).collect(),
            unnamed: Vec::new(),
            fields,
        })
    }

    /// Whether a first line looks like one about a transaction.
    fn fit(&self, first: &[String]) -> bool {
        let text = |column| self.place(column).and_then(|place| first.get(place));
        let id = text(Column::TikiTransactionId).is_some_and(|id| {
            let id = id.trim();
            id.contains(|c: char| c.is_ascii_digit())
        });
        let amount = text(Column::TransactionAmount);
        id && amount.is_none_or(|amount| amount.contains(|c: char| c.is_ascii_digit()))
    }
}

fn is_required(column: Column, format: &ResultFormat) -> bool {
    match column {
        Column::TikiTransactionId => true,
        Column::Result => format.codes_required,
        _ => false,
    }
}
