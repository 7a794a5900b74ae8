//! The BGP speaker on the replicated stack.

use core::future::Future;

use bgp_demo::daemon::{BGP_PORT, Daemon, DaemonConfig, DaemonEnded};
use serde_json::Value;
use tcp_ha::engine::auth::SecurityTable;
use tcp_ha::{ConnectionId, Role, Stack, StackConfig};

use crate::config::Config;
use crate::node::{Ended, Node};
use crate::status::Wish;

mod document;

/// A stack and the speaker on it.
#[derive(Clone)]
pub struct Speaking {
    stack: Stack,
    daemon: Daemon,
}

impl Speaking {
    /// Starts both; the future resolves when the speaker has ended.
    ///
    /// # Errors
    /// One line that says what is wrong and what to do.
    pub async fn start(
        stack: StackConfig,
        config: &Config,
    ) -> Result<(Self, impl Future<Output = Ended> + Send + use<>), String> {
        let (stack, events) = Stack::start(stack)
            .await
            .map_err(|error| error.to_string())?;
        let config = DaemonConfig {
            speaker: config.bgp.clone(),
            addresses: config
                .addresses
                .iter()
                .map(|(address, _)| *address)
                .collect(),
            port: BGP_PORT,
            originate: config
                .routes
                .as_ref()
                .map_or_else(Vec::new, |file| file.routes.clone()),
        };
        let (daemon, run) = Daemon::start(config, stack.clone(), events);
        let run = tokio::spawn(run);
        let ended = async {
            match run.await {
                Ok(DaemonEnded::Fenced(reason)) => Ended::Fenced(reason),
                Ok(DaemonEnded::Failed(reason)) => Ended::Failed(reason),
                // Sessions without a speaker are better served by the standby.
                Err(error) => Ended::Failed(format!("the speaker has failed: {error}")),
            }
        };
        Ok((Self { stack, daemon }, ended))
    }
}

impl Speaking {
    /// What was asked would survive this node: so it may be called done.
    async fn backed(&self) -> Result<(), String> {
        self.stack.backed().await.map_err(|lost| lost.to_string())
    }
}

impl Node for Speaking {
    async fn status(&self) -> Result<Value, String> {
        let stack = self
            .stack
            .status()
            .await
            .map_err(|error| error.to_string())?;
        let daemon = self
            .daemon
            .status()
            .await
            .map_err(|error| error.to_string())?;
        document::status(&stack, &daemon).map_err(|error| error.to_string())
    }

    async fn routes(&self) -> Result<String, String> {
        let routes = self
            .daemon
            .routes()
            .await
            .map_err(|error| error.to_string())?;
        // A full table takes seconds to write down; others are answered meanwhile.
        tokio::task::spawn_blocking(move || document::routes(&routes))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    async fn originate(&self, announce: bool, text: String) -> Result<usize, String> {
        let parsed = tokio::task::spawn_blocking(move || bgp_demo::routes::parse(&text)).await;
        let routes = parsed
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        self.daemon.originate(routes, announce).await
    }

    async fn set_security(&self, table: SecurityTable) -> Result<(), String> {
        let status = self.stack.status().await;
        if !status.is_ok_and(|status| status.role == Role::Active) {
            return Err("not the active: ask it, its standby gets the keys from it".to_owned());
        }
        self.stack.set_security(table);
        self.backed().await
    }

    async fn switchover(&self) -> Result<(), String> {
        self.stack.switchover().await
    }

    async fn wish(&self, wish: Wish) -> Result<(), String> {
        match wish {
            Wish::Unprotect(id) => self.stack.clear_protection(ConnectionId(id)).await?,
            Wish::Protect(id) => self.stack.restore_protection(ConnectionId(id)).await?,
            // How it goes on without one is in the status.
            Wish::Dismiss => return self.stack.dismiss_standby().await,
        }
        self.backed().await
    }

    async fn has_standby(&self) -> bool {
        let status = self.stack.status().await;
        status.is_ok_and(|status| status.role == Role::Active && status.protected)
    }

    async fn stop(&self) {
        self.stack.stop().await;
    }
}
