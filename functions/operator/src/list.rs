//! A list of transactions, page by page.

use std::collections::HashSet;
use std::fmt;
use std::pin::pin;
use std::str::FromStr;

use api::{ApiError, Inbound, Reply};
use domain::{Ipn, PaymentState, RefundState, Timestamp, Transaction, TransactionId};
use futures::future::try_join_all;
use futures::{StreamExt, stream};
use json_fields::InvalidField;
use operator_api::transaction::{Count, ListedState, ListedTransaction, TransactionList};
use store::{DueIndex, Indexed, SHARDS, StoreError, WaitingPlace};

use crate::transactions::{limit, of_query, text_of_query};
use crate::{Operator, answer, find};

/// So many transactions are read at the same time: in a bad outage thousands wait.
const READS_AT_ONCE: usize = 32;

/// So many entries of one partition are counted: 160,000 of what is due.
const MAX_COUNTED: u16 = 10_000;

/// The place of an entry in the order of a list: the next page begins behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) at: Timestamp,
    pub(crate) id: [u8; 16],
}

impl Place {
    fn of(entry: &Indexed) -> Self {
        Self {
            at: entry.at,
            id: entry.id.to_bytes(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = TransactionId::from_bytes(self.id);
        write!(f, "{}.{id}", self.at.unix_ms())
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (ms, id) = text.split_once('.')?;
            let id: TransactionId = id.parse().ok()?;
            Some(Self {
                at: Timestamp::from_unix_ms(ms.parse().ok()?).ok()?,
                id: id.to_bytes(),
            })
        };
        read().ok_or("must be what the page before has as `next`")
    }
}

/// Reads the place behind which a page begins.
pub(crate) fn after<T: FromStr<Err = &'static str>>(
    request: &Inbound,
) -> Result<Option<T>, InvalidField> {
    let text = text_of_query(request, "after")?;
    let read = text.map(|text| {
        text.parse()
            .map_err(|why| InvalidField::field("after", why))
    });
    read.transpose()
}

/// Lists the transactions of a state, the oldest first; or searches, if the query has what to search for.
pub(crate) async fn list(operator: &Operator, request: &Inbound) -> Result<Reply, ApiError> {
    if let Some(wanted) = find::wanted(request)? {
        return find::find(operator, request, &wanted).await;
    }
    let now = operator.clock.now();
    let state = of_query(request, "state", ListedState::Review)?;
    let limit = limit(request)?;
    let after = after(request)?;
    let places = places(state);
    let mut list = page(operator, state, (after, limit), now).await?;
    if of_query(request, "count", false)? {
        list.count = Some(count(operator, &places).await?);
    }
    Ok(answer::shown(&list))
}

/// A page of at most `limit` transactions of a state, behind the place `after`. What an index has and the transaction has
/// not is left out, so a page can be shorter than its limit, and even empty, and another one can follow.
pub(crate) async fn page(
    operator: &Operator,
    state: ListedState,
    (after, limit): (Option<Place>, u16),
    now: Timestamp,
) -> Result<TransactionList, ApiError> {
    let from = match (after, state) {
        (Some(place), _) => place.at,
        // One that has expired can be approved no more.
        (None, ListedState::Proposed) => now,
        (None, _) => Timestamp::MIN,
    };
    let reads = places(state)
        .into_iter()
        .map(async |place| behind(operator, place, (from, after), limit).await);
    let Merged { entries, more } = merged(try_join_all(reads).await?);
    let mut list = TransactionList::default();
    let mut behind_it = None;
    // The index can be outdated, so the transaction itself is checked.
    let found = stream::iter(entries)
        .map(async |entry| (entry, operator.transactions.load(entry.id).await))
        .buffered(READS_AT_ONCE);
    let mut found = pin!(found);
    while let Some((entry, read)) = found.next().await {
        if list.transactions.len() >= usize::from(limit) {
            list.next = behind_it;
            return Ok(list);
        }
        match read {
            Ok(Some(found)) if is_in(state, &found, now) => {
                list.transactions.push(ListedTransaction::of(&found, now));
            }
            Ok(_) => {}
            Err(StoreError::Unreadable { .. }) => list.unreadable.push(entry.id.to_string()),
            Err(error) => return Err(error.into()),
        }
        behind_it = Some(Place::of(&entry).to_string());
    }
    list.next = behind_it.filter(|_| more);
    Ok(list)
}

/// What one partition has behind a place, in order.
struct Part {
    entries: Vec<Indexed>,
    /// Up to here it was read, if there is more.
    read_to: Option<Place>,
}

/// Reads what a partition has behind a place: so much that it is not less than a page, as far as there is so much. Entries
/// of one millisecond come in no order, so those of the last one are left for the next page, unless there is no other.
async fn behind(
    operator: &Operator,
    place: WaitingPlace,
    (from, after): (Timestamp, Option<Place>),
    limit: u16,
) -> Result<Part, StoreError> {
    let mut asked = limit.saturating_add(1);
    loop {
        let read = operator.transactions.waiting(place, from, asked).await?;
        let is_all = read.len() < usize::from(asked);
        let last = read.last().map(|entry| entry.at);
        let is_complete = |entry: &Indexed| is_all || Some(entry.at) != last;
        let mut entries: Vec<Indexed> = read.into_iter().filter(is_complete).collect();
        entries.retain(|entry| after.is_none_or(|after| Place::of(entry) > after));
        entries.sort_by_key(Place::of);
        if is_all || asked == u16::MAX {
            return Ok(Part {
                entries,
                read_to: None,
            });
        }
        if let Some(read_to) = entries.last().map(Place::of) {
            return Ok(Part {
                entries,
                read_to: Some(read_to),
            });
        }
        asked = asked.saturating_mul(2);
    }
}

