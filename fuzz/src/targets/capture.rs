//! Capture files: pcap and pcapng, whole or damaged.

use pcaps::capture::check_capture;
use pcaps::check::CheckConfig;
use pcaps::reader::CaptureReader;

/// The octets of a file: read, judged, and told of.
///
/// # Panics
/// The reader or the judge panics.
pub fn run(octets: &[u8]) {
    let Ok(reader) = CaptureReader::new(octets) else {
        return;
    };
    if let Ok((report, ())) = check_capture(reader, CheckConfig::default(), ()) {
        let _text = report.to_string();
    }
}
