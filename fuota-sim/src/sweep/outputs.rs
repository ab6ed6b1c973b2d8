//! The files of a finished sweep.

use std::fs;
use std::path::Path;

use super::error::SweepError;
use super::manifest::{MANIFEST, Manifest};
use super::rows::{Fields, ROWS, Rows, header, line};
use super::summary::{self, Summary};
use super::{parquet, picture};

/// Writes tables in order and, for a whole sweep, summary and pictures. Tells the files written.
pub(super) fn write(folder: &Path, manifest: &Manifest, rows: &Rows) -> Result<Vec<String>, SweepError> {
    let ordered: Vec<&Fields> = manifest.runs_of_shard().filter_map(|run| rows.get(&run)).collect();
    let mut files = vec![MANIFEST.to_owned()];
    let mut file = |name: &str, octets: &[u8]| {
        files.push(name.into());
        replace(&folder.join(name), octets)
    };
    file(MANIFEST, manifest.to_json()?.as_bytes())?;
    let mut table = line(&header(manifest))?;
    for fields in &ordered {
        table.extend(line(fields)?);
    }
    file(ROWS, &table)?;
    file("rows.parquet", &parquet::table(&manifest.columns(), &ordered)?)?;
    if manifest.shard.is_whole() {
        let summary = Summary::new(manifest, &ordered);
        file("summary.csv", &summary::csv(manifest, &summary)?)?;
        file("summary.json", summary::json(manifest, &summary)?.as_bytes())?;
        files.extend(picture::all(folder, manifest, &summary)?);
    }
    files.remove(0);
    Ok(files)
}

/// Writes a file beside its place and moves it there, so that nobody ever finds half of it.
pub(super) fn replace(path: &Path, octets: &[u8]) -> Result<(), SweepError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, octets).and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| SweepError::Write { path: path.into(), source })
}
