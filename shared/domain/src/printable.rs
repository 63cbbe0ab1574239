//! Characters of a text from outside that act on whoever reads it: they move a cursor, forge a line, or turn the text
//! around them. Such a text must not reach a terminal, a log, a page or a table of ours as it came.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is a control character, ends a line, or changes the direction of the text around it.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || ends_line(c) || changes_direction(c)
}

/// The text with a blank in the place of each unprintable character.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) {
        Cow::Owned(text.replace(is_unprintable, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text for a terminal: each unprintable or invisible character as its number, `\u{1b}`, so that a person sees that
/// it is there. Line ends are escaped, too: a caller that has lines of its own escapes their parts.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_shown = |c: char| !is_unprintable(c) && !is_invisible(c);
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_shown(c) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    Cow::Owned(out)
}

/// JSON in which each unprintable or invisible character is escaped. JSON itself demands that of the first 32 characters
/// only, and a terminal acts on others, too. Line ends between values stay: they are ours.
#[must_use]
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\n' && (is_unprintable(c) || is_invisible(c));
    if !json.contains(acts) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing into a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Unicode's own line ends; those of ASCII are control characters.
fn ends_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Unicode's marks, embeddings, overrides and isolates for the direction.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What has no width: it joins emojis and letters of some scripts, so it is kept, but a terminal need not have it.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TITLE: &str = "\u{1b}]0;title\u{7}a\nb\u{202e}c\u{9b}31m\u{2028}d";
    const VIETNAMESE: &str = "Đơn hàng “100.000 ₫” 😀";

    #[test]
    fn what_acts_on_a_reader_is_replaced_or_escaped() {
        assert_eq!(printable(TITLE), " ]0;title a b c 31m d");
        assert_eq!(
            escaped(TITLE),
            r"\u{1b}]0;title\u{7}a\u{a}b\u{202e}c\u{9b}31m\u{2028}d"
        );
        assert_eq!(escaped("a\u{200b}b"), r"a\u{200b}b");
        assert_eq!(
            escaped_json("{\n\"a\u{9b}\u{e0041}\""),
            "{\n\"a\\u009b\\udb40\\udc41\""
        );
        for same in [VIETNAMESE, "", "👨\u{200d}👩"] {
            assert_eq!(printable(same), same);
        }
        assert_eq!(escaped(VIETNAMESE), VIETNAMESE);
        assert_eq!(escaped_json(VIETNAMESE), VIETNAMESE);
    }

    #[test]
    fn no_character_gets_through() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            assert!(!printable(&text).contains(is_unprintable), "{c:?}");
            let acts = |c: char| is_unprintable(c) || is_invisible(c);
            assert!(!escaped(&text).contains(acts), "{c:?}");
            assert!(
                !escaped_json(&text).contains(|c| c != '\n' && acts(c)),
                "{c:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn escaped_json_says_the_same(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let read: String = serde_json::from_str(&escaped_json(&json)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
