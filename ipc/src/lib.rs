//! Replication channel between two nodes: frames, records, gate, log, register, liveness, transports. Knows no TCP.
