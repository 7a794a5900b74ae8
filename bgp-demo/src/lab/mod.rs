//! The laboratory: real BGP daemons in namespaces, the active route processor cut under load, the peers as judges.

mod capture;
mod child;
mod daemons;
mod error;
mod network;
mod options;
mod random;
mod routes;
mod sandbox;
