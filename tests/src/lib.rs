//! Tests across crates: real daemons in namespaces, real kills, fenced actives.
