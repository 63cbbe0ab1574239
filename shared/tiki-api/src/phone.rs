//! Phone numbers: Tiki wants a number on the wire, which loses the leading zero (protocol §6).

use std::fmt;
use std::str::FromStr;

/// A Vietnamese phone number. Personal data: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// What follows the leading 0 or the country code: nine or ten digits, the first not 0.
    national: String,
}

/// Not a Vietnamese phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a Vietnamese phone number, such as \"0912345678\"")]
pub struct BadPhone;

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

/// The setting `TIKI_PHONE_FORMAT`: how a phone number goes to Tiki.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneFormat {
    /// `912345678`.
    #[default]
    NationalNumber,
    /// `84912345678`.
    InternationalNumber,
    /// `"0912345678"`.
    String,
}

/// Not one of the three settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be national_number, international_number or string")]
pub struct UnknownPhoneFormat;

impl FromStr for PhoneFormat {
    type Err = UnknownPhoneFormat;

    fn from_str(text: &str) -> Result<Self, UnknownPhoneFormat> {
        match text {
            "national_number" => Ok(Self::NationalNumber),
            "international_number" => Ok(Self::InternationalNumber),
            "string" => Ok(Self::String),
            _ => Err(UnknownPhoneFormat),
        }
    }
}

impl PhoneFormat {
    /// The number as JSON.
    pub(crate) fn json(self, phone: &PhoneNumber) -> serde_json::Value {
        let number = |text: String| text.parse::<u64>().map_or_else(|_| text.into(), Into::into);
        match self {
            Self::NationalNumber => number(phone.national.clone()),
            Self::InternationalNumber => number(format!("84{}", phone.national)),
            Self::String => format!("0{}", phone.national).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_many_spellings_and_three_wire_forms() {
        for text in ["0912345678", "912345678", "+84912345678", "84912345678"] {
            let phone: PhoneNumber = text.parse().unwrap();
            let json = |format: &str| {
                format
                    .parse::<PhoneFormat>()
                    .unwrap()
                    .json(&phone)
                    .to_string()
            };
            assert_eq!(json("national_number"), "912345678", "{text}");
            assert_eq!(json("international_number"), "84912345678", "{text}");
            assert_eq!(json("string"), "\"0912345678\"", "{text}");
        }
        // A number that begins with 84 itself.
        let phone: PhoneNumber = "0842345678".parse().unwrap();
        assert_eq!(
            PhoneFormat::NationalNumber.json(&phone).to_string(),
            "842345678"
        );
        assert_eq!("842345678".parse::<PhoneNumber>(), Ok(phone));
        assert!("phone".parse::<PhoneFormat>().is_err());
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
