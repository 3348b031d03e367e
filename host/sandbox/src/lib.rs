//! A Kubernetes API server in one process, in memory: the hub (plain or kcp, with its workspaces) and the physical clusters at
//! once. It is what `berthage sandbox` starts.
//!
//! It covers the requests that berthage, its syncer, its tests and the everyday commands of kubectl make; everything else is
//! answered 501 with a reason. **What it does not do like a real server, it refuses**: an answer that looks right and is not
//! would make a test pass that should not.
//!
//! ```text
//!  http request ─▶ kinds     path -> which logical cluster, kind, verb; discovery; how a client wants it shown
//!                  access    who is it (certificate, token), may they (RBAC)
//!                  schema    what a custom resource may contain: defaults, pruning, validation, CEL
//!                  content   what a built-in kind may contain: reading as Go reads, defaults, validation
//!                  fields    merge, JSON and strategic patch, server-side apply, managedFields
//!                  lifecycle uid, generation, finalizers, deletion: what a server does to metadata, by the rules of `validation`
//!                  store     revisions, lists with pages, watches with bookmarks and 410
//!                  kcp       what a kcp has beyond all that: its own kinds, its admission, its virtual workspaces
//!                  world     the state of a server: what is served and stored, and what follows from it
//!  answer ◀──────  server    puts these together, as a tower service; `tls` puts it on a port
//!                  actors    what controllers do: namespaces, garbage collection, Deployments, kcp's workspaces and bindings
//!                  faults    what goes wrong, on purpose, from a seed
//! ```
//!
//! `status` is how each of them fails, `age`, `causes`, `quote` and `time` are the words and forms of Go that all of them write.
//!
//! Everything above `server`, and `actors`, is a pure function or a plain data structure: no tokio, no clock, no random numbers of
//! its own. Time, uids and random choices are handed in, so that a seed replays a run exactly.

pub mod access;
pub mod actors;
mod age;
pub mod causes;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod content;
pub mod faults;
pub mod fields;
pub mod kcp;
pub mod kinds;
pub mod lifecycle;
pub mod quote;
pub mod sandbox;
pub mod schema;
pub mod selectors;
pub mod server;
pub mod show;
pub mod status;
pub mod store;
mod time;
pub mod tls;
pub mod validation;
pub mod world;
