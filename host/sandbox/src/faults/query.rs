//! Changes what a request asks for.

use http::uri::{InvalidUri, PathAndQuery};
use http::{Request, Uri};

/// Changes the pairs of a request's query, such as `limit=500`.
///
/// # Errors
///
/// What comes out of it is no URI; the request is as it was.
pub fn rewrite<B>(request: &mut Request<B>, change: impl FnOnce(&mut Vec<String>)) -> Result<(), InvalidUri> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs: Vec<String> = query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    change(&mut pairs);
    let mark = if pairs.is_empty() { "" } else { "?" };
    let path = PathAndQuery::try_from(format!("{}{mark}{}", request.uri().path(), pairs.join("&")))?;
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path);
    // With the same scheme and host it is a URI again.
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    Ok(())
}
