//! What a node tells through `tracing`.
//!
//! Everything that concerns a campaign is told within a span `campaign`, with its number, tenant, node and token; what
//! concerns one device of it within a span `device` in that.

use tracing::field::Empty;
use tracing::{Span, debug, debug_span, info, info_span, warn};

use super::store::{Lease, Tenant};
use crate::campaign::event::{Event, Warning};
use crate::ids::DevEui;

/// The span of a campaign that this node works on.
pub(super) fn campaign(lease: &Lease, node: &str) -> Span {
    info_span!("campaign", campaign = %lease.campaign, node, token = lease.token, tenant = Empty)
}

/// Whose campaign it is, once that is known.
pub(super) fn tenant(tenant: &Tenant) {
    Span::current().record("tenant", tracing::field::display(tenant));
}

fn device(device: DevEui) -> Span {
    debug_span!("device", %device)
}

/// What a campaign says.
pub(super) fn event(event: &Event) {
    match event {
        Event::StageStarted { stage, participants } => info!(%stage, participants, "a stage begins"),
        Event::StageEnded(report) => info!(
            stage = %report.stage,
            status = report.status.name(),
            succeeded = report.succeeded,
            failed = report.failed,
            "a stage ends"
        ),
        Event::Device(report) => device(report.dev_eui).in_scope(|| {
            debug!(status = report.status.name(), requests = report.requests, "a device is decided");
        }),
        Event::Renumbered { device: dev_eui, frag_index, mc_group_id } => device(*dev_eui).in_scope(|| {
            debug!(frag_index = frag_index.get(), mc_group_id = mc_group_id.get(), "a device is renumbered");
        }),
        Event::Warning(warning) => match warning.device() {
            Some(dev_eui) => device(dev_eui).in_scope(|| warned(warning)),
            None => warned(warning),
        },
        Event::Decided(outcome) => info!(
            status = outcome.status.name(),
            complete = outcome.complete,
            failed = outcome.failed,
            "the end is decided"
        ),
        _ => {}
    }
}

fn warned(warning: &Warning) {
    warn!(kind = warning.name(), "{warning}");
}
