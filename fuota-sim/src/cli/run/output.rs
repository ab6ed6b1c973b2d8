//! The folder of `--out`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::RunError;
use crate::bulk::BulkRecord;
use crate::record::RunRecord;
use crate::report::{page, timeline_svg, transfer_page, write_devices};
use crate::scenario::Scenario;

/// A folder that exists and takes the reports.
pub(super) struct OutputFolder(PathBuf);

impl OutputFolder {
    /// Makes the folder, parents included; before the run, so that a run is not lost to a slip in the path.
    pub(super) fn create(path: &Path) -> Result<Self, RunError> {
        fs::create_dir_all(path).map_err(write_error(path))?;
        Ok(Self(path.into()))
    }

    /// Writes all reports; what is there already is replaced.
    pub(super) fn write(
        &self,
        scenario: &Scenario,
        record: &RunRecord,
        report: &str,
    ) -> Result<(), RunError> {
        self.file("report.json", |out| out.write_all(report.as_bytes()))?;
        self.file("devices.csv", |out| write_devices(scenario, record, out).map_err(io::Error::other))?;
        let svg = timeline_svg(scenario, record).map_err(RunError::report("timeline.svg"))?;
        self.file("timeline.svg", |out| out.write_all(svg.as_bytes()))?;
        let page = page(record, report, &svg).map_err(RunError::report("report.html"))?;
        self.file("report.html", |out| out.write_all(page.as_bytes()))
    }

    /// Writes the report of a transfer, its page, and a row per device.
    pub(super) fn write_transfer(&self, record: &BulkRecord, report: &str) -> Result<(), RunError> {
        self.file("report.json", |out| out.write_all(report.as_bytes()))?;
        let page = transfer_page(record, report).map_err(RunError::report("report.html"))?;
        self.file("report.html", |out| out.write_all(page.as_bytes()))?;
        self.file("devices.csv", |out| {
            writeln!(out, "device,complete_at,received")?;
            for (device, held) in record.devices.iter().enumerate() {
                let complete_at = held.complete_at.map_or_else(String::new, |at| at.to_string());
                writeln!(out, "{device},{complete_at},{}", held.received)?;
            }
            Ok(())
        })
    }

    fn file(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), RunError> {
        let path = self.0.join(name);
        File::create(&path)
            .and_then(|file| {
                let mut out = BufWriter::new(file);
                fill(&mut out)?;
                out.flush()
            })
            .map_err(write_error(&path))
    }
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.into();
    |source| RunError::Write { path, source }
}
