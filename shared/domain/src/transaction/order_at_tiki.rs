//! An order that the partner's app hands over, without a create call of Tiki (protocol §1).

use crate::money::Vnd;
use crate::notification::LookUpAnswer;
use crate::refusal::Refusal;
use crate::status::Status;

/// What Tiki's look-up says of an order that the customer is to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderAtTiki {
    /// It waits for the payment of this amount.
    Payable,
    /// The answer does not decide it. Another look-up may.
    Unknown,
}

/// Whether the customer may pay `amount` for an order. The app's word proves nothing, so only a clear answer of Tiki
/// does. An order that is final at Tiki is never payable: the customer's money would come back, or never buy anything.
pub fn order_at_tiki(amount: Vnd, answer: LookUpAnswer) -> Result<OrderAtTiki, Refusal> {
    match answer {
        LookUpAnswer::Found(Status::Pending, Some(at_tiki)) if at_tiki == amount => {
            Ok(OrderAtTiki::Payable)
        }
        LookUpAnswer::Found(Status::Pending, Some(_)) => Err(Refusal::InvalidAmount {
            field: "transaction_amount",
            problem: "is not the amount of the order at Tiki".to_owned(),
        }),
        LookUpAnswer::Found(Status::Success, _) => Err(Refusal::PaidAtTiki),
        LookUpAnswer::Found(Status::Failure, _) | LookUpAnswer::Cancelled => Err(Refusal::Failed),
        LookUpAnswer::NotFound => Err(Refusal::NotFound),
        LookUpAnswer::NotOfThisPartner => Err(Refusal::NotOfThisPartner),
        // The id has the form of an id, so "invalid" is a fault between Tiki and us, and no word about the order.
        LookUpAnswer::Found(Status::Pending, None)
        | LookUpAnswer::InvalidRequest
        | LookUpAnswer::SystemError
        | LookUpAnswer::Unauthorized
        | LookUpAnswer::Unclear => Ok(OrderAtTiki::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pending_order_of_this_amount_is_payable() {
        let vnd = |amount| Vnd::new(amount).unwrap();
        let (amount, other) = (vnd(100_000), vnd(100_001));
        let found = LookUpAnswer::Found;
        let differs = Refusal::InvalidAmount {
            field: "transaction_amount",
            problem: "is not the amount of the order at Tiki".to_owned(),
        };
        for (answer, expected) in [
            (
                found(Status::Pending, Some(amount)),
                Ok(OrderAtTiki::Payable),
            ),
            (found(Status::Pending, Some(other)), Err(differs)),
            (found(Status::Pending, None), Ok(OrderAtTiki::Unknown)),
            (
                found(Status::Success, Some(amount)),
                Err(Refusal::PaidAtTiki),
            ),
            (
                found(Status::Success, Some(other)),
                Err(Refusal::PaidAtTiki),
            ),
            (found(Status::Success, None), Err(Refusal::PaidAtTiki)),
            (found(Status::Failure, Some(amount)), Err(Refusal::Failed)),
            (found(Status::Failure, Some(other)), Err(Refusal::Failed)),
            (found(Status::Failure, None), Err(Refusal::Failed)),
            (LookUpAnswer::Cancelled, Err(Refusal::Failed)),
            (LookUpAnswer::NotFound, Err(Refusal::NotFound)),
            (
                LookUpAnswer::NotOfThisPartner,
                Err(Refusal::NotOfThisPartner),
            ),
            (LookUpAnswer::InvalidRequest, Ok(OrderAtTiki::Unknown)),
            (LookUpAnswer::SystemError, Ok(OrderAtTiki::Unknown)),
            (LookUpAnswer::Unauthorized, Ok(OrderAtTiki::Unknown)),
            (LookUpAnswer::Unclear, Ok(OrderAtTiki::Unknown)),
        ] {
            assert_eq!(order_at_tiki(amount, answer), expected, "{answer:?}");
        }
    }
}
