//! Reads choices and messages from hostile bytes.

/// The bytes of one run. Choices are read from the front, and the rest is the message. At the end each choice is 0,
/// which is harmless, so short inputs are also useful.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'d>(&'d [u8]);

impl<'d> Data<'d> {
    pub(crate) fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next bytes, filled up with zeros.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(self.take(N)) {
            *to = *from;
        }
        array
    }

    /// At most `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> &'d [u8] {
        let (head, tail) = self.0.split_at(n.min(self.0.len()));
        self.0 = tail;
        head
    }

    /// A text of at most 255 bytes, its length first.
    pub(crate) fn text(&mut self) -> String {
        let length = self.byte();
        String::from_utf8_lossy(self.take(length.into())).into_owned()
    }

    /// A number below `n`, or 0 if `n` is 0. It uses one byte, so `n` is at most 256.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()).checked_rem(n).unwrap_or(0)
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        match self.below(others.len().saturating_add(1)).checked_sub(1) {
            Some(index) => others.get(index).copied().unwrap_or(first),
            None => first,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rest of the bytes.
    pub(crate) fn rest(self) -> &'d [u8] {
        self.0
    }
}
