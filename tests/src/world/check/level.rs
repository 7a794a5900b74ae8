//! Shadow equals active at the same LSN, field by field (I4); a connection that is said to be protected is there.

use tcp_ha::core::{Active, Readiness, Standby};

/// Compares the two; how many connections were compared, or `None` where they are not level.
///
/// # Errors
/// What differs.
pub fn shadow_equals_active(active: &Active, standby: &Standby) -> Result<Option<usize>, String> {
    let last = active.lsns().0;
    if standby.applied() != last {
        return Ok(None);
    }
    let mut compared = 0;
    for (id, connection) in standby.shadow().connections() {
        compared += 1;
        match active.engine().snapshot(id) {
            None => {
                return Err(format!(
                    "connection {id} is left in the shadow at LSN {last}"
                ));
            }
            Some(state) if state != connection.state => {
                return Err(format!(
                    "connection {id} at LSN {last}: active {state:?}, shadow {:?}",
                    connection.state
                ));
            }
            Some(_) => {}
        }
        let (ours, theirs) = (active.readiness(id), connection.readiness);
        if theirs == Readiness::Ready && matches!(ours, Readiness::None | Readiness::Down(_)) {
            return Err(format!(
                "connection {id} is ready in the shadow at LSN {last}, and not protected"
            ));
        }
    }
    for (id, reason) in standby.shadow().down() {
        if active.engine().connection(id).is_none() {
            return Err(format!(
                "connection {id} ({reason}) is remembered by the shadow at LSN {last}"
            ));
        }
    }
    for id in active.engine().connections() {
        let ready = active.readiness(id) == Readiness::Ready;
        let held = standby.shadow().connections().any(|(held, _)| held == id);
        if ready && !held {
            return Err(format!(
                "connection {id} is ready and not in the shadow at LSN {last}"
            ));
        }
    }
    Ok(Some(compared))
}
