//! The words that options take.

use clap::ValueEnum;

/// Which transactions `tikivip list` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Needs review, for any reason
    Review,
    /// Needs review: Tiki's state and ours differ
    Disputed,
    /// Needs review: Tiki accepted none of the notification attempts
    Exhausted,
    /// Needs review: the core rejected the refund of a late payment
    RefundRejected,
    /// Needs review: the core contradicts itself or the order
    Contradicted,
    /// Needs review: a day after expiry the core has not said whether it was paid
    Undecided,
    /// Needs review: the core rejected so many refunds that Tiki can ask for no more
    RefundsRejected,
    /// Waits for another person's approval
    Proposed,
    /// Waits for the core: a refund without a clear answer
    Unknown,
    /// Waits for the core: a reversal, because Tiki does not have the order
    Reversing,
    /// Waits for Tiki: a notification that it has not confirmed
    Unconfirmed,
    /// Waits for the customer: not paid yet
    Pending,
}

impl State {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Disputed => "disputed",
            Self::Exhausted => "exhausted",
            Self::RefundRejected => "refund-rejected",
            Self::Contradicted => "contradicted",
            Self::Undecided => "undecided",
            Self::RefundsRejected => "refunds-rejected",
            Self::Proposed => "proposed",
            Self::Unknown => "unknown",
            Self::Reversing => "reversing",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verdict {
    /// Tiki has the order: keep the payment
    Confirmed,
    /// Return the remaining amount to the customer through the core
    Reverse,
    /// The remaining amount was returned by other means than the core; return nothing more
    Returned,
    /// The two companies have dealt with it outside this system; nothing moves
    Handled,
    /// Nobody has paid, as the core's people say: a pending payment fails
    NotPaid,
}

impl Verdict {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Reverse => "reverse",
            Self::Returned => "returned",
            Self::Handled => "handled",
            Self::NotPaid => "not_paid",
        }
    }
}

/// An amount as `--amount` takes it: VND, in digits alone.
pub(super) fn amount(text: &str) -> Result<u64, String> {
    if let Ok(amount) = text.parse() {
        return Ok(amount);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let only_grouped = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '_' | '₫' | 'đ'));
    Err(if only_grouped && !digits.is_empty() {
        format!("write the amount in VND with digits alone: {digits}")
    } else {
        "write the amount in VND with digits alone, for example 410000".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn a_grouped_amount_is_refused_with_the_right_one() {
        assert_eq!(amount("410000"), Ok(410_000));
        for (text, right) in [
            ("410.000", "410000"),
            ("410,000 ₫", "410000"),
            ("1 000", "1000"),
        ] {
            assert!(
                amount(text).unwrap_err().ends_with(&format!(": {right}")),
                "{text}"
            );
        }
        for text in ["", "-1", "41e4", "four"] {
            assert!(amount(text).unwrap_err().ends_with("410000"), "{text}");
        }
    }
}
