//! The size and the hash of bytes, taken while they are written.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

/// Passes bytes on to a writer, counts and hashes them. With [`io::sink`] it only counts and hashes.
pub struct HashingWriter<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

/// The size and the hash of all bytes that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The number of bytes.
    pub bytes: u64,
    /// The SHA-256 in hex.
    pub sha256: String,
}

impl<W: Write> HashingWriter<W> {
    /// Writes to `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Flushes the inner writer, and says what was written.
    pub fn finish(mut self) -> io::Result<Hashed> {
        self.inner.flush()?;
        Ok(Hashed {
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        })
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only the bytes that the inner writer took: the caller writes the others again.
        let length = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..length).unwrap_or_default());
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one byte at a time.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend(bytes.first());
            Ok(bytes.len().min(1))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_byte_is_hashed_once_however_slow_the_writer_is() {
        // The SHA-256 of "abc", from FIPS 180-4.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = Hashed {
            bytes: 3,
            sha256: sha256.to_owned(),
        };
        let mut slow = Slow(Vec::new());
        let mut writer = HashingWriter::new(&mut slow);
        writer.write_all(b"abc").unwrap();
        assert_eq!(writer.finish().unwrap(), expected);
        assert_eq!(slow.0, b"abc");
        let mut nowhere = HashingWriter::new(io::sink());
        nowhere.write_all(b"abc").unwrap();
        assert_eq!(nowhere.finish().unwrap(), expected);
    }
}
