//! One endpoint of etcd: requests to its JSON gateway, one at a time, bounded in time and size.

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Error, Timeout};
use zeroize::Zeroizing;

use super::stream::{Broken, TlsConnector};
use super::tls::{EtcdTls, Loaded, Stamps};
use crate::transport::tls::{CredentialError, Moment};

/// An answer about one small key is not longer than this.
const ANSWER_OCTETS_MAX: u64 = 64 << 10;
const HEADER_OCTETS_MAX: usize = 16 << 10;
/// Of what etcd says about an error, so much is repeated.
const WORDS_MAX: usize = 200;

/// Why a request has no usable answer.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether etcd may have got the request, and may still carry it out.
    pub(super) may_have_left: bool,
    /// Whether etcd wants to know anew who asks.
    pub(super) is_of_token: bool,
    pub(super) why: String,
}

impl Failure {
    pub(super) fn certain(why: impl Into<String>) -> Self {
        Self {
            may_have_left: false,
            is_of_token: false,
            why: why.into(),
        }
    }

    pub(super) fn doubtful(why: impl Into<String>) -> Self {
        Self {
            may_have_left: true,
            is_of_token: false,
            why: why.into(),
        }
    }
}

/// Time limits of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a name and a connection, TLS included, each.
    pub(super) connect: Duration,
    /// From the connection to the end of the answer.
    pub(super) answer: Duration,
}

/// A client of all endpoints. It follows nobody elsewhere: no redirects, no proxies of the environment.
pub(super) struct Client {
    limits: Limits,
    tls: Option<EtcdTls>,
    current: Mutex<Current>,
}

/// What requests are sent by at present.
struct Current {
    agent: Agent,
    /// Of the files that it was made from.
    stamps: Option<Stamps>,
    /// Of files that are of no use, so that they are told of once.
    refused: Option<Stamps>,
    expires: Option<Moment>,
}

/// Without keys.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("tls", &self.tls).finish()
    }
}

impl Client {
    /// # Errors
    /// Files of `tls` that cannot be used.
    pub(super) fn new(limits: Limits, tls: Option<&EtcdTls>) -> Result<Self, CredentialError> {
        let stamps = tls.map(EtcdTls::stamps);
        let loaded = tls.map(|tls| tls.load_at(Moment::now())).transpose()?;
        Ok(Self {
            limits,
            tls: tls.cloned(),
            current: Mutex::new(Current {
                agent: agent(limits, loaded.as_ref()),
                stamps,
                refused: None,
                expires: loaded.and_then(|loaded| loaded.expires),
            }),
        })
    }

    /// When the own certificate ends.
    pub(super) fn expires(&self) -> Option<Moment> {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).expires
    }

    /// The agent of the files as they are: of those that were replaced, once they fit together.
    fn agent(&self) -> Agent {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tls) = &self.tls else {
            return current.agent.clone();
        };
        let stamps = Some(tls.stamps());
        if stamps != current.stamps {
            match tls.load_at(Moment::now()) {
                Ok(loaded) => {
                    tracing::info!("certificates for etcd were read anew");
                    *current = Current {
                        agent: agent(self.limits, Some(&loaded)),
                        stamps,
                        refused: None,
                        expires: loaded.expires,
                    };
                }
                Err(error) if stamps != current.refused => {
                    tracing::warn!("certificates for etcd: {error}; the former ones stay in use");
                    current.refused = stamps;
                }
                Err(_) => {}
            }
        }
        current.agent.clone()
    }

    /// Posts `body` to `url`, by whom `token` says: the JSON that comes back with status 200.
    pub(super) fn post(
        &self,
        url: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .agent()
            .post(url)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let sent = request.send(Zeroizing::new(body.to_string()).as_bytes());
        let mut answer = sent.map_err(|error| self.failure(&error))?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_OCTETS_MAX)
            .read_to_vec()
            .map_err(|error| Failure::doubtful(format!("its answer: {error}")))?;
        if status != 200 {
            return Err(self.refusal(status, &text));
        }
        serde_json::from_slice(&text).map_err(|error| {
            Failure::doubtful(format!(
                "its answer is not etcd's ({error}){}",
                words(&text)
            ))
        })
    }

    /// What an answer of another status says.
    fn refusal(&self, status: u16, text: &[u8]) -> Failure {
        let said = words(text);
        let why = if status == 400 && self.tls.is_none() && said.contains(SAID_BY_HTTPS) {
            "it speaks TLS: is it https://?".to_owned()
        } else if said.contains(SAID_OF_NO_USER) {
            "it wants to know who asks: give user and password".to_owned()
        } else {
            format!("HTTP status {status}{said}")
        };
        Failure {
            may_have_left: !is_refused(status),
            is_of_token: status == 401 || said.contains(SAID_OF_OLD_TOKEN),
            why,
        }
    }

    fn failure(&self, error: &Error) -> Failure {
        let of_tls = match error {
            Error::Other(error) => error.downcast_ref::<Broken>(),
            _ => None,
        };
        match (&self.tls, of_tls, error) {
            (Some(tls), Some(broken), _) => tls.failure(broken),
            // Who wants TLS says nothing to who speaks without.
            (None, _, Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                Failure::doubtful(
                    "it ended the connection without an answer: does it want https://?",
                )
            }
            _ => failure(error),
        }
    }
}

/// What a server of HTTPS says to who speaks HTTP.
const SAID_BY_HTTPS: &str = "HTTPS server";
/// What etcd says where users are asked for and none is named.
const SAID_OF_NO_USER: &str = "user name is empty";
/// What etcd says when users have changed since the token was given.
const SAID_OF_OLD_TOKEN: &str = "revision of auth store is old";
fn agent(limits: Limits, tls: Option<&Loaded>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_response_header_size(HEADER_OCTETS_MAX)
        .max_idle_connections_per_host(1)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_send_request(Some(limits.answer))
        .timeout_send_body(Some(limits.answer))
        .timeout_recv_response(Some(limits.answer))
        .timeout_recv_body(Some(limits.answer))
        .timeout_global(Some(limits.connect * 2 + limits.answer));
    let Some(tls) = tls else {
        return config.build().new_agent();
    };
    let connector = TcpConnector::default().chain(TlsConnector(Arc::clone(&tls.config)));
    let config = config.https_only(true).build();
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Whether a request with this answer was certainly not carried out.
fn is_refused(status: u16) -> bool {
    matches!(status, 300..=399 | 400 | 401 | 403 | 404 | 405 | 415 | 501)
}

fn failure(error: &Error) -> Failure {
    let certain = match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        // The times are far too short for an established connection to end so.
        Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::NetworkDown
                | ErrorKind::AddrNotAvailable
        ),
        _ => false,
    };
    Failure {
        may_have_left: !certain,
        ..Failure::certain(error.to_string())
    }
}

/// What an answer says, shortened and without control characters.
fn words(text: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(text).ok();
    let said = json.as_ref().and_then(|json| json["error"].as_str());
    let text = match said {
        Some(said) => said.to_owned(),
        None => String::from_utf8_lossy(&text[..text.len().min(4 * WORDS_MAX)]).into_owned(),
    };
    let clean = text.chars().filter(|c| !c.is_control()).take(WORDS_MAX);
    let clean: String = clean.collect();
    if clean.is_empty() {
        clean
    } else {
        format!(": {clean}")
    }
}
