//! A BGP peer on the kernel's own sockets: `kernel_peer CONFIG.json SOCKET` runs it, `kernel_peer --ask SOCKET QUESTION` asks it.

use std::path::Path;
use std::process::ExitCode;

use bgp_demo::peer::control;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--ask", socket, question] => match serde_json::from_str(question) {
            Ok(question) => control::ask(Path::new(socket), &question).map(|answer| {
                println!(
                    "{}",
                    serde_json::to_string_pretty(&answer).unwrap_or_default()
                );
            }),
            Err(error) => {
                eprintln!("question not understood: {error}");
                return ExitCode::FAILURE;
            }
        },
        [config, socket] => control::run_process(Path::new(config), Path::new(socket)),
        _ => {
            eprintln!("usage: kernel_peer CONFIG.json SOCKET | kernel_peer --ask SOCKET QUESTION");
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = done {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
