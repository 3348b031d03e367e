//! Requests that get no answer until a test lets them go.

use berthage_e2e::proxy::{Before, Interceptor, Proxy, Request};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Holds the requests of a proxy that it is told to.
pub(crate) struct Hold(watch::Sender<bool>);

struct Held<F> {
    which: F,
    free: watch::Receiver<bool>,
}

impl Hold {
    /// Holds the requests that `which` says, from now on.
    pub(crate) fn on(proxy: &Proxy, which: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        let (hold, free) = watch::channel(false);
        proxy.intercept(Held { which, free });
        Self(hold)
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
