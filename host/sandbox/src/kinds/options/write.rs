//! `metav1.CreateOptions`, `UpdateOptions` and `PatchOptions`.

use super::super::query::Query;
use super::decode::boolean;
use crate::causes;
use crate::fields::PatchType;
use crate::lifecycle::dry_run;
use crate::status::{Cause, Failure};
use crate::validation::manager_wrong;

/// What becomes of fields that nobody knows or that are there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and the client is warned. That is so if nothing is said.
    Warn,
    /// The request is refused.
    Strict,
}

/// What a create or an update was asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOptions {
    /// `dryRun=All`.
    pub dry_run: bool,
    /// `fieldManager`.
    pub field_manager: String,
    /// `fieldValidation`.
    pub field_validation: FieldValidation,
}

/// What a patch was asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchOptions {
    /// What any write is asked with.
    pub write: WriteOptions,
    /// `force`.
    pub force: Option<bool>,
}

impl WriteOptions {
    /// Those of a create.
    pub fn of_create(query: &Query<'_>) -> Result<Self, Failure> {
        Self::read("CreateOptions", query, Vec::new())
    }

    /// Those of an update.
    pub fn of_update(query: &Query<'_>) -> Result<Self, Failure> {
        Self::read("UpdateOptions", query, Vec::new())
    }

    fn read(kind: &str, query: &Query<'_>, mut wrong: Vec<Cause>) -> Result<Self, Failure> {
        let field_manager = query.text("fieldManager");
        wrong.extend(manager_wrong(field_manager, "fieldManager"));
        let dry = query.all("dryRun").collect::<Vec<_>>();
        let dry_run = dry_run(&dry).unwrap_or_else(|cause| {
            wrong.push(cause);
            false
        });
        let field_validation = match query.text("fieldValidation") {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                wrong.push(causes::not_supported("fieldValidation", other, &["", "Ignore", "Strict", "Warn"]));
                FieldValidation::Warn
            }
        };
        Failure::if_wrong("meta.k8s.io", kind, "", wrong)?;
        Ok(Self { dry_run, field_manager: field_manager.to_owned(), field_validation })
    }
}

impl PatchOptions {
    /// Those of a patch.
    pub fn of_patch(query: &Query<'_>, patch: PatchType) -> Result<Self, Failure> {
        let mut wrong = Vec::new();
        let force = boolean(query, "force");
        if patch == PatchType::Apply {
            if query.text("fieldManager").is_empty() {
                wrong.push(causes::required("fieldManager", "is required for apply patch"));
            }
        } else if force.is_some() {
            wrong.push(causes::forbidden("force", "may not be specified for non-apply patch"));
        }
        Ok(Self { write: WriteOptions::read("PatchOptions", query, wrong)?, force })
    }
}
