//! What was said of a watch that fails: the same is not said again until something else was.

/// The last thing that was said.
#[derive(Debug, Default)]
pub(crate) struct Told(String);

impl Told {
    /// Whether this was not the last thing said.
    pub(crate) fn is_new(&mut self, said: &str) -> bool {
        let new = self.0 != said;
        if new {
            said.clone_into(&mut self.0);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_new_once() {
        let mut told = Told::default();
        let new = ["403", "403", "404", "404", "403"].map(|said| told.is_new(said));
        assert_eq!(new, [true, false, true, false, true]);
    }
}
