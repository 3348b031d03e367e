//! A page of a list that is too large, or comes too slowly, is asked for again with fewer objects.
//!
//! No fixed number of objects fits: an object may have 1.5 MiB (etcd's limit), and 500 of those are more than any list may
//! have here. If such a page simply failed, one tenant with a few large objects would keep every workspace of the shard
//! from being listed. An API server takes another `limit` for each page of one list: the token only says where to go on.
//!
//! A page that does not even begin to come in time is not asked for again at once: the server may be down, and would be asked
//! for minutes. But the next list begins with smaller pages, and has none for a while that are as large.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Body as HttpBody;
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::bounds::BoundError;

/// By how much a page is made smaller at a time.
const LESS: u32 = 4;
/// Objects for which a server has time in any case: one that does not begin with so few is not slow because of their number.
const FEW: u32 = 8;
/// How long no page is asked for that is larger than one that did not begin in time would have been after that.
const CAUTION: Duration = Duration::from_mins(5);

/// How many objects the next page may have.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Grows with each page that comes.
    at_most: u32,
    /// As long as a page did not begin in time a while ago.
    cautious: Option<(u32, Instant)>,
}

impl Size {
    const ANY: Self = Self { at_most: u32::MAX, cautious: None };

    fn now(&self, now: Instant) -> u32 {
        let cautious = self.cautious.filter(|(_, until)| now < *until);
        self.at_most.min(cautious.map_or(u32::MAX, |(limit, _)| limit))
    }

    /// A page of that many came.
    const fn came(&mut self, limit: u32) {
        self.at_most = limit.saturating_mul(2);
    }

    /// One of that many was more than could come.
    fn was_too_much(&mut self, limit: u32) -> u32 {
        self.at_most = (limit / LESS).max(1);
        self.at_most
    }

    /// One of that many did not begin to come in time.
    fn did_not_begin(&mut self, limit: u32, now: Instant) {
        self.at_most = (limit / LESS).max(FEW.min(limit));
        self.cautious = Some((self.at_most, now + CAUTION));
    }
}

/// The service that asks again.
#[derive(Clone)]
pub(super) struct Pages<S> {
    inner: S,
    size: Arc<Mutex<Size>>,
}

impl<S> Pages<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, size: Arc::new(Mutex::new(Size::ANY)) }
    }
}

impl<S, B> Service<Request<Body>> for Pages<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes, Error = BoxError> + Send + 'static,
{
    type Response = Response<Either<B, Full<Bytes>>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(wanted) = limit(&request) else {
            let answer = self.inner.call(request);
            return Box::pin(async move { Ok(answer.await?.map(Either::Left)) });
        };
        // The one that was asked whether it is ready is the one to be used.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let size = Arc::clone(&self.size);
        let (head, _) = request.into_parts();
        Box::pin(list(inner, size, head, wanted))
    }
}

async fn list<S, B>(
    mut inner: S,
    size: Arc<Mutex<Size>>,
    head: http::request::Parts,
    wanted: u32,
) -> Result<Response<Either<B, Full<Bytes>>>, BoxError>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: HttpBody<Data = Bytes, Error = BoxError>,
{
    let size = || size.lock().unwrap_or_else(PoisonError::into_inner);
    let mut limit = wanted.min(size().now(Instant::now())).max(1);
    loop {
        let mut request = Request::new(Body::empty());
        request.method_mut().clone_from(&head.method);
        *request.uri_mut() = with_limit(&head.uri, limit)?;
        *request.version_mut() = head.version;
        request.headers_mut().clone_from(&head.headers);
        let error = match inner.call(request).await {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                match body.collect().await {
                    Ok(body) => {
                        size().came(limit);
                        return Ok(Response::from_parts(parts, Either::Right(Full::new(body.to_bytes()))));
                    }
                    // It had begun to come: fewer objects come sooner.
                    Err(error) if is_late(&error) => error,
                    Err(error) if is_too_large(&error) => error,
                    Err(error) => return Err(error),
                }
            }
            Err(error) if is_too_large(&error) => error,
            Err(error) => {
                if is_late(&error) {
                    size().did_not_begin(limit, Instant::now());
                }
                return Err(error);
            }
        };
        if limit == 1 {
            return Err(error);
        }
        limit = size().was_too_much(limit);
        tracing::info!(path = head.uri.path(), limit, %error, "a page of a list is asked for again with fewer objects");
        std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
    }
}

fn is(error: &BoxError, what: impl FnOnce(&BoundError) -> bool) -> bool {
    error.downcast_ref::<BoundError>().is_some_and(what)
}

fn is_late(error: &BoxError) -> bool {
    is(error, |bound| matches!(bound, BoundError::Timeout { .. }))
}

fn is_too_large(error: &BoxError) -> bool {
    is(error, |bound| matches!(bound, BoundError::TooLarge { .. }))
}

/// How many objects a request asks for at most, if it is one for a page of a list.
pub(super) fn limit<B>(request: &Request<B>) -> Option<u32> {
    if request.method() != Method::GET {
        return None;
    }
    let query = request.uri().query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("limit="))?.parse().ok().filter(|limit| *limit > 0)
}

