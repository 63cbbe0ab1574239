//! Tiki's file server and the bucket, played: what is written is counted and thrown away, and what is read is made line
//! by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use files::file_drop::{DropError, RemoteFile, Stat, Written};
use files::object_store::ObjectError;
use files::{FileDrop, FileServer, ObjectStore};

use crate::day::{Payment, PlayedDay, REFUND_VND};

/// The folder that has the three folders of protocol §7.
pub(crate) const ROOT: &str = "/IF_TIKI_VIP";

/// The name of the result file.
pub(crate) const RESULTS: &str = "tikivip_bench_20261120_1.csv";

/// Tiki's file server. All sessions see the same files.
#[derive(Clone)]
pub(crate) struct PlayedServer {
    day: PlayedDay,
    /// The size and the number of lines of each file that was written, by its path.
    written: Arc<Mutex<BTreeMap<String, Counted>>>,
}

/// Counts what is written into it.
#[derive(Clone, Copy, Default)]
struct Counted {
    bytes: u64,
    lines: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += u64::try_from(bytes.len()).unwrap();
        self.lines += bytes
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PlayedServer {
    pub(crate) fn of(day: PlayedDay) -> Self {
        Self {
            day,
            written: Arc::default(),
        }
    }

    /// The lines of all files that were written, without their headers.
    pub(crate) fn lines_written(&self) -> u64 {
        let files = self.written.lock().unwrap();
        files.values().map(|file| file.lines - 1).sum()
    }

    /// The result file: each payment in our six columns, without a code.
    pub(crate) fn write_results(&self, into: &mut dyn Write) -> io::Result<()> {
        let columns =
            "tiki_transaction_id,transaction_id,transaction_amount,status,created_at,updated_at";
        let mut into = BufWriter::new(into);
        writeln!(into, "{columns}")?;
        for payment in self.day.all() {
            let (tiki_id, id) = (&payment.tiki_id, payment.id);
            let (amount, status) = (payment.amount_elsewhere(), payment.status());
            let created = payment.created_at().on_vietnams_clock();
            let updated = payment.final_at.on_vietnams_clock();
            writeln!(into, "{tiki_id},{id},{amount},{status},{created},{updated}")?;
        }
        into.flush()
    }
}

#[async_trait]
impl FileServer for PlayedServer {
    async fn connect(&self) -> Result<Box<dyn FileDrop>, DropError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl FileDrop for PlayedServer {
    async fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, DropError> {
        let folder = format!("{folder}/");
        let written = self.written.lock().unwrap();
        let names = written.keys().filter_map(|path| path.strip_prefix(&folder));
        let results = folder.ends_with("/OUTBOUND/").then_some(RESULTS);
        let files = names.chain(results).map(|name| RemoteFile {
            name: name.to_owned(),
            bytes: None,
            modified: None,
        });
        Ok(files.collect())
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, DropError> {
        let written = self.written.lock().unwrap();
        Ok(written.get(path).map(|file| Stat {
            bytes: Some(file.bytes),
        }))
    }

    async fn read(
        &self,
        path: &str,
        mut into: &mut (dyn Write + Send),
        _: u64,
    ) -> Result<bool, DropError> {
        if !path.ends_with(RESULTS) {
            return Ok(false);
        }
        self.write_results(&mut into).map_err(DropError::Local)?;
        Ok(true)
    }

    async fn write(
        &self,
        path: &str,
        mut content: &mut (dyn Read + Send),
    ) -> Result<Written, DropError> {
        let mut counted = Counted::default();
        io::copy(&mut content, &mut counted).map_err(DropError::Local)?;
        self.written
            .lock()
            .unwrap()
            .insert(path.to_owned(), counted);
        Ok(Written {
            bytes: counted.bytes,
            synced: true,
        })
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DropError> {
        let mut written = self.written.lock().unwrap();
        let file = written.remove(from).unwrap();
        written.insert(to.to_owned(), file);
        Ok(())
    }

    async fn remove(&self, path: &str) -> Result<(), DropError> {
        self.written.lock().unwrap().remove(path);
        Ok(())
    }

    async fn close(&self) {}
}

/// The bucket. It has the core's statement.
pub(crate) struct PlayedBucket(pub(crate) PlayedDay);

#[async_trait]
impl ObjectStore for PlayedBucket {
    async fn put(&self, _: &str, file: &Path, _: &str, _: &str) -> Result<(), ObjectError> {
        let read = || io::copy(&mut File::open(file)?, &mut io::sink());
        read().map(drop).map_err(|error| failed("PutObject", error))
    }

    async fn get(&self, _: &str, file: &Path) -> Result<bool, ObjectError> {
        let write = || write_statement(self.0, File::create(file)?);
        write().map_err(|error| failed("GetObject", error))?;
        Ok(true)
    }

    async fn link(&self, _: &str, _: Duration) -> Result<String, ObjectError> {
        unreachable!("reconcile gives nobody a link")
    }
}

fn failed(operation: &'static str, error: io::Error) -> ObjectError {
    ObjectError {
        operation,
        source: error.into(),
    }
}

fn write_statement(day: PlayedDay, into: File) -> io::Result<()> {
    let mut into = BufWriter::new(into);
    writeln!(into, "type,id,transaction_id,amount,at,rail_reference")?;
    for payment in day.all().filter(Payment::is_made) {
        let (number, id, amount) = (payment.number, payment.id, payment.amount_elsewhere());
        let at = payment.final_at;
        writeln!(into, "payment,B-{number},{id},{amount},{at},FT{number}")?;
        if payment.is_refunded() {
            let (refund, at) = (payment.refund_id(), payment.refunded_at());
            writeln!(into, "refund,{refund},{id},{REFUND_VND},{at},")?;
        }
    }
    into.flush()
}
