//! How much a template set may cost. Whoever wrote the templates or the values, a render ends, and ends small.

/// Budgets of a [`TemplateSet`](super::TemplateSet). Going over one is an error, never a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files of all layers together.
    pub source_bytes: usize,
    /// Work and memory for one template file, in minijinja's unit: about one instruction, or 64 bytes made.
    pub fuel: u64,
    /// Nesting of includes, blocks, macros and loops while rendering; an include or a macro costs about ten.
    pub recursion: usize,
    /// Bytes of everything that one render makes: text of the templates and values put into it.
    pub output_bytes: usize,
    /// Nesting of maps and lists, in YAML files and in values.
    pub depth: usize,
    /// Objects that one render makes.
    pub objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { source_bytes: 1 << 20, fuel: 1_000_000, recursion: 100, output_bytes: 1 << 20, depth: 64, objects: 256 }
    }
}
