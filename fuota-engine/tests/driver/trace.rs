//! What a node tells to whoever watches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::driver::{MemoryStore, Notice};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::common::spec;
use crate::net::{Access, Net};
use crate::node::finished;
use crate::{launch, node};

/// A span's or an event's fields.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

/// Everything told, with the spans it was told in, the outermost first.
type Told = Arc<Mutex<Vec<(Vec<(&'static str, Fields)>, Fields)>>>;

/// Keeps what is told.
struct Keep(Told);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope =
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root);
        let spans =
            scope.map(|span| (span.name(), span.extensions().get::<Fields>().unwrap().clone())).collect();
        self.0.lock().unwrap().push((spans, fields));
    }
}

#[tokio::test(start_paused = true)]
async fn what_concerns_a_campaign_is_told_within_its_span() {
    let told = Told::default();
    let _watching = tracing::subscriber::set_default(tracing_subscriber::registry().with(Keep(told.clone())));
    // Whether a place in the code is listened to is settled once for the process, and with a single
    // subscriber alive by whichever thread comes there first: the other tests' threads, where nobody
    // listens. With two alive, both are asked whoever comes first.
    let _also_alive = tracing::Dispatch::new(tracing_subscriber::registry());
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(6));
    let fuota = node("a", store, Access::new(&net));
    let mut ids = Vec::new();
    for first in [1, 4] {
        let mut campaign = spec(6);
        campaign.devices.retain(|device| (first..first + 3).contains(&device.dev_eui.0));
        ids.push(fuota.start(launch(campaign)).await.unwrap());
    }
    let (first, second) = tokio::join!(finished(&fuota, ids[0]), finished(&fuota, ids[1]));
    for heard in [&first, &second] {
        assert!(
            matches!(heard.last(), Some(Notice::Finished(outcome)) if outcome.status == CampaignStatus::Succeeded)
        );
    }
    fuota.shutdown().await;

    let told = told.lock().unwrap();
    for id in ids {
        let own: Vec<_> = told
            .iter()
            .filter(|(spans, _)| {
                spans.first().is_some_and(|(_, fields)| fields.0["campaign"] == id.to_string())
            })
            .collect();
        for (spans, _) in &own {
            let (name, fields) = &spans[0];
            assert_eq!(*name, "campaign");
            let fields = ["node", "token", "tenant"].map(|field| &*fields.0[field]);
            assert_eq!(fields, ["a", "1", "acme"]);
        }
        let stages: Vec<_> = own
            .iter()
            .filter(|(_, fields)| fields.0["message"] == "a stage begins")
            .map(|(_, fields)| &*fields.0["stage"])
            .collect();
        let expected =
            ["McGroupSetup", "FragSessionSetup", "McClassSession", "DataFragment", "FragSessionStatus"];
        assert_eq!(stages, expected);
        // Three devices of its own, each told within a span that names it.
        let devices: Vec<_> = own
            .iter()
            .filter(|(_, fields)| fields.0["message"] == "a device is decided")
            .map(|(spans, _)| (spans[1].0, spans[1].1.0["device"].clone()))
            .collect();
        assert_eq!(devices.len(), 3, "{devices:?}");
        assert!(devices.iter().all(|(name, device)| *name == "device" && device.len() == 16));
    }
}
