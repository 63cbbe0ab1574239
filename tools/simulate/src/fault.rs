//! What can go wrong, how often it does in this run, and how often it did.

use crate::choices::{Choices, Lane};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What happens, in a few words.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// A call to us goes the same way twice.
    CallTwice = "call to us: delivered twice",
    /// A call to us comes minutes late, after later ones.
    CallLate = "call to us: late, out of order",
    /// The same signed bytes again, a day later.
    CallReplayed = "call to us: replayed a day later",
    /// A call to us never comes.
    CallLost = "call to us: lost",
    /// Our answer is lost.
    AnswerLost = "call to us: our answer lost",
    /// A caller who has no secret, or uses the wrong message.
    Forged = "call to us: forged or misused",
    /// A write commits, and the answer is lost.
    WriteAnswerLost = "write: commits, answer lost",
    /// A write never arrives.
    WriteLost = "write: never commits",
    /// A write commits long after its sender has given up on it.
    WriteLate = "write: commits after its time-out",
    /// `DynamoDB` has no capacity.
    Throttled = "DynamoDB: throttled",
    /// A read comes to nothing.
    ReadFails = "read: fails",
    /// An index shows the past.
    IndexLags = "index: minutes behind",
    /// The stream is minutes behind.
    StreamLate = "stream: minutes behind",
    /// The stream delivers a batch that was done.
    StreamTwice = "stream: delivers a batch again",
    /// The stream gives a batch up, as after too many retries.
    StreamDrops = "stream: gives a batch up",
    /// No sweep this minute.
    SweepSkipped = "sweep: skipped",
    /// The sweep comes half a minute late.
    SweepLate = "sweep: late",
    /// Two sweeps run at once.
    SweepTwice = "sweep: twice at once",
    /// A function dies just before it does something.
    CrashBefore = "crash before an await",
    /// A function dies after it has done something, before it knows.
    CrashAfter = "crash after an await",
    /// A function's machine stands still for a while.
    Frozen = "function frozen in mid-flight",
    /// A function is ended at its time-out.
    TimedOut = "function ended by its time-out",
    /// A machine's clock is wrong, by up to six minutes.
    ClockWrong = "clock up to 6 minutes off",
    /// Our call never arrives.
    OutLost = "our call: never arrives",
    /// The other side does it, and its answer is lost.
    OutAnswerLost = "our call: done, answer lost",
    /// Our call arrives after we have stopped waiting.
    OutLate = "our call: arrives after its time-out",
    /// Our call arrives twice.
    OutTwice = "our call: arrives twice",
    /// The other side takes nearly all the time there is.
    OutSlow = "our call: slow answer",
    /// An HTTP error, whether or not it was done.
    OutHttpError = "our call: HTTP 4xx or 5xx",
    /// Bytes that are no answer, whether or not it was done.
    OutNonsense = "our call: nonsense for an answer",
    /// Tiki answers with a code that is not the truth.
    TikiCode = "Tiki: a code of the table at random",
    /// Tiki is away, for minutes to two days.
    TikiDown = "Tiki: away",
    /// The core is away, for minutes to two days.
    CoreDown = "core: away",
    /// The core answers something else than it knows, and moves no money on it.
    CoreVague = "core: a vague answer",
    /// A secret changes.
    SecretRotated = "secret rotated",
    /// Secrets Manager does not answer.
    SecretsDown = "Secrets Manager: fails",
}

/// How often, in ten thousand, a fault happens in a run, before the run's own measure is applied.
const RATES: [u64; 7] = [0, 0, 20, 100, 300, 1000, 2500];

/// By how much all rates of a run are divided: some runs are calm, some are a storm.
const MEASURES: [u64; 4] = [8, 4, 2, 1];

/// The faults of one run.
pub(crate) struct Faults {
    rates: Vec<u64>,
    counts: Vec<u64>,
    on: bool,
}

impl Faults {
    /// Draws for each fault how often it happens in this run.
    pub(crate) fn draw(choices: &mut Choices) -> Self {
        let measure = choices.one_of(Lane::WORLD, &MEASURES);
        let rates = Fault::ALL
            .iter()
            .map(|_| choices.one_of(Lane::WORLD, &RATES) / measure);
        Self {
            rates: rates.collect(),
            counts: vec![0; Fault::ALL.len()],
            on: true,
        }
    }

    /// Whether this fault happens now; then it is counted.
    pub(crate) fn inject(&mut self, choices: &mut Choices, lane: Lane, fault: Fault) -> bool {
        let inject = self.on && choices.happens(lane, self.rates[fault as usize]);
        if inject {
            self.note(fault);
        }
        inject
    }

    /// Counts a fault that follows from others.
    pub(crate) fn note(&mut self, fault: Fault) {
        self.counts[fault as usize] += 1;
    }

    /// Whether anything can still go wrong.
    pub(crate) fn on(&self) -> bool {
        self.on
    }

    /// Nothing goes wrong any more.
    pub(crate) fn end(&mut self) {
        self.on = false;
    }

    /// How often each fault has happened.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.iter().copied().zip(self.counts.iter().copied())
    }
}
