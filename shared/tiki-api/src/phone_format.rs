//! How a phone number goes to Tiki, which asks for a number, and so loses the leading zero (protocol §6).

use std::str::FromStr;

use domain::PhoneNumber;

/// The setting `TIKI_PHONE_FORMAT`.
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

/// The text is none of the three settings.
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
    pub(crate) fn json(self, phone: &PhoneNumber) -> serde_json::Value {
        let national = phone.national();
        let number = |text: String| text.parse::<u64>().map_or_else(|_| text.into(), Into::into);
        match self {
            Self::NationalNumber => number(national.to_owned()),
            Self::InternationalNumber => number(format!("84{national}")),
            Self::String => format!("0{national}").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_has_three_forms_in_json() {
        let json = |format: &str, phone: &str| {
            let format: PhoneFormat = format.parse().unwrap();
            format.json(&phone.parse().unwrap()).to_string()
        };
        for phone in ["0912345678", "+84912345678"] {
            assert_eq!(json("national_number", phone), "912345678");
            assert_eq!(json("international_number", phone), "84912345678");
            assert_eq!(json("string", phone), "\"0912345678\"");
        }
        assert_eq!(json("national_number", "0842345678"), "842345678");
        assert!("phone".parse::<PhoneFormat>().is_err());
    }
}
