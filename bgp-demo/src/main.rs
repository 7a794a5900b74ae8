//! `bgp-demo lab`: the laboratory that cuts the active route processor under load and asks the peers.

mod lab;
mod picture;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run real BGP daemons in namespaces, cut the active route processor under load, and judge by the peers alone.
    ///
    /// Exit status: 0 pass, 1 a peer noticed something, 2 the laboratory could not do its work, 3 not everything could
    /// be judged.
    Lab(Box<lab::LabOptions>),
    /// Many failovers in a row: kills and hangs drawn by a seed, with each kind of peer in turn; what the route processors use must stay
    /// flat. Exit status as of `lab`.
    Soak(Box<lab::SoakOptions>),
    /// How fast a hang is found, and how often a living active is taken for dead, by heartbeat and load, as a table.
    Limits(Box<lab::LimitsOptions>),
    /// Draw a failover of a run of the laboratory, time to the right, sequence numbers upwards: lab --capture FILE --report FILE first.
    Picture(picture::PictureOptions),
    /// A small run of the laboratory, told as a story: two kills, with the first real daemon that is installed.
    Demo {
        /// Who plays the peers.
        #[arg(long, value_enum)]
        peer: Option<lab::PeerKind>,
    },
    /// The embedded peer of the laboratory, on the kernel's own sockets.
    #[command(hide = true)]
    KernelPeer {
        /// Its configuration (JSON).
        config: PathBuf,
        /// Its control socket.
        socket: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Lab(options) => lab::lab(*options),
        Command::Soak(options) => lab::soak(*options),
        Command::Limits(options) => lab::limits(*options),
        Command::Picture(options) => picture::picture(&options),
        Command::Demo { peer } => lab::demo(peer),
        Command::KernelPeer { config, socket } => {
            match bgp_demo::peer::control::run_process(&config, &socket) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("bgp-demo kernel-peer: {error}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}
