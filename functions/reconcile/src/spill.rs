//! Two books of a day side by side, in flat memory: both are written into many small files, each transaction into the
//! one that its id says, and then one small file after the other is compared.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::{RefundId, TransactionId, Vnd};
use reconciliation::statement::InStatement;
use reconciliation::statement::entry::{Entry, EntryKind};

/// The number of small files of each book.
const PARTS: u8 = 64;

/// So many entries of one transaction are distinguished. More are counted as what they are: far too many.
const MAX_ENTRIES_OF_ONE: usize = 200;

/// The two books of a day.
pub(crate) struct Books {
    ours: Spill,
    cores: Spill,
}

/// What a day has of one transaction, in both books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) ours: OurDay,
    pub(crate) core: CoreDay,
}

/// What became final, or went back, on a day by our records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OurDay {
    pub(crate) taken: Option<Vnd>,
    pub(crate) given_back: BTreeMap<RefundId, Vnd>,
}

/// The same by the core's statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreDay {
    pub(crate) taken: InStatement,
    pub(crate) given_back: BTreeMap<String, InStatement>,
}

impl Pair {
    /// Whether both books say the same.
    pub(crate) fn agrees(&self) -> bool {
        let taken = self
            .ours
            .taken
            .map_or(InStatement::Never, InStatement::Once);
        let ours = self.ours.given_back.iter();
        let ours = ours.map(|(id, amount)| (id.to_string(), InStatement::Once(*amount)));
        taken == self.core.taken && self.core.given_back == ours.collect()
    }
}

impl Books {
    /// Two empty books in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            ours: Spill::new(folder, "ours"),
            cores: Spill::new(folder, "cores"),
        }
    }

    /// Adds an entry of the statement.
    pub(crate) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let kind = match entry.kind {
            EntryKind::Payment => "payment",
            EntryKind::Refund => "refund",
        };
        let Entry { id, amount, at, .. } = entry;
        let reference = entry.reference.as_deref().unwrap_or_default();
        let (amount, at) = (amount.get(), at.unix_ms());
        let line = format!("{kind}\t{amount}\t{id}\t{at}\t{reference}");
        self.cores.write(entry.transaction_id, &line)
    }

    /// Adds a payment that was taken, by our records.
    pub(crate) fn add_taken(&mut self, id: TransactionId, amount: Vnd) -> io::Result<()> {
        self.ours.write(id, &format!("payment\t{}\t", amount.get()))
    }

    /// Adds a refund that is back, by our records.
    pub(crate) fn add_refund(
        &mut self,
        id: TransactionId,
        refund: RefundId,
        amount: Vnd,
    ) -> io::Result<()> {
        let line = format!("refund\t{}\t{refund}", amount.get());
        self.ours.write(id, &line)
    }

    /// Ends the writing, and begins to compare.
    pub(crate) fn finish(self) -> io::Result<Compare> {
        Ok(Compare {
            ours: self.ours.finish()?,
            cores: self.cores.finish()?,
            part: 0,
        })
    }
}

/// Compares the books, part by part.
pub(crate) struct Compare {
    ours: Vec<Option<PathBuf>>,
    cores: Vec<Option<PathBuf>>,
    part: usize,
}

impl Compare {
    /// What differs in the next part; `None` after the last.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Vec<(TransactionId, Pair)>>> {
        let paths = self.ours.get(self.part).zip(self.cores.get(self.part));
        let Some((ours, cores)) = paths else {
            return Ok(None);
        };
        self.part = self.part.saturating_add(1);
        let mut pairs: HashMap<TransactionId, Pair> = HashMap::new();
        read(ours.as_deref(), |id, kind, amount, rest| {
            let ours = &mut pairs.entry(id).or_default().ours;
            if kind == "payment" {
                ours.taken = Some(amount);
            } else {
                ours.given_back.insert(rest.parse()?, amount);
            }
            Ok(())
        })?;
        // The same line twice is one entry: a page may come twice.
        let mut seen: HashMap<TransactionId, Vec<String>> = HashMap::new();
        read(cores.as_deref(), |id, kind, amount, rest| {
            let entry = format!("{kind}\t{amount}\t{rest}", amount = amount.get());
            let of_one = seen.entry(id).or_default();
            if of_one.contains(&entry) || of_one.len() >= MAX_ENTRIES_OF_ONE {
                return Ok(());
            }
            of_one.push(entry);
            let core = &mut pairs.entry(id).or_default().core;
            if kind == "payment" {
                core.taken = core.taken.and(amount);
            } else {
                let refund = rest.split('\t').next().unwrap_or_default();
                let has = core.given_back.entry(normal(refund)).or_default();
                *has = has.and(amount);
            }
            Ok(())
        })?;
        let differ = pairs.into_iter().filter(|(_, pair)| !pair.agrees());
        let mut differ: Vec<_> = differ.collect();
        differ.sort_by_key(|(id, _)| *id);
        Ok(Some(differ))
    }
}

/// An id of a refund in our own form, if it is one.
fn normal(refund: &str) -> String {
    let ours = refund.parse::<RefundId>();
    ours.map_or_else(|_| refund.to_owned(), |id| id.to_string())
}

