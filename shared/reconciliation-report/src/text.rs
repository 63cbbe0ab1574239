//! How texts, numbers and times are printed.

use domain::{Day, Timestamp, is_unprintable};

/// A text from outside, in which each character that could hide or reorder the text around it is replaced by
/// U+FFFD. It is not escaped: that is the template's part.
pub(crate) fn visible(text: &str) -> String {
    text.replace(is_unprintable, "\u{fffd}")
}

/// A time in Vietnam: `22/11/2026 23:59:59`.
pub(crate) fn vietnam_time(at: Timestamp) -> String {
    let text = at.on_vietnams_clock();
    let (day, time) = text.split_once(' ').unwrap_or((&text, ""));
    let date: Vec<&str> = day.rsplit('-').collect();
    format!("{} {time}", date.join("/"))
}

/// A day: `22/11/2026`.
pub(crate) fn date(day: Day) -> String {
    let text = day.to_string();
    text.rsplit('-').collect::<Vec<_>>().join("/")
}

/// A number in groups of three digits, as in Vietnam: `1.234.567`. It takes a `u64` because a day's sum may be
/// larger than a `Vnd`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(".")
}

/// An amount: `100.000 ₫`.
pub(crate) fn vnd(amount: u64) -> String {
    grouped(amount) + " ₫"
}

/// An amount that may be below zero: `−100.000 ₫`.
pub(crate) fn signed_vnd(amount: i128) -> String {
    let sign = if amount < 0 { "−" } else { "" };
    let size = u64::try_from(amount.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", vnd(size))
}

/// One word of a command line, quoted if a shell would otherwise read more than one word, or a command, in it.
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
    fn numbers_are_grouped_by_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.000"),
            (100_000, "100.000"),
            (u64::MAX, "18.446.744.073.709.551.615"),
        ] {
            assert_eq!(grouped(number), text);
            assert_eq!(vnd(number), format!("{text} ₫"));
        }
    }

    #[test]
    fn times_and_days_are_written_as_in_vietnam() {
        let at = Timestamp::from_unix_ms(1_795_366_799_000).unwrap();
        assert_eq!(vietnam_time(at), "22/11/2026 23:59:59");
        assert_eq!(date(at.vietnamese_day()), "22/11/2026");
    }

    #[test]
    fn characters_that_hide_or_reorder_text_are_replaced() {
        let hostile = "100\u{202e}000\u{2066}\u{200f}\u{61c}\r\n\0";
        let expected = "100\u{fffd}000".to_owned() + &"\u{fffd}".repeat(6);
        assert_eq!(visible(hostile), expected);
        assert_eq!(visible("lệch tiền – ₫ 🙂"), "lệch tiền – ₫ 🙂");
    }

    #[test]
    fn a_shell_reads_back_the_same_word() {
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
        assert_eq!(shell_word("T-1"), "T-1", "a plain word is not quoted");
    }

    proptest! {
        #[test]
        fn no_text_hides_or_reorders_what_is_around_it(text in ".*") {
            let shown = visible(&text);
            prop_assert!(!shown.contains(is_unprintable), "{}", shown);
            prop_assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}
