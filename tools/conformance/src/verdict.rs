//! What a check says at its end.

use serde_json::Value;

use crate::call::Answer;
use crate::report::Outcome;

/// The result of a check: `Ok` if what it looked at is right.
pub(crate) type Verdict<T = ()> = Result<T, Stop>;

/// Why a check ends early.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// What was looked at is wrong.
    Failed { expected: String, found: String },
    /// It cannot be looked at, and why.
    Skipped(String),
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(()) => Self::Passed,
            Err(Stop::Failed { expected, found }) => Self::Failed { expected, found },
            Err(Stop::Skipped(why)) => Self::Skipped { why },
        }
    }
}

impl Stop {
    pub(crate) fn failed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Failed {
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}

/// Fails with what was expected and found, unless it is so.
pub(crate) fn ensure(
    is_so: bool,
    expected: impl Into<String>,
    found: impl FnOnce() -> String,
) -> Verdict {
    if is_so {
        Ok(())
    } else {
        Err(Stop::failed(expected, found()))
    }
}

/// The answer has this status, and its JSON has these fields with exactly these values.
pub(crate) fn says(answer: &Answer, status: u16, fields: &Value) -> Verdict {
    let expected = || format!("HTTP {status} with {fields}");
    ensure(answer.status == status, expected(), || answer.shown())?;
    let fields = fields.as_object().into_iter().flatten();
    for (name, value) in fields {
        ensure(answer.json[name] == *value, expected(), || answer.shown())?;
    }
    Ok(())
}
