//! Fixed fields of records, big-endian.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;

use super::RecordError;
use crate::prefix::Prefix;

/// Appends fields.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn ip(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.0.push(4);
                self.0.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.0.push(6);
                self.0.extend_from_slice(&address.octets());
            }
        }
    }

    pub(super) fn address(&mut self, address: SocketAddr) {
        self.ip(address.ip());
        self.0.extend_from_slice(&address.port().to_be_bytes());
    }

    pub(super) fn prefix(&mut self, prefix: &Prefix) {
        self.ip(prefix.network());
        self.0.push(prefix.prefix_len());
    }

    /// Octets with their length in front; messages, which are short.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(
            &u16::try_from(octets.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        self.0.extend_from_slice(octets);
    }

    pub(super) fn finish(self) -> Bytes {
        self.0.into()
    }
}

/// Takes fields off the front.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn take(&mut self, octets: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self
            .0
            .split_at_checked(octets)
            .ok_or_else(|| RecordError("it is cut short".into()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, RecordError> {
        self.array().map(|[value]| value)
    }

    pub(super) fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_be_bytes)
    }

    fn ip(&mut self) -> Result<IpAddr, RecordError> {
        match self.u8()? {
            4 => Ok(Ipv4Addr::from(self.array::<4>()?).into()),
            6 => Ok(Ipv6Addr::from(self.array::<16>()?).into()),
            other => Err(RecordError(format!("address of kind {other}"))),
        }
    }

    pub(super) fn address(&mut self) -> Result<SocketAddr, RecordError> {
        Ok(SocketAddr::new(
            self.ip()?,
            u16::from_be_bytes(self.array()?),
        ))
    }

    pub(super) fn prefix(&mut self) -> Result<Prefix, RecordError> {
        let (address, bits) = (self.ip()?, self.u8()?);
        Prefix::new(address, bits).map_err(|error| RecordError(error.to_string()))
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], RecordError> {
        let octets = u16::from_be_bytes(self.array()?);
        self.take(usize::from(octets))
    }
}
