//! `records` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tcp_ha_fuzz::targets::records::run(octets));
