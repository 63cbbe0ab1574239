//! Fills the slots of a text.

use super::HandoverError;

/// The text with each `{{slot}}` replaced.
pub(super) fn filled(
    text: &str,
    value: impl Fn(&str) -> Result<String, HandoverError>,
) -> Result<String, HandoverError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (slot, tail) = after
            .split_once("}}")
            .ok_or_else(|| HandoverError::UnknownSlot("{{ without }}".to_owned()))?;
        out.push_str(before);
        out.push_str(value(slot.trim())?.trim_end());
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_filled_and_an_unknown_one_is_named() {
        let known = |slot: &str| match slot {
            "limit x" => Ok("7\n".to_owned()),
            other => Err(HandoverError::UnknownSlot(other.to_owned())),
        };
        assert_eq!(filled("a {{limit x}} b", known).unwrap(), "a 7 b");
        let unknown = filled("{{unknown}}", known).unwrap_err().to_string();
        assert!(unknown.ends_with("unknown"), "{unknown}");
        assert!(filled("a {{limit x", known).is_err());
    }
}
