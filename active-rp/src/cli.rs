//! The command line, the same for both binaries.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Parser, Subcommand};

use tcp_ha::ipc::certificates::{self, EtcdMember, Order};
use tcp_ha::ipc::transport::tls::PairName;

use crate::config::Flags;
use crate::status::{Request, Wish, client, human};

/// A route processor of a pair: a BGP speaker whose sessions outlive the process
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    /// What to do instead of running a node.
    #[command(subcommand)]
    pub ask: Option<Ask>,
    /// The node to run.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do instead of running a node: ask one, or prepare for one.
#[derive(Debug, Subcommand)]
pub enum Ask {
    /// Print role, epoch, protection, connections and peers as JSON
    Status(Socket),
    /// Print the Loc-RIB as JSON
    Routes(Socket),
    /// Hand over to the standby, or say why not
    Switchover(Socket),
    /// Print for people how far protection is, since when, and how often it went down for which reason
    Readiness(Socket),
    /// Take a connection out of protection, until it is asked for again
    Unprotect(SocketAndConnection),
    /// Protect a connection again that was taken out
    Protect(SocketAndConnection),
    /// Send the standby away: it comes back and is brought up to date from nothing
    Dismiss(Socket),
    /// Ask of peers what the "security" sections of a file say, instead of what was asked before
    Security(SocketAndFile),
    /// Make the keys and certificates of a pair whose nodes have a host each, and of members of etcd
    Certificates(Certificates),
    /// Announce the routes of a file
    Originate(SocketAndFile),
    /// Withdraw the routes of a file
    Withdraw(SocketAndFile),
}

/// Which node.
#[derive(Debug, Args)]
pub struct Socket {
    /// The node's status socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
}

/// Which node, and which connection.
#[derive(Debug, Args)]
pub struct SocketAndConnection {
    /// The node's status socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// The connection's id, as the status has it
    #[arg(long, value_name = "ID")]
    pub connection: u64,
}

/// Which node, and which file.
#[derive(Debug, Args)]
pub struct SocketAndFile {
    /// The node's status socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Routes, one a line; for `security` a TOML file
    pub file: PathBuf,
}

/// What certificates to make.
#[derive(Debug, Args)]
pub struct Certificates {
    /// Name of the pair, as `pair` of the nodes' `[ipc]`
    #[arg(long, value_name = "NAME")]
    pub pair: PairName,
    /// Where the files go; made if it is not there
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: PathBuf,
    /// Names of the nodes, which are those of their files [default: a,b; none with --etcd]
    #[arg(long, value_name = "NODE,NODE", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// A member of etcd, and the hosts by which it is called: `NAME=HOST[,HOST...]`, addresses or names; may be repeated
    #[arg(long = "etcd", value_name = "MEMBER")]
    pub etcd: Vec<EtcdMember>,
    /// Where ca.crt and ca.key are, to renew a node's certificate [default: the directory; made if they are not there]
    #[arg(long, value_name = "DIRECTORY")]
    pub authority: Option<PathBuf>,
    /// How long the certificates are valid
    #[arg(long, value_name = "DAYS", default_value_t = certificates::DAYS)]
    pub days: u64,
}

impl Certificates {
    /// Makes them; says which files there are.
    fn make(&self) -> Result<String, String> {
        let nodes = match (self.hosts.as_slice(), self.etcd.as_slice()) {
            ([], []) => vec!["a".to_owned(), "b".to_owned()],
            (hosts, _) => hosts.to_vec(),
        };
        let order = Order {
            pair: self.pair.clone(),
            directory: self.directory.clone(),
            authority: self
                .authority
                .clone()
                .unwrap_or_else(|| self.directory.clone()),
            nodes,
            members: self.etcd.clone(),
            days: self.days,
        };
        let made = certificates::make(&order).map_err(|error| error.to_string())?;
        let mut said = format!("pair {}, valid until {}", order.pair, made.expires);
        for file in &made.files {
            said.push_str(&format!("\n{}", file.display()));
        }
        Ok(said)
    }
}

impl Ask {
    /// Asks and prints the answer; failure when the node gives a reason instead.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.answer() {
            // Who reads only the beginning of a long answer has closed the pipe; that is no failure of ours to tell of.
            Ok(document) => match writeln!(std::io::stdout(), "{document}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    fn answer(&self) -> Result<String, String> {
        let originate = |asked: &SocketAndFile, announce| {
            let file = from_root(&asked.file)?;
            client::ask(&asked.socket, &Request::Originate { announce, file })
        };
        let wish = |socket: &Path, wish| client::ask(socket, &Request::Wish(wish));
        match self {
            Self::Status(Socket { socket }) => client::ask(socket, &Request::Status),
            Self::Readiness(Socket { socket }) => {
                let status = client::ask(socket, &Request::Status)?;
                human::readiness(&status, SystemTime::now())
            }
            Self::Unprotect(asked) => wish(&asked.socket, Wish::Unprotect(asked.connection)),
            Self::Protect(asked) => wish(&asked.socket, Wish::Protect(asked.connection)),
            Self::Dismiss(Socket { socket }) => wish(socket, Wish::Dismiss),
            Self::Routes(Socket { socket }) => client::ask(socket, &Request::Routes),
            Self::Switchover(Socket { socket }) => client::ask(socket, &Request::Switchover),
            Self::Security(asked) => {
                let file = from_root(&asked.file)?;
                client::ask(&asked.socket, &Request::Security { file })
            }
            Self::Certificates(certificates) => certificates.make(),
            Self::Originate(asked) => originate(asked, true),
            Self::Withdraw(asked) => originate(asked, false),
        }
    }
}

/// The node may run elsewhere in the tree.
fn from_root(file: &Path) -> Result<PathBuf, String> {
    std::fs::canonicalize(file).map_err(|error| format!("{}: {error}", file.display()))
}
