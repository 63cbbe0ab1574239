//! The bounds that the parameters of `template.yaml` have, for the settings that no type of the functions bounds. The
//! tests compare them with the template.

use super::SettingError;

/// A number, and the parameter of the template that it comes from.
struct Number {
    name: &'static str,
    least: u64,
    most: Option<u64>,
}

const fn number_of(name: &'static str, least: u64, most: Option<u64>) -> Number {
    Number { name, least, most }
}

const NUMBERS: [Number; 7] = [
    number_of("TIKI_THROTTLE_RATE", 1, None),
    number_of("TIKI_THROTTLE_BURST", 1, None),
    number_of("REFUND_CONCURRENCY", 2, None),
    number_of("SIGNATURE_MAX_AGE_S", 1, None),
    number_of("SIGNATURE_MAX_AHEAD_S", 0, None),
    number_of("PREVIOUS_SECRET_DAYS", 1, Some(365)),
    number_of("SFTP_PORT", 1, Some(65_535)),
];

/// The words that a setting may be, beside nothing.
const WORDS: [(&str, [&str; 2]); 3] = [
    ("TIKI_ENVIRONMENT", ["sandbox", "production"]),
    (
        "RESULT_URL_APPEND",
        ["transaction_id", "tiki_transaction_id"],
    ),
    ("RECONCILIATION_REFUND_ROWS", ["off", "on"]),
];

/// How many characters a text may have.
const LENGTHS: [(&str, usize); 9] = [
    ("TIKI_CLIENT_ID", 40),
    ("CORE_CLIENT_ID", 40),
    ("TIKI_API_URL", 100),
    ("PUBLIC_BASE_URL", 50),
    ("REDIRECT_HOSTS", 33),
    ("RESULT_URL_PARAMETER", 16),
    ("SFTP_HOST", 128),
    ("SFTP_USER", 64),
    ("SFTP_FOLDER", 100),
];

/// Reads a number of the table above.
pub(super) fn number(name: &'static str, text: &str) -> Result<u64, SettingError> {
    let bounds = NUMBERS.iter().find(|number| number.name == name);
    let (least, most) = bounds.map_or((0, None), |bounds| (bounds.least, bounds.most));
    // The functions read some of them with a sign.
    let largest = most.unwrap_or(i64::MAX.unsigned_abs());
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    let problem = match most {
        Some(most) => format!("must be a whole number from {least} to {most}"),
        None => format!("must be a whole number, {least} or more"),
    };
    number
        .filter(|number| (least..=largest).contains(number))
        .ok_or_else(|| SettingError::new(name, problem))
}

/// One of the words of this setting.
pub(super) fn word(name: &'static str, word: String) -> Result<String, SettingError> {
    let words = WORDS.iter().find(|(setting, _)| *setting == name);
    let words = words.map_or(&[][..], |(_, words)| words);
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    let problem = format!("must be {}", words.join(" or "));
    Err(SettingError::new(name, problem))
}

/// Whether a text is short enough.
pub(super) fn length(name: &'static str, text: &str) -> Result<(), SettingError> {
    let most = LENGTHS.iter().find(|(setting, _)| *setting == name);
    match most {
        Some((_, most)) if text.chars().count() > *most => {
            let problem = format!("must have at most {most} characters");
            Err(SettingError::new(name, problem))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use signing::GetSigning;
    use tiki_api::PhoneFormat;
    use yaml_serde::Value;

    use super::*;
    use crate::settings::{HostName, ParameterName, Seconds};

    const TEMPLATE: &str = include_str!("../../../../template.yaml");

    /// The parameter of the template from which the output `OperatorSettings` has this setting.
    fn parameter(setting: &str) -> (String, Value) {
        let (_, output) = TEMPLATE.split_once("\n  OperatorSettings:\n").unwrap();
        // The output has the address of Tiki's API in two parts.
        let name = if setting == "TIKI_API_URL" {
            "TikiApiUrl"
        } else {
            let (_, after) = output.split_once(&format!("\"{setting}\":\"${{")).unwrap();
            after.split_once('}').unwrap().0
        };
        let (_, after) = TEMPLATE.split_once("\nParameters:\n").unwrap();
        let (section, _) = after.split_once("\n# ---- Rules").unwrap();
        let all: Value = yaml_serde::from_str(section).unwrap();
        (name.to_owned(), all.get(name).unwrap().clone())
    }

    fn integer(parameter: &Value, key: &str) -> Option<u64> {
        parameter.get(key).and_then(Value::as_u64)
    }

    fn allowed(parameter: &Value) -> BTreeSet<String> {
        let words = parameter.get("AllowedValues").unwrap();
        let words = words.as_sequence().unwrap().iter();
        let words = words.map(|word| word.as_str().unwrap().to_owned());
        words.filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn the_bounds_are_those_of_the_template() {
        for Number { name, least, most } in NUMBERS {
            let (parameter, of) = parameter(name);
            assert_eq!(integer(&of, "MinValue"), Some(least), "{parameter}");
            assert_eq!(integer(&of, "MaxValue"), most, "{parameter}");
        }
        for (name, most) in LENGTHS {
            let (parameter, of) = parameter(name);
            let length = integer(&of, "MaxLength");
            assert_eq!(length, u64::try_from(most).ok(), "{parameter}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_template() {
        for (name, words) in WORDS {
            let words = BTreeSet::from(words.map(str::to_owned));
            assert_eq!(allowed(&parameter(name).1), words, "{name}");
        }
        let readings = allowed(&parameter("TIKI_GET_SIGNING").1);
        assert_eq!(readings.len(), GetSigning::ALL.len());
        assert!(readings.iter().all(|w| w.parse::<GetSigning>().is_ok()));
        let forms = allowed(&parameter("TIKI_PHONE_FORMAT").1);
        assert!(forms.iter().all(|w| w.parse::<PhoneFormat>().is_ok()));
    }

    /// A change of a pattern must be looked at here.
    #[test]
    fn the_patterns_are_those_of_the_template() {
        for (name, expected) in [
            ("RESULT_URL_PARAMETER", "^$|^[A-Za-z0-9_.-]+$"),
            ("SFTP_HOST", "^$|^[A-Za-z0-9.-]+$"),
            ("REVERSAL_CONFIRM_AFTER_S", "[0-9]+(\\.[0-9]+)?"),
            ("PARTNER_NAME", "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
        ] {
            let (_, of) = parameter(name);
            let pattern = of.get("AllowedPattern").and_then(Value::as_str);
            assert_eq!(pattern, Some(expected), "{name}");
        }
        for good in ["0", "120", "0.5"] {
            assert!(good.parse::<Seconds>().is_ok(), "{good}");
        }
        for bad in ["", "-1", "1e3", ".5", "5.", "inf", "NaN", "+1"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
        assert!("a_B.9-".parse::<ParameterName>().is_ok());
        assert!("a=b".parse::<ParameterName>().is_err());
        assert!("sftp-1.tiki.vn".parse::<HostName>().is_ok());
        assert!("sftp_1".parse::<HostName>().is_err());
    }
}
