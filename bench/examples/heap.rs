//! Memory of a session, as a section of the report in JSON. With `sites` instead where the allocations of warm segments are made, with
//! `retained` what sessions still hold that were busy: both as dhat-heap.json for dhat's viewer.
#![forbid(unsafe_code)]

use std::error::Error;
use tcp_ha::core::SendMode;
use tcp_ha::engine::ReceiveMode;
use tcp_ha_bench::allocations::{Way, count};
use tcp_ha_bench::heap;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Sessions that were busy.
const SESSIONS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some("retained") {
        let counting = dhat::Profiler::new_heap();
        let pair = heap::after_busy(SESSIONS)?;
        drop(counting);
        drop(pair);
        return Ok(());
    }
    if wanted.as_deref() == Some("sites") {
        let _counting = dhat::Profiler::builder().trim_backtraces(None).build();
        let made = || dhat::HeapStats::get().total_blocks;
        for way in [Way::In, Way::Out] {
            let seen = count(way, ReceiveMode::Logged, SendMode::Logged, &made)?;
            println!("{way:?}: {seen:?}");
        }
        return Ok(());
    }
    let _counting = dhat::Profiler::builder().testing().build();
    let section = heap::sessions(&|| dhat::HeapStats::get().curr_bytes)?;
    println!("{}", serde_json::to_string(&section)?);
    Ok(())
}
