//! Who conducts the campaign: one inside this world, or somebody outside who is told what happens in it.

use std::collections::VecDeque;

use fuota_engine::campaign::event::StageKind;
use fuota_engine::campaign::io::{Input, Output, Report};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::{Campaign, Progress};
use fuota_engine::ids::{DevEui, TxId};
use fuota_engine::time::GpsInstant;
use serde::{Deserialize, Serialize};

/// Whoever conducts the campaign.
#[derive(Debug)]
pub(super) enum Mind {
    /// A campaign in this world.
    Inside(Box<Campaign>),
    /// Somebody outside.
    Outside {
        /// What the campaign is planned as.
        plan: Box<Plan>,
        /// The stage that it is said to be in.
        stage: StageKind,
        /// What has happened and was not fetched yet.
        told: VecDeque<Told>,
    },
}

/// Something that somebody outside has to hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// A device was heard.
    Uplink {
        /// Who spoke.
        from: DevEui,
        /// FPort.
        port: u8,
        /// FRMPayload.
        payload: Vec<u8>,
        /// When the frame ended.
        received: GpsInstant,
    },
    /// The fate of a downlink.
    Downlink {
        /// Which one.
        id: TxId,
        /// What became of it.
        report: Report,
    },
}

impl Mind {
    pub(super) fn handle(&mut self, now: GpsInstant, input: Input<'_>) {
        match self {
            Self::Inside(campaign) => campaign.handle(now, input),
            Self::Outside { told, .. } => told.extend(match input {
                Input::Uplink { from, port, payload, received } => {
                    Some(Told::Uplink { from, port, payload: payload.to_vec(), received })
                }
                Input::Downlink { id, report } => Some(Told::Downlink { id, report }),
                // All else are answers to what only a campaign inside asks for.
                _ => None,
            }),
        }
    }

    /// The next thing to do; somebody outside orders it directly.
    pub(super) fn poll_output(&mut self) -> Output {
        match self {
            Self::Inside(campaign) => campaign.poll_output(),
            Self::Outside { .. } => Output::Wait(None),
        }
    }

    pub(super) const fn plan(&self) -> &Plan {
        match self {
            Self::Inside(campaign) => campaign.plan(),
            Self::Outside { plan, .. } => plan,
        }
    }

    pub(super) fn progress(&self) -> Progress {
        match self {
            Self::Inside(campaign) => campaign.progress(),
            Self::Outside { stage, .. } => Progress { stage: *stage, done: 0, total: 0 },
        }
    }

    /// The campaign, if it is in this world.
    pub(super) fn campaign(&self) -> Option<&Campaign> {
        match self {
            Self::Inside(campaign) => Some(campaign),
            Self::Outside { .. } => None,
        }
    }
}
