//! Where in an object, on the way down: nothing is written until something is wrong there.

use std::fmt::Write as _;

/// A place, and through which places it is reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    /// The object, or what has this path in it.
    Root(&'p str),
    /// A field.
    Child(&'p Path<'p>, &'p str),
    /// An entry of a map.
    Key(&'p Path<'p>, &'p str),
    /// An item of a list.
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// The object itself.
    pub(super) const OBJECT: Path<'static> = Path::Root("");

    /// As `field.Path` writes it: `spec.labels[a].list[0]`. The object itself is `<nil>`.
    pub(super) fn field(&self) -> String {
        let text = self.written(|out, key| {
            let _ = write!(out, "[{key}]");
        });
        if text.is_empty() { "<nil>".to_owned() } else { text }
    }

    /// As the validation of OpenAPI writes it: `spec.labels.a.list[0]`; the entries of the object itself begin with a dot.
    pub(super) fn body(&self) -> String {
        self.written(|out, key| {
            let _ = write!(out, ".{key}");
        })
    }

    fn written(&self, entry: impl Fn(&mut String, &str)) -> String {
        let mut steps = Vec::new();
        let mut at = self;
        let mut out = loop {
            match at {
                Path::Root(root) => break (*root).to_owned(),
                Path::Child(parent, _) | Path::Key(parent, _) | Path::Index(parent, _) => {
                    steps.push(at);
                    at = parent;
                }
            }
        };
        for step in steps.into_iter().rev() {
            match step {
                Path::Root(_) => {}
                Path::Child(_, name) => {
                    if !out.is_empty() {
                        out.push('.');
                    }
                    out.push_str(name);
                }
                Path::Key(_, key) => entry(&mut out, key),
                Path::Index(_, index) => {
                    let _ = write!(out, "[{index}]");
                }
            }
        }
        out
    }

    pub(super) fn child(&'p self, name: &'p str) -> Self {
        Self::Child(self, name)
    }

    pub(super) fn key(&'p self, name: &'p str) -> Self {
        Self::Key(self, name)
    }

    pub(super) fn index(&'p self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_in_two_ways() {
        let (object, spec) = (Path::OBJECT, Path::Child(&Path::OBJECT, "spec"));
        let labels = spec.child("labels");
        let entry = labels.key("a");
        let item = entry.index(3);
        assert_eq!(item.field(), "spec.labels[a][3]");
        assert_eq!(item.body(), "spec.labels.a[3]");
        assert_eq!(object.field(), "<nil>");
        assert_eq!(object.key("a").body(), ".a");
        assert_eq!(object.key("a").field(), "[a]");
        assert_eq!(Path::Root("status").child("x").field(), "status.x");
    }
}
