//! Texts from outside: bounded, checked once, printable, and one type for each meaning.

use std::fmt;
use std::str::FromStr;

use crate::printable::{is_unprintable, printable};

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// It is empty or too long.
    #[error("must have 1 to {max} characters")]
    Length {
        /// The most characters that are allowed.
        max: usize,
    },
    /// It has few enough characters, but they take too much room.
    #[error("must have at most {max} bytes in UTF-8: use fewer characters")]
    Bytes {
        /// The most bytes that are allowed.
        max: usize,
    },
    /// It is a code, and has a character that acts on whoever reads it.
    #[error("must not have a control character, a line end or a mark for the direction of text")]
    Unprintable,
}

/// A text of 1 to `MAX` characters and at most `BYTES` bytes, none of them unprintable ([`is_unprintable`]). Each
/// meaning has a type of its own over it, made by [`text_newtype`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Text<const MAX: usize, const BYTES: usize>(String);

impl<const MAX: usize, const BYTES: usize> Text<MAX, BYTES> {
    /// What fits of it from its beginning, or `None` if that is nothing.
    fn truncated(text: &str) -> Option<Self> {
        let text = first(&printable(text), MAX, BYTES).to_owned();
        (!text.is_empty()).then_some(Self(text))
    }

    /// A code: two sides compare it, so nothing in it is replaced.
    fn code(text: &str) -> Result<Self, BadText> {
        let checked = Self::free(text)?;
        if text.contains(is_unprintable) {
            return Err(BadText::Unprintable);
        }
        Ok(checked)
    }

    /// A text for people: each unprintable character becomes a blank.
    fn free(text: &str) -> Result<Self, BadText> {
        // A character has at most four bytes: a text that is too long anyway is not counted.
        let fits = text.len() <= MAX.saturating_mul(4) && text.chars().count() <= MAX;
        if !fits || text.is_empty() {
            return Err(BadText::Length { max: MAX });
        }
        if text.len() > BYTES {
            return Err(BadText::Bytes { max: BYTES });
        }
        Ok(Self(printable(text).into_owned()))
    }
}

