//! What an expression is after parsing. Macros are nodes of their own.

/// An expression, and how deep it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) depth: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Ident(String),
    /// `of.field`, or `of.?field`.
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
    },
    /// `has(of.field)`.
    Has {
        of: Box<Expr>,
        field: String,
    },
    /// `of[at]`.
    Index {
        of: Box<Expr>,
        at: Box<Expr>,
    },
    /// A function, or a method of what it is called on.
    Call {
        name: String,
        on: Option<Box<Expr>>,
        args: Vec<Expr>,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Conditional {
        when: Box<Expr>,
        then: Box<Expr>,
        or: Box<Expr>,
    },
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `over.all(variable, body)` and its like.
    Macro {
        name: Macro,
        over: Box<Expr>,
        variable: String,
        filter: Option<Box<Expr>>,
        body: Box<Expr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Kind {
    /// What is in it.
    pub(super) fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Ident(_) => Vec::new(),
            Self::Select { of, .. } | Self::Has { of, .. } | Self::Not(of) | Self::Negate(of) => vec![of],
            Self::Index { of, at } => vec![of, at],
            Self::Call { on, args, .. } => on.as_deref().into_iter().chain(args).collect(),
            Self::List(items) => items.iter().collect(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::And(left, right) | Self::Or(left, right) | Self::Binary(_, left, right) => vec![left, right],
            Self::Conditional { when, then, or } => vec![when, then, or],
            Self::Macro { over, filter, body, .. } => [&**over, &**body].into_iter().chain(filter.as_deref()).collect(),
        }
    }

    pub(super) fn expr(self) -> Expr {
        let depth = self.children().into_iter().map(|child| child.depth).max().unwrap_or_default().saturating_add(1);
        Expr { kind: self, depth }
    }
}

impl Expr {
    /// Whether it names that variable.
    pub(super) fn uses(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Ident(ident) => ident == name,
            kind => kind.children().into_iter().any(|child| child.uses(name)),
        }
    }
}
