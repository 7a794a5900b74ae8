//! Joins a running active, shadows it, promotes, and goes on as active.
fn main() {}
