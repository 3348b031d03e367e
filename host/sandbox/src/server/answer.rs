//! What goes back to a client.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WARNING};
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::feed::Feed;
use crate::kinds::Missing;
use crate::quote::quote;
use crate::show;
use crate::status::Failure;
use crate::store::ListFailure;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Body,
}

/// What is in it.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    Feed(Box<Feed>),
}

impl Answer {
    /// JSON.
    pub(super) fn json(code: u16, body: Vec<u8>) -> Self {
        Self::new(code, "application/json", body)
    }

    /// A value, as JSON.
    pub(super) fn value(code: u16, value: &Value, pretty: bool) -> Self {
        Self::json(code, show::pretty(value, pretty))
    }

    /// Text, as a server's health checks answer.
    pub(super) fn text(code: u16, text: &str) -> Self {
        Self::new(code, "text/plain; charset=utf-8", text.as_bytes().to_vec())
            .with(HeaderName::from_static("x-content-type-options"), "nosniff")
    }

    /// A stream.
    pub(super) fn feed(feed: Feed) -> Self {
        let headers = vec![(CONTENT_TYPE, "application/json".to_owned()), (CACHE_CONTROL, NO_CACHE.to_owned())];
        Self { code: 200, headers, body: Body::Feed(Box::new(feed)) }
    }

    fn new(code: u16, media: &str, body: Vec<u8>) -> Self {
        let headers = vec![(CONTENT_TYPE, media.to_owned()), (CACHE_CONTROL, NO_CACHE.to_owned())];
        Self { code, headers, body: Body::Whole(body) }
    }

    /// With one more header.
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.retain(|(present, _)| *present != name || name == WARNING);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With warnings for people (`299 - "…"`).
    #[must_use]
    pub(super) fn warning(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            self.headers.push((WARNING, format!("299 - {}", quote(warning))));
        }
        self
    }

    /// Its head, and its body.
    pub(super) fn into_parts(self) -> (Response<()>, Body) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            // What cannot be in a header is left out, as Go's server does it.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                response.headers_mut().append(name, value);
            }
        }
        (response, self.body)
    }
}

const NO_CACHE: &str = "no-cache, private";

impl Answer {
    /// A failure, with its status.
    fn failed(failure: &Failure, status: &Value) -> Self {
        let answer = Self::value(failure.code, status, false);
        if failure.retry_after == 0 { answer } else { answer.with(RETRY_AFTER, &failure.retry_after.to_string()) }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::failed(&failure, &failure.to_status())
    }
}

impl From<ListFailure> for Answer {
    fn from(refusal: ListFailure) -> Self {
        Self::failed(&refusal.failure, &refusal.to_status())
    }
}

impl From<Missing> for Answer {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Page => Self::text(404, "404 page not found\n"),
            Missing::Failure(failure) => failure.into(),
            Missing::Bare(failure) => {
                let mut status = failure.to_status();
                status["details"] = serde_json::json!({});
                Self::value(failure.code, &status, false)
            }
        }
    }
}
