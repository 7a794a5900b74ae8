//! Checks the model to exhaustion, and shows that it finds what is wrong.
#![forbid(unsafe_code)]

use clap::Parser;
use stateright::{Checker, Expectation, Model};
use std::process::ExitCode;
use std::time::Instant;
use tcp_ha_model::{Bounds, Fault, Protocol, reach, stories};

/// Checks gate, register, pairing, takeover, handover and cold start, as a model, in every state that can be reached.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Route processors.
    #[arg(long, default_value_t = Bounds::default().nodes)]
    nodes: u8,
    /// Records, each with a frame.
    #[arg(long, default_value_t = Bounds::default().messages)]
    messages: u8,
    /// Epochs up to which faults happen and pairs are made.
    #[arg(long, default_value_t = Bounds::default().epochs)]
    epochs: u8,
    /// Deaths in all.
    #[arg(long, default_value_t = Bounds::default().deaths)]
    deaths: u8,
    /// Register calls of unknown outcome.
    #[arg(long, default_value_t = Bounds::default().unknown)]
    unknown: u8,
    /// Makes the protocol wrong in this way; the check then shows how it ends.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
    /// Also checks that some node can always speak again, where there are at most so many states.
    #[arg(long, default_value_t = 30_000_000)]
    reach: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let protocol = Protocol {
        bounds: Bounds {
            nodes: arguments.nodes,
            messages: arguments.messages,
            epochs: arguments.epochs,
            deaths: arguments.deaths,
            unknown: arguments.unknown,
        },
        fault: arguments.fault,
    };
    if arguments.fault.is_some() {
        return tell(&protocol);
    }
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = protocol.checker().threads(threads).spawn_bfs().join();
    println!(
        "{} different states ({} with repetitions), depth {}, {:.0} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64()
    );
    let mut wrong = false;
    for property in protocol.properties() {
        let found = checker.discovery(property.name).is_some();
        let always = matches!(property.expectation, Expectation::Always);
        let holds = found != always;
        println!("{} {}", word(holds), property.name);
        wrong |= !holds;
    }
    match reach(&protocol, arguments.reach) {
        Some(reached) => {
            println!(
                "{} some node can always speak again ({} states, {} in which one can at once, {} in which none ever can)",
                word(reached.stuck == 0),
                reached.states,
                reached.speaking,
                reached.stuck
            );
            if let Some(example) = reached.example {
                println!("{example:#?}");
                wrong = true;
            }
        }
        None => {
            println!("not checked: some node can always speak again (more than --reach states)");
        }
    }
    if wrong {
        tell(&protocol);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn word(holds: bool) -> &'static str {
    if holds { "holds " } else { "BROKEN" }
}

/// Tells how what does not always hold is broken, by the fewest steps.
fn tell(protocol: &Protocol) -> ExitCode {
    let stories = stories(protocol);
    for (name, steps) in &stories {
        println!("BROKEN {name}");
        for (at, step) in steps.iter().enumerate() {
            println!("    {:2} {step:?}", at + 1);
        }
    }
    if stories.is_empty() {
        println!("nothing is broken");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
