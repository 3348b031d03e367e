//! Bounds on every request: the fence, the time, the size of the answer, and where it may come from.
//!
//! A request has one deadline for everything, from sending it to the last byte of its answer. A watch has it for the head of
//! its answer only; after that it must not be silent for longer than a watch lasts.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower::{BoxError, Service};

use super::fence::{Fence, Fenced};
use super::observe::{ApiPath, RequestObserver, RequestRecord, Side};
use super::pace::Pace;
use super::pages;
use super::shape::Shape;

/// How long and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for name, connection and TLS handshake.
    pub connect: Duration,
    /// Time for a whole request that is no watch, connecting included, and for the head of a watch's answer.
    pub total: Duration,
    /// Time that a watch may be silent. A kube-apiserver sends no bookmarks for a kind that had no event since it started, so
    /// only the end of the watch itself (`timeoutSeconds`, 290 by kube's default) breaks a legitimate silence.
    pub silence: Duration,
    /// Bytes of the hub's answer that is a collection, or that is about no resource at all.
    pub list_bytes: usize,
    /// The same of a physical cluster's answer. There is less of it, and more who give it.
    pub page_bytes: usize,
    /// Bytes of an answer that is one object or an error, and of one event of a watch.
    pub object_bytes: usize,
    /// Bytes that the watches of a physical cluster may send together at once, after a rest, and the time in which they may send
    /// one KiB more. They are not read faster, so that it costs us no more than that to hear what is said there.
    pub watch_pace: (usize, Duration),
    /// Bytes that the start of such a watch counts as: one that ends as soon as it began is not for nothing.
    pub watch_start: usize,
}

impl Limits {
    /// The pace of all watches of one client.
    pub(super) fn pace(&self) -> SharedPace {
        Arc::new(Mutex::new(Pace::new(kibibytes(self.watch_pace.0), self.watch_pace.1)))
    }
}

/// One for all watches of a client, in KiB.
pub(super) type SharedPace = Arc<Mutex<Pace>>;

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX)
}

/// So many bytes have come, or are about to: when the next may.
fn take(pace: &SharedPace, bytes: usize) -> Option<Instant> {
    let now = Instant::now();
    let rest = pace.lock().unwrap_or_else(PoisonError::into_inner).take(now, kibibytes(bytes));
    (rest > Duration::ZERO).then(|| now + rest)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(10),
            silence: Duration::from_secs(330),
            list_bytes: 32 << 20,
            page_bytes: 8 << 20,
            object_bytes: 4 << 20,
            // 1 MiB a second: some hundred events.
            watch_pace: (64 << 20, Duration::from_millis(1)),
            watch_start: 1 << 20,
        }
    }
}

/// Why a request or its answer was cut off.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BoundError {
    /// No complete answer in time.
    #[error("no complete answer within {} ms", after.as_millis())]
    Timeout {
        /// [`Limits::total`].
        after: Duration,
    },
    /// Each answer came in time, and all that one run asks for took too long.
    #[error("its answers together took longer than {} s", after.as_secs())]
    Slow {
        /// The limit.
        after: Duration,
    },
    /// The watch was silent for too long.
    #[error("the watch was silent for {} s", after.as_secs())]
    Silence {
        /// [`Limits::silence`].
        after: Duration,
    },
    /// The answer, or one event of a watch, is too large.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A page of a list has more objects than were asked for.
    #[error("the answer has more than the {limit} objects that were asked for")]
    TooManyObjects {
        /// How many were asked for.
        limit: usize,
    },
    /// The answer, or one event of a watch, would be too large once it is decoded.
    #[error("the answer is made of more than {limit} values")]
    TooManyValues {
        /// The limit.
        limit: usize,
    },
    /// The answer leads elsewhere. Redirects are never followed: they could lead to what the policy forbids.
    #[error("the answer is a redirect ({code}), which is not followed")]
    Redirect {
        /// The status code.
        code: u16,
    },
    /// The server asks to be left alone for a while.
    #[error("the server is overloaded ({code}) and asks to wait {} s", retry_after.as_secs())]
    Busy {
        /// The status code: 429 or 5xx.
        code: u16,
        /// As it asked.
        retry_after: Duration,
    },
    /// Not sent, or given up, because leadership ended.
    #[error(transparent)]
    Fenced(#[from] Fenced),
}

/// The service that keeps the bounds.
#[derive(Clone)]
pub(super) struct Bounded<S> {
    pub(super) inner: S,
    pub(super) side: Side,
    pub(super) limits: Limits,
    /// Of watches; none where they may come as fast as they like.
    pub(super) pace: Option<SharedPace>,
    pub(super) fence: Option<Fence>,
    pub(super) observer: Option<RequestObserver>,
}

impl<S, B, R> Service<Request<R>> for Bounded<S>
where
    S: Service<Request<R>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    R: Send + 'static,
{
    type Response = Response<BoundedBody<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let watch = is_watch(request.uri().query());
        let pace = self.pace.clone().filter(|_| watch);
        // The one that was asked whether it is ready is the one to be used.
        let ready = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, ready);
        let bounded = Self { inner, pace, fence: self.fence.clone(), observer: self.observer.clone(), ..*self };
        Box::pin(async move {
            if let Some(until) = bounded.pace.as_ref().and_then(|pace| take(pace, bounded.limits.watch_start)) {
                sleep_until(until).await;
            }
            bounded.send(request, watch).await
        })
    }
}

