//! Why a campaign does not go through the driver.

use std::io;
use std::path::PathBuf;

use fuota_engine::campaign::format::FormatError;
use fuota_engine::campaign::plan::PlanError;
use fuota_engine::campaign::record::RestoreError;
use fuota_engine::driver::store::{CampaignId, StoreError};
use fuota_engine::driver::transport::TransportError;
use fuota_engine::driver::{Missing, OrderError, StartError};

use crate::world::SimError;

/// Each fits on one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LiveError {
    /// Nothing that a store is known by.
    #[error("`{0}` is no store: sqlite:FILE or postgres://USER@HOST/DATABASE is expected")]
    NoStore(String),
    /// The store cannot be opened, or fails.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// Somebody goes on with a campaign and does not say with whom.
    #[error(
        "fuota resume needs --store and --fleet: the store that has the campaign, and the fleet that it is for"
    )]
    ResumeWhat,
    /// The store is empty.
    #[error("the store holds no campaign")]
    NoCampaign,
    /// The campaign of the store was started with other flags.
    #[error("campaign {0} of the store is not the one that these flags describe")]
    OtherCampaign(CampaignId),
    /// The fleet was started with other flags.
    #[error("the fleet at {} is not the one that these flags describe", .0.display())]
    OtherFleet(PathBuf),
    /// The campaign cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An order cannot be kept.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A fault of this program.
    #[error(transparent)]
    Node(#[from] Missing),
    /// There is nobody at the socket, or it cannot be made.
    #[error("{}: {source}", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The fleet has ended, or crashed.
    #[error("the fleet is gone, and with it what its devices had received")]
    FleetGone,
    /// The fleet does not answer as it should.
    #[error("the fleet: {}", .0.0)]
    Fleet(#[from] TransportError),
    /// The plan in the store cannot be carried out.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The records in the store cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The records in the store are none of the campaign's.
    #[error(transparent)]
    Records(#[from] RestoreError),
    /// The fleet's world is at fault.
    #[error(transparent)]
    World(#[from] SimError),
    /// Threads and sockets are not to be had.
    #[error("cannot run a node: {0}")]
    System(#[from] io::Error),
    /// Ctrl-C cannot be watched for.
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
    /// The fleet's account cannot be written.
    #[error("cannot write the fleet's account: {0}")]
    Account(#[from] serde_json::Error),
}
