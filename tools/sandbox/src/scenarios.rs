//! Situations that a person asks for by name: `sandbox scenario NAME`, and `POST {url}/_sandbox/scenarios`.
//!
//! A scenario does what the sides do in that situation, and leaves the system in it: with the fault on, the payment in the
//! review queue, the file at Tiki. It says what it did, where to look, and what a person does about it. `end` takes back
//! what it changed at Tiki or at the core.

mod days;
mod of_core;
mod of_tiki;
mod payments;
mod player;
mod routes;
mod secrets;

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

pub(crate) use self::routes::Scenarios;

use self::player::Player;
use crate::handles::Handles;

/// What the sides do in one of the situations that a partner must expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Scenario {
    Paid,
    Declined,
    Expired,
    Abandoned,
    TikiDown,
    TikiDenies,
    Exhausted,
    Dispute,
    AmountDiffers,
    PaidTwice,
    PaidLate,
    Chargeback,
    RefundPending,
    RefundRejected,
    SlowCore,
    DayWithDifferences,
    QuietDay,
    WrongSecret,
    RotatedSecret,
}

/// What came of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Played {
    pub(crate) scenario: String,
    /// What happened, step by step.
    pub(crate) steps: Vec<String>,
    pub(crate) payments: Vec<PlayedPayment>,
    /// Where it can be seen.
    pub(crate) see: Vec<String>,
    /// The alarms that this situation raises on AWS.
    pub(crate) alarms: Vec<String>,
    /// What a person does about it.
    pub(crate) cure: Vec<String>,
}

/// A payment of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlayedPayment {
    pub(crate) tiki_transaction_id: String,
    pub(crate) transaction_id: String,
    pub(crate) payment_url: String,
    pub(crate) amount: u64,
}

/// What each shows, in Vietnamese and in English.
const TITLES: [(Scenario, &str, &str); 19] = [
    (
        Scenario::Paid,
        "Khách trả tiền, Tiki nhận được kết quả",
        "The customer pays, and Tiki hears of it",
    ),
    (
        Scenario::Declined,
        "Không đủ tiền: thanh toán thất bại",
        "Not enough money: the payment fails",
    ),
    (
        Scenario::Expired,
        "Khách không mở màn hình thanh toán, hết hạn",
        "Nobody opens the payment screen, and it expires",
    ),
    (
        Scenario::Abandoned,
        "Khách mở màn hình rồi bỏ đi, hết hạn",
        "The customer opens the screen, and leaves",
    ),
    (
        Scenario::TikiDown,
        "Tiki không trả lời, kết quả phải chờ",
        "Tiki does not answer, and results wait",
    ),
    (
        Scenario::TikiDenies,
        "Tiki không có đơn hàng, tiền được trả lại",
        "Tiki does not have the order, and the money goes back",
    ),
    (
        Scenario::Exhausted,
        "Mười lần gửi thông báo đều thất bại",
        "All ten notification attempts fail",
    ),
    (
        Scenario::Dispute,
        "Tiki nói giao dịch không phải của đối tác này",
        "Tiki says that the transaction is not this partner's",
    ),
    (
        Scenario::AmountDiffers,
        "Tiki có số tiền khác",
        "Tiki has the order as paid with another amount",
    ),
    (
        Scenario::PaidTwice,
        "Hệ thống lõi trừ tiền hai lần",
        "The core takes the money twice",
    ),
    (
        Scenario::PaidLate,
        "Tiền đến sau khi hết hạn, được hoàn lại",
        "The money comes after the expiry, and goes back",
    ),
    (
        Scenario::Chargeback,
        "Hệ thống lõi rút lại kết quả đã báo",
        "The core takes back what it has said: not paid",
    ),
    (
        Scenario::RefundPending,
        "Hệ thống lõi chưa trả lời về khoản hoàn",
        "The core gives no outcome of a refund",
    ),
    (
        Scenario::RefundRejected,
        "Hệ thống lõi từ chối hoàn tiền",
        "The core rejects a refund",
    ),
    (
        Scenario::SlowCore,
        "Hệ thống lõi trả lời chậm",
        "The core is slow",
    ),
    (
        Scenario::DayWithDifferences,
        "Một ngày đối soát có chênh lệch",
        "A day whose reconciliation finds differences",
    ),
    (
        Scenario::QuietDay,
        "Một ngày không có giao dịch nào",
        "A day without a payment",
    ),
    (
        Scenario::WrongSecret,
        "Tiki dùng khóa bí mật khác",
        "Tiki has another secret than we",
    ),
    (
        Scenario::RotatedSecret,
        "Khóa bí mật đã đổi, Tiki vẫn ký bằng khóa cũ",
        "The secret was rotated; Tiki signs with the old one",
    ),
];

