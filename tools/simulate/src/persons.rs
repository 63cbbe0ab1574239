//! The persons who act on what is in the review queue, with the commands of `tikivip`. They know the truth that they can
//! ask for by phone, decide at any time, and two of them may decide the same. Of larger amounts one proposes and another
//! approves; some of them forget who they are.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    ApprovalRule, Change, Clock, OperatorRefusal, OperatorWord, ProposedAct, Resolution, Timestamp,
    Transaction, TransactionId, Verdict, Vnd,
};
use serde_json::{Value, json};
use store::{StoreError, Transactions};

use crate::choices::Lane;
use crate::core::Paying;
use crate::fleet::{Function, Work};
use crate::invocation::{Input, Output};
use crate::world::{DAY, HOUR, MINUTE, World};

/// What a person decides alone, in VND: half of the payments are about more.
pub(crate) const ALONE_VND: u64 = 500_000;

/// Who proposes, and who approves.
const PEOPLE: [&str; 2] = ["operators/lan", "heads/minh"];

/// A person at `tikivip`.
pub(crate) struct Person {
    pub(crate) transactions: Transactions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) world: Arc<Mutex<World>>,
}

/// An act, or why there is none.
enum Refused {
    ByRule,
    ByTable,
}

impl From<StoreError> for Refused {
    fn from(_: StoreError) -> Self {
        Self::ByTable
    }
}

#[async_trait]
impl Work for Person {
    async fn work(&self, event: Value, _: Timestamp) -> Output {
        let id = event["transaction_id"].as_str().expect("an id");
        let id = id.parse().expect("an id");
        let choice = usize::try_from(event["choice"].as_u64().expect("a choice"));
        match self.act(id, choice.unwrap_or_default()).await {
            Ok(Some(act)) => Output::Acted(act),
            Ok(None) => Output::Acted("nothing fits"),
            Err(Refused::ByRule) => Output::Acted("refused"),
            Err(Refused::ByTable) => Output::Error,
        }
    }
}

impl Person {
    /// Reads the payment, as `tikivip show` does, and acts on what is shown.
    async fn act(&self, id: TransactionId, choice: usize) -> Result<Option<&'static str>, Refused> {
        let Some(shown) = self.transactions.load(id).await? else {
            return Ok(None);
        };
        if let Some(proposal) = shown.proposal() {
            let number = proposal.number;
            return self.answer(shown, number, choice).await;
        }
        let mut verdicts = self.may_say(&shown);
        verdicts.push(None);
        let chosen = choice.checked_rem(verdicts.len()).unwrap_or_default();
        let act = match verdicts[chosen] {
            // What was shown: it may have changed meanwhile, and then it is refused.
            Some(verdict) => ProposedAct::Resolve(resolution(verdict, shown.remaining_amount())),
            None => ProposedAct::Resend,
        };
        let (word, mut proposes) = (said_by(PEOPLE[0]), false);
        self.update(shown, |t| {
            proposes = t.needs_approval(act, rule(), false);
            match act {
                _ if proposes => t.propose(act, &word, self.clock.now()),
                ProposedAct::Resend => t.resend_ipn(&word, self.clock.now()).map(Some),
                ProposedAct::Resolve(resolution) => {
                    t.resolve(resolution, &word, self.clock.now()).map(Some)
                }
            }
        })
        .await?;
        Ok(Some(if proposes { "propose" } else { act.as_str() }))
    }

    /// Answers the proposal that is shown: mostly another person, who mostly agrees.
    async fn answer(
        &self,
        shown: Transaction,
        number: u32,
        choice: usize,
    ) -> Result<Option<&'static str>, Refused> {
        let (by, agrees) = match choice {
            0 => (PEOPLE[0], false),
            1 => (PEOPLE[0], true),
            2 | 3 => (PEOPLE[1], false),
            _ => (PEOPLE[1], true),
        };
        let word = said_by(by);
        self.update(shown, |t| {
            let answered = if agrees {
                t.approve(number, &word, self.clock.now())
            } else {
                t.decline_proposal(number, &word, self.clock.now())
            };
            answered.map(Some)
        })
        .await?;
        Ok(Some(if agrees { "approve" } else { "decline" }))
    }

    /// What fits, and is true. Whoever says "not paid" has asked the core's people.
    fn may_say(&self, shown: &Transaction) -> Vec<Option<Verdict>> {
        let fitting = shown.fitting_verdicts().into_iter();
        let truth = fitting.filter(|verdict| {
            *verdict != Verdict::NotPaid
                || self
                    .world
                    .lock()
                    .unwrap()
                    .core_people_say_not_paid(shown.id())
        });
        truth.map(Some).collect()
    }

    async fn update(
        &self,
        shown: Transaction,
        mut act: impl FnMut(&Transaction) -> Result<Option<Change>, OperatorRefusal>,
    ) -> Result<(), Refused> {
        let decide = |t: &Transaction| act(t).map_err(|_| Refused::ByRule);
        self.transactions.update(shown, decide).await?;
        Ok(())
    }
}

