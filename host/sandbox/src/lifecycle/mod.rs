//! What a server does with the metadata of objects, beyond keeping it: names, uids, generations, finalizers, deletion.
//!
//! Functions over values: an object, the object it replaces, the time, a fresh uid. They follow a request's way through
//! `apiserver/pkg/endpoints/handlers` (`receive_*`, what is done to what a client sent before anybody looks at it) and
//! `apiserver/pkg/registry/rest` with `registry/generic/registry/store.go` (the others). In between, whoever calls them does
//! what is not in here: defaults, managed fields, admission. And beside them, as [`Rules`]: what is allowed in everything that
//! is no metadata.
//!
//! Nothing is written in here. [`create()`] gives the object to write; [`update()`] and [`delete()`] say what is to be done. With
//! `dryRun=All` whoever calls them does not do it, and answers with the same object.

mod absent;
mod builtins;
mod checks;
mod create;
mod definitions;
mod delete;
mod delete_options;
mod finalizers;
mod generation;
mod kind;
mod metadata;
mod namespaces;
mod owners;
mod pods;
mod receive;
mod storage_key;
mod unchanged;
mod update;

#[cfg(test)]
mod tests;

pub use self::absent::absent;
pub use self::builtins::builtin;
pub use self::checks::Rules;
pub use self::create::{Birth, create, exists};
pub use self::delete::{Deletion, delete, status_code, success};
pub use self::delete_options::{DeleteOptions, dry_run};
pub use self::generation::counts;
pub use self::kind::{Again, Deleting, Facts, Garbage, Generation, Kind, Status};
pub use self::owners::{deduplicate, duplicates, duplicates_warning};
pub use self::receive::{receive_created, receive_updated};
pub use self::storage_key::{Origin, storage_key};
pub use self::update::{Subresource, Update, Updated, update};
