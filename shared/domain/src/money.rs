//! Money: whole Vietnamese đồng, read exactly (protocol §8).

use std::fmt;
use std::str::FromStr;

/// An amount in whole VND, at most 2^53 so that every JSON reader on the way holds it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vnd(u64);

/// Why a number is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Not a decimal number at all.
    #[error("must be a number")]
    NotANumber,
    /// A part of a đồng.
    #[error("must be a whole number of VND")]
    Fraction,
    /// A text with a point that may group thousands, as Vietnam writes them.
    #[error(
        "as a text must be digits, with at most .0 or .00 after them: a point never groups thousands"
    )]
    Grouped,
    /// Nothing, or less.
    #[error("must be more than zero")]
    NotPositive,
    /// More than 2^53.
    #[error("is too large")]
    TooLarge,
}

impl Vnd {
    /// Nothing: the start of a sum.
    pub const ZERO: Self = Self(0);
    /// The largest amount, 2^53.
    pub const MAX: Self = Self(1 << 53);

    /// An amount of this many đồng, zero allowed.
    pub fn new(vnd: u64) -> Result<Self, BadAmount> {
        if vnd <= Self::MAX.0 {
            Ok(Self(vnd))
        } else {
            Err(BadAmount::TooLarge)
        }
    }

    /// Reads an amount that is to be paid or refunded from the text of a JSON number, exactly: `100000`, `100000.0`
    /// and `1e5` are the same amount, `100000.00000000001` is a fraction although a float could not tell. In JSON the
    /// point is always a decimal one.
    pub fn from_json_number(text: &str) -> Result<Self, BadAmount> {
        let (negative, size) = json_whole_number(text)?;
        positive(negative, size)
    }

    /// The number of đồng.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// What is left after taking `other` away, or `None` if there is not as much.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of amounts, or `None` past [`Vnd::MAX`].
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let sum = amounts
            .into_iter()
            .try_fold(0_u64, |sum, amount| sum.checked_add(amount.0))?;
        Self::new(sum).ok()
    }

    /// As a Vietnamese customer reads it: `100.000 ₫`.
    #[must_use]
    pub fn grouped(self) -> String {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && digits.len().saturating_sub(i).is_multiple_of(3) {
                text.push('.');
            }
            text.push(digit);
        }
        text + " ₫"
    }
}

impl fmt::Display for Vnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads an amount that is to be paid or refunded from a text of a person, a file or a setting: digits, and at most
/// `.0` or `.00` (protocol §8). `100.000` is how Vietnam writes a hundred thousand, so it is never read as 100. A JSON
/// number is read by [`Vnd::from_json_number`].
impl FromStr for Vnd {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let (negative, unsigned) = split_sign(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let groups = |part: &str| {
            part.split('.')
                .all(|group| group.len() == 3 && digits(group))
        };
        if digits(whole) && groups(fraction) {
            return Err(BadAmount::Grouped);
        }
        if !digits(whole) || !digits(fraction) {
            return Err(BadAmount::NotANumber);
        }
        if !matches!(fraction, "0" | "00") {
            return Err(BadAmount::Fraction);
        }
        positive(negative, scaled(whole, "0", 0)?)
    }
}

/// A whole number other than money (seconds, a code), read from the text of a JSON number as exactly as an amount:
/// `900`, `900.0` and `9e2` are the same.
#[must_use]
pub fn integer_from_json_number(text: &str) -> Option<i64> {
    let (negative, size) = json_whole_number(text).ok()?;
    if negative {
        0_i64.checked_sub_unsigned(size)
    } else {
        i64::try_from(size).ok()
    }
}

/// The sign and the size of a JSON number that is whole.
fn json_whole_number(text: &str) -> Result<(bool, u64), BadAmount> {
    let (negative, unsigned) = split_sign(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if !digits(whole) || !digits(fraction) {
        return Err(BadAmount::NotANumber);
    }
    Ok((negative, scaled(whole, fraction, exponent)?))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

fn digits(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

fn positive(negative: bool, vnd: u64) -> Result<Vnd, BadAmount> {
    if vnd == 0 || negative {
        return Err(BadAmount::NotPositive);
    }
    Vnd::new(vnd)
}

/// An exponent beyond this makes any amount a fraction or too large; a text longer than a body is no matter.
const EXPONENT: i64 = 1 << 32;

fn parse_exponent(text: &str) -> Result<i64, BadAmount> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadAmount::NotANumber);
    }
    let size = digits.parse::<i64>().unwrap_or(EXPONENT).min(EXPONENT);
    Ok(if negative {
        size.saturating_neg()
    } else {
        size
    })
}