fn said_by(name: &str) -> OperatorWord {
    OperatorWord {
        by: name.parse().expect("a name"),
        reason: "simulated".parse().expect("a reason"),
    }
}

fn rule() -> ApprovalRule {
    ApprovalRule {
        above: Vnd::new(ALONE_VND).expect("an amount"),
        one_person: false,
    }
}

fn resolution(verdict: Verdict, remaining: Vnd) -> Resolution {
    match verdict {
        Verdict::Confirmed => Resolution::Confirmed,
        Verdict::Reverse => Resolution::Reverse,
        Verdict::Returned => Resolution::Returned { amount: remaining },
        Verdict::Handled => Resolution::Handled,
        Verdict::NotPaid => Resolution::NotPaid,
    }
}

impl World {
    /// The core's people are asked by phone. What they say is true: they cancel what a customer has begun, and the core
    /// must send a later payment.
    fn core_people_say_not_paid(&mut self, id: TransactionId) -> bool {
        let payment = self.by_id[&id];
        let simulated = &mut self.payments[payment];
        if simulated.paying == Paying::Deciding {
            (simulated.paying, simulated.declined) = (Paying::Failed, true);
        }
        let not_paid = matches!(simulated.paying, Paying::Not | Paying::Failed);
        simulated.core_said_no |= not_paid;
        not_paid
    }

    /// Something is in review. Somebody may look at it soon or days later, or two people at once.
    pub(crate) fn persons_may_look(
        &mut self,
        id: TransactionId,
        before: Option<&Transaction>,
        after: &Transaction,
    ) {
        let lane = self.lane_of(id);
        let newly = after.needs_review().is_some()
            && before.is_none_or(|before| before.needs_review() != after.needs_review());
        let proposed = after.proposal().is_some()
            && before.is_none_or(|before| before.proposal() != after.proposal());
        // Some resend what is only slow.
        let impatient = after.ipn_due_at().is_some() && self.choices.happens(lane, 60);
        let wanted = newly || proposed;
        if !(wanted && self.choices.happens(lane, 5000) || impatient) {
            return;
        }
        let most = self.choices.one_of(lane, &[10 * MINUTE, HOUR, DAY]);
        let at = self.choices.span(lane, MINUTE, most);
        for _ in 0..=u64::from(self.choices.happens(lane, 2000)) {
            let at = at + self.choices.span(lane, 0, 100);
            let choice = self.choices.below(lane, 12);
            self.after(at, move |world| world.person_looks(id, choice, lane));
        }
    }

    fn person_looks(&mut self, id: TransactionId, choice: u64, lane: Lane) {
        let event = json!({"transaction_id": id.to_string(), "choice": choice});
        let done = |world: &mut Self, who, output| {
            if let Output::Acted(act) = output {
                let saw = world.fleet.last_saw(who);
                world.coverage.count("persons", act, saw);
            }
        };
        self.invoke(Function::Person, lane, Input::Event(event), done);
    }
}