impl Scenario {
    /// All, in the order in which they are listed.
    pub(crate) const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name: `paid`, `tiki-down` …
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// The scenario of this name, or a sentence that has all names.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::from_str(name).map_err(|_| {
            let names: Vec<_> = Self::ALL.iter().map(|scenario| scenario.name()).collect();
            format!(
                "there is no scenario {name:?}; there are {}",
                names.join(", ")
            )
        })
    }

    /// What it shows, in Vietnamese and in English.
    pub(crate) fn title(self) -> (&'static str, &'static str) {
        let found = TITLES.iter().find(|(scenario, ..)| *scenario == self);
        found.map_or(("", ""), |(_, vietnamese, english)| (*vietnamese, *english))
    }

    /// The alarms that it raises on AWS (docs/operations.md).
    pub(crate) fn alarms(self) -> &'static [&'static str] {
        match self {
            Self::Paid | Self::Declined | Self::Expired | Self::Abandoned => &[],
            Self::PaidLate | Self::RefundRejected | Self::SlowCore | Self::QuietDay => &[],
            Self::TikiDown => &["NotificationsOverdue", "TikiIsDown"],
            Self::TikiDenies => &["Reversals"],
            Self::Exhausted
            | Self::Dispute
            | Self::AmountDiffers
            | Self::PaidTwice
            | Self::Chargeback => &["ReviewQueue", "ReviewRaised"],
            Self::RefundPending => &["RefundsOverdue"],
            Self::DayWithDifferences => &["FindingsOpen"],
            Self::WrongSecret => &["TikiRefusesOurSignature", "SignaturesRefused"],
            Self::RotatedSecret => &["PreviousSecretUsed"],
        }
    }

    /// Plays it in a running sandbox.
    pub(crate) async fn play(self, handles: &Handles) -> anyhow::Result<Played> {
        let mut player = Player::new(handles)?;
        match self {
            Self::Paid => payments::paid(&mut player).await,
            Self::Declined => payments::declined(&mut player).await,
            Self::Expired => payments::expired(&mut player).await,
            Self::Abandoned => payments::abandoned(&mut player).await,
            Self::PaidLate => payments::paid_late(&mut player).await,
            Self::TikiDown => of_tiki::down(&mut player).await,
            Self::TikiDenies => of_tiki::denies(&mut player).await,
            Self::Exhausted => of_tiki::exhausted(&mut player).await,
            Self::Dispute => of_tiki::dispute(&mut player).await,
            Self::AmountDiffers => of_tiki::amount_differs(&mut player).await,
            Self::PaidTwice => of_core::paid_twice(&mut player).await,
            Self::Chargeback => of_core::chargeback(&mut player).await,
            Self::RefundPending => of_core::refund_pending(&mut player).await,
            Self::RefundRejected => of_core::refund_rejected(&mut player).await,
            Self::SlowCore => of_core::slow(&mut player).await,
            Self::DayWithDifferences => days::with_differences(&mut player).await,
            Self::QuietDay => days::quiet(&mut player).await,
            Self::WrongSecret => secrets::wrong(&mut player).await,
            Self::RotatedSecret => secrets::rotated(&mut player).await,
        }?;
        Ok(player.played(self))
    }

    /// Takes back what it changed at Tiki or at the core. What the system has recorded stays.
    pub(crate) fn end(self, handles: &Handles) -> anyhow::Result<Played> {
        let mut player = Player::new(handles)?;
        match self {
            Self::TikiDown | Self::Exhausted | Self::Dispute => {
                player.tiki.faults.off("ipn");
                player.tiki.faults.off("look_up");
                player.say("Tiki answers again.");
            }
            Self::RefundPending | Self::SlowCore => {
                player.core.faults.off("refund");
                player.core.faults.off("find_refund");
                player.say("The core answers again.");
            }
            Self::WrongSecret => secrets::end_of_wrong(&mut player),
            Self::RotatedSecret => secrets::end_of_rotated(&mut player)?,
            _ => player.say("It has left nothing switched on."),
        }
        Ok(Played {
            alarms: Vec::new(),
            ..player.played(self)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_has_its_name() {
        let names: Vec<_> = Scenario::ALL.iter().map(|s| s.name()).collect();
        assert_eq!(
            names,
            [
                "paid",
                "declined",
                "expired",
                "abandoned",
                "tiki-down",
                "tiki-denies",
                "exhausted",
                "dispute",
                "amount-differs",
                "paid-twice",
                "paid-late",
                "chargeback",
                "refund-pending",
                "refund-rejected",
                "slow-core",
                "day-with-differences",
                "quiet-day",
                "wrong-secret",
                "rotated-secret",
            ]
        );
        for name in names {
            assert_eq!(Scenario::named(name).map(Scenario::name), Ok(name));
        }
        for scenario in Scenario::ALL {
            let (vietnamese, english) = scenario.title();
            assert!(!vietnamese.is_empty() && !english.is_empty());
        }
        let error = Scenario::named("bought").unwrap_err();
        assert!(error.contains("paid, declined"), "{error}");
    }
}
