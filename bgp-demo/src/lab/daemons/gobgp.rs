//! GoBGP: one gobgpd for one session, loaded through MRT and, where routes change, by its command line.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Daemon, Place, Terms, Words, mrt};
use crate::lab::child::{self, Child, run, wait_until};
use crate::lab::error::{At, LabError, Result};
use crate::lab::options::LabFamily;
use crate::lab::routes::{OUR_AS, Plan};

const START_PATIENCE: Duration = Duration::from_secs(30);
/// Injections tried; each loses an unforeseeable tail.
const INJECTIONS_MAX: usize = 5;
/// Records added at the end of an injection, so that the tail which is lost is not missed.
const PADDING: usize = 4000;

/// A running gobgpd.
#[derive(Debug)]
pub(super) struct Gobgp {
    place: Place,
    child: Child,
    target: String,
    neighbor: String,
    family: &'static str,
    slices: Vec<Vec<mrt::MarkedRoute>>,
}

impl Gobgp {
    /// Starts gobgpd and loads its routes.
    pub(super) fn start(place: Place, terms: Terms<'_>) -> Result<Self> {
        let program = child::find("gobgpd")?;
        child::find("gobgp")?;
        let file = place.directory.join("gobgp.toml");
        std::fs::write(&file, configuration(&place, terms)).at(file.display())?;
        let target = format!("unix://{}", place.socket("gobgp.sock").display());
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &place.namespace])
            .arg(program)
            .args(["-t", "toml", "--pprof-disable", "-l", "info", "-f"])
            .arg(&file)
            .args(["--api-hosts", &target]);
        let log = place.directory.join("gobgpd.log");
        let child = Child::spawn(
            &format!("gobgpd in {}", place.namespace),
            &mut command,
            &log,
        )?;
        let session = &terms.plan.sessions[place.only_session()];
        let marked = |route| (terms.plan.prefix(route), Plan::community(route));
        let mut gobgp = Self {
            child,
            target,
            neighbor: terms.plan.our_address.to_string(),
            family: match terms.plan.family {
                LabFamily::V4 => "ipv4",
                LabFamily::V6 => "ipv6",
            },
            slices: (0..session.routes.slices())
                .map(|slice| session.routes.slice(slice).map(marked).collect())
                .collect(),
            place,
        };
        wait_until("gobgpd's socket", START_PATIENCE, || {
            gobgp.child.must_run()?;
            Ok(gobgp.ask(&["neighbor"]).ok())
        })?;
        let stable: Vec<_> = session.routes.stable().map(marked).collect();
        gobgp.load(terms, &stable)?;
        // What came from an MRT file can never be withdrawn by command.
        for slice in 0..gobgp.slices.len() {
            gobgp.change(0, slice, true)?;
        }
        Ok(gobgp)
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let target = ["--target", self.target.as_str()];
        run("gobgp", &[&target, arguments].concat())
    }

    /// `gobgp mrt inject` loses the last records of a file: the end is padded, and what is missing all the same is
    /// injected again.
    fn load(&self, terms: Terms<'_>, routes: &[mrt::MarkedRoute]) -> Result<()> {
        let session = &terms.plan.sessions[self.place.only_session()];
        let file = self.place.directory.join("routes.mrt");
        let mut missing = routes.to_vec();
        for _ in 0..INJECTIONS_MAX {
            let Some(first) = missing.first().copied() else {
                return Ok(());
            };
            let padding = std::iter::repeat_n(first, PADDING);
            let padded = missing.iter().copied().chain(padding);
            let octets = mrt::table(session.address, session.router_id, session.asn, padded);
            std::fs::write(&file, octets).at(file.display())?;
            self.ask(&["mrt", "inject", "global", &file.to_string_lossy()])?;
            let held = self.held()?;
            missing.retain(|(prefix, _)| !held.contains(prefix));
        }
        Err(LabError::new(format!(
            "gobgpd in {} did not take {} of its {} routes",
            self.place.namespace,
            missing.len(),
            routes.len()
        )))
    }

    fn held(&self) -> Result<HashSet<IpNet>> {
        prefixes(&self.ask(&["global", "rib", "-a", self.family, "-j"])?)
    }
}

impl Daemon for Gobgp {
    fn sessions(&self) -> &[usize] {
        &self.place.sessions
    }

    fn must_run(&mut self) -> Result<()> {
        self.child.must_run()
    }

    fn words(&mut self) -> Result<Vec<(usize, Words)>> {
        let words = words(&self.ask(&["neighbor", &self.neighbor, "-j"])?)?;
        Ok(vec![(self.place.only_session(), words)])
    }

