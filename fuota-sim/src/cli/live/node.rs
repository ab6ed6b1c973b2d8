//! A node: the driver with a store, in front of a fleet.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fuota_engine::adapter::sql::SqlStore;
use fuota_engine::campaign::event::Event;
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::Record;
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::driver::store::{CampaignId, StoredCampaign, Tenant};
use fuota_engine::driver::{Fuota, Launch, Notice, Settings, Store};
use fuota_engine::percent::Percent;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::super::console;
use super::super::stop::stop_on_ctrl_c;
use super::args::LiveArgs;
use super::error::LiveError;
use super::fleet::FACTOR;
use super::store;
use crate::live::{FleetKeys, Host, Network, attach, fingerprint};
use crate::record::RunRecord;
use crate::scenario::Scenario;
use crate::world::{Observer, recount, spec};

/// Whose the campaigns are, and who starts them.
const TENANT: &str = "fuota";
/// A node's name unless it is said.
const NODE: &str = "node-1";
/// How often it is looked how the campaign stands.
const LOOK: Duration = Duration::from_millis(100);
/// Records asked for at once.
const PAGE: u32 = 4_096;

/// Whether a campaign is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// It is started.
    Anew,
    /// The latest one of the store goes on.
    WhereItWas,
}

/// Conducts a campaign to its end, on this node or, as long as that has it, on another.
///
/// # Errors
/// [`LiveError`], all of it but what the driver waits for.
pub(crate) fn run(
    args: &LiveArgs,
    scenario: &Scenario,
    begins: Begins,
    observer: &mut dyn Observer,
) -> Result<RunRecord, Box<dyn std::error::Error>> {
    let name = args.store.as_deref().ok_or(LiveError::ResumeWhat)?;
    if begins == Begins::WhereItWas && args.fleet.is_none() {
        return Err(LiveError::ResumeWhat.into());
    }
    let stop = stop_on_ctrl_c("stopping the campaign (Ctrl-C again kills this node)");
    let stop = stop.map_err(LiveError::Signal)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(LiveError::System)?;
    Ok(runtime.block_on(conduct(args, name, scenario, begins, observer, stop))?)
}

