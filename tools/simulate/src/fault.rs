//! The faults, and how often they happen.

use crate::choices::{Choices, Lane};
use crate::crowd::Size;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A short description.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// A call to our functions is delivered twice.
    CallTwice = "call to us: delivered twice",
    /// A call arrives minutes late, after later calls.
    CallLate = "call to us: late, out of order",
    /// The same signed bytes arrive again a day later.
    CallReplayed = "call to us: replayed a day later",
    /// A call never arrives.
    CallLost = "call to us: lost",
    /// Our answer is lost.
    AnswerLost = "call to us: our answer lost",
    /// A caller has no secret, or signs another message.
    Forged = "call to us: forged or misused",
    /// A write commits, but its answer is lost.
    WriteAnswerLost = "write: commits, answer lost",
    /// An index has no capacity, so that queries of it and writes that change it are refused.
    IndexThrottled = "index: throttled",
    /// A write never arrives.
    WriteLost = "write: never commits",
    /// A write commits after its sender's time-out.
    WriteLate = "write: commits after its time-out",
    /// `DynamoDB` has no capacity.
    Throttled = "DynamoDB: throttled",
    /// A read fails.
    ReadFails = "read: fails",
    /// An index shows an old state.
    IndexLags = "index: minutes behind",
    /// The stream is minutes behind.
    StreamLate = "stream: minutes behind",
    /// The stream delivers a processed batch again.
    StreamTwice = "stream: delivers a batch again",
    /// The stream drops a batch, as after too many retries.
    StreamDrops = "stream: drops a batch",
    /// A sweep is skipped.
    SweepSkipped = "sweep: skipped",
    /// A sweep is half a minute late.
    SweepLate = "sweep: late",
    /// Two sweeps run at once.
    SweepTwice = "sweep: twice at once",
    /// A function dies just before an operation.
    CrashBefore = "crash before an await",
    /// A function dies after an operation, before it has the answer.
    CrashAfter = "crash after an await",
    /// A function stops for a while.
    Frozen = "function frozen during a call",
    /// A function exceeds its time-out.
    TimedOut = "function ended by its time-out",
    /// A machine's clock is wrong, by up to six minutes.
    ClockWrong = "clock wrong by up to 6 minutes",
    /// Our call never arrives.
    OutLost = "our call: never arrives",
    /// The call takes effect, but its answer is lost.
    OutAnswerLost = "our call: done, answer lost",
    /// Our call arrives after its time-out.
    OutLate = "our call: arrives after its time-out",
    /// Our call arrives twice.
    OutTwice = "our call: arrives twice",
    /// The counterparty answers just before the time-out.
    OutSlow = "our call: slow answer",
    /// An HTTP error, whether or not the call took effect.
    OutHttpError = "our call: HTTP 4xx or 5xx",
    /// An unreadable answer, whether or not the call took effect.
    OutNonsense = "our call: unreadable answer",
    /// Tiki answers with a wrong code.
    TikiCode = "Tiki: a random code of the table",
    /// Tiki answers from a replica that does not have the order yet.
    TikiLags = "Tiki: a replica that lags",
    /// Tiki is down for minutes to two days.
    TikiDown = "Tiki: down",
    /// The core is down for minutes to two days.
    CoreDown = "core: down",
    /// The core gives an unclear answer and moves no money.
    CoreVague = "core: an unclear answer",
    /// The core mixes its answers up: another refund, another amount, another payment.
    CoreMixesUp = "core: an answer about something else",
    /// The core was restored from a backup, and has not seen what it did.
    CoreForgets = "core: restored from a backup",
    /// A proxy answers 404 and does not reach the core.
    ProxyNotFound = "core: a bare 404 of a proxy",
    /// An instance of a newer version writes.
    NewerVersion = "a write of a newer version",
    /// A secret is rotated.
    SecretRotated = "secret rotated",
    /// Secrets Manager does not answer.
    SecretsDown = "Secrets Manager: fails",
    /// The connection to the file server breaks before an operation.
    DropBreaks = "file server: the connection breaks",
    /// The file server does something, and the connection breaks before its answer.
    DropAnswerLost = "file server: done, answer lost",
    /// The connection breaks in the middle of a file.
    DropHalf = "file server: half a file",
}

/// How often, in ten thousand, a fault happens in a run, before the run's own measure is applied.
const RATES: [u64; 7] = [0, 0, 20, 100, 300, 1000, 2500];

/// The divisor of all fault rates in a run: some runs have few faults, some have many.
const MEASURES: [u64; 4] = [8, 4, 2, 1];
/// A crowd has so many times fewer faults for each payment.
const IN_A_CROWD: u64 = 8;

/// The faults of one run.
pub(crate) struct Faults {
    rates: Vec<u64>,
    counts: Vec<u64>,
    /// When they ended.
    ended_at: Option<i64>,
}

impl Faults {
    /// Chooses the rate of each fault in this run.
    pub(crate) fn draw(choices: &mut Choices, size: &Size) -> Self {
        let measure = choices.one_of(Lane::WORLD, &MEASURES);
        let measure = if size.is_crowd() {
            measure * IN_A_CROWD
        } else {
            measure
        };
        let rates = Fault::ALL
            .iter()
            .map(|_| choices.one_of(Lane::WORLD, &RATES) / measure);
        Self {
            rates: rates.collect(),
            counts: vec![0; Fault::ALL.len()],
            ended_at: None,
        }
    }

    /// Whether this fault happens now. If so, it is counted.
    pub(crate) fn inject(&mut self, choices: &mut Choices, lane: Lane, fault: Fault) -> bool {
        let inject = self.on() && choices.happens(lane, self.rates[fault as usize]);
        if inject {
            self.note(fault);
        }
        inject
    }

    /// Counts a fault that follows from others.
    pub(crate) fn note(&mut self, fault: Fault) {
        self.counts[fault as usize] += 1;
    }

    /// Whether faults can still happen.
    pub(crate) fn on(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Ends all faults.
    pub(crate) fn end(&mut self, now: i64) {
        self.ended_at.get_or_insert(now);
    }

    /// When all faults ended.
    pub(crate) fn ended_at(&self) -> Option<i64> {
        self.ended_at
    }

    /// How often it happens, in ten thousand; never after the end of all faults.
    pub(crate) fn rate(&self, fault: Fault) -> u64 {
        if self.on() {
            self.rates[fault as usize]
        } else {
            0
        }
    }

    /// Whether this fault has happened in this run.
    pub(crate) fn has_happened(&self, fault: Fault) -> bool {
        self.counts[fault as usize] > 0
    }

    /// How often each fault has happened.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.iter().copied().zip(self.counts.iter().copied())
    }
}
