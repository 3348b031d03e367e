//! Version 0.2 of the contract, the newest: its types are what the host's own code speaks.

bindings!("../wit/0.2");
exports!("0.2.0");

const fn transformed(outcome: Result<types::TransformOutcome, String>) -> Result<types::TransformOutcome, String> {
    outcome
}
