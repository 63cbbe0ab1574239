//! The text of a page that a customer sees, as far as an amount stands in it.

use crate::browser::{tag, unescaped};

/// These do not part what stands before and behind them.
const INLINE: [&str; 17] = [
    "a", "abbr", "b", "bdi", "big", "data", "em", "font", "i", "mark", "small", "span", "strong",
    "sub", "sup", "u", "wbr",
];
/// What people write between the groups of a number.
const SEPARATORS: [char; 7] = ['.', ',', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\''];

/// Whether a page shows this number of VND: `100.000`, also as `100<small>.000</small>`. What stands in an attribute, as a
/// hidden field does, is not shown.
pub(crate) fn shows_amount(html: &str, amount: u64) -> bool {
    let is_inline = |name: &str| INLINE.contains(&name.trim_start_matches('/'));
    let joined = [text(html, is_inline), text(html, |_| true)];
    joined.iter().any(|text| has_number(text, amount))
}

/// The text between the tags, and on the buttons. Each tag that joins nothing is a blank.
fn text(html: &str, joins: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(&unescaped(before));
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = tag(after);
        rest = after;
        if matches!(&*tag.name, "script" | "style" | "template" | "title") {
            let end = format!("</{}", tag.name);
            rest = after.split_once(&end).map_or("", |(_, after)| after);
        }
        if !joins(&tag.name) {
            out.push(' ');
        }
        if tag.has("type", "submit") {
            out.push_str(tag.get("value").unwrap_or_default());
        }
    }
    out + &unescaped(rest)
}

fn has_number(text: &str, number: u64) -> bool {
    let text: Vec<char> = text.chars().collect();
    let digits: Vec<char> = number.to_string().chars().collect();
    (0..text.len()).any(|at| {
        let (before, rest) = text.split_at(at);
        !ends_as_number(before) && begins_with(rest, &digits)
    })
}

/// A digit before the place, or one with a point, belongs to the same number.
fn ends_as_number(text: &[char]) -> bool {
    matches!(text, [.., '0'..='9'] | [.., '0'..='9', '.' | ','])
}

/// Whether a text begins with these digits, in groups of three or without them, and no further one follows.
fn begins_with(text: &[char], digits: &[char]) -> bool {
    let mut rest = text;
    for (at, digit) in digits.iter().enumerate() {
        let is_group = at > 0 && (digits.len() - at).is_multiple_of(3);
        if let [separator, after @ ..] = rest
            && is_group
            && SEPARATORS.contains(separator)
        {
            rest = after;
        }
        match rest {
            [found, after @ ..] if found == digit => rest = after,
            _ => return false,
        }
    }
    // No parts of a đồng: these are zero.
    if let ['.' | ',', '0', '0', after @ ..] = rest {
        rest = after;
    }
    !matches!(rest, ['0'..='9', ..] | ['.' | ',', '0'..='9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_seen_as_a_customer_sees_it() {
        for html in [
            "<p>100.000 ₫",
            "<p>100,000.00 VND</p>",
            "<b>100</b><small>.000</small>&nbsp;₫",
            "<div>100<div class=x>.000</div></div>",
            "<td>5</td><td>100&nbsp;000</td>",
            "<button>Thanh toán 100000</button>",
            "<input type=submit value='100.000 ₫'>",
            "Tổng: 100.000.",
        ] {
            assert!(shows_amount(html, 100_000), "{html}");
        }
        for html in [
            "<input type=hidden name=amount value=100000>",
            "<title>100.000</title>",
            "<!-- 100.000 --><script>100000</script>",
            "1.000,00 ₫",
            "100.000.000 ₫",
            "5.100.000 ₫",
            "1100.000",
            "100.0001",
            "111.000",
            "",
        ] {
            assert!(!shows_amount(html, 100_000), "{html}");
        }
    }
}
