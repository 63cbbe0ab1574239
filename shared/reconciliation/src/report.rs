//! The page and the table that a person reads.

use std::collections::BTreeMap;
use std::io::{self, Write};

use domain::Day;

use crate::judge::Kind;
use crate::record::{Exported, Finding, Received, Sent};

/// The most findings that a page shows.
pub const MOST_SHOWN: usize = 2_000;

/// A day.
pub struct DayReport {
    /// x
    pub day: Day,
    /// x
    pub exported: Option<Exported>,
    /// x
    pub sent: Vec<Sent>,
    /// x
    pub received: Vec<Received>,
    /// x
    pub kinds: BTreeMap<Kind, u64>,
    /// x
    pub closed: u64,
    /// x
    pub findings: Vec<Finding>,
}

impl DayReport {
    /// x
    #[must_use]
    pub fn html(&self) -> String {
        String::new()
    }
}

/// x
pub struct FindingsTable<W: Write>(W);

impl<W: Write> FindingsTable<W> {
    /// x
    pub fn new(w: W) -> io::Result<Self> {
        Ok(Self(w))
    }
    /// x
    pub fn write(&mut self, _: &Finding) -> io::Result<()> {
        self.0.write_all(b"x")
    }
    /// x
    pub fn finish(mut self) -> io::Result<W> {
        self.0.flush()?;
        Ok(self.0)
    }
}
