//! What is asked of etcd's key-value service (v3, as JSON), and what its answers say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The key as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Revision of its last change; 0: there is no key.
    pub(super) mod_revision: u64,
    /// Empty where there is no key.
    pub(super) value: Vec<u8>,
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Swapped {
    /// The value was written, at this revision.
    Won { mod_revision: u64 },
    /// The key was not as expected; as it stands.
    Lost(Stored),
}

/// A linearizable read of `key`.
pub(super) fn range(key: &str) -> Value {
    json!({ "key": STANDARD.encode(key), "limit": "1" })
}

/// Writes `value` if `key` was last changed at `mod_revision` (0: if it does not exist), reads it otherwise.
pub(super) fn swap(key: &str, mod_revision: u64, value: &str) -> Value {
    let key = STANDARD.encode(key);
    json!({
        "compare": [{
            "key": key,
            "target": "MOD",
            "result": "EQUAL",
            "mod_revision": mod_revision.to_string(),
        }],
        "success": [{ "requestPut": { "key": key, "value": STANDARD.encode(value) } }],
        "failure": [{ "requestRange": { "key": key, "limit": "1" } }],
    })
}

/// Which cluster an answer is of.
pub(super) fn cluster(answer: &Value) -> Result<u64, String> {
    number(&answer["header"], "cluster_id")
}

/// What an answer to [`range`] says.
pub(super) fn parse_range(answer: &Value) -> Result<Stored, String> {
    let Some(pairs) = answer.get("kvs") else {
        return Ok(Stored {
            mod_revision: 0,
            value: Vec::new(),
        });
    };
    let pair = match pairs.as_array().map(Vec::as_slice) {
        Some([pair]) => pair,
        _ => return Err("not one pair in \"kvs\"".to_owned()),
    };
    // An empty value is left out.
    let value = match &pair["value"] {
        Value::Null => Vec::new(),
        Value::String(text) => STANDARD
            .decode(text)
            .map_err(|error| format!("\"value\": {error}"))?,
        _ => return Err("\"value\" is not a text".to_owned()),
    };
    match number(pair, "mod_revision")? {
        0 => Err("\"mod_revision\" is 0".to_owned()),
        mod_revision => Ok(Stored {
            mod_revision,
            value,
        }),
    }
}

/// What an answer to [`swap`] says.
pub(super) fn parse_swap(answer: &Value) -> Result<Swapped, String> {
    if answer["succeeded"].as_bool() == Some(true) {
        let mod_revision = number(&answer["header"], "revision")?;
        return Ok(Swapped::Won { mod_revision });
    }
    match answer["responses"][0].get("response_range") {
        Some(range) => parse_range(range).map(Swapped::Lost),
        None => Err("neither \"succeeded\" nor a \"response_range\"".to_owned()),
    }
}

/// 64-bit numbers are texts in this JSON.
fn number(object: &Value, name: &str) -> Result<u64, String> {
    let number = match &object[name] {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    number.ok_or_else(|| format!("no number {name:?}"))
}
