//! The place where it goes wrong.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::uri::InvalidUri;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::time::sleep;
use tower::Service;

use super::body::{self, Broken as BodyBroken};
use super::exchange::{Exchange, Verb};
use super::fault::Fault;
use super::journal::{Journal, Outcome};
use super::plan::Plan;
use super::query::rewrite;
use crate::server::Server;
use crate::status::Failure;

/// The connection broke, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It could not be made.
    #[error("connection refused")]
    Refused,
    /// It broke before the answer was there.
    #[error("connection reset")]
    Reset,
}

/// The body of an answer.
pub type FaultyBody = body::Faulty;

/// A server with which things go wrong. Clones are the same one.
#[derive(Clone)]
pub struct Faulty {
    server: Server,
    plan: Arc<Mutex<Box<dyn Plan>>>,
    journal: Journal,
}

impl Faulty {
    /// `plan` decides what goes wrong with what is asked of `server`.
    pub fn new(server: Server, plan: Box<dyn Plan>) -> Self {
        Self { server, plan: Arc::new(Mutex::new(plan)), journal: Journal::default() }
    }

    /// Another plan from now on.
    pub fn follow(&self, plan: Box<dyn Plan>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// What passed.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Numbers a request, and decides.
    fn decide<B>(&self, request: &Request<B>) -> (Exchange, Option<Fault>) {
        // One lock over both: requests are numbered in the order in which they are decided on.
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = Exchange::of(self.journal.len(), request);
        let fault = plan.decide(&exchange);
        self.journal.open(exchange.clone(), fault.clone());
        (exchange, fault)
    }

    /// Asks for the state before the last so many revisions, as a server that has not heard of them would tell it.
    fn rewind<B>(&self, request: &mut Request<B>, revisions: u64) -> Result<(), InvalidUri> {
        let behind = self.server.with(|world| world.revision()).saturating_sub(revisions).max(1);
        rewrite(request, |pairs| {
            pairs.retain(|pair| !pair.starts_with("resourceVersion"));
            pairs.push(format!("resourceVersion={behind}"));
            pairs.push("resourceVersionMatch=Exact".to_owned());
        })
    }

    async fn pass<B>(self, mut request: Request<B>) -> Result<Response<FaultyBody>, Broken>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (exchange, fault) = self.decide(&request);
        let number = exchange.number;
        let broken = |why| {
            self.journal.close(number, Outcome::Broken);
            Err(why)
        };
        match &fault {
            Some(Fault::Refuse) => return broken(Broken::Refused),
            Some(Fault::Swallow) => return std::future::pending().await,
            Some(Fault::Delay(time)) => sleep(*time).await,
            Some(Fault::Rewind(revisions)) if self.rewind(&mut request, *revisions).is_err() => {
                return broken(Broken::Refused);
            }
            Some(Fault::Answer { code, retry_after, html }) => {
                self.journal.close(number, Outcome::Answered(*code));
                return Ok(answered(*code, *retry_after, *html));
            }
            Some(Fault::Deny { terminating }) => {
                self.journal.close(number, Outcome::Answered(403));
                return Ok(denied(*terminating));
            }
            _ => {}
        }
        let response = self.server.respond(request).await;
        let code = response.status().as_u16();
        self.journal.served(number, code);
        match &fault {
            Some(Fault::LoseAnswer) => return broken(Broken::Reset),
            Some(Fault::DelayAnswer(time)) => sleep(*time).await,
            _ => {}
        }
        self.journal.close(number, Outcome::Answered(code));
        let streams = exchange.verb == Verb::Watch && code == 200;
        Ok(response.map(|inner| body::Faulty::new(inner, fault, streams)))
    }
}

impl<B> Service<Request<B>> for Faulty
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<FaultyBody>;
    type Error = Broken;
    type Future = BoxFuture<'static, Result<Self::Response, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.clone().pass(request).boxed()
    }
}

/// The answer of somebody before the server.
fn answered(code: u16, retry_after: Option<u32>, html: bool) -> Response<FaultyBody> {
    let (media, text) = if html {
        ("text/html", format!("<html><body><h1>{code}</h1></body></html>"))
    } else {
        let (reason, why) = match code {
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => (
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            410 => ("Expired", "too old resource version"),
            429 => ("TooManyRequests", "Too many requests, please try again later."),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "the server was unable to return a response in the time allotted"),
            _ => ("InternalError", "an error on the server has prevented the request from succeeding"),
        };
        ("application/json", Failure::new(code, reason, why).to_status().to_string())
    };
    let mut response = whole(code, media, text);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The server's own refusal, in the words of kube-apiserver.
fn denied(terminating: bool) -> Response<FaultyBody> {
    let why = if terminating {
        "unable to create new content in namespace because it is being terminated"
    } else {
        "the user cannot do this in the API group at the cluster scope"
    };
    let mut status = Failure::new(403, "Forbidden", why).to_status();
    if terminating {
        let cause =
            serde_json::json!({"reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace"});
        status["details"] = serde_json::json!({"causes": [cause]});
    }
    whole(403, "application/json", status.to_string())
}

fn whole(code: u16, media: &'static str, text: String) -> Response<FaultyBody> {
    let mut response = Response::new(body::Faulty::whole(Full::new(Bytes::from(text)).boxed_unsync()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

impl From<BodyBroken> for Broken {
    fn from(_: BodyBroken) -> Self {
        Self::Reset
    }
}
