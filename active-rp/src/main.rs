//! The node that speaks.
fn main() {}
