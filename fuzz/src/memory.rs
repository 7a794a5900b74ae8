//! How much memory this process has.

/// Resident octets of this process, by `/proc/self/statm`.
///
/// # Errors
/// `/proc` cannot be read.
pub fn resident_octets() -> std::io::Result<u64> {
    // The kernel's pages are 4 KiB on every machine that runs this.
    const PAGE_OCTETS: u64 = 4_096;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
    pages
        .map(|pages| pages * PAGE_OCTETS)
        .ok_or_else(|| std::io::Error::other("/proc/self/statm has another form"))
}
