//! A server on a port: its authorities, TLS, client certificates, HTTP/1.1 and HTTP/2.
//!
//! What is signed here counts in one sandbox only: its authorities are made anew each time and are nowhere else.

mod authority;
mod clients;
mod listener;

pub use self::authority::{Authority, Identity, IdentityError};
pub use self::clients::Clients;
pub use self::listener::{ListenError, Listener};
