//! The ways in which a request goes wrong. Their names are those of docs/faults.md.

use std::time::Duration;

use super::exchange::{Exchange, Verb};
use crate::world::Random;

/// How many revisions a server is behind at the most: more than an onboarding makes.
const FAR_BEHIND: u64 = 200;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server hears of it later.
    Delay(Duration),
    /// The connection cannot be made.
    Refuse,
    /// The request is never heard of, and nobody answers (half-open).
    Swallow,
    /// Somebody before the server answers.
    Answer {
        /// HTTP status code.
        code: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u32>,
        /// The body is a page for people, as proxies send it.
        html: bool,
    },
    /// The server refuses it, with 403.
    Deny {
        /// Because the namespace is going; otherwise because a right is missing.
        terminating: bool,
    },
    /// The server did it, and the connection breaks before it has answered.
    LoseAnswer,
    /// The server did it, and its answer comes later.
    DelayAnswer(Duration),
    /// The answer breaks off after so many bytes.
    Cut(usize),
    /// The stream of a watch ends well after so many events.
    End(usize),
    /// The stream of a watch breaks in the middle of the event after so many.
    Tear(usize),
    /// The stream of a watch says nothing any more after so many events, and stays open.
    Mute(usize),
    /// Every event of a watch comes so much later.
    Hold(Duration),
    /// After so many events the watch ends with the `ERROR` that its revision is too old.
    Expire(usize),
    /// A watch gets no bookmarks.
    NoBookmarks,
    /// Every event of a watch is told twice.
    Repeat,
    /// A server that is so many revisions behind answers a list.
    Rewind(u64),
}

/// A family of faults, which a seed makes one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// F1: a watch is closed.
    WatchClosed,
    /// F2: a watch is cut in the middle of a line.
    WatchTorn,
    /// F3: 410, at the start of a watch and in it.
    Gone,
    /// F4, F5: 410 of a page of a list.
    PageGone,
    /// F6, F7: events come late, those of own writes too.
    Stale,
    /// F9: a server that is behind answers, with a state that was seen to change already.
    Rewound,
    /// F10: events come twice.
    Repeated,
    /// F11: bookmarks, and the end of the first events, never come.
    NoBookmarks,
    /// F12: 409.
    Conflict,
    /// F13: 429, with and without `Retry-After`.
    Throttled,
    /// F14: 500, 502, 503, 504, also with a page for people.
    Broken,
    /// F15: the answer to a write is lost after it was done.
    AnswerLost,
    /// F16: the request is lost before it was done.
    RequestLost,
    /// F17: nobody answers.
    HalfOpen,
    /// F18: slow, request and answer.
    Slow,
    /// F19: the server cannot be reached.
    Partition,
    /// F14: an answer breaks off.
    AnswerCut,
    /// F17: a watch is open and silent.
    WatchMute,
    /// F30: the namespace of what is made is going.
    Terminating,
    /// F31: a right is missing for a while.
    Denied,
    /// F33: a type is not served for a while.
    Unserved,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::WatchClosed,
        Self::WatchTorn,
        Self::Gone,
        Self::PageGone,
        Self::Stale,
        Self::Rewound,
        Self::Repeated,
        Self::NoBookmarks,
        Self::Conflict,
        Self::Throttled,
        Self::Broken,
        Self::AnswerLost,
        Self::RequestLost,
        Self::HalfOpen,
        Self::Slow,
        Self::Partition,
        Self::AnswerCut,
        Self::WatchMute,
        Self::Terminating,
        Self::Denied,
        Self::Unserved,
    ];

    /// Whether this can go wrong with a request.
    pub fn concerns(self, exchange: &Exchange) -> bool {
        let (watch, page) = (exchange.verb == Verb::Watch, exchange.verb == Verb::List && exchange.continues());
        match self {
            Self::WatchClosed
            | Self::WatchTorn
            | Self::Stale
            | Self::Repeated
            | Self::NoBookmarks
            | Self::WatchMute => watch,
            Self::Gone => watch || page,
            Self::PageGone => page,
            Self::Rewound => exchange.verb == Verb::List && !page,
            Self::Conflict | Self::AnswerLost => exchange.writes(),
            Self::AnswerCut => !watch,
            Self::Terminating => exchange.makes_in_a_namespace(),
            Self::Unserved => watch || exchange.verb == Verb::List,
            Self::Throttled
            | Self::Broken
            | Self::RequestLost
            | Self::HalfOpen
            | Self::Slow
            | Self::Partition
            | Self::Denied => true,
        }
    }

    /// One fault of this kind.
    pub fn draw(self, random: &mut Random, watch: bool) -> Fault {
        let few = |random: &mut Random| usize::try_from(random.below(6)).unwrap_or_default();
        let seconds = |random: &mut Random, most: u64| Duration::from_millis(1 + random.below(most * 1000));
        match self {
            Self::WatchClosed => Fault::End(few(random)),
            Self::WatchTorn => Fault::Tear(few(random)),
            Self::Gone if watch && random.below(2) == 0 => Fault::Expire(few(random)),
            Self::Gone | Self::PageGone => Fault::Answer { code: 410, retry_after: None, html: false },
            Self::Stale => Fault::Hold(seconds(random, 60)),
            Self::Rewound => Fault::Rewind(1 + random.below(FAR_BEHIND)),
            Self::Repeated => Fault::Repeat,
            Self::NoBookmarks => Fault::NoBookmarks,
            Self::Conflict => Fault::Answer { code: 409, retry_after: None, html: false },
            Self::Throttled => {
                let wait = [None, Some(0), Some(1), Some(30), Some(3600)];
                let retry_after = wait.get(few(random) % wait.len()).copied().flatten();
                Fault::Answer { code: 429, retry_after, html: false }
            }
            Self::Broken => {
                let codes = [500, 502, 503, 504];
                let code = codes.get(few(random) % codes.len()).copied().unwrap_or(500);
                Fault::Answer { code, retry_after: None, html: random.below(2) == 0 }
            }
            Self::AnswerLost => Fault::LoseAnswer,
            Self::RequestLost | Self::Partition => Fault::Refuse,
            Self::HalfOpen => Fault::Swallow,
            Self::Slow if random.below(2) == 0 => Fault::Delay(seconds(random, 20)),
            Self::Slow => Fault::DelayAnswer(seconds(random, 20)),
            Self::AnswerCut => Fault::Cut(usize::try_from(random.below(2000)).unwrap_or_default()),
            Self::WatchMute => Fault::Mute(few(random)),
            Self::Terminating => Fault::Deny { terminating: true },
            Self::Denied => Fault::Deny { terminating: false },
            Self::Unserved => Fault::Answer { code: 404, retry_after: None, html: false },
        }
    }
}
