//! Requests that get no answer until a test lets them go.

use berthage_e2e::proxy::{Before, Interceptor, Proxy, Request};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Holds the requests of a proxy that it is told to.
pub(crate) struct Hold(watch::Sender<bool>);

/// See [`Hold`]: as an interceptor.
pub(crate) struct Held<F> {
    which: F,
    free: watch::Receiver<bool>,
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
        let (hold, free) = watch::channel(false);
        (Self(hold), Held { which, free })
    }

    /// Lets everything pass: what is held, and what comes.
    pub(crate) fn let_go(&self) {
        self.0.send_replace(true);
    }
}

impl<F: Fn(&Request) -> bool + Send + Sync + 'static> Interceptor for Held<F> {
    fn before<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Before> {
        let mut free = self.free.clone();
        async move {
            if (self.which)(request) {
                // A hold that was dropped has ended with its test.
                let _ = free.wait_for(|free| *free).await;
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
