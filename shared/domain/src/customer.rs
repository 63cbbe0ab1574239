//! The customer, as the partner's app introduces one to Tiki. Personal data.

use std::fmt;
use std::str::FromStr;

use crate::text::{CustomerName, IdentifyCode};

/// A customer for whom a webview is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Identifies the customer at the partner.
    pub identify_code: IdentifyCode,
    /// The phone number, by which Tiki finds its own account of the customer.
    pub identify_phone: PhoneNumber,
    /// The full name, if the app sends one.
    pub identify_fullname: Option<CustomerName>,
}

/// A Vietnamese phone number. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    national: String,
}

/// The text is not a Vietnamese phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a Vietnamese phone number, such as \"0912345678\"")]
pub struct BadPhone;

impl PhoneNumber {
    /// What follows the leading 0 or the country code: nine or ten digits, the first not 0.
    #[must_use]
    pub fn national(&self) -> &str {
        &self.national
    }
}

impl FromStr for PhoneNumber {
    type Err = BadPhone;

    fn from_str(text: &str) -> Result<Self, BadPhone> {
        let international = text.strip_prefix("+84").or_else(|| {
            // A national number has at most ten digits, so eleven that begin with 84 are international.
            text.strip_prefix("84").filter(|_| text.len() >= 11)
        });
        let national = international
            .or_else(|| text.strip_prefix('0'))
            .unwrap_or(text);
        let digits = national.bytes().all(|b| b.is_ascii_digit());
        if !digits || !matches!(national.len(), 9 | 10) || national.starts_with('0') {
            return Err(BadPhone);
        }
        Ok(Self {
            national: national.to_owned(),
        })
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phone_number_has_many_spellings() {
        for text in ["0912345678", "912345678", "+84912345678", "84912345678"] {
            let phone: PhoneNumber = text.parse().unwrap();
            assert_eq!(phone.national(), "912345678", "{text}");
        }
        // A number that begins with 84 itself.
        let phone: PhoneNumber = "0842345678".parse().unwrap();
        assert_eq!(phone.national(), "842345678");
        assert_eq!("842345678".parse::<PhoneNumber>(), Ok(phone));
    }

    #[test]
    fn what_is_no_phone_number_is_refused() {
        for text in [
            "",
            "0",
            "091234567x",
            "0912 345 678",
            "00912345678",
            "12345678",
            "123456789012",
            "+1912345678",
            "+840912345678",
        ] {
            assert_eq!(text.parse::<PhoneNumber>(), Err(BadPhone), "{text}");
        }
    }
}
