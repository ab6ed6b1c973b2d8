//! The driver: many campaigns under way in one process, kept in one SQLite file.
//!
//! Every device is heard, is sent McGroupSetupReq with its own wrapped key, and answers; then every campaign has all its
//! devices in the next stage, each with a request at the network server. What is measured is the way there.

mod fleet;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fuota_engine::adapter::prometheus::Exporter;
use fuota_engine::adapter::sql::SqlStore;
use fuota_engine::campaign::io::{GroupParameters, SessionClass};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::driver::keys::KeyError;
use fuota_engine::driver::store::Tenant;
use fuota_engine::driver::{Fuota, Launch, RootKeys, Settings, Store, Vault};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_proto::keys::RootKey;
use fuota_proto::{McAddr, McGroupId};

use self::fleet::Fleet;
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, allocations};

/// Longest time for one size.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    if options.callgrind {
        eprintln!("benches: the driver waits for the disk, which instructions say nothing of");
        return Ok(Vec::new());
    }
    let sizes: &[u64] = if options.full { &[10, 100, 1_000] } else { &[1, 10, 100] };
    let devices = u64::from(options.devices.unwrap_or(if options.full { 1_000 } else { 100 }));
    let runs = sizes.iter().map(|&campaigns| Run::of(campaigns, devices));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let rows = runs.iter().map(|run| run.row(devices)).collect();
    let growth = |cost: fn(&Run) -> f64| match &runs[..] {
        [_, few, .., many] | [few, many] => cost(many) / cost(few),
        _ => f64::NAN,
    };
    let summary = vec![
        Figure::new(
            "time per record, of the most campaigns in terms of a tenth",
            growth(Run::per_record),
            "x",
        ),
        Figure::new(
            "memory per device, of the most campaigns in terms of a tenth",
            growth(Run::per_device),
            "x",
        ),
    ];
    let title = format!("campaigns of {devices} devices under way at once, SQLite, every commit synchronous");
    Ok(vec![Section { subject: "driver", title, rows, summary }])
}

/// One size.
struct Run {
    campaigns: u64,
    devices: u64,
    /// Until all campaigns were kept and begun.
    starting: Duration,
    /// From then until every device had answered.
    working: Duration,
    records: f64,
    transactions: f64,
    /// Most octets held at any moment, those that SQLite keeps for itself apart.
    memory: usize,
}

impl Run {
    fn of(campaigns: u64, devices: u64) -> Result<Self, Box<dyn Error>> {
        let folder = Folder::new()?;
        let (run, memory) = allocations::peak(|| measured(folder.path(), campaigns, devices));
        Ok(Self { memory, ..run? })
    }

    fn per_record(&self) -> f64 {
        self.working.as_secs_f64() / self.records
    }

    fn per_device(&self) -> f64 {
        self.memory as f64 / self.devices as f64
    }

    fn row(&self, devices: u64) -> Row {
        let seconds = self.working.as_secs_f64();
        let figures = vec![
            Figure::new("started within", self.starting.as_secs_f64(), "s"),
            Figure::new("answered within", seconds, "s"),
            Figure::new("records", self.records / seconds, "/s"),
            Figure::new("transactions", self.transactions / seconds, "/s"),
            Figure::new("memory per device", self.per_device(), "octets"),
        ];
        let cost = |what, ours, unit| Comparison {
            what,
            ours,
            peer: None,
            ratio: None,
            target: None,
            limit: None,
            unit,
            allocations: None,
        };
        let comparisons = vec![
            cost("time per record", self.per_record() * 1e9, "ns"),
            cost("memory per device", self.per_device(), "octets"),
        ];
        Row { name: format!("{} campaigns x {devices} devices", self.campaigns), figures, comparisons }
    }
}

/// Runs on a thread of its own kind: what was allocated in here is let go of in here.
fn measured(folder: &Path, campaigns: u64, devices: u64) -> Result<Run, Box<dyn Error>> {
    let (recorder, exporter) = Exporter::recorder()?;
    let _measuring = metrics::set_default_local_recorder(&recorder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqlStore::sqlite(folder.join("fuota.db")).await?;
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let fleet = Arc::new(Fleet::new(campaigns, devices));
        let vault = Vault::new(&[7; 32], Arc::new(Roots), Arc::clone(&shared));
        let builder = Fuota::builder().store(shared).transport(fleet.clone()).keys(Arc::new(vault));
        let node = builder.settings(Settings::new("bench")).build()?;
        let began = Instant::now();
        for campaign in 0..campaigns {
            let tenant = Tenant(format!("tenant {}", campaign % 10));
            node.start(Launch::new(tenant, "bench", "bench", spec(campaign, devices))).await?;
        }
        let starting = began.elapsed();
        let before = Counts::of(&exporter);
        let began = Instant::now();
        fleet.speak();
        tokio::time::timeout(PATIENCE, fleet.all_asked_again()).await?;
        let working = began.elapsed();
        let after = Counts::of(&exporter);
        node.shutdown().await;
        store.close().await;
        Ok(Run {
            campaigns,
            devices: campaigns * devices,
            starting,
            working,
            records: after.records - before.records,
            transactions: after.transactions - before.transactions,
            memory: 0,
        })
    })
}

/// What the node itself counts.
struct Counts {
    records: f64,
    transactions: f64,
}

impl Counts {
    fn of(exporter: &Exporter) -> Self {
        let text = exporter.render();
        let sum = |name: &str| {
            let samples = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
            samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Self { records: sum("fuota_records_total"), transactions: sum("fuota_commit_seconds_count") }
    }
}

fn spec(campaign: u64, devices: u64) -> CampaignSpec {
    let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, vec![0x5A; 2_048]);
    let first = 1 + campaign * devices;
    let device = |n| DeviceSpec::new(DevEui(n), Duration::from_secs(600));
    spec.devices = (first..first + devices).map(device).collect();
    spec.groups = vec![GroupSpec {
        parameters: GroupParameters {
            id: GroupId(0),
            mc_group_id: McGroupId::MIN,
            mc_addr: McAddr(0x0100_0000 + u32::try_from(campaign).unwrap_or(u32::MAX)),
            key_id: 1,
            class: SessionClass::C,
            frequency: Region::Eu868.rx2_frequency(),
            data_rate: Region::Eu868.usual_multicast_data_rate(),
        },
        redundancy: Redundancy::Fec(Percent::whole(10)),
    }];
    spec.max_duration = Duration::from_secs(30 * 86_400);
    spec
}

struct Roots;

#[async_trait]
impl RootKeys for Roots {
    async fn root_key(&self, device: DevEui) -> Result<Option<RootKey>, KeyError> {
        Ok(Some(RootKey::from_gen_app_key(u128::from(device.0).to_le_bytes())))
    }
}

/// A folder for the database, gone when the run is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("fuota-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("benches: {} is left behind: {error}", self.0.display());
        }
    }
}
