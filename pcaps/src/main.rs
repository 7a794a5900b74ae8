//! `pcaps check FILE`.
fn main() {}
