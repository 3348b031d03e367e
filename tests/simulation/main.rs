//! Whole controllers and syncers over the sandbox, in one process and in virtual time. Every run begins with the same servers
//! and follows from its plan alone, so that a run that fails can be made again exactly.
//!
//! ```text
//!  stage     the servers, two workspaces that share a cluster, and who starts a controller
//!  network   how a controller and the syncers reach the servers, and where it goes wrong
//!  pods      what a kubelet does: the syncer's own code, over that network
//!  act       what somebody does to a SyncTarget: onboarding, update, move, rotation, deletion, the same once more
//!  life      one run: an act, what goes wrong in it, what it ends as
//!  sample    how much of it is tried
//!  state     what is on both sides, without what differs from one run to the next
//!
//!  crashes   the controller ends before and after every single request
//!  faults    requests and watches go wrong, from seeds
//!  told      what cannot be written is told later
//!  backlog   a change does not wait for very many targets
//!  links     more clusters than may be watched at a time
//!  replay    the same seed gives the same run
//! ```
//! docs/faults.md says what each of them shows, and what it has found.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]
#![expect(clippy::print_stdout, reason = "how much was tried is part of the result")]

mod act;
mod backlog;
mod crashes;
mod faults;
mod life;
mod links;
mod network;
mod pods;
mod replay;
mod sample;
mod stage;
mod state;
mod told;