    fn table(&mut self, _session: usize) -> Result<HashSet<IpNet>> {
        let text = self.ask(&[
            "neighbor",
            &self.neighbor,
            "adj-in",
            "-a",
            self.family,
            "-j",
        ])?;
        prefixes(&text)
    }

    fn change(&mut self, _session: usize, slice: usize, announced: bool) -> Result<()> {
        let verb = if announced { "add" } else { "del" };
        for (prefix, (asn, value)) in &self.slices[slice] {
            let (prefix, community) = (prefix.to_string(), format!("{asn}:{value}"));
            let mut line = vec!["global", "rib", verb, "-a", self.family, &prefix];
            if announced {
                line.extend(["community", &community]);
            }
            self.ask(&line)?;
        }
        Ok(())
    }
}

fn configuration(place: &Place, terms: Terms<'_>) -> String {
    let session = &terms.plan.sessions[place.only_session()];
    let family = match terms.plan.family {
        LabFamily::V4 => "ipv4-unicast",
        LabFamily::V6 => "ipv6-unicast",
    };
    format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n  local-address-list = [\"{}\"]\n\
         [[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {OUR_AS}\n{}  \
         [neighbors.transport.config]\n    local-address = \"{}\"\n    passive-mode = {}\n  \
         [neighbors.timers.config]\n    hold-time = {}\n    keepalive-interval = {}\n    connect-retry = 1\n    \
         idle-hold-time-after-reset = 1\n  \
         [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{family}\"\n",
        session.asn,
        session.router_id,
        session.address,
        terms.plan.our_address,
        terms.md5.map_or(String::new(), |key| format!(
            "    auth-password = \"{}\"\n",
            key.expose()
        )),
        session.address,
        session.peer_waits,
        terms.hold_time,
        terms.keepalive_time(),
    )
}

/// GoBGP's number for Established.
const ESTABLISHED: u64 = 6;

fn words(text: &str) -> Result<Words> {
    let own: Value = serde_json::from_str(text).at("gobgp neighbor -j")?;
    let (state, timers) = (&own["state"], &own["timers"]["state"]);
    let count = |value: &Value| Some(value.as_u64().unwrap_or(0));
    let messages = &state["messages"];
    let established = state["session_state"].as_u64() == Some(ESTABLISHED);
    let since = timers["uptime"]["seconds"].as_u64();
    let flops = state["flops"].as_u64().unwrap_or(0);
    let prefixes = own["afi_safis"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|family| family["state"]["received"].as_u64())
        .sum();
    Ok(Words {
        line: format!(
            "{} {}, up since {}, flops {flops}",
            state["neighbor_address"].as_str().unwrap_or("?"),
            if established {
                "Established"
            } else {
                "not Established"
            },
            since.unwrap_or(0),
        ),
        established,
        since: since.map(|seconds| seconds.to_string()),
        uptime: None,
        times_established: None,
        times_dropped: Some(flops),
        // Zero is left out of GoBGP's JSON.
        opens_received: count(&messages["received"]["open"]),
        notifications: count(&messages["received"]["notification"])
            .zip(count(&messages["sent"]["notification"]))
            .map(|(received, sent)| received + sent),
        updates_received: count(&messages["received"]["update"]),
        prefixes_received: prefixes,
    })
}

fn prefixes(text: &str) -> Result<HashSet<IpNet>> {
    // An empty table is told in words or as null.
    if !text.trim_start().starts_with('{') {
        return Ok(HashSet::new());
    }
    let table: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).at("gobgp rib -j")?;
    table
        .keys()
        .map(|prefix| prefix.parse().at(prefix))
        .collect()
}

/// GoBGP's version, in its own words.
pub(super) fn version() -> Result<String> {
    let program = child::find("gobgpd")?;
    let text = run(&program.to_string_lossy(), &["--version"])?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_counters_are_read() {
        let text = r#"{"state":{"messages":{"received":{"update":737,"open":1},"sent":{"open":1}},
            "neighbor_address":"10.99.0.1","session_state":6},
            "timers":{"state":{"uptime":{"seconds":1795230107}}},
            "afi_safis":[{"state":{"received":2002,"accepted":2002}}]}"#;
        let words = words(text).unwrap();
        assert!(words.established);
        assert_eq!(words.since.as_deref(), Some("1795230107"));
        assert_eq!(words.prefixes_received, 2002);
        assert_eq!(
            (words.times_dropped, words.notifications),
            (Some(0), Some(0))
        );
    }

    #[test]
    fn a_table_is_read_and_may_be_empty() {
        assert_eq!(prefixes(r#"{"20.0.0.0/24":[{"age":1}]}"#).unwrap().len(), 1);
        assert!(prefixes("Network not in table\n").unwrap().is_empty());
        assert!(prefixes("null\n").unwrap().is_empty());
    }
}
