//! 3.10.7.4, sixth: check the URG bit.

use super::Arriving;
use crate::connection::Connection;

impl Connection {
    /// Urgent octets are octets like others (RFC 6093: new applications do without).
    pub(super) fn check_urgent(&self, _arriving: &Arriving<'_>) {}
}
