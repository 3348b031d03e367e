//! A connection is made by one request alone.
//!
//! Before it stands, the pool below does not know that it will be HTTP/2, which carries all requests at once: each request that
//! comes until then opens one of its own, with a handshake each, and what is opened stays. A link begins with one watch for
//! each kind: of sixty clusters, each had four connections.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use tokio::sync::watch;
use tower::Service;

/// What is known of the way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nothing.
    Unknown,
    /// A request is on its way, and makes it.
    BeingMade,
    /// The last answer came.
    Stands,
}

/// The service that lets the first request go alone, and whoever comes meanwhile after it. Where that one fails, the others do
/// not take turns: a server that does not answer would cost each of them its own time and that of all before.
#[derive(Clone)]
pub(super) struct FirstAlone<S> {
    inner: S,
    way: watch::Sender<Way>,
}

impl<S> FirstAlone<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, way: watch::Sender::new(Way::Unknown) }
    }
}

/// The turn of the one that makes the way: also when it is given up, others may go.
struct Turn(watch::Sender<Way>);

impl Turn {
    /// The turn, or nothing when somebody else has it or nobody needs one.
    fn take(way: &watch::Sender<Way>) -> Option<Self> {
        change(way, Way::Unknown, Way::BeingMade).then(|| Self(way.clone()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        change(&self.0, Way::BeingMade, Way::Unknown);
    }
}

/// Whether the way was `from`, and is `to` now.
fn change(way: &watch::Sender<Way>, from: Way, to: Way) -> bool {
    way.send_if_modified(|way| {
        let changes = *way == from;
        if changes {
            *way = to;
        }
        changes
    })
}

impl<S, R> Service<Request<R>> for FirstAlone<S>
where
    S: Service<Request<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        // The one that was asked whether it is ready is the one to be used.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let way = self.way.clone();
        Box::pin(async move {
            let turn = Turn::take(&way);
            if turn.is_none() {
                // The sender is here: there is no error to see.
                let _ = way.subscribe().wait_for(|way| *way != Way::BeingMade).await;
            }
            let answer = inner.call(request).await;
            let (from, to) = match (&answer, &turn) {
                (Ok(_), Some(_)) => (Way::BeingMade, Way::Stands),
                (Ok(_), None) => (Way::Unknown, Way::Stands),
                (Err(_), _) => (Way::Stands, Way::Unknown),
            };
            change(&way, from, to);
            drop(turn);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::oneshot;

    use super::*;

    /// A server whose answers a test gives: to whom it was asked, and what it says.
    #[derive(Clone, Default)]
    struct Server(Arc<Mutex<Vec<oneshot::Sender<bool>>>>);

    impl Server {
        fn asked(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        fn answers(&self, well: bool) {
            for asked in std::mem::take(&mut *self.0.lock().unwrap()) {
                // Whoever has gone away needs no answer.
                let _ = asked.send(well);
            }
        }
    }

    impl Service<Request<()>> for Server {
        type Response = ();
        type Error = ();
        type Future = Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            let (sender, receiver) = oneshot::channel();
            self.0.lock().unwrap().push(sender);
            Box::pin(async { receiver.await.unwrap_or(false).then_some(()).ok_or(()) })
        }
    }

    fn ask(client: &FirstAlone<Server>) -> tokio::task::JoinHandle<Result<(), ()>> {
        tokio::spawn(client.clone().call(Request::new(())))
    }

    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_first_goes_alone_and_the_others_together() {
        let server = Server::default();
        let client = FirstAlone::new(server.clone());
        let ask = || ask(&client);
        let asking = [ask(), ask(), ask()];
        settle().await;
        assert_eq!(server.asked(), 1);
        server.answers(true);
        settle().await;
        assert_eq!(server.asked(), 2);
        server.answers(true);
        for asking in asking {
            assert_eq!(asking.await.unwrap(), Ok(()));
        }
        // Where the way stands, nobody waits.
        let asking = [ask(), ask()];
        settle().await;
        assert_eq!(server.asked(), 2);
        // Until it breaks.
        server.answers(false);
        for asking in asking {
            assert_eq!(asking.await.unwrap(), Err(()));
        }
        let _asking = [ask(), ask()];
        settle().await;
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn who_waits_for_one_that_fails_waits_no_longer() {
        let server = Server::default();
        let client = FirstAlone::new(server.clone());
        let ask = || ask(&client);
        let asking = [ask(), ask(), ask()];
        settle().await;
        server.answers(false);
        settle().await;
        assert_eq!(server.asked(), 2, "they take no turns");
        server.answers(true);
        let answers = futures::future::join_all(asking).await.into_iter().map(Result::unwrap);
        assert_eq!(answers.flatten().count(), 2);
    }

    #[tokio::test]
    async fn one_that_is_given_up_holds_up_nobody() {
        let server = Server::default();
        let client = FirstAlone::new(server.clone());
        let (first, second) = (ask(&client), ask(&client));
        settle().await;
        assert_eq!(server.asked(), 1);
        first.abort();
        settle().await;
        assert_eq!(server.asked(), 2);
        server.answers(true);
        assert_eq!(second.await.unwrap(), Ok(()));
    }
}
