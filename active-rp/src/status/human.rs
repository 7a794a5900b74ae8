//! The readiness of a node and its connections, for people.

use core::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// A few lines for the node and for each connection, of a status document as it is at `now`.
///
/// # Errors
/// The document is no status.
pub fn readiness(document: &str, now: SystemTime) -> Result<String, String> {
    let status: Value = serde_json::from_str(document)
        .map_err(|error| format!("the status is not JSON: {error}"))?;
    let now_us = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64);
    let mut text = format!(
        "{}: {}, epoch {}",
        word(&status["name"]),
        word(&status["role"]),
        status["epoch"]
    );
    if status["gate_shut"] == true {
        text.push_str(", gate shut");
    }
    text.push('\n');
    match &status["readiness"] {
        Value::Null => drop(writeln!(text, "  {}", word(&status["unprotected"]))),
        readiness => course(&mut text, readiness, now_us),
    }
    for connection in status["connections"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "connection {}: {} - {}, {}",
            connection["id"],
            word(&connection["local"]),
            word(&connection["remote"]),
            word(&connection["state"])
        );
        course(&mut text, &connection["readiness"], now_us);
    }
    Ok(text.trim_end().to_owned())
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn course(text: &mut String, readiness: &Value, now_us: u64) {
    let _ = write!(text, "  {}", word(&readiness["text"]));
    if let Some(since_us) = readiness["since_unix_us"].as_u64() {
        let _ = write!(text, " for {}", span(now_us.saturating_sub(since_us)));
    }
    text.push('\n');
    let last = &readiness["last_down"];
    if let Some(at_us) = last["at_unix_us"].as_u64() {
        let ago = span(now_us.saturating_sub(at_us));
        let _ = writeln!(text, "  last down {ago} ago: {}", word(&last["text"]));
    }
    let downs = readiness["downs"].as_object().into_iter().flatten();
    let downs: Vec<String> = downs
        .map(|(reason, down)| format!("{reason} {}", down["count"]))
        .collect();
    if !downs.is_empty() {
        let _ = writeln!(text, "  went down: {}", downs.join(", "));
    }
}

/// A span of time in the two largest units that say something.
fn span(us: u64) -> String {
    let seconds = us / 1_000_000;
    match seconds {
        0 => format!("{} ms", us / 1_000),
        1..=59 => format!("{seconds}.{} s", us / 100_000 % 10),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use serde_json::json;

    #[test]
    fn a_node_and_its_connections_are_told_with_times_and_counts() {
        let status = json!({
            "name": "rp1", "role": "active", "epoch": 7, "gate_shut": false,
            "readiness": {
                "state": "ready", "text": "ready", "since_unix_us": 40_000_000,
                "last_down": { "reason": "standby-lost", "text": "standby lost", "at_unix_us": 39_500_000 },
                "downs": { "standby-lost": { "count": 2 }, "lagging": { "count": 1 } },
            },
            "connections": [{
                "id": 3, "local": "10.0.0.1:179", "remote": "10.0.0.2:4000", "state": "ESTABLISHED",
                "readiness": { "text": "application sync", "since_unix_us": null, "last_down": null, "downs": {} },
            }],
        });
        let now = UNIX_EPOCH + Duration::from_secs(165);
        let expected = "rp1: active, epoch 7\n  ready for 2 min 5 s\n  \
             last down 2 min 5 s ago: standby lost\n  went down: lagging 1, standby-lost 2\n\
             connection 3: 10.0.0.1:179 - 10.0.0.2:4000, ESTABLISHED\n  application sync";
        assert_eq!(readiness(&status.to_string(), now).unwrap(), expected);
    }

    #[test]
    fn a_node_that_looks_for_its_role_says_why() {
        let status = json!({
            "name": "rp2", "role": "joining", "epoch": 0, "gate_shut": true,
            "readiness": null, "unprotected": "the register is empty", "connections": [],
        });
        let told = readiness(&status.to_string(), UNIX_EPOCH).unwrap();
        assert_eq!(
            told,
            "rp2: joining, epoch 0, gate shut\n  the register is empty"
        );
        assert!(readiness("nonsense", UNIX_EPOCH).is_err());
    }

    #[test]
    fn spans_are_told_in_units_that_fit() {
        for (us, told) in [
            (950, "0 ms"),
            (42_000, "42 ms"),
            (1_250_000, "1.2 s"),
            (3_599_000_000, "59 min 59 s"),
            (7_260_000_000, "2 h 1 min"),
            (180_000_000_000, "2 d 2 h"),
        ] {
            assert_eq!(span(us), told);
        }
    }
}
