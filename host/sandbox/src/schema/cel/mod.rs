//! Rules in CEL (`x-kubernetes-validations`).
//!
//! An evaluator of its own, and not the crate `cel`: a server checks the types of a rule when a definition is created, and bounds
//! what evaluating costs; the crate does neither, and its values would be copies of the objects. What a server takes and this
//! does not is refused when the definition is created, never ignored.
//!
//! Bounds: an expression is at most 8192 words long and 64 deep; each step of an evaluation costs as much as it does in cel-go,
//! about, and ends at a server's limit (1,000,000 a rule, 10,000,000 an object).
//!
//! Known gap: a server estimates what a rule can cost at worst, and refuses definitions with a rule that can cost too much. Here
//! they are taken.

mod arithmetic;
mod ast;
mod check;
mod convert;
mod equality;
mod eval;
mod functions;
mod lexer;
mod parser;
mod program;
mod shape;
mod standard;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub(super) use program::{Compiled, Variables, compile, uses_old};
