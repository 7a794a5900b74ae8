//! The node that speaks: where the register is empty, it begins as the active.

use std::process::ExitCode;

fn main() -> ExitCode {
    active_rp::run::main(tcp_ha::Begin::Active)
}
