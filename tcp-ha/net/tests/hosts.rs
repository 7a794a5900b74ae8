//! A pair whose nodes talk over TCP with TLS, as two hosts do: it forms, survives, and is not disturbed by strangers.

mod hosts {
    mod forged;
    mod pair;
    mod strangers;
    mod world;
}
