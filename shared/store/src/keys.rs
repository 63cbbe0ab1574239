//! The keys of the tables and of their indexes. Each key schema stands here and in `template.yaml`, and nowhere
//! else.

use domain::Day;

/// The partition key of the table of transactions.
pub const TRANSACTION_ID: &str = "transaction_id";

/// The partition key of the table of webview sessions.
pub(crate) const WEBVIEW_REQUEST_ID: &str = "request_id";

/// The partition key of the table of reconciliation.
pub const PARTITION: &str = "partition";

/// The sort key of the table of reconciliation.
pub const SORT: &str = "sort";

/// The number of partitions of each sharded index: a hash of the transaction's id chooses one, so that no
/// partition takes all writes.
pub const SHARDS: u8 = 16;

/// A sparse index: an item is in it only while the item has both keys. The partition key is a string, the sort
/// key is a time in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    /// The attribute that is its partition key.
    pub partition_key: &'static str,
    /// The attribute that is its sort key.
    pub sort_key: &'static str,
    /// The attributes that it has beside the keys.
    pub projection: Projection,
}

/// The attributes that an index has beside its own keys and those of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projection {
    KeysOnly,
    Include(&'static [&'static str]),
}

impl Projection {
    /// The names of the attributes beside the keys.
    #[must_use]
    pub const fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::KeysOnly => &[],
            Self::Include(attributes) => attributes,
        }
    }
}

/// Transactions that need review, by the reason; those first that have waited longest.
pub const NEEDS_REVIEW: Index = Index {
    name: "needs_review",
    partition_key: "needs_review",
    sort_key: "needs_review_since",
    projection: Projection::KeysOnly,
};

/// Transactions with a proposal that waits for another person's approval; those first that end first. All are in one
/// partition: persons make few of them.
pub const PROPOSED: Index = Index {
    name: "proposed",
    partition_key: "proposed",
    sort_key: "proposal_expires_at",
    projection: Projection::KeysOnly,
};

/// The value of the partition key of [`PROPOSED`].
pub(crate) const OPEN_PROPOSAL: &str = "open";

/// Opened webviews by customer, the oldest first. The key is a keyed hash of the partner's own code of the
/// customer; its name is from before it was one.
pub const BY_CUSTOMER: Index = Index {
    name: "by_customer",
    partition_key: "identify_code",
    sort_key: "opened_at",
    projection: Projection::Include(&["url_checkout_result", "expires_at"]),
};

/// Open findings of reconciliation by their status, those first that were not checked for the longest time.
pub const BY_STATUS: Index = Index {
    name: "by_status",
    partition_key: "status",
    sort_key: "since",
    projection: Projection::KeysOnly,
};

/// The attribute that says when a payment became final.
pub(crate) const FINAL_AT: &str = "final_at";

/// Obligations of a worker, by the time from which they are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueIndex {
    /// Notifications (IPN) that ipn-sender owes Tiki.
    Ipn,
    /// Open refunds, about which core-worker asks the core.
    Refund,
    /// Expired payments, about which core-worker asks the core.
    Expiry,
}

impl DueIndex {
    /// The key schema.
    #[must_use]
    pub const fn index(self) -> Index {
        let (name, partition_key, sort_key) = match self {
            Self::Ipn => ("ipn_due", "ipn_shard", "ipn_due_at"),
            Self::Refund => ("refund_due", "refund_shard", "refund_due_at"),
            Self::Expiry => ("expiry_due", "expiry_shard", "expiry_due_at"),
        };
        Index {
            name,
            partition_key,
            sort_key,
            projection: match self {
                // A notification that has failed often is due late: the one that waits longest stands anywhere.
                Self::Ipn => Projection::Include(&[FINAL_AT]),
                Self::Refund | Self::Expiry => Projection::KeysOnly,
            },
        }
    }
}

/// Transactions by a Vietnamese day (protocol §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayIndex {
    /// The day on which the status became final, with all that the day's file needs.
    Final,
    /// The day on which money last went back to the customer.
    Refund,
    /// The day on which it was decided to give back all the money, unasked.
    Reversal,
}

impl DayIndex {
    /// The key schema.
    #[must_use]
    pub const fn index(self) -> Index {
        match self {
            Self::Final => Index {
                name: "by_day",
                partition_key: "day_shard",
                sort_key: "final_at",
                projection: Projection::Include(&[
                    "tiki_transaction_id",
                    "amount_vnd",
                    "status",
                    "created_at",
                ]),
            },
            Self::Refund => Index {
                name: "by_refund_day",
                partition_key: "refund_day_shard",
                sort_key: "refund_at",
                projection: Projection::KeysOnly,
            },
            Self::Reversal => Index {
                name: "by_reversal_day",
                partition_key: "reversal_day_shard",
                sort_key: "reversed_at",
                projection: Projection::KeysOnly,
            },
        }
    }
}

/// The value of a shard attribute: `07`.
pub(crate) fn shard_key(shard: u8) -> String {
    format!("{shard:02}")
}

/// The value of the partition key of an index by day: `2026-11-22#07`.
pub(crate) fn day_shard(day: Day, shard: &str) -> String {
    format!("{day}#{shard}")
}
