//! The master keys of one peer (RFC 5925 3.1), and which of them is wanted.

use super::kdf::Algorithm;
use crate::auth::secret::Secret;
use core::fmt;

/// A master key tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AoKey {
    /// SendID: the KeyID of segments that we sign with it.
    pub send_id: u8,
    /// RecvID: the KeyID of segments that the peer signs with it.
    pub recv_id: u8,
    /// Key derivation and MAC.
    pub algorithm: Algorithm,
    /// Whether the other options of a header are signed as well.
    pub covers_options: bool,
    /// The master key.
    pub secret: Secret,
}

impl AoKey {
    /// A key with one id for both directions, HMAC-SHA-1-96, that signs all options.
    pub fn new(id: u8, secret: Secret) -> AoKey {
        AoKey {
            send_id: id,
            recv_id: id,
            algorithm: Algorithm::default(),
            covers_options: true,
            secret,
        }
    }
}

/// One to sixteen master keys. The preferred one signs new connections and is what
/// RNextKeyID asks the peer for; every one is accepted from the peer as long as it is here.
///
/// A rollover: [`add`](AoChain::add) the new key at both ends, [`prefer`](AoChain::prefer)
/// it at both, in any order and without haste, then [`remove`](AoChain::remove) the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AoChain {
    keys: Vec<AoKey>,
    preferred: usize,
}

/// A change of a chain that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// Another key has the same SendID or RecvID.
    IdInUse(u8),
    /// No key has this SendID.
    UnknownId(u8),
    /// The last and the preferred key cannot be removed.
    Needed(u8),
    /// [`AoChain::MAX_KEYS`] is reached.
    Full,
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainError::IdInUse(id) => write!(f, "key id {id} stands twice in the chain"),
            ChainError::UnknownId(id) => write!(f, "no key of the chain has the send id {id}"),
            ChainError::Needed(id) => {
                write!(
                    f,
                    "key {id} is the preferred one: prefer another before removing it"
                )
            }
            ChainError::Full => write!(f, "a chain has at most {} keys", AoChain::MAX_KEYS),
        }
    }
}

impl std::error::Error for ChainError {}

impl AoChain {
    /// Each key costs every connection two traffic keys.
    pub const MAX_KEYS: usize = 16;

    /// A chain of one key, which is preferred.
    pub fn new(key: AoKey) -> AoChain {
        AoChain {
            keys: vec![key],
            preferred: 0,
        }
    }

    /// Accepts `key` from now on; another is still preferred.
    ///
    /// Errors: `IdInUse`, `Full`.
    pub fn add(&mut self, key: AoKey) -> Result<(), ChainError> {
        if self.keys.len() >= AoChain::MAX_KEYS {
            return Err(ChainError::Full);
        }
        for other in &self.keys {
            if other.send_id == key.send_id {
                return Err(ChainError::IdInUse(key.send_id));
            }
            if other.recv_id == key.recv_id {
                return Err(ChainError::IdInUse(key.recv_id));
            }
        }
        self.keys.push(key);
        Ok(())
    }

    /// Wants the key with this SendID from now on.
    ///
    /// Errors: `UnknownId`.
    pub fn prefer(&mut self, send_id: u8) -> Result<(), ChainError> {
        self.preferred = self
            .keys
            .iter()
            .position(|key| key.send_id == send_id)
            .ok_or(ChainError::UnknownId(send_id))?;
        Ok(())
    }

    /// Forgets the key with this SendID.
    ///
    /// Errors: `UnknownId`, `Needed`.
    pub fn remove(&mut self, send_id: u8) -> Result<(), ChainError> {
        let at = self
            .keys
            .iter()
            .position(|key| key.send_id == send_id)
            .ok_or(ChainError::UnknownId(send_id))?;
        if at == self.preferred {
            return Err(ChainError::Needed(send_id));
        }
        self.keys.remove(at);
        if at < self.preferred {
            self.preferred -= 1;
        }
        Ok(())
    }

    /// The preferred key.
    pub fn preferred(&self) -> &AoKey {
        &self.keys[self.preferred]
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[AoKey] {
        &self.keys
    }

    /// The key that signs with this KeyID.
    pub fn by_send_id(&self, id: u8) -> Option<&AoKey> {
        self.keys.iter().find(|key| key.send_id == id)
    }

    /// The key that the peer signs with, by this KeyID.
    pub fn by_recv_id(&self, id: u8) -> Option<&AoKey> {
        self.keys.iter().find(|key| key.recv_id == id)
    }
}