fn read(
    path: Option<&Path>,
    mut take: impl FnMut(TransactionId, &str, Vnd, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(path) = path else {
        return Ok(());
    };
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let mut fields = line.splitn(4, '\t');
        let mut next = || fields.next().context("a line that this run has written");
        let (id, kind, amount, rest) = (next()?, next()?, next()?, next()?);
        take(id.parse()?, kind, amount.parse()?, rest)?;
    }
    Ok(())
}

/// One book, in many small files, each made when it is needed.
struct Spill {
    paths: Vec<PathBuf>,
    files: Vec<Option<BufWriter<File>>>,
}

impl Spill {
    fn new(folder: &Path, name: &str) -> Self {
        let paths = (0..PARTS).map(|part| folder.join(format!("{name}-{part}")));
        Self {
            paths: paths.collect(),
            files: (0..PARTS).map(|_| None).collect(),
        }
    }

    fn write(&mut self, id: TransactionId, rest: &str) -> io::Result<()> {
        let part = usize::from(id.shard(PARTS));
        let place = self.paths.get(part).zip(self.files.get_mut(part));
        let Some((path, file)) = place else {
            return Err(io::Error::other("a part of the book is missing"));
        };
        if file.is_none() {
            *file = Some(BufWriter::new(File::create(path)?));
        }
        match file {
            Some(file) => writeln!(file, "{id}\t{rest}"),
            None => Ok(()),
        }
    }

    /// The files, in the order of the parts; none for a part without entries.
    fn finish(self) -> io::Result<Vec<Option<PathBuf>>> {
        let mut finished = Vec::new();
        for (path, file) in self.paths.into_iter().zip(self.files) {
            finished.push(match file {
                Some(mut file) => {
                    file.flush()?;
                    Some(path)
                }
                None => None,
            });
        }
        Ok(finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    fn id(n: u32) -> TransactionId {
        TransactionId::derive(&format!("T-{n}").parse().unwrap())
    }

    fn vnd(amount: u64) -> Vnd {
        Vnd::new(amount).unwrap()
    }

    const REFUND: &str = "9d2f8378-8d6c-5b98-8c46-c1852c4d18ed";

    fn entry(kind: EntryKind, n: u32, entry_id: &str, amount: u64) -> Entry {
        Entry {
            kind,
            id: entry_id.to_owned(),
            transaction_id: id(n),
            amount: vnd(amount),
            at: Timestamp::MIN,
            reference: None,
        }
    }

    fn differences(books: Books) -> BTreeMap<TransactionId, Pair> {
        let mut compare = books.finish().unwrap();
        let mut all = BTreeMap::new();
        while let Some(differ) = compare.next().unwrap() {
            all.extend(differ);
        }
        all
    }

    #[test]
    fn what_both_books_have_is_no_difference_and_each_other_case_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut books = Books::new(folder.path());
        let (payment, refund) = (EntryKind::Payment, EntryKind::Refund);
        for n in 0..1_000 {
            books.add_taken(id(n), vnd(1_000 + u64::from(n))).unwrap();
            let amount = 1_000 + u64::from(n);
            let same = entry(payment, n, "B", amount);
            books.add(&same).unwrap();
            // A page that came twice.
            books.add(&same).unwrap();
        }
        books.add_taken(id(1_000), vnd(5)).unwrap();
        books.add(&entry(payment, 1_001, "B", 5)).unwrap();
        books.add_taken(id(1_002), vnd(5)).unwrap();
        books.add(&entry(payment, 1_002, "B", 6)).unwrap();
        books.add_taken(id(1_003), vnd(5)).unwrap();
        for debit in ["B-1", "B-2"] {
            books.add(&entry(payment, 1_003, debit, 5)).unwrap();
        }
        let ours: RefundId = REFUND.parse().unwrap();
        books.add_refund(id(0), ours, vnd(3)).unwrap();
        books
            .add(&entry(refund, 0, &REFUND.to_uppercase(), 3))
            .unwrap();
        books.add_refund(id(1), ours, vnd(3)).unwrap();
        books.add(&entry(refund, 2, "another", 4)).unwrap();
        let differences = differences(books);
        let numbers: Vec<u32> = (0..1_010)
            .filter(|n| differences.contains_key(&id(*n)))
            .collect();
        assert_eq!(numbers, [1, 2, 1_000, 1_001, 1_002, 1_003]);
        let often = InStatement::Often {
            times: 2,
            total_vnd: 10,
        };
        for (n, taken) in [
            (1_000, InStatement::Never),
            (1_001, InStatement::Once(vnd(5))),
            (1_002, InStatement::Once(vnd(6))),
            (1_003, often),
        ] {
            assert_eq!(differences[&id(n)].core.taken, taken, "{n}");
        }
        let given_back = &differences[&id(2)].core.given_back;
        assert_eq!(given_back.get("another"), Some(&InStatement::Once(vnd(4))));
    }

    #[test]
    fn a_transaction_with_endless_entries_needs_no_endless_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut books = Books::new(folder.path());
        for n in 0..5_000 {
            let many = entry(EntryKind::Payment, 1, &format!("B-{n}"), 5);
            books.add(&many).unwrap();
        }
        let differences = differences(books);
        let taken = differences[&id(1)].core.taken;
        assert!(
            matches!(taken, InStatement::Often { times: 200, .. }),
            "{taken:?}"
        );
    }
}
