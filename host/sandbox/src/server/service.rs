//! A server as a tower service: what a client in the same process calls, and what a listener gives its connections.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use tower::Service;

use super::Server;
use super::answer::{Answer, Body};
use super::request::{Incoming, linger};

/// What an answer's body is read from.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

impl Server {
    /// Answers a request.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let answer = match self.read(request).await {
            Ok(incoming) => self.answer(&incoming),
            Err(refusal) => refusal,
        };
        let (head, body) = answer.into_parts();
        let body = match body {
            Body::Whole(body) => Full::new(Bytes::from(body)).boxed_unsync(),
            Body::Feed(feed) => {
                let events = stream::unfold(feed, |mut feed| async move {
                    let events = feed.next().await?;
                    Some((Ok(Frame::data(events)), feed))
                });
                StreamBody::new(events.boxed()).boxed_unsync()
            }
        };
        head.map(|()| body)
    }

    /// Reads a request. Nothing is kept of the body of one that is refused for what its head says.
    async fn read<B>(&self, request: Request<B>) -> Result<Incoming, Answer>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut incoming, body) = Incoming::begin(request);
        if body.is_end_stream() {
            return Ok(incoming);
        }
        let body = pin!(body);
        match self.admit(&incoming) {
            Ok(admitted) => incoming.admitted = Some(admitted),
            Err(refusal) => {
                linger(body).await;
                return Err(refusal);
            }
        }
        Ok(incoming.with_body(body).await?)
    }
}

impl<B> Service<Request<B>> for Server
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        async move { Ok(server.respond(request).await) }.boxed()
    }
}
