//! Who asks: a user of etcd, where etcd has users.
//!
//! A password is exchanged for a token, which goes with each request until etcd does not know it any more.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::http::{Client, Failure};

/// A user of etcd and the password. The password is in no `Debug`, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EtcdUser {
    name: String,
    password: Zeroizing<String>,
}

impl EtcdUser {
    /// The user `name`.
    #[must_use]
    pub fn new(name: String, password: Zeroizing<String>) -> Self {
        Self { name, password }
    }
}

impl fmt::Debug for EtcdUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtcdUser({:?})", self.name)
    }
}

/// A user, and the token that stands for the password.
#[derive(Debug)]
pub(super) struct Asker {
    user: EtcdUser,
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token(Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Asker {
    pub(super) fn new(user: EtcdUser) -> Self {
        let token = Mutex::new(None);
        Self { user, token }
    }

    /// Posts with the token that is there, or with a new one from the same endpoint; once more where etcd does not know it.
    pub(super) fn post(
        &self,
        client: &Client,
        endpoint: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let url = format!("{endpoint}{path}");
        if let Some(token) = self.kept() {
            match client.post(&url, body, Some(&token.0)) {
                // Nothing was done: etcd did not know for whom.
                Err(failure) if failure.is_of_token && !failure.may_have_left => {}
                outcome => return outcome,
            }
        }
        let token = self.authenticate(client, endpoint)?;
        client.post(&url, body, Some(&token.0))
    }

    fn kept(&self) -> Option<Token> {
        let token = self.token.lock();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn authenticate(&self, client: &Client, endpoint: &str) -> Result<Token, Failure> {
        let url = format!("{endpoint}/v3/auth/authenticate");
        let body = json!({ "name": self.user.name, "password": self.user.password.as_str() });
        let answer = client.post(&url, &body, None).map_err(|failure| Failure {
            // The request itself has not been sent.
            ..Failure::certain(format!("as user {:?}: {}", self.user.name, failure.why))
        })?;
        let Some(token) = answer["token"].as_str() else {
            return Err(Failure::certain("its answer holds no token"));
        };
        // It becomes a header's value.
        if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Failure::certain("its token cannot be used"));
        }
        let token = Token(Zeroizing::new(token.to_owned()));
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }
}
