//! The laboratory command.
fn main() {}
