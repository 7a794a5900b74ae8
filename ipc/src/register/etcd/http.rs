//! One endpoint of etcd: requests to its JSON gateway, one at a time, bounded in time and size.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, Error, Timeout};

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
    pub(super) why: String,
}

impl Failure {
    pub(super) fn certain(why: impl Into<String>) -> Self {
        Self {
            may_have_left: false,
            why: why.into(),
        }
    }

    fn doubtful(why: impl Into<String>) -> Self {
        Self {
            may_have_left: true,
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

/// A client that follows nobody elsewhere: no redirects, no proxies of the environment.
pub(super) fn agent(limits: Limits) -> Agent {
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
    config.build().new_agent()
}

/// Posts `body` to `url`: the JSON that comes back with status 200.
pub(super) fn post(agent: &Agent, url: &str, body: &Value) -> Result<Value, Failure> {
    let sent = agent
        .post(url)
        .header("content-type", "application/json")
        .send(body.to_string().as_bytes());
    let mut answer = sent.map_err(|error| failure(&error))?;
    let status = answer.status().as_u16();
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_OCTETS_MAX)
        .read_to_vec()
        .map_err(|error| Failure::doubtful(format!("its answer: {error}")))?;
    if status != 200 {
        let why = format!("HTTP status {status}{}", words(&text));
        return Err(Failure {
            may_have_left: !is_refused(status),
            why,
        });
    }
    serde_json::from_slice(&text).map_err(|error| {
        Failure::doubtful(format!(
            "its answer is not etcd's ({error}){}",
            words(&text)
        ))
    })
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
        why: error.to_string(),
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
