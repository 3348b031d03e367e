//! Lists and their pages.
//!
//! What a list shows is said in `storage/cacher/delegator.go`, `cacher.go` and `etcd3/store.go`: the newest state, or exactly
//! that of a revision (`resourceVersionMatch=Exact`, a limit with a resource version, a next page), which is had by undoing
//! the log. Whether the options go together is checked before, in [`super::options`].

use super::Store;
use super::continuation::Continuation;
use super::key::Scope;
use super::object::Object;
use super::topic::Topic;
use super::version;
use super::view;
use crate::status::Failure;

/// How a resource version is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Match {
    /// Not said.
    #[default]
    Unset,
    /// Exactly that revision.
    Exact,
    /// That revision or a newer one.
    NotOlderThan,
}

/// What a client asks of a list, as in the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListOptions<'a> {
    /// `resourceVersion`.
    pub resource_version: &'a str,
    /// `resourceVersionMatch`.
    pub resource_version_match: Match,
    /// `limit`; 0 and less is none.
    pub limit: i64,
    /// `continue`.
    pub continue_token: &'a str,
}

/// A list, or a page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The objects, in the order of keys.
    pub items: Vec<Object>,
    /// `metadata.resourceVersion` of the list.
    pub revision: u64,
    /// `metadata.continue`; empty on the last page.
    pub continue_token: String,
    /// `metadata.remainingItemCount`; only without a selector, and not on the last page.
    pub remaining: Option<i64>,
}

/// Why there is no list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListFailure {
    /// What to answer.
    pub failure: Failure,
    /// For the answer's `metadata.continue`: with it the client may go on with what is there now. Empty if there is none.
    pub continue_token: String,
}

impl ListFailure {
    /// The body of the answer.
    pub fn to_status(&self) -> serde_json::Value {
        let mut status = self.failure.to_status();
        if !self.continue_token.is_empty() {
            status["metadata"]["continue"] = self.continue_token.as_str().into();
        }
        status
    }
}

impl From<Failure> for ListFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, continue_token: String::new() }
    }
}

/// Which objects to show, decided by somebody who knows selectors. `None` is for all: a selector that selects everything is
/// none.
pub type Matches<'a> = Option<&'a dyn Fn(&Object) -> bool>;

/// Which state a list shows, and from where on.
struct Plan {
    /// None is the newest.
    revision: Option<u64>,
    start: String,
    /// How many objects there are from `start` on, if somebody counted.
    rest: Option<u64>,
}

impl Store {
    /// Lists the objects of a scope.
    pub fn list(
        &self,
        scope: &Scope<'_>,
        options: &ListOptions<'_>,
        matches: Matches<'_>,
    ) -> Result<Page, ListFailure> {
        let plan = self.plan(scope, options)?;
        let revision = plan.revision.unwrap_or(self.revision());
        let Some(shelf) = self.shelf(scope.resource) else {
            return Ok(Page { items: Vec::new(), revision, continue_token: String::new(), remaining: None });
        };
        let everything = |_: &Object| true;
        let shown = matches.unwrap_or(&everything);
        if let Some(key) = scope.single() {
            let found = key.path().and_then(|path| view::look(shelf, &self.log, scope.resource, &path, revision));
            let items = found.filter(|object| shown(object)).cloned().into_iter().collect();
            return Ok(Page { items, revision, continue_token: String::new(), remaining: None });
        }
        let limit = match usize::try_from(options.limit) {
            // The watch cache gives all of its state, whatever the limit.
            _ if options.resource_version == "0" => 0,
            Ok(limit) => limit,
            Err(_) => 0,
        };
        let start = scope.prefix() + &plan.start;
        let mut objects = view::walk(shelf, &self.log, scope, &start, revision);
        let mut items = Vec::new();
        if limit == 0 {
            items.extend(objects.filter(|object| shown(object)).cloned());
            return Ok(Page { items, revision, continue_token: String::new(), remaining: None });
        }
        for object in objects.by_ref() {
            if shown(object) {
                items.push(object.clone());
                if items.len() == limit {
                    break;
                }
            }
        }
        let (Some(last), true) = (items.last(), items.len() == limit) else {
            return Ok(Page { items, revision, continue_token: String::new(), remaining: None });
        };
        // More come if there is any object, also one that no page will show.
        let (more, rest) = if matches.is_some() {
            (objects.next().is_some(), None)
        } else {
            let rest = match plan.rest {
                Some(rest) => rest.saturating_sub(limit as u64),
                None if plan.start.is_empty() && plan.revision.is_none() && scope.is_all() => {
                    (shelf.len() - limit) as u64
                }
                None => objects.count() as u64,
            };
            (rest > 0, Some(rest))
        };
        if !more {
            return Ok(Page { items, revision, continue_token: String::new(), remaining: None });
        }
        let last = last.path().strip_prefix(&scope.prefix()).unwrap_or(last.path());
        let continue_token = Continuation { revision: Some(revision), start: format!("{last}\0"), rest }.encode();
        let remaining = rest.map(|rest| i64::try_from(rest).unwrap_or(i64::MAX));
        Ok(Page { items, revision, continue_token, remaining })
    }

    fn plan(&self, scope: &Scope<'_>, options: &ListOptions<'_>) -> Result<Plan, ListFailure> {
        let single = scope.single().is_some();
        let now = Plan { revision: None, start: String::new(), rest: None };
        let written = options.resource_version;
        if !options.continue_token.is_empty() && !single {
            let token = Continuation::decode(options.continue_token)?;
            if !matches!(written, "" | "0") {
                let why = "specifying resource version is not allowed when using continue";
                return Err(Failure::bad_request(why).into());
            }
            if let Some(revision) = token.revision {
                self.reached(revision, 1)?;
                if revision < self.log.floor(Topic::all(scope.resource)) {
                    let continue_token = Continuation { revision: None, rest: None, ..token }.encode();
                    return Err(ListFailure { failure: version::continue_too_old(), continue_token });
                }
            }
            return Ok(Plan { revision: token.revision, start: token.start, rest: token.rest });
        }
        let wanted = version::parse(written).map_err(|error| error.in_list())?;
        let exact = match options.resource_version_match {
            Match::Exact => true,
            Match::NotOlderThan => false,
            Match::Unset => options.limit > 0 && wanted > 0,
        };
        // For one object etcd is asked, which does not wait, and takes a limit for nothing.
        self.reached(wanted, u32::from(!(exact && single)))?;
        if !exact || (single && options.resource_version_match == Match::Unset) {
            return Ok(now);
        }
        if wanted < self.log.floor(Topic::all(scope.resource)) {
            return Err(version::list_too_old().into());
        }
        Ok(Plan { revision: Some(wanted), ..now })
    }

    /// 504 if a revision has not come yet.
    pub(super) fn reached(&self, wanted: u64, retry: u32) -> Result<(), Failure> {
        if wanted > self.revision() {
            return Err(version::too_large(wanted, self.revision(), retry));
        }
        Ok(())
    }
}