/// The entries of all partitions in one order, as far as it is known.
struct Merged {
    entries: Vec<Indexed>,
    more: bool,
}

fn merged(parts: Vec<Part>) -> Merged {
    let known_to = parts.iter().filter_map(|part| part.read_to).min();
    let mut entries: Vec<Indexed> = parts.into_iter().flat_map(|part| part.entries).collect();
    entries.retain(|entry| known_to.is_none_or(|known| Place::of(entry) <= known));
    entries.sort_by_key(Place::of);
    // One that has moved from one partition to another meanwhile is listed once.
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert(entry.id));
    Merged {
        entries,
        more: known_to.is_some(),
    }
}

async fn count(operator: &Operator, places: &[WaitingPlace]) -> Result<Count, StoreError> {
    let reads = places.iter().map(|place| {
        operator
            .transactions
            .waiting(*place, Timestamp::MIN, MAX_COUNTED)
    });
    let lengths: Vec<usize> = try_join_all(reads).await?.iter().map(Vec::len).collect();
    let entries: usize = lengths.iter().sum();
    Ok(Count {
        entries: u64::try_from(entries).unwrap_or(u64::MAX),
        at_least: lengths.contains(&usize::from(MAX_COUNTED)),
    })
}

/// The partitions in which the transactions of a state wait.
fn places(state: ListedState) -> Vec<WaitingPlace> {
    let shards = |index| {
        (0..SHARDS)
            .map(|shard| WaitingPlace::Due(index, shard))
            .collect()
    };
    match state {
        ListedState::Unconfirmed => shards(DueIndex::Ipn),
        ListedState::Unknown | ListedState::Reversing => shards(DueIndex::Refund),
        ListedState::Pending => shards(DueIndex::Expiry),
        ListedState::Proposed => vec![WaitingPlace::Proposed],
        ListedState::Review
        | ListedState::Disputed
        | ListedState::Exhausted
        | ListedState::RefundRejected
        | ListedState::Contradicted
        | ListedState::Undecided
        | ListedState::RefundsRejected => {
            let reasons = state.review_reasons().into_iter();
            reasons.map(WaitingPlace::Review).collect()
        }
    }
}

fn is_in(state: ListedState, t: &Transaction, now: Timestamp) -> bool {
    let open = t.refunds().iter().any(|refund| refund.due().is_some());
    match state {
        ListedState::Review
        | ListedState::Disputed
        | ListedState::Exhausted
        | ListedState::RefundRejected
        | ListedState::Contradicted
        | ListedState::Undecided
        | ListedState::RefundsRejected => t
            .needs_review()
            .is_some_and(|(reason, _)| state.review_reasons().contains(&reason)),
        ListedState::Proposed => t.valid_proposal(now).is_some(),
        ListedState::Unknown => t
            .refunds()
            .iter()
            .any(|refund| matches!(refund.state, RefundState::Unknown(_))),
        ListedState::Reversing => matches!(t.ipn(), Ipn::Reversing { .. }) && open,
        ListedState::Unconfirmed => t.ipn_due_at().is_some(),
        ListedState::Pending => matches!(t.payment(), PaymentState::Pending { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ms: i64, id: u8) -> Indexed {
        Indexed {
            id: TransactionId::from_bytes([id; 16]),
            at: Timestamp::from_unix_ms(ms).unwrap(),
            final_at: None,
        }
    }

    fn part(entries: &[(i64, u8)], is_all: bool) -> Part {
        let entries: Vec<Indexed> = entries.iter().map(|(ms, id)| entry(*ms, *id)).collect();
        Part {
            read_to: entries.last().map(Place::of).filter(|_| !is_all),
            entries,
        }
    }

    fn ids(parts: Vec<Part>) -> (Vec<u8>, bool) {
        let Merged { entries, more } = merged(parts);
        (
            entries.iter().map(|entry| entry.id.to_bytes()[0]).collect(),
            more,
        )
    }

    #[test]
    fn a_page_ends_where_the_order_is_not_known() {
        for (parts, expected, more) in [
            (vec![], vec![], false),
            (
                vec![part(&[(1, 1), (3, 3)], true), part(&[(2, 2)], true)],
                vec![1, 2, 3],
                false,
            ),
            // The second partition may have something before 3.
            (
                vec![part(&[(1, 1), (3, 3)], true), part(&[(2, 2)], false)],
                vec![1, 2],
                true,
            ),
            (
                vec![
                    part(&[(1, 1), (3, 3)], false),
                    part(&[(2, 2), (9, 9)], false),
                ],
                vec![1, 2, 3],
                true,
            ),
            // It has moved meanwhile.
            (
                vec![part(&[(1, 1)], true), part(&[(2, 1), (3, 3)], true)],
                vec![1, 3],
                false,
            ),
            // One millisecond: by their ids.
            (
                vec![part(&[(5, 7)], true), part(&[(5, 6)], true)],
                vec![6, 7],
                false,
            ),
        ] {
            assert_eq!(ids(parts), (expected, more));
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place::of(&entry(1_800_000_000_000, 7));
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "1.x", "x.07070707-0707-0707-0707-070707070707"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
