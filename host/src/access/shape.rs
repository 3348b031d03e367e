//! What an answer of a tenant's cluster may be made of: a bound that counts, where the one on bytes does not do.
//!
//! Three bytes of JSON (`{},`) can become a kilobyte of an object. So 8 MiB that are read without a second thought would be
//! gigabytes once they are decoded, and a list of eight kinds all of the machine. What is decoded costs memory by the value,
//! and values are what is counted here, as the bytes come in and before anything is made of them.

use super::bounds::BoundError;

/// Values in one answer, or in one event of a watch. A page of nodes, the largest that is asked for, has some 50,000.
const VALUES: usize = 200_000;
/// Fields of a list besides its items, and of its `metadata`.
const LIST_FIELDS: usize = 16;

/// Reads along with an answer. It understands no more of JSON than where a string ends.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Objects that were asked for, of a page of a list.
    page: Option<usize>,
    /// Whether each line is an answer of its own, as in a watch.
    lines: bool,
    at: At,
}

#[derive(Debug, Clone, Copy, Default)]
struct At {
    in_string: bool,
    escaped: bool,
    depth: usize,
    values: usize,
    /// Values at the depth of a list's items.
    items: usize,
}

impl Shape {
    /// Of one answer; of a page, if at most that many objects were asked for.
    pub(super) fn of_answer(page: Option<u32>) -> Self {
        let page = page.map(|page| usize::try_from(page).unwrap_or(usize::MAX));
        Self { page, lines: false, at: At::default() }
    }

    /// Of a watch.
    pub(super) fn of_watch() -> Self {
        Self { page: None, lines: true, at: At::default() }
    }

    /// Reads what comes next.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), BoundError> {
        for byte in bytes {
            self.byte(*byte);
            if let Some(page) = self.page
                && self.at.items > page.saturating_add(LIST_FIELDS)
            {
                return Err(BoundError::TooManyObjects { limit: page });
            }
            if self.at.values > VALUES {
                return Err(BoundError::TooManyValues { limit: VALUES });
            }
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) {
        let at = &mut self.at;
        match byte {
            b'\n' if self.lines => *at = At::default(),
            _ if at.in_string => {
                at.in_string = at.escaped || byte != b'"';
                at.escaped = !at.escaped && byte == b'\\';
            }
            b'"' => at.in_string = true,
            b'{' | b'[' => {
                at.depth += 1;
                at.values += 1;
            }
            b'}' | b']' => at.depth = at.depth.saturating_sub(1),
            b',' => {
                at.values += 1;
                // `{"items":[` is two deep.
                at.items += usize::from(at.depth == 2);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut shape: Shape, text: &str) -> Result<(), BoundError> {
        // However the answer is cut into pieces.
        text.as_bytes().chunks(7).try_for_each(|piece| shape.read(piece))
    }

    fn list(items: &str, count: usize) -> String {
        format!(r#"{{"kind":"List","metadata":{{"resourceVersion":"7","continue":""}},"items":[{}]}}"#, {
            vec![items; count].join(",")
        })
    }

    #[test]
    fn a_page_has_no_more_objects_than_were_asked_for() {
        let object = r#"{"a":["x,y",{"b\"],":[1,2,3]},"\\"],"c":{}}"#;
        assert_eq!(read(Shape::of_answer(Some(100)), &list(object, 100)), Ok(()));
        let limit = 100;
        let many = list("{}", limit + LIST_FIELDS + 10);
        assert_eq!(read(Shape::of_answer(Some(100)), &many), Err(BoundError::TooManyObjects { limit }));
        assert_eq!(read(Shape::of_answer(None), &many), Ok(()), "nobody has asked for a page");
    }

    #[test]
    fn no_answer_and_no_event_is_made_of_too_many_values() {
        let error = Err(BoundError::TooManyValues { limit: VALUES });
        let deep = format!(r#"{{"items":[{{"ownerReferences":[{}]}}]}}"#, vec!["{}"; VALUES].join(","));
        assert_eq!(read(Shape::of_answer(Some(1)), &deep), error);
        assert_eq!(read(Shape::of_watch(), &deep), error);
        let events = format!("{}\n", list("{}", VALUES / 4)).repeat(4);
        assert_eq!(read(Shape::of_watch(), &events), Ok(()), "each event is counted for itself");
        assert_eq!(read(Shape::of_answer(None), &events), error);
        let text = format!(r#""{}""#, "{[,".repeat(VALUES));
        assert_eq!(read(Shape::of_answer(None), &text), Ok(()), "a string is one value");
    }
}
