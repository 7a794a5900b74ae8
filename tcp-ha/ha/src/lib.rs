//! Snapshot, delta, shadow and takeover of TCP connections, and the node that ties them to the gate; pure.
