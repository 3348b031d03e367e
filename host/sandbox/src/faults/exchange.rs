//! A request as a plan sees it.

use http::Request;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// `GET` of anything but a collection.
    Get,
    /// `GET` of a collection.
    List,
    /// A watch.
    Watch,
    /// `POST`.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// A request as a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The how many-th it is, from 0.
    pub number: usize,
    /// What it does.
    pub verb: Verb,
    /// The path.
    pub path: String,
    /// The query.
    pub query: String,
}

impl Exchange {
    /// What can be seen of a request.
    pub fn of<B>(number: usize, request: &Request<B>) -> Self {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let verb = match request.method().as_str() {
            "POST" => Verb::Create,
            "PUT" => Verb::Update,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ if query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1") => Verb::Watch,
            _ if is_collection(path) => Verb::List,
            _ => Verb::Get,
        };
        Self { number, verb, path: path.to_owned(), query: query.to_owned() }
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        !matches!(self.verb, Verb::Get | Verb::List | Verb::Watch)
    }

    /// Whether it makes something in a namespace: by `POST`, or by a patch of an object as a whole.
    pub fn makes_in_a_namespace(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        let after = parts.iter().position(|part| *part == "namespaces").map_or(0, |at| parts.len() - at);
        (self.verb == Verb::Create && after == 3) || (self.verb == Verb::Patch && after == 4)
    }

    /// Whether it goes on with a list.
    pub fn continues(&self) -> bool {
        self.query.split('&').any(|pair| pair.strip_prefix("continue=").is_some_and(|token| !token.is_empty()))
    }
}

/// Whether a path is one of many objects.
fn is_collection(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some(start) = parts.iter().position(|part| *part == "api" || *part == "apis") else { return false };
    let rest = parts.get(start + if parts.get(start) == Some(&"api") { 2 } else { 3 }..).unwrap_or_default();
    match rest {
        ["namespaces", _, tail @ ..] if !tail.is_empty() => tail.len() == 1 && !matches!(tail, ["status" | "finalize"]),
        rest => rest.len() == 1,
    }
}
