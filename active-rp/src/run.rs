//! From the command line to a running node.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tcp_ha::core::NodeLimits;
use tcp_ha::ipc::Epoch;
use tcp_ha::{Begin, StackConfig, engine};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::cli::CommandLine;
use crate::config::Config;
use crate::node::{Ended, attend};
use crate::speaker::Speaking;
use crate::status::Server;

/// Exit status when the configuration cannot be used.
pub const EXIT_CONFIG: u8 = 78;
/// Questions on their way to the node.
const ASKED_MAX: usize = 64;
/// How long clients may take to read their answers once the node has ended.
const ANSWERS_LIMIT: core::time::Duration = core::time::Duration::from_secs(1);

/// What both binaries do: asks a running node, or runs one that begins as `begin` says where the register is empty.
#[must_use]
pub fn main(begin: Begin) -> ExitCode {
    let line = CommandLine::parse();
    if let Some(ask) = &line.ask {
        return ask.run();
    }
    let config = match Config::load(&line.flags) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    log_to_stderr(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(config, begin)),
        Err(error) => Ended::Failed(format!("cannot start threads: {error}")),
    };
    ended.report()
}

/// `RUST_LOG` overrides the configuration.
fn log_to_stderr(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Runs a node until it ends.
pub async fn run(config: Config, begin: Begin) -> Ended {
    let wishes = match wishes() {
        Ok(wishes) => wishes,
        Err(error) => return Ended::Failed(format!("cannot handle signals: {error}")),
    };
    // First, so that a node whose status cannot be asked disturbs nobody.
    let server = match Server::bind(&config.status) {
        Ok(server) => server,
        Err(error) => return Ended::Failed(error.to_string()),
    };
    let stack = stack_config(&config, begin);
    info!(
        name = config.name,
        device = config.device.name,
        ?begin,
        "starting"
    );
    let (node, ended) = match Speaking::start(stack, &config).await {
        Ok(started) => started,
        Err(error) => return Ended::Failed(error),
    };
    let (asking, asked) = mpsc::channel(ASKED_MAX);
    let serving = tokio::spawn(server.serve(asking));
    let ended = attend(node, asked, wishes, ended).await;
    let _ = tokio::time::timeout(ANSWERS_LIMIT, serving).await;
    ended
}

fn stack_config(config: &Config, begin: Begin) -> StackConfig {
    let micros = |duration: core::time::Duration| duration.as_micros() as u64;
    StackConfig {
        name: config.name.clone(),
        begin,
        device: config.device.clone(),
        mac: config.mac,
        addresses: config.addresses.clone(),
        gateways: config.gateways.clone(),
        register: config.register.clone(),
        channel: config.channel.clone(),
        etcd: config.etcd.clone(),
        fence: config.fence.clone(),
        dead_epoch: config.dead_epoch.map(Epoch),
        config_digest: config.digest(),
        limits: NodeLimits {
            heartbeat_us: micros(config.heartbeat),
            misses: config.misses,
            hold_limit_us: micros(config.hold_limit),
            audit_interval_us: micros(config.audit),
            ..NodeLimits::default()
        },
        tcp: engine::Config {
            mtu: config.mtu,
            ..engine::Config::default()
        },
        streams_by_event: true,
        node_sync: true,
        security: config.security.clone(),
    }
}

/// SIGTERM and SIGINT.
fn wishes() -> std::io::Result<mpsc::Receiver<()>> {
    let (told, wishes) = mpsc::channel(4);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals: Signal = signal(kind)?;
        let told = told.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if told.send(()).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(wishes)
}
