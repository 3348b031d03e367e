//! What the plugin can be told to do.

use berthage_plugin_sdk::log;

/// Declares the behaviours and the names that choose them together.
macro_rules! behaviours {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What the plugin can be told to do in a hook.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Behaviour { $($(#[$doc])+ $variant,)+ }

        impl Behaviour {
            /// The behaviour of that name; of an unknown name, the good one.
            pub fn named(name: &str) -> Self {
                match name { $($name => Self::$variant,)+ _ => Self::Ok }
            }
        }
    };
}

behaviours! {
    /// Behave.
    Ok = "ok",
    /// Panic.
    Trap = "trap",
    /// Never return.
    Loop = "loop",
    /// Allocate without end.
    Allocate = "allocate",
    /// Call oneself without end.
    Recurse = "recurse",
    /// A million log lines.
    Flood = "flood",
    /// A log line of 2 MiB.
    LongLine = "long-line",
    /// An outcome of 5 MiB.
    Huge = "huge",
    /// An object of a hundred levels.
    Deep = "deep",
    /// Values that are not an object.
    NoObject = "no-object",
    /// An object that is not JSON.
    Json = "json",
    /// A status that is none of the three.
    Status = "status",
    /// A note of an unknown level.
    Level = "level",
    /// A condition of another plugin's name.
    Slash = "slash",
    /// A reason that is not CamelCase.
    BadReason = "bad-reason",
    /// Control characters and a long text in a message.
    Control = "control",
    /// Ten thousand conditions, or ten thousand selections.
    Many = "many",
    /// A condition that lowers Ready.
    Lowered = "lowered",
    /// Select nothing.
    Nothing = "nothing",
    /// Select all targets of the tier "edge", with their values; tell whose.
    Peers = "peers",
    /// Select Secrets.
    Secrets = "secrets",
    /// Answer with an error.
    Fail = "fail",
    /// Leave everything as it is.
    Hold = "hold",
    /// Ask for a retry; in `finalize`, for ever.
    Retry = "retry",
    /// Find the subject, or the configuration, wrong.
    Invalid = "invalid",
    /// Ask to be called again after 1.5 seconds.
    Again = "again",
    /// Wait for a ConfigMap.
    Wait = "wait",
    /// Rely on the status of peers.
    Trusting = "trusting",
    /// Tell the time, and how often it was asked.
    Clock = "clock",
    /// Ask to be called again at the end of the minute.
    Minute = "minute",
}

impl Behaviour {
    /// Does what does not come back, or should not; nothing for all others.
    ///
    /// # Panics
    /// For [`Self::Trap`].
    #[expect(clippy::panic, reason = "a trap is what it is told to do")]
    pub fn act(self) {
        match self {
            Self::Trap => panic!("told to trap"),
            Self::Loop => loop {
                std::hint::black_box(());
            },
            Self::Allocate => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            Self::Recurse => {
                recurse(0);
            }
            Self::Flood => {
                for line in 0..1_000_000 {
                    log::info(format!("line {line}"));
                }
            }
            Self::LongLine => log::info("long ".repeat((2 << 20) / 5)),
            _ => {}
        }
    }
}

#[expect(unconditional_recursion, reason = "it is told to")]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box([depth; 64]);
    recurse(std::hint::black_box(depth + 1)).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::Behaviour;

    #[test]
    fn behaviours_are_chosen_by_name() {
        assert_eq!(Behaviour::named("long-line"), Behaviour::LongLine);
        assert_eq!(Behaviour::named("?"), Behaviour::Ok);
    }
}
