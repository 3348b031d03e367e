//! Requests that get no answer until a test lets them go.

use std::time::Duration;

use berthage_e2e::proxy::{Before, Interceptor, Proxy, Request};
use berthage_e2e::wait::PATIENCE;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Result, problem};

/// Holds the requests of a proxy that it is told to.
pub(crate) struct Hold {
    free: watch::Sender<bool>,
    caught: watch::Receiver<bool>,
}

/// See [`Hold`]: as an interceptor.
pub(crate) struct Held<F> {
    which: F,
    free: watch::Receiver<bool>,
    caught: watch::Sender<bool>,
}

impl Hold {
    /// Holds the requests that `which` says, from now on.
    pub(crate) fn on(proxy: &Proxy, which: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        let (hold, held) = Self::new(which);
        proxy.intercept(held);
        hold
    }

    /// A hold, and the interceptor that asks it.
    pub(crate) fn new<F: Fn(&Request) -> bool>(which: F) -> (Self, Held<F>) {
        let (free, held) = watch::channel(false);
        let (catch, caught) = watch::channel(false);
        (Self { free, caught }, Held { which, free: held, caught: catch })
    }

    /// Lets everything pass: what is held, and what comes.
    pub(crate) fn let_go(&self) {
        self.free.send_replace(true);
    }

    /// Waits until a request is held.
    pub(crate) async fn caught(&self) -> Result {
        let mut caught = self.caught.clone();
        let caught = tokio::time::timeout(PATIENCE, caught.wait_for(|caught| *caught)).await;
        if caught.is_ok_and(|caught| caught.is_ok()) { Ok(()) } else { Err(problem("no request came to be held")) }
    }
}

impl<F: Fn(&Request) -> bool + Send + Sync + 'static> Interceptor for Held<F> {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        let mut free = self.free.clone();
        async move {
            if (self.which)(request) {
                self.caught.send_replace(true);
                // A hold that was dropped has ended with its test.
                let _ = free.wait_for(|free| *free).await;
            }
            Before::Forward
        }
        .boxed()
    }
}

/// Answers the requests of a proxy that it is told to after so long.
pub(crate) struct Late<F> {
    /// Which.
    pub which: F,
    /// After how long.
    pub after: Duration,
}

impl<F: Fn(&Request) -> bool + Send + Sync + 'static> Interceptor for Late<F> {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        async move {
            if (self.which)(request) {
                tokio::time::sleep(self.after).await;
            }
            Before::Forward
        }
        .boxed()
    }
}

/// Held by one or by the other.
impl<A: Interceptor, B: Interceptor> Interceptor for Either<A, B> {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        async move {
            self.0.before(request).await;
            self.1.before(request).await
        }
        .boxed()
    }
}

/// Two holds on one proxy.
pub(crate) struct Either<A, B>(pub A, pub B);
