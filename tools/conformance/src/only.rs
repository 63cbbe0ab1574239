//! Some checks instead of all: those that a person repeats while mending something.

use anyhow::bail;

/// Whether a check with this id is to be made.
pub(crate) fn is_asked_for(only: &[String], id: &str) -> bool {
    only.is_empty() || only.iter().any(|asked| asked == id)
}

/// An id that no check has is an error: otherwise nothing would be checked, and nothing would fail.
pub(crate) fn known(
    only: &[String],
    all: impl Iterator<Item = &'static str>,
) -> anyhow::Result<()> {
    let all: Vec<&str> = all.collect();
    match only.iter().find(|id| !all.contains(&id.as_str())) {
        Some(unknown) => bail!("there is no check {unknown}"),
        None => Ok(()),
    }
}
