//! The node that joins: where the register is empty, it waits for an active to appear.

use std::process::ExitCode;

fn main() -> ExitCode {
    active_rp::run::main(active_rp::Begin::Standby)
}
