//! Whether an answer is for people (`isPrettyPrint` of `pkg/endpoints/handlers/negotiation/negotiate.go`).

use super::super::query::Query;

/// Whether JSON is to be indented: as the query says, or because a person seems to ask.
pub fn is_pretty(query: &Query<'_>, user_agent: &str) -> bool {
    match query.text("pretty") {
        "" => ["curl", "Wget", "Mozilla/5.0"].iter().any(|agent| user_agent.starts_with(agent)),
        // What `strconv.ParseBool` takes for true.
        pretty => matches!(pretty, "1" | "t" | "T" | "TRUE" | "true" | "True"),
    }
}