/// `whole.fraction × 10^exponent`, if that is a whole number below 2^64.
fn scaled(whole: &str, fraction: &str, exponent: i64) -> Result<u64, BadAmount> {
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let dropped = digits.len().saturating_sub(significant.len());
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let zeros = exponent
        .saturating_sub(length(fraction.len()))
        .saturating_add(length(dropped));
    if zeros < 0 {
        return Err(BadAmount::Fraction);
    }
    let scale = u32::try_from(zeros)
        .ok()
        .and_then(|zeros| 10_u64.checked_pow(zeros))
        .ok_or(BadAmount::TooLarge)?;
    significant
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(scale))
        .ok_or(BadAmount::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_json_number_may_be_written_in_several_ways() {
        for text in [
            "100000",
            "100000.0",
            "100000.000",
            "1e5",
            "1E+5",
            "1.0e5",
            "0.1e6",
            "1000000e-1",
            "10000000000e-5",
        ] {
            assert_eq!(Vnd::from_json_number(text), Ok(Vnd(100_000)), "{text}");
        }
        assert_eq!(Vnd::from_json_number("9007199254740992"), Ok(Vnd::MAX));
        assert_eq!(Vnd::from_json_number("1"), Ok(Vnd(1)));
    }

    #[test]
    fn a_text_has_digits_and_at_most_two_zeros() {
        use BadAmount::{Fraction, Grouped, NotANumber, NotPositive, TooLarge};
        for (text, read) in [
            ("100000", Ok(100_000)),
            ("100000.0", Ok(100_000)),
            ("100000.00", Ok(100_000)),
            ("0100000", Ok(100_000)),
            ("9007199254740992", Ok(1 << 53)),
            ("100.000", Err(Grouped)),
            ("1.000", Err(Grouped)),
            ("1000.000", Err(Grouped)),
            ("1.000.000", Err(Grouped)),
            ("100.500", Err(Grouped)),
            ("-100.000", Err(Grouped)),
            ("100000.0000", Err(Fraction)),
            ("100000.5", Err(Fraction)),
            ("100000.50", Err(Fraction)),
            ("100.000.00", Err(NotANumber)),
            ("1000.00.000", Err(NotANumber)),
            ("100,000", Err(NotANumber)),
            ("100.000,00", Err(NotANumber)),
            ("100 000", Err(NotANumber)),
            ("100000 ", Err(NotANumber)),
            ("100000₫", Err(NotANumber)),
            ("1e5", Err(NotANumber)),
            ("1E+5", Err(NotANumber)),
            ("1.0e5", Err(NotANumber)),
            ("+1", Err(NotANumber)),
            ("", Err(NotANumber)),
            (".0", Err(NotANumber)),
            ("1.", Err(NotANumber)),
            ("0", Err(NotPositive)),
            ("0.00", Err(NotPositive)),
            ("-1", Err(NotPositive)),
            ("9007199254740993", Err(TooLarge)),
            ("99999999999999999999999999", Err(TooLarge)),
        ] {
            assert_eq!(text.parse(), read.map(Vnd), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        use BadAmount::{Fraction, NotANumber, NotPositive, TooLarge};
        for (text, reason) in [
            ("", NotANumber),
            ("-", NotANumber),
            ("abc", NotANumber),
            ("1,000", NotANumber),
            ("1 000", NotANumber),
            ("0x10", NotANumber),
            (".5", NotANumber),
            ("1.", NotANumber),
            ("1e", NotANumber),
            ("1e+", NotANumber),
            ("+1", NotANumber),
            ("NaN", NotANumber),
            ("Infinity", NotANumber),
            ("--1", NotANumber),
            ("1.2.3", NotANumber),
            ("١٢٣", NotANumber),
            ("0.5", Fraction),
            ("100000.5", Fraction),
            ("100000.00000000001", Fraction),
            ("1e-1", Fraction),
            ("1e-99999999999999999999", Fraction),
            ("-0.5", Fraction),
            ("0", NotPositive),
            ("0.0", NotPositive),
            ("-0", NotPositive),
            ("0e9", NotPositive),
            ("-1", NotPositive),
            ("-100000", NotPositive),
            ("9007199254740993", TooLarge),
            ("1e16", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("18446744073709551616", TooLarge),
            ("99999999999999999999999999", TooLarge),
        ] {
            assert_eq!(Vnd::from_json_number(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_customer_reads_groups_of_three() {
        for (vnd, text) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1_000, "1.000"),
            (100_000, "100.000"),
            (1_234_567, "1.234.567"),
        ] {
            assert_eq!(Vnd(vnd).grouped(), format!("{text} ₫"));
        }
    }

    proptest! {
        #[test]
        fn any_whole_number_reads_back(n in 1..=Vnd::MAX.0, zeros in 0usize..5) {
            prop_assert_eq!(n.to_string().parse(), Ok(Vnd(n)));
            prop_assert_eq!(Vnd::from_json_number(&n.to_string()), Ok(Vnd(n)));
            let text = format!("{n}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(Vnd::from_json_number(&text), Ok(Vnd(n)));
            prop_assert_eq!(text.parse::<Vnd>().is_ok(), zeros < 2);
        }

        /// What a person writes with points is refused, or is read as the person means it.
        #[test]
        fn a_grouped_amount_is_never_read_as_a_smaller_one(n in 1..=Vnd::MAX.0) {
            let written = Vnd(n).grouped();
            let read = written.trim_end_matches(" ₫").parse::<Vnd>();
            prop_assert_eq!(read, if n < 1000 { Ok(Vnd(n)) } else { Err(BadAmount::Grouped) });
        }

        /// Whatever a text says, it is read as all its digits before a `.0` or `.00`, or not at all.
        #[test]
        fn a_text_that_is_read_has_only_digits(text in "-?[0-9., e]{0,20}") {
            if let Ok(amount) = text.parse::<Vnd>() {
                let whole = text.strip_suffix(".0").or(text.strip_suffix(".00")).unwrap_or(&text);
                prop_assert!(whole.bytes().all(|b| b.is_ascii_digit()), "{}", text);
                prop_assert_eq!(whole.parse::<u64>(), Ok(amount.0));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), number in "-?[0-9]{0,30}(\\.[0-9]{0,30})?([eE][+-]?[0-9]{0,30})?") {
            for text in [text, number] {
                let _ = text.parse::<Vnd>();
                let _ = Vnd::from_json_number(&text);
            }
        }

        #[test]
        fn sums_do_not_wrap(amounts in prop::collection::vec(0..=Vnd::MAX.0, 0..9)) {
            let exact: u128 = amounts.iter().map(|&n| u128::from(n)).sum();
            let sum = Vnd::checked_sum(amounts.into_iter().map(Vnd));
            prop_assert_eq!(sum.map(|s| u128::from(s.0)), (exact <= u128::from(Vnd::MAX.0)).then_some(exact));
        }
    }
}
