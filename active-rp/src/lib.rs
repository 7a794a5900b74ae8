//! The node that speaks: configuration, status socket, BGP speaker on a replicated stack.
