//! How texts, numbers and times stand on the page and in the table.

use std::fmt::{self, Display, Write};

use domain::Timestamp;

/// A text from outside, that can be nothing but a text within the page: markup is escaped, and what would
/// reorder or hide the characters around it is shown as a replacement character.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() || turns_the_direction(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Unicode's marks, embeddings, overrides and isolates for right-to-left text.
fn turns_the_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A moment on Vietnam's clock; nothing, if it is none.
pub(crate) fn clock(unix_ms: i64) -> String {
    let at = Timestamp::from_unix_ms(unix_ms);
    at.map(Timestamp::on_vietnams_clock).unwrap_or_default()
}

/// A number as it is read in Vietnam: `1.234.567`. A day's sum may be more than a `Vnd` holds.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(".")
}

/// An amount: `100.000 ₫`.
pub(crate) fn money(vnd: u64) -> String {
    grouped(vnd) + " ₫"
}

/// A word of a command line: whatever a file is called, a shell takes it for nothing else.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_grouped_up_to_the_largest() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.000"),
            (100_000, "100.000"),
            (u64::MAX, "18.446.744.073.709.551.615"),
        ] {
            assert_eq!(grouped(number), text);
            assert_eq!(money(number), format!("{text} ₫"));
        }
    }

    #[test]
    fn a_moment_is_on_vietnams_clock_or_nothing() {
        assert_eq!(clock(1_795_366_799_000), "2026-11-22 23:59:59");
        assert_eq!(clock(-1), "");
        assert_eq!(clock(i64::MAX), "");
    }

    #[test]
    fn what_would_turn_the_text_around_it_is_shown_as_what_it_is() {
        let hostile = "100\u{202e}000\u{2066}\u{200f}\u{61c}\r\n\0";
        let shown = Escaped(hostile).to_string();
        assert_eq!(shown, "100\u{fffd}000".to_owned() + &"\u{fffd}".repeat(6));
        assert_eq!(Escaped("lệch tiền – ₫ 🙂").to_string(), "lệch tiền – ₫ 🙂");
    }

    #[test]
    fn a_shell_takes_a_word_for_what_it_is() {
        for word in [
            "261122TIKIVIP-300110-1795305900",
            "",
            "it's",
            "$(touch /tmp/x); `id` \"a\" \\ ~ * & |",
            "a b:3",
            "tikivip_acme_20261122_1.csv:17",
            "đối soát",
        ] {
            let script = format!("printf %s {}", shell_word(word));
            let echoed = Command::new("sh").args(["-c", &script]).output();
            let echoed = echoed.unwrap().stdout;
            assert_eq!(String::from_utf8(echoed).unwrap(), word);
        }
        assert_eq!(shell_word("T-1"), "T-1", "what needs no quotes has none");
    }

    proptest! {
        #[test]
        fn no_text_from_outside_is_markup(text in ".*") {
            let shown = Escaped(&text).to_string();
            let special = |c: char| "<>\"'".contains(c) || c.is_control() || turns_the_direction(c);
            prop_assert!(!shown.contains(special), "{}", shown);
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            let known = shown.match_indices('&').all(|(n, _)| entities.iter().any(|e| shown[n..].starts_with(e)));
            prop_assert!(known, "{}", shown);
        }
    }
}
