//! The two counterparties and the transaction of the targets, the same as in `events/`.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use domain::testing::AssumeCommitted;
use domain::{
    AmountLimits, Clock, Decision, IpnAnswer, IpnLease, IpnSubject, NotificationOutcome, Order,
    PaidDetails, PaymentResult, PaymentResultMessage, Timestamp, Transaction, Vnd,
};
use signing::{ClientSecret, KeyError, KeyProvider, Keyring};

/// The time of the signatures in `events/`, in Unix milliseconds.
pub(crate) const NOW_MS: i64 = 1_795_000_000_000;
pub(crate) const TIKI_CLIENT: &str = "5a9db0c5-0000-4000-8000-7469746b6976";
pub(crate) const TIKI_SECRET: &str = "sandbox-secret-between-tiki-and-partner";
pub(crate) const CORE_CLIENT: &str = "sandbox-core";
pub(crate) const CORE_SECRET: &str = "sandbox-secret-between-core-and-functions";
/// Both secrets before the last rotation.
pub(crate) const PREVIOUS_SECRET: &str = "the secret before";

/// Tiki's id of the transaction.
pub(crate) const TIKI_ID: &str = "221115TIKIVIP-235784371-1668488254";
/// Our id, which is derived from Tiki's id.
pub(crate) const ID: &str = "fec637ab-9f3b-5066-bc02-a539f47b5582";
pub(crate) const AMOUNT: u64 = 100_000;

/// The keys between Tiki and us, after a rotation.
pub(crate) fn tiki_keys() -> Keyring {
    keys(TIKI_CLIENT, TIKI_SECRET)
}

/// The keys between the core and us, after a rotation.
pub(crate) fn core_keys() -> Keyring {
    keys(CORE_CLIENT, CORE_SECRET)
}

fn keys(client: &str, secret: &str) -> Keyring {
    let previous = Some(ClientSecret::new(PREVIOUS_SECRET));
    Keyring::new(client, ClientSecret::new(secret)).accepting(previous)
}

/// Always gives the core's keys.
pub(crate) struct CoreKeys;

#[async_trait]
impl KeyProvider for CoreKeys {
    async fn keys(&self) -> Result<Keyring, KeyError> {
        Ok(core_keys())
    }

    async fn reload(&self) -> Result<Keyring, KeyError> {
        Ok(core_keys())
    }
}

/// A clock with a fixed time, on which a wait takes no time.
pub(crate) struct FixedClock;

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, _: Duration) {}
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS).unwrap_or(Timestamp::MIN)
}

/// A created transaction of [`AMOUNT`].
#[expect(
    clippy::expect_used,
    reason = "constants; a wrong one fails in the first run"
)]
pub(crate) fn created() -> domain::Created {
    let order = Order {
        amount: Vnd::new(AMOUNT).expect("an amount"),
        webview_request_id: "W-1".parse().ok(),
        identify_code: "KH-0001".parse().ok(),
        order_code: "235784371".parse().ok(),
        description: "Đơn hàng Tiki VIP".parse().ok(),
        expires_in_s: 900,
    };
    let limits = AmountLimits {
        min: Vnd::ZERO,
        max: Vnd::MAX,
    };
    let tiki_id = TIKI_ID.parse().expect("Tiki's id");
    let grace = Duration::from_secs(60);
    Transaction::create(&tiki_id, order, limits, grace, now()).expect("a transaction")
}

/// The core's result when the customer has paid.
pub(crate) fn paid_report() -> PaymentResultMessage {
    let details = PaidDetails {
        paid_at: Some(now()),
        banking_method: "ACCOUNT".parse().ok(),
        core_reference: "FT0001".parse().ok(),
    };
    PaymentResultMessage {
        amount: Vnd::new(AMOUNT).ok(),
        result: PaymentResult::Paid(details),
    }
}

/// How far apart two look-ups must be before "not found" is believed.
pub(crate) const CONFIRM_AFTER: Duration = Duration::from_mins(2);

/// A first lease of a notification about this, with an earlier "not found" or without one.
pub(crate) fn lease(subject: IpnSubject, not_found_at: Option<Timestamp>) -> IpnLease {
    IpnLease {
        attempt: 1,
        failures: 0,
        subject,
        not_found_at,
        confirm_after: CONFIRM_AFTER,
    }
}

/// A notification outcome with this decision.
pub(crate) fn outcome(decision: Decision) -> NotificationOutcome {
    NotificationOutcome {
        answer: IpnAnswer::Unclear,
        known: None,
        decision,
    }
}

/// The paid transaction, with which answers of Tiki and the core are compared.
#[expect(clippy::expect_used, reason = "a pending transaction takes a result")]
pub(crate) static PAID: LazyLock<Transaction> = LazyLock::new(|| {
    let created = created();
    let paid = created
        .transaction()
        .record_payment_result(&paid_report(), now())
        .change;
    paid.expect("a change").assume_committed()
});
