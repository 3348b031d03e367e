//! Requests and watches go wrong, from seeds.
