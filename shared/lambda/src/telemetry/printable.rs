//! Log lines in which no character acts on the terminal of whoever reads them.

use std::io::{self, Write};

use domain::escaped_json;
use tracing_subscriber::fmt::MakeWriter;

/// Writes JSON lines with each unprintable character escaped. JSON itself demands that of the first 32 only.
#[derive(Clone, Copy)]
pub(super) struct Printable<M>(pub(super) M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Printable<M> {
    type Writer = PrintableWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        PrintableWriter(self.0.make_writer())
    }
}

/// The writer of one line.
pub(super) struct PrintableWriter<W>(W);

impl<W: Write> Write for PrintableWriter<W> {
    /// The layer writes each line in one piece, so no character is cut in two.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(line) => self.0.write_all(escaped_json(line).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_line_is_one_line_and_says_the_same() {
        let lines = Lines::default();
        let into = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(Printable(move || into.clone()));
        let name = "x\u{1b}]0;t\u{7}\n\u{9b}31m\u{202e}\u{2028}y";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(file = name, "a file {name}");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line = written.strip_suffix('\n').unwrap();
        assert!(!line.contains(domain::is_unprintable), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(read["file"], name);
        assert_eq!(read["message"], format!("a file {name}"));
    }
}
