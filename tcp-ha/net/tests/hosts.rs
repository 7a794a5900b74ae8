//! A pair whose nodes talk over TCP with TLS, as two hosts do: it forms, survives, and is not disturbed by strangers.

mod hosts {
    mod pair;
    mod world;
}
