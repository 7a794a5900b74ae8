//! Bulk transfer through loss: our TCP against a kernel's, beside kernel against kernel in the same network, in turn.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, ExitCode, Stdio};
use tcp_ha::ListenOptions;
use tcp_ha::engine::CongestionAlgorithm;
use tcp_ha_bench::end::{Direction, Seen, kernel_connect, kernel_serve, our_serve};
use tcp_ha_bench::network::{KERNEL_SERVER, Network, SERVER, TAP};
use tcp_ha_bench::spread::Spread;

/// Goodput of our TCP with a kernel as peer, over goodput of kernel with kernel: same switch, same loss, rounds in turn.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    end: Option<End>,
    /// Percent of the TCP packets lost in each direction; several make a row each.
    #[arg(long, value_delimiter = ',', default_value = "0,1,5")]
    loss: Vec<u32>,
    /// Congestion control of both senders: cubic or reno.
    #[arg(long, default_value = "cubic")]
    congestion: String,
    /// Length of one transfer.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Transfers of each kind; ours and the kernel's in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Prints JSON rather than a table.
    #[arg(long)]
    json: bool,
}

/// One end of a transfer; started by this program in a namespace.
#[derive(Subcommand)]
enum End {
    #[command(hide = true)]
    OurServer(Transfer),
    #[command(hide = true)]
    KernelServer(Transfer),
    #[command(hide = true)]
    KernelClient(Transfer),
}

#[derive(clap::Args)]
struct Transfer {
    address: IpAddr,
    #[arg(value_enum)]
    direction: Direction,
    congestion: String,
    seconds: f64,
}

#[derive(Serialize)]
struct Row {
    loss_percent: u32,
    direction: Direction,
    ours_megabits: Spread,
    kernel_megabits: Spread,
    ratio_of_medians: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.end {
        Some(end) => play(end),
        None => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("goodput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(end: &End) -> io::Result<()> {
    let seen = match end {
        End::OurServer(transfer) => {
            let options = listen_options(&transfer.congestion)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let serving = our_serve(
                transfer.address,
                TAP,
                transfer.direction,
                options,
                transfer.seconds,
            );
            runtime.block_on(serving)?
        }
        End::KernelServer(t) => kernel_serve(t.address, t.direction, &t.congestion, t.seconds)?,
        End::KernelClient(t) => kernel_connect(t.address, t.direction, &t.congestion, t.seconds)?,
    };
    println!("{}", serde_json::to_string(&seen)?);
    Ok(())
}

fn listen_options(congestion: &str) -> io::Result<ListenOptions> {
    let mut options = ListenOptions {
        protection: None,
        ..ListenOptions::default()
    };
    options.connection.congestion = match congestion {
        "cubic" => CongestionAlgorithm::Cubic,
        "reno" => CongestionAlgorithm::Reno,
        other => {
            let why = format!("--congestion {other}: cubic or reno");
            return Err(io::Error::other(why));
        }
    };
    Ok(options)
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    let network = Network::new()?;
    let mut rows = Vec::new();
    for &loss in &arguments.loss {
        network.lose(loss)?;
        for direction in [Direction::In, Direction::Out] {
            let row = measure(&network, arguments, loss, direction)?;
            if !arguments.json {
                print_row(&row, rows.is_empty());
            }
            rows.push(row);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}

fn print_row(row: &Row, first: bool) {
    if first {
        println!(
            "loss  direction  ours Mbit/s (min median max)  kernel Mbit/s (min median max)  ratio"
        );
    }
    let spread = |s: &Spread| format!("{:6.0} {:6.0} {:6.0}", s.min, s.median, s.max);
    let direction = match row.direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    println!(
        "{:3} %  {direction:9}  {:>28}  {:>30}  {:5.2}",
        row.loss_percent,
        spread(&row.ours_megabits),
        spread(&row.kernel_megabits),
        row.ratio_of_medians
    );
}

fn measure(
    network: &Network,
    arguments: &Arguments,
    loss_percent: u32,
    direction: Direction,
) -> io::Result<Row> {
    let (mut ours, mut kernel) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        ours.push(transfer(network, arguments, direction, true)?.megabits());
        kernel.push(transfer(network, arguments, direction, false)?.megabits());
    }
    let none = || io::Error::other("--rounds must be at least 1");
    let (ours_megabits, kernel_megabits) = (
        Spread::of(ours).ok_or_else(none)?,
        Spread::of(kernel).ok_or_else(none)?,
    );
    Ok(Row {
        loss_percent,
        direction,
        ratio_of_medians: ours_megabits.median / kernel_megabits.median,
        ours_megabits,
        kernel_megabits,
    })
}

/// One transfer, as its receiver saw it.
fn transfer(
    network: &Network,
    arguments: &Arguments,
    direction: Direction,
    ours: bool,
) -> io::Result<Seen> {
    let program = std::env::current_exe()?;
    let (namespace, role, address) = if ours {
        (&network.switch, "our-server", SERVER)
    } else {
        (&network.server, "kernel-server", KERNEL_SERVER)
    };
    let address = Ipv4Addr::from(address).to_string();
    let direction_name = match direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    let complete = |command: &mut Command, role: &str| {
        command
            .args([role, &address, direction_name, &arguments.congestion])
            .arg(arguments.seconds.to_string());
    };
    let mut server = network.inside(namespace, &program);
    complete(&mut server, role);
    let mut server = server.stdout(Stdio::piped()).spawn()?;
    let said = server
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("no pipe"))?;
    let mut said = BufReader::new(said);
    let mut listening = String::new();
    said.read_line(&mut listening)?;
    let mut client = network.inside(&network.client, &program);
    complete(&mut client, "kernel-client");
    let client = client.output()?;
    let mut served = String::new();
    said.read_to_string(&mut served)?;
    server.wait()?;
    let received = match direction {
        Direction::In => served,
        Direction::Out => String::from_utf8_lossy(&client.stdout).into_owned(),
    };
    serde_json::from_str(received.trim()).map_err(|_| {
        let why = String::from_utf8_lossy(&client.stderr).into_owned();
        io::Error::other(format!("a transfer from the {role} failed: {why}"))
    })
}