async fn conduct(
    args: &LiveArgs,
    name: &str,
    scenario: &Scenario,
    begins: Begins,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<RunRecord, LiveError> {
    let store = store::open(name).await?;
    let wanted = match begins {
        Begins::Anew => None,
        Begins::WhereItWas => Some(latest(&store, scenario).await?),
    };
    let settings = settings(args);
    let stream = match &args.fleet {
        Some(socket) => connect(socket)?,
        None => fleet_beside(args, scenario)?,
    };
    let network = Arc::new(Network::connect(stream, &settings.node).await?);
    if let Some(socket) = &args.fleet
        && network.fingerprint() != fingerprint(&spec(scenario), &scenario.image, scenario.seed)
    {
        return Err(LiveError::OtherFleet(socket.clone()));
    }
    let fuota = Fuota::builder()
        .store(Arc::new(store.clone()))
        .transport(network.clone())
        .keys(Arc::new(FleetKeys::new(scenario)))
        .clock(Arc::new(network.clock()))
        .settings(settings)
        .build()?;
    let id = match wanted {
        Some(id) => id,
        None => fuota.start(Launch::new(Tenant(TENANT.into()), TENANT, TENANT, spec(scenario))).await?,
    };
    let what = if begins == Begins::Anew { "has started" } else { "goes on" };
    console::note(&format!("campaign {id} {what}"));
    follow(&fuota, id, &network, observer, stop).await?;
    fuota.shutdown().await;
    let record = account(&store, id, &network, scenario).await?;
    network.finish().await?;
    store.close().await;
    Ok(record)
}

/// The campaign that was started last, which has to be the scenario's.
async fn latest(store: &SqlStore, scenario: &Scenario) -> Result<CampaignId, LiveError> {
    let id = store.list(None).await?.last().ok_or(LiveError::NoCampaign)?.id;
    let stored = store.load(id).await?;
    let is_same = stored.plan == spec(scenario).to_octets() && stored.image == scenario.image;
    if is_same { Ok(id) } else { Err(LiveError::OtherCampaign(id)) }
}

fn settings(args: &LiveArgs) -> Settings {
    let mut settings = Settings::new(args.node.as_deref().unwrap_or(NODE));
    settings.retry = Duration::from_millis(50);
    // Nobody else is on this air.
    settings.airtime_reserve = Percent::default();
    if let Some(lease) = args.lease {
        settings.lease = lease;
        settings.margin = settings.margin.min(lease / 4);
        settings.adopt_every = settings.adopt_every.min(lease / 2);
    }
    settings
}

fn connect(socket: &Path) -> Result<UnixStream, LiveError> {
    UnixStream::connect(socket).map_err(|source| LiveError::Socket { path: socket.into(), source })
}

/// A fleet in a thread of this process.
fn fleet_beside(args: &LiveArgs, scenario: &Scenario) -> Result<UnixStream, LiveError> {
    let host = Host::new(scenario, args.real_time_factor.unwrap_or(FACTOR), args.plain_server)?;
    let (ours, theirs) = UnixStream::pair()?;
    let (commands, heard) = mpsc::channel();
    attach(theirs, 0, commands)?;
    // What becomes of it shows in the connection.
    thread::spawn(move || {
        if let Err(error) = host.live(&heard, &AtomicBool::new(false)) {
            console::error(&error.to_string());
        }
    });
    Ok(ours)
}

/// Watches the campaign until it is over, and lets the fleet know its stage.
async fn follow(
    fuota: &Fuota,
    id: CampaignId,
    network: &Network,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<(), LiveError> {
    let mut notices = None;
    let mut is_stopped = false;
    let mut look = tokio::time::interval(LOOK);
    loop {
        notices = notices.or_else(|| fuota.subscribe(id));
        tokio::select! {
            () = network.gone() => return Err(LiveError::FleetGone),
            notice = next(&mut notices) => match notice {
                Notice::Event { at, event } => {
                    if let Event::StageStarted { stage, .. } = event {
                        network.enter(stage).await?;
                    }
                    observer.event(&event, at);
                }
                Notice::Paused(obstacle) => {
                    console::warn(&format!("the store cannot be used, the campaign stands still: {obstacle}"));
                }
                Notice::Resumed => console::note("the store can be used again, the campaign goes on"),
                Notice::HandedOver => console::warn("this node does no more for the campaign, unless it gets it back"),
                _ => {}
            },
            _ = look.tick() => {
                let standing = match fuota.status(id).await {
                    Ok(listing) => listing.standing,
                    // The driver waits for it, too.
                    Err(error) if error.is_transient() => None,
                    Err(error) => return Err(error.into()),
                };
                if let Some(standing) = standing {
                    network.enter(standing.stage).await?;
                    if standing.over {
                        return Ok(());
                    }
                }
                if !is_stopped && stop.load(Ordering::Relaxed) {
                    is_stopped = true;
                    fuota.order(id, Order::Stop, TENANT).await?;
                }
            }
        }
    }
}

/// The next notice, if the campaign is here; else nothing ever.
async fn next(notices: &mut Option<broadcast::Receiver<Notice>>) -> Notice {
    loop {
        let Some(receiver) = notices else { return std::future::pending().await };
        match receiver.recv().await {
            Ok(notice) => return notice,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => *notices = None,
        }
    }
}

/// What the store and the fleet say of a campaign that is over.
async fn account(
    store: &SqlStore,
    id: CampaignId,
    network: &Network,
    scenario: &Scenario,
) -> Result<RunRecord, LiveError> {
    let StoredCampaign { plan, image, .. } = store.load(id).await?;
    let plan = Plan::new(CampaignSpec::from_octets(&plan, image)?)?;
    let mut records = Vec::new();
    loop {
        let page = store.records(id, records.len() as u64, PAGE).await?;
        for record in &page {
            records.push(Record::from_octets(record)?);
        }
        if page.len() < PAGE as usize {
            break;
        }
    }
    let holdings = network.take_stock().await?;
    Ok(recount(scenario, plan, records, &holdings)??)
}
