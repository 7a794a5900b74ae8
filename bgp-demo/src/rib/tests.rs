//! Tests of the RIBs.
