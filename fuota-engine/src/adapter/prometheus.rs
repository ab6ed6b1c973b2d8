//! What a node measures, in the text format that Prometheus scrapes.
//!
//! The engine installs nothing: whoever embeds it hands [`Exporter::recorder`] to the `metrics` facade, and answers
//! `GET /metrics` with [`Exporter::render`] from the HTTP server that they have anyway. Names, labels and meanings are
//! those that the [driver](crate::driver) documents.

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// Upper ends of the histogram's buckets, in seconds: from a fast disk to a database that is hardly there.
const COMMIT_SECONDS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

/// Collects what is measured and writes it down for whoever asks.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// The recorder, to be installed by `metrics::set_global_recorder`, and what reads it.
    ///
    /// # Errors
    /// [`BuildError`] if the buckets cannot be set.
    pub fn recorder() -> Result<(PrometheusRecorder, Self), BuildError> {
        let commit = Matcher::Full("fuota_commit_seconds".into());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(commit, &COMMIT_SECONDS)?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self { handle }))
    }

    /// Everything measured so far, in the text exposition format (`text/plain; version=0.0.4`). To be called regularly,
    /// scraped or not: it also makes room for what comes.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}
