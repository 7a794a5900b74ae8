//! The text of `--so_flags`.

use crate::Settings;
use crate::sockets::HostConfig;
use std::path::PathBuf;
use tcp_ha_engine::Config;

/// What the text says.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    config: HostConfig,
    settings: Option<PathBuf>,
}

impl Flags {
    /// Errors: a line that says what cannot be understood.
    pub(super) fn parse(text: &str) -> Result<Flags, String> {
        let mut flags = Flags {
            config: HostConfig {
                engine: as_linux(),
                ..HostConfig::default()
            },
            settings: None,
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let bad = || format!("--so_flags: cannot understand `{part}`");
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            match name {
                "settings" => flags.settings = Some(value.into()),
                "mtu" => flags.config.engine.mtu = value.parse().map_err(|_| bad())?,
                "v4" => flags.config.local_v4 = value.parse().map_err(|_| bad())?,
                "v6" => flags.config.local_v6 = value.parse().map_err(|_| bad())?,
                _ => return Err(bad()),
            }
        }
        Ok(flags)
    }

    /// The configuration, with the settings as they are now.
    ///
    /// Errors: a line about a file that cannot be read.
    pub(super) fn host_config(&self) -> Result<HostConfig, String> {
        let mut config = self.config.clone();
        if let Some(path) = &self.settings {
            let text = std::fs::read_to_string(path).map_err(|error| {
                format!(
                    "--so_flags: cannot read settings {}: {error}",
                    path.display()
                )
            })?;
            Settings::parse(&text).apply(&mut config);
        }
        Ok(config)
    }
}

/// What the scripts take for granted without setting it.
fn as_linux() -> Config {
    Config {
        send_capacity: 4 << 20,
        receive_capacity: 15 << 20,
        ..Config::default()
    }
}