/// The longest beginning of a text that has no more characters and no more bytes.
fn first(text: &str, characters: usize, bytes: usize) -> &str {
    let ends = text
        .char_indices()
        .map(|(at, c)| at.saturating_add(c.len_utf8()));
    let end = ends.take(characters).take_while(|end| *end <= bytes).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A type of its own over [`Text`], so that two texts of different meaning cannot be mixed up: its longest length in
/// characters, and in bytes if four for each character would be too many. A `code` is refused if it has an unprintable
/// character; in a `free` text it becomes a blank. With `personal`, the type has no `Display`, and its `Debug` shows
/// nothing of the text: no log line and no error can have it by mistake.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $max:literal, $kind:ident) => {
        text_newtype!(@shown $(#[$doc])* $name, $max, { $max * 4 }, $kind);
    };
    ($(#[$doc:meta])* $name:ident, $max:literal ($bytes:literal bytes), $kind:ident) => {
        text_newtype!(@shown $(#[$doc])* $name, $max, $bytes, $kind);
    };
    (@shown $(#[$doc:meta])* $name:ident, $max:literal, $bytes:tt, $kind:ident) => {
        text_newtype!(@common $(#[$doc])* $name, $max, $bytes, $kind);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0.0).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.0)
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $max:literal, $kind:ident, personal) => {
        text_newtype!(@common $(#[$doc])* $name, $max, { $max * 4 }, $kind);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
    (@common $(#[$doc:meta])* $name:ident, $max:literal, $bytes:tt, $kind:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text<$max, $bytes>);

        impl $name {
            /// The text, without unprintable characters.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0.0
            }

            /// The text cut to the allowed length and made printable, or `None` if it is empty: for an explanation
            /// from outside that must not stop the work it explains.
            #[must_use]
            pub fn truncated(text: &str) -> Option<Self> {
                Text::truncated(text).map(Self)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = BadText;

            fn from_str(text: &str) -> Result<Self, BadText> {
                Text::$kind(text).map(Self)
            }
        }
    };
}

text_newtype!(
    /// The client id that Tiki gave the partner (protocol §1).
    ClientId, 128, code
);
text_newtype!(
    /// Tiki's id of a webview session (protocol §6).
    WebviewRequestId, 128, code
);
text_newtype!(
    /// The partner's code of a customer, under which the webview was opened (protocol §6).
    IdentifyCode, 128, code, personal
);
text_newtype!(
    /// Tiki's code of the order that is paid for.
    OrderCode, 128, code, personal
);
text_newtype!(
    /// The idempotency key of Tiki's refund request (protocol §5).
    RequestId, 128, code
);
text_newtype!(
    /// The core's own reference of a payment.
    CoreReference, 128, code
);
text_newtype!(
    /// How the customer paid: a code that the partner publishes to Tiki (protocol §3).
    BankingMethod, 64, code
);
text_newtype!(
    /// The name of a person who acts: a [`Principal`](crate::Principal), whose names are ASCII.
    OperatorName, 140 (256 bytes), code
);
text_newtype!(
    /// Why a person acts. Vietnamese needs about one byte and a half for each character.
    OperatorReason, 255 (510 bytes), free
);
text_newtype!(
    /// What is paid for, for the payment screen.
    Description, 255, free, personal
);
text_newtype!(
    /// Why money goes back, for the core.
    RefundReason, 255, free
);
text_newtype!(
    /// Why a payment was not made, in the core's words.
    FailureReason, 255, free
);
text_newtype!(
    /// Why the core refused a refund, in its words.
    RejectionReason, 255, free
);
text_newtype!(
    /// A customer's name.
    CustomerName, 255, free, personal
);

impl RejectionReason {
    /// Its beginning, of no more characters and no more bytes, or `None` if that is nothing.
    pub(crate) fn first(&self, characters: usize, bytes: usize) -> Option<Self> {
        Self::truncated(first(self.as_str(), characters, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_counted_in_characters() {
        assert!(Text::<3, 12>::free("đđđ").is_ok());
        for text in ["đđđđ", ""] {
            let refused = Some(BadText::Length { max: 3 });
            assert_eq!(Text::<3, 12>::free(text).err(), refused);
            assert_eq!(Text::<3, 12>::code(text).err(), refused);
        }
        assert_eq!(Text::<3, 12>::truncated("đđđđ").unwrap().0, "đđđ");
        assert!(Text::<3, 12>::truncated("").is_none());
    }

    #[test]
    fn a_text_of_many_bytes_is_refused_or_cut_between_characters() {
        assert!(Text::<3, 4>::free("đa").is_ok());
        let bytes = Some(BadText::Bytes { max: 4 });
        assert_eq!(Text::<3, 4>::free("đđa").err(), bytes);
        assert_eq!(Text::<3, 4>::code("đđa").err(), bytes);
        let length = Some(BadText::Length { max: 3 });
        assert_eq!(Text::<3, 4>::free("aaaa").err(), length);
        assert_eq!(Text::<3, 4>::truncated("ađđ").unwrap().0, "ađ");
        assert_eq!(Text::<3, 4>::truncated("aaaa").unwrap().0, "aaa");
        assert!(Text::<3, 1>::truncated("đ").is_none());
    }

    #[test]
    fn a_code_is_refused_and_a_text_made_printable() {
        for bad in ["a\nb", "a\u{1b}[2J", "\u{202e}a", "a\u{85}b", "\u{2029}"] {
            assert_eq!(
                bad.parse::<OrderCode>(),
                Err(BadText::Unprintable),
                "{bad:?}"
            );
        }
        let reason: RejectionReason = "no\u{1b}]0;x\u{7}\r\nrow".parse().unwrap();
        assert_eq!(reason.as_str(), "no ]0;x   row");
        let cut = RejectionReason::truncated("\u{9b}31m").unwrap();
        assert_eq!(cut.as_str(), " 31m");
        let name: CustomerName = "NGUYỄN\tVĂN A".parse().unwrap();
        assert_eq!(name.as_str(), "NGUYỄN VĂN A");
    }

    #[test]
    fn what_is_personal_is_not_printed() {
        let name: CustomerName = "NGUYEN VAN A".parse().unwrap();
        assert_eq!(format!("{name:?}"), "CustomerName(redacted)");
        let code: IdentifyCode = "42".parse().unwrap();
        assert_eq!(format!("{code:?}"), "IdentifyCode(redacted)");
        let reference: CoreReference = "42".parse().unwrap();
        assert_eq!(
            format!("{reference:?} {reference}"),
            "CoreReference(\"42\") 42"
        );
    }
}
