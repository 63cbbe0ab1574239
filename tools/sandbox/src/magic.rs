//! Amounts at which the played sides do something special, so that a person can try it without a switch. Only the last
//! three digits count. docs/sandbox.md has the table.

/// What the core does when the customer presses "pay" at its screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheScreen {
    /// …001: there is not enough money.
    Declined,
    /// …002: the payment result comes ten seconds after the customer is back at Tiki.
    LateResult,
    /// …003: the money is taken, and no payment result comes. The question after the expiry finds it.
    NoResult,
    /// …004: the payment is made a second time, under another reference.
    PaidTwice,
    /// …005: the core takes its result back: not paid, after it was paid.
    TakenBack,
    /// …006: another amount was paid.
    OtherAmount,
}

/// What the core does with a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheRefund {
    /// …011: it is pending for half a minute, and then it succeeds.
    Pending,
    /// …012: it is rejected.
    Rejected,
}

/// What Tiki does with a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTiki {
    /// …021: it does not have the order.
    NotFound,
    /// …022: it has a system error, each time.
    SystemError,
    /// …023: the order was cancelled.
    Cancelled,
    /// …024: it has the order as paid with another amount.
    OtherAmount,
    /// …025: it has a system error twice, and then it accepts.
    TwiceDown,
}

/// By the amount of the payment.
pub(crate) fn at_the_screen(amount: u64) -> Option<AtTheScreen> {
    match amount % 1000 {
        1 => Some(AtTheScreen::Declined),
        2 => Some(AtTheScreen::LateResult),
        3 => Some(AtTheScreen::NoResult),
        4 => Some(AtTheScreen::PaidTwice),
        5 => Some(AtTheScreen::TakenBack),
        6 => Some(AtTheScreen::OtherAmount),
        _ => None,
    }
}

/// By the amount of the refund.
pub(crate) fn at_the_refund(amount: u64) -> Option<AtTheRefund> {
    match amount % 1000 {
        11 => Some(AtTheRefund::Pending),
        12 => Some(AtTheRefund::Rejected),
        _ => None,
    }
}

/// By the amount of the order.
pub(crate) fn at_tiki(amount: u64) -> Option<AtTiki> {
    match amount % 1000 {
        21 => Some(AtTiki::NotFound),
        22 => Some(AtTiki::SystemError),
        23 => Some(AtTiki::Cancelled),
        24 => Some(AtTiki::OtherAmount),
        25 => Some(AtTiki::TwiceDown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_amounts_are_special() {
        let special = (150_000..151_000).filter(|amount| {
            at_the_screen(*amount).is_some()
                || at_the_refund(*amount).is_some()
                || at_tiki(*amount).is_some()
        });
        let endings: Vec<u64> = special.map(|amount| amount % 1000).collect();
        assert_eq!(endings, [1, 2, 3, 4, 5, 6, 11, 12, 21, 22, 23, 24, 25]);
    }

    #[test]
    fn no_amount_is_special_at_two_places() {
        for amount in 0..1000 {
            let places = [
                at_the_screen(amount).is_some(),
                at_the_refund(amount).is_some(),
                at_tiki(amount).is_some(),
            ];
            assert!(
                places.iter().filter(|special| **special).count() <= 1,
                "{amount}"
            );
        }
    }
}
