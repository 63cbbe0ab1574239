//! The settings of a stack, as its output `OperatorSettings` has them. What is made of them is sent to others, so each is
//! checked before a page or a collection has it.

use std::str::FromStr;

/// A setting that is missing, or that nothing can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {name} {problem}")]
pub struct SettingError {
    pub name: &'static str,
    pub problem: &'static str,
}

/// Reads settings by their names.
pub(crate) struct Settings<R> {
    read: R,
}

impl<R: Fn(&str) -> Option<String>> Settings<R> {
    pub(crate) fn new(read: R) -> Self {
        Self { read }
    }

    /// A setting that is empty counts as one that is not there: a template's empty parameter.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        let Some(value) = (self.read)(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        plain(name, value).map(Some)
    }

    /// Values that are separated by commas; none if the setting is empty.
    pub(crate) fn list(&self, name: &'static str) -> Result<Vec<String>, SettingError> {
        let text = (self.read)(name).unwrap_or_default();
        let values = text.split(',').map(str::trim).filter(|v| !v.is_empty());
        values.map(|value| plain(name, value.to_owned())).collect()
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<String, SettingError> {
        let problem = "is missing: give --settings with the file of the stack's output OperatorSettings. Of a file of an older version: save that output again";
        self.optional(name)?.ok_or(SettingError { name, problem })
    }

    pub(crate) fn number<T: FromStr>(&self, name: &'static str) -> Result<T, SettingError> {
        let problem = "is not a whole number";
        let parsed = self.required(name)?.parse();
        parsed.map_err(|_| SettingError { name, problem })
    }

    /// An address of an API: `http` or `https`, without user, query and fragment. It comes without a slash at its end.
    pub(crate) fn url(&self, name: &'static str) -> Result<String, SettingError> {
        let text = self.required(name)?;
        let problem = "is not an http or https address without user, query and fragment";
        conformance::api_address(&text).ok_or(SettingError { name, problem })
    }
}

/// Whatever else there is would begin another line, cell or code in Markdown, or another entry in a collection.
fn plain(name: &'static str, value: String) -> Result<String, SettingError> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"`|<>\"\\{}".contains(c);
    if value.chars().all(is_plain) {
        return Ok(value);
    }
    let problem = "has a blank, or a sign that an address, an id or a name here never has";
    Err(SettingError { name, problem })
}
