//! What a node measures, as Prometheus reads it.

use std::sync::Arc;

use fuota_engine::adapter::prometheus::Exporter;
use fuota_engine::driver::MemoryStore;
use fuota_engine::percent::Percent;

use crate::common::spec;
use crate::net::{Access, Net};
use crate::node::finished;
use crate::{launch, node_with_reserve};

/// The documented names, from the documentation itself.
fn documented() -> Vec<&'static str> {
    let source = include_str!("../../src/driver/metric.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    rows.collect()
}

#[tokio::test(start_paused = true)]
async fn every_documented_name_is_scraped_with_its_tenant_and_without_devices() {
    let (recorder, exporter) = Exporter::recorder().unwrap();
    let _measuring = metrics::set_default_local_recorder(&recorder);
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(6));
    let fuota = node_with_reserve("a", store, Access::new(&net), Percent::whole(50));
    let mut ids = Vec::new();
    for (first, tenant) in [(1, "acme"), (4, "umbrella")] {
        let mut campaign = spec(6);
        campaign.devices.retain(|device| (first..first + 3).contains(&device.dev_eui.0));
        campaign.session_start = Some(crate::common::START + std::time::Duration::from_secs(4 * 3_600));
        let mut launch = launch(campaign);
        launch.tenant.0 = tenant.into();
        ids.push(fuota.start(launch).await.unwrap());
    }
    let under_way = exporter.render();
    for tenant in ["acme", "umbrella"] {
        let line = format!("fuota_devices{{tenant=\"{tenant}\",state=\"running\"}} 3");
        assert!(under_way.contains(&line), "{under_way}");
    }
    tokio::join!(finished(&fuota, ids[0]), finished(&fuota, ids[1]));
    fuota.shutdown().await;
    let text = exporter.render();

    // Nothing was refused or withdrawn in these campaigns.
    let absent = ["fuota_downlinks_refused_total", "fuota_downlinks_dropped_total"];
    let names = documented();
    assert!(names.len() >= 15, "{names:?}");
    for name in names.iter().filter(|name| !absent.contains(name)) {
        let sample = |line: &str| line.starts_with(name) && line.contains("tenant=\"umbrella\"");
        assert!(text.lines().any(sample), "{name} is missing in\n{text}");
    }
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for line in samples.clone() {
        let name = line.split(['{', ' ']).next().unwrap();
        let base =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(names.contains(&name) || names.contains(&base), "{name} is not documented");
        assert!(line.contains("tenant="), "{line}");
    }
    for device in 1..=6u64 {
        assert!(!text.contains(&format!("{device:016x}")), "a device's name is in\n{text}");
    }
    let value = |start: &str| {
        let line = samples.clone().find(|line| line.starts_with(start)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("fuota_devices_total{tenant=\"acme\",status=\"complete\""), 3.0);
    assert_eq!(value("fuota_devices{tenant=\"acme\",state=\"running\""), 0.0);
    assert_eq!(value("fuota_campaigns{tenant=\"acme\",stage=\"FragSessionStatus\""), 0.0);
}
