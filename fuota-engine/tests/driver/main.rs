//! Whole campaigns through the driver: scripted devices behind a network server, in virtual time.

#![cfg(feature = "driver")]
#![allow(clippy::unwrap_used)]

mod airtime;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod faulty;
mod indices;
mod net;
mod node;
mod orders;
#[cfg(feature = "prometheus")]
mod scrape;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::driver::store::Tenant;
use fuota_engine::driver::{Fuota, Launch, Settings, Store, Transport, Vault};
use fuota_engine::percent::Percent;

use self::net::{Roots, VirtualClock};

/// A node on virtual time, that has its gateways to itself.
pub(crate) fn node(name: &str, store: Arc<dyn Store>, net: Arc<dyn Transport>) -> Fuota {
    node_with_reserve(name, store, net, Percent::default())
}

/// A node that leaves this share of the time on air to others.
pub(crate) fn node_with_reserve(
    name: &str,
    store: Arc<dyn Store>,
    net: Arc<dyn Transport>,
    reserve: Percent,
) -> Fuota {
    let mut settings = Settings::new(name);
    // A campaign takes hours: rarer renewals leave more of the calls to what matters.
    settings.lease = Duration::from_secs(600);
    settings.adopt_every = Duration::from_secs(120);
    settings.airtime_reserve = reserve;
    let vault = Vault::new(&[7; 32], Arc::new(Roots), Arc::clone(&store));
    let builder = Fuota::builder().store(store).transport(net).keys(Arc::new(vault));
    builder.clock(Arc::new(VirtualClock::default())).settings(settings).build().unwrap()
}

pub(crate) fn launch(spec: CampaignSpec) -> Launch {
    Launch::new(Tenant("acme".into()), "spring update", "ada", spec)
}
