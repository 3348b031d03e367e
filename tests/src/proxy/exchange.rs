//! What the proxy knows of a request, and of what became of it.

use std::fmt;

use bytes::Bytes;
use http::{Method, StatusCode, request::Parts};

/// A request as an interceptor sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its place in the proxy's list, from 0.
    pub number: usize,
    /// The user of the client certificate; none for a client with a token.
    pub user: Option<String>,
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The client's name for itself, empty where it gives none.
    pub user_agent: String,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    pub(super) fn new(number: usize, head: &Parts, user: Option<String>, body: Bytes) -> Self {
        Self {
            number,
            user,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            user_agent: user_agent(head),
            body,
        }
    }

    /// Whether it only reads.
    pub fn reads(&self) -> bool {
        reads(&self.method)
    }

    /// Whether it opens a watch.
    pub fn watches(&self) -> bool {
        watches(&self.query)
    }
}

/// A request that arrived, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its place in the proxy's list, from 0.
    pub number: usize,
    /// The user of the client certificate; none for a client with a token.
    pub user: Option<String>,
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, empty where there is none.
    pub query: String,
    /// The client's name for itself, empty where it gives none.
    pub user_agent: String,
    /// Length of the request's body.
    pub request_bytes: usize,
    /// Length of the answer's body so far.
    pub response_bytes: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet: held by the interceptor, or the API server has not answered.
    Pending,
    /// The API server answered and the client was given the answer.
    Answered(StatusCode),
    /// The interceptor answered; the API server never saw it.
    Refused(StatusCode),
    /// Lost on the way to the API server, which never saw it.
    DroppedBefore,
    /// Carried out by the API server with this answer, which was lost on its way back.
    DroppedAfter(StatusCode),
    /// The API server could not be reached or broke off.
    Unreachable,
}

impl Exchange {
    pub(super) fn new(number: usize, head: &Parts, user: Option<String>, request_bytes: usize) -> Self {
        Self {
            number,
            user,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            user_agent: user_agent(head),
            request_bytes,
            response_bytes: 0,
            outcome: Outcome::Pending,
        }
    }

    /// Whether it only reads.
    pub fn reads(&self) -> bool {
        reads(&self.method)
    }

    /// Whether it opens a watch.
    pub fn watches(&self) -> bool {
        watches(&self.query)
    }

    /// The status that the client was given.
    pub fn status(&self) -> Option<StatusCode> {
        match self.outcome {
            Outcome::Answered(status) | Outcome::Refused(status) => Some(status),
            Outcome::Pending | Outcome::DroppedBefore | Outcome::DroppedAfter(_) | Outcome::Unreachable => None,
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, method, path, query, request_bytes, response_bytes, outcome, .. } = self;
        let mark = if query.is_empty() { "" } else { "?" };
        write!(formatter, "{number} {method} {path}{mark}{query} {request_bytes}/{response_bytes} bytes {outcome:?}")
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn watches(query: &str) -> bool {
    query.split('&').any(|parameter| parameter == "watch=true" || parameter == "watch=1")
}

fn user_agent(head: &Parts) -> String {
    let value = head.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
