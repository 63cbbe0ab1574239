//! Texts in the two languages of all documents.

use std::fmt;
use std::str::FromStr;

/// A language. Vietnamese comes first wherever both stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    Vi,
    En,
}

impl Lang {
    /// Vietnamese, then English.
    pub const ALL: [Self; 2] = [Self::Vi, Self::En];

    /// The code of the language in HTML and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The text of this language.
    #[must_use]
    pub fn of<T>(self, vi: T, en: T) -> T {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Another language than Vietnamese and English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be vi or en")]
pub struct UnknownLang;

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        Self::ALL
            .into_iter()
            .find(|lang| lang.as_str() == text)
            .ok_or(UnknownLang)
    }
}

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub vi: String,
    pub en: String,
}

impl Text {
    /// A text and its translation.
    pub fn new(vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            vi: vi.into(),
            en: en.into(),
        }
    }

    /// The text in this language; in the other one if there is none.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        let (first, second) = lang.of((&self.vi, &self.en), (&self.en, &self.vi));
        if first.is_empty() { second } else { first }
    }
}