/// The same, for that many.
fn with_limit(uri: &Uri, limit: u32) -> Result<Uri, BoxError> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let pairs: Vec<String> =
        pairs.map(|pair| if pair.starts_with("limit=") { format!("limit={limit}") } else { pair.to_owned() }).collect();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{}", uri.path(), pairs.join("&")).parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::ListParams;
    use kube::{Api, Client};

    use super::*;

    /// A server whose objects have these sizes, and the limits that it was asked for.
    fn api(sizes: &'static [usize], fits: usize) -> (Api<ConfigMap>, Arc<Mutex<Vec<u32>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let server = tower::service_fn(move |request: Request<Body>| {
            let seen = Arc::clone(&seen);
            async move {
                let limit = limit(&request).unwrap();
                seen.lock().unwrap().push(limit);
                let query = request.uri().query().unwrap();
                assert!(query.contains("labelSelector=a"), "{query}");
                let from = query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("continue="))
                    .map_or(0, |at| at.parse().unwrap());
                let to = sizes.len().min(from + limit as usize);
                if sizes[from..to].iter().sum::<usize>() > fits {
                    return Err(BoxError::from(BoundError::TooLarge { limit: fits }));
                }
                let items: Vec<_> =
                    (from..to).map(|at| serde_json::json!({ "metadata": { "name": at.to_string() } })).collect();
                let next = if to < sizes.len() { to.to_string() } else { String::new() };
                let list =
                    serde_json::json!({ "metadata": { "resourceVersion": "7", "continue": next }, "items": items });
                Ok(Response::new(Full::from(list.to_string()).map_err(BoxError::from)))
            }
        });
        (Api::namespaced(Client::new(Pages::new(server), "ns"), "ns"), asked)
    }

    async fn names(api: &Api<ConfigMap>, limit: u32) -> Result<Vec<String>, kube::Error> {
        let mut names = Vec::new();
        let mut page = ListParams::default().labels("a").limit(limit);
        loop {
            let list = api.list(&page).await?;
            names.extend(list.items.into_iter().filter_map(|item| item.metadata.name));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(names),
            }
        }
    }

    #[tokio::test]
    async fn a_page_that_is_too_large_comes_in_smaller_ones_and_nothing_is_left_out() {
        let (api, asked) = api(&[1, 1, 60, 60, 60, 1, 1, 1, 1, 1], 100);
        let wanted: Vec<String> = (0..10).map(|at| at.to_string()).collect();
        assert_eq!(names(&api, 8).await.unwrap(), wanted);
        assert_eq!(*asked.lock().unwrap(), [8, 2, 4, 1, 2, 1, 2, 4], "smaller where it has to be, and larger again");
    }

    #[tokio::test]
    async fn one_object_that_is_too_large_ends_it() {
        let (api, asked) = api(&[1, 101], 100);
        assert!(names(&api, 8).await.is_err());
        assert_eq!(*asked.lock().unwrap(), [8, 2, 1, 2, 1]);
    }

    #[tokio::test]
    async fn a_page_that_comes_too_slowly_is_asked_for_again_and_one_that_does_not_begin_is_not() {
        let timeout = || BoxError::from(BoundError::Timeout { after: Duration::from_secs(10) });
        for (begins, asks) in [(true, 3), (false, 1)] {
            let asked = Arc::new(Mutex::new(0));
            let seen = Arc::clone(&asked);
            let server = tower::service_fn(move |_: Request<Body>| {
                *seen.lock().unwrap() += 1;
                let body = http_body_util::StreamBody::new(futures::stream::once(async move {
                    Err::<hyper::body::Frame<Bytes>, _>(timeout())
                }));
                std::future::ready(if begins { Ok(Response::new(Box::pin(body))) } else { Err(timeout()) })
            });
            let api: Api<ConfigMap> = Api::namespaced(Client::new(Pages::new(server), "ns"), "ns");
            assert!(names(&api, 8).await.is_err());
            assert_eq!(*asked.lock().unwrap(), asks);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lists_of_a_server_that_does_not_begin_with_large_pages_come_in_the_end_and_again() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let server = tower::service_fn(move |request: Request<Body>| {
            let limit = limit(&request).unwrap();
            seen.lock().unwrap().push(limit);
            let from: u32 =
                request.uri().query().unwrap().rsplit_once("continue=").map_or(0, |at| at.1.parse().unwrap());
            let (to, late) = ((from + limit).min(100), limit > 8);
            let items: Vec<_> =
                (from..to).map(|at| serde_json::json!({ "metadata": { "name": at.to_string() } })).collect();
            let next = if to < 100 { to.to_string() } else { String::new() };
            let list = serde_json::json!({ "metadata": { "resourceVersion": "7", "continue": next }, "items": items });
            std::future::ready(if late {
                Err(BoxError::from(BoundError::Timeout { after: Duration::from_secs(10) }))
            } else {
                Ok(Response::new(Full::from(list.to_string()).map_err(BoxError::from)))
            })
        });
        let api: Api<ConfigMap> = Api::namespaced(Client::new(Pages::new(server), "ns"), "ns");
        for _ in 0..3 {
            assert!(names(&api, 500).await.is_err());
        }
        assert_eq!(*asked.lock().unwrap(), [500, 125, 31], "one request for each list");
        for _ in 0..2 {
            assert_eq!(names(&api, 500).await.unwrap().len(), 100);
        }
        tokio::time::advance(CAUTION).await;
        assert!(names(&api, 500).await.is_err(), "it may be faster by now, and is not");
        assert_eq!(names(&api, 500).await.unwrap().len(), 100);
    }

    #[test]
    fn a_server_that_was_down_is_not_asked_for_its_objects_one_by_one() {
        let now = Instant::now();
        let mut size = Size::ANY;
        for _ in 0..20 {
            size.did_not_begin(500.min(size.now(now)), now);
        }
        assert_eq!((size.now(now), size.now(now + CAUTION)), (FEW, FEW));
        size.came(FEW);
        assert_eq!((size.now(now), size.now(now + CAUTION)), (FEW, FEW * 2));
    }
}