impl<S> Bounded<S> {
    async fn send<R, B>(mut self, request: Request<R>, watch: bool) -> Result<Response<BoundedBody<B>>, BoxError>
    where
        S: Service<Request<R>, Response = Response<B>>,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes>,
    {
        let started = Instant::now();
        let left =
            self.fence.as_ref().map_or(Ok(Duration::MAX), |fence| fence.admit(started)).map_err(BoundError::from)?;
        let (side, limits) = (self.side, self.limits);
        let deadline = Deadline {
            at: started + limits.total.min(left),
            error: if left < limits.total { None } else { Some(limits.total) },
        };
        // What the hub answers is the operator's.
        let shape = (side == Side::Physical)
            .then(|| if watch { Shape::of_watch() } else { Shape::of_answer(pages::limit(&request)) });
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let answer = timeout_at(deadline.at, self.inner.call(request)).await;
        if let Some(observer) = &self.observer {
            let code = answer.as_ref().ok().and_then(|answer| answer.as_ref().ok()).map(|r| r.status().as_u16());
            let elapsed = started.elapsed();
            observer(&RequestRecord { side, method: &method, path: &path, watch, code, elapsed });
        }
        let answer = answer.map_err(|_| deadline.error())?.map_err(Into::into)?;
        let asked = Asked { method: &method, path: &path, watch, side };
        Ok(bound(answer, &asked, limits, deadline, self.pace.take(), shape)?)
    }
}

/// When a request must be over, and what it is then called: a timeout of our own, or the end of leadership.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    error: Option<Duration>,
}

impl Deadline {
    fn error(self) -> BoundError {
        self.error.map_or(BoundError::Fenced(Fenced), |after| BoundError::Timeout { after })
    }
}

/// Whether the query asks for a watch, as API servers read it.
fn is_watch(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch"))
}

/// What a bound hangs on.
struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    watch: bool,
    side: Side,
}

fn bound<B: Body>(
    answer: Response<B>,
    asked: &Asked<'_>,
    limits: Limits,
    deadline: Deadline,
    pace: Option<SharedPace>,
    shape: Option<Shape>,
) -> Result<Response<BoundedBody<B>>, BoundError> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(BoundError::Redirect { code: status.as_u16() });
    }
    if (status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error())
        && let Some(retry_after) = retry_after(answer.headers())
    {
        return Err(BoundError::Busy { code: status.as_u16(), retry_after });
    }
    let collection = *asked.method == Method::GET && ApiPath::parse(asked.path).is_none_or(|path| path.name.is_none());
    let (limit, silence) = match (status.is_success(), asked.watch) {
        (true, true) => (limits.object_bytes, Some(limits.silence)),
        (true, false) if collection && asked.side == Side::Physical => (limits.page_bytes, None),
        (true, false) if collection => (limits.list_bytes, None),
        _ => (limits.object_bytes, None),
    };
    if silence.is_none() && answer.body().size_hint().lower() > limit as u64 {
        return Err(BoundError::TooLarge { limit });
    }
    let until = silence.map_or(deadline.at, |silence| Instant::now() + silence);
    let sleep = Box::pin(sleep_until(until));
    Ok(answer.map(|inner| BoundedBody {
        inner: Some(inner),
        sleep,
        deadline,
        silence,
        size: 0,
        limit,
        shape,
        pace,
        rest: None,
    }))
}

/// The header in seconds; the form with a date is not used by API servers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An answer's body that ends with an error where a bound is broken.
pub(super) struct BoundedBody<B> {
    /// `None` after an error.
    inner: Option<B>,
    sleep: Pin<Box<Sleep>>,
    deadline: Deadline,
    /// Set for watches: the deadline then moves with each frame.
    silence: Option<Duration>,
    /// Bytes so far; for watches, since the last line break.
    size: usize,
    limit: usize,
    /// What it may be made of.
    shape: Option<Shape>,
    /// How fast it is read.
    pace: Option<SharedPace>,
    /// Until when it is not read.
    rest: Option<Pin<Box<Sleep>>>,
}

impl<B> BoundedBody<B> {
    fn fail<T>(&mut self, error: BoundError) -> Poll<Option<Result<T, BoxError>>> {
        self.inner = None;
        Poll::Ready(Some(Err(error.into())))
    }
}

impl<B> Body for BoundedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        // The time is looked at first: a body that always has a byte more must not go on for ever.
        if this.sleep.as_mut().poll(cx).is_ready() {
            let error = this.silence.map_or_else(|| this.deadline.error(), |after| BoundError::Silence { after });
            return this.fail(error);
        }
        if let Some(rest) = &mut this.rest {
            ready!(rest.as_mut().poll(cx));
            this.rest = None;
        }
        let frame = match ready!(Pin::new(inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end.map(|frame| frame.map_err(Into::into))),
        };
        if let Some(data) = frame.data_ref() {
            this.size = match data.iter().rposition(|byte| *byte == b'\n') {
                Some(end) if this.silence.is_some() => data.len() - end - 1,
                _ => this.size.saturating_add(data.len()),
            };
            if this.size > this.limit {
                let limit = this.limit;
                return this.fail(BoundError::TooLarge { limit });
            }
            if let Some(Err(error)) = this.shape.as_mut().map(|shape| shape.read(data)) {
                return this.fail(error);
            }
            if let Some(pace) = &this.pace {
                this.rest = take(pace, data.len()).map(|until| Box::pin(sleep_until(until)));
            }
        }
        if let Some(silence) = this.silence {
            this.sleep.as_mut().reset(Instant::now() + silence);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
