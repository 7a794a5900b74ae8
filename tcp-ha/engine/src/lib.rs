//! A pure TCP: no clock, no socket, no thread, no async.
