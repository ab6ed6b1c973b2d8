//! `rows.csv`: rows as they come, so that a sweep that was killed goes on where it was.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::manifest::Manifest;

/// The file's name.
pub(super) const ROWS: &str = "rows.csv";

/// The fields of a row.
pub(super) type Fields = Vec<String>;
/// Rows by cell and seed.
pub(super) type Rows = HashMap<(u32, u64), Fields>;

/// The rows of a sweep, open for more of them. No other process writes into the file meanwhile.
pub(super) struct RowLog {
    path: PathBuf,
    file: File,
}

impl RowLog {
    /// Opens the file, makes it if need be, and reads what is there. A line that was not written to its end, because
    /// the process was killed, is cut off.
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<(Self, Rows), SweepError> {
        let path = folder.join(ROWS);
        let write_error = |source| SweepError::Write { path: path.clone(), source };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(write_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SweepError::Busy { path }),
            Err(TryLockError::Error(source)) => return Err(SweepError::Write { path, source }),
        }
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(|source| SweepError::Read { path: path.clone(), source })?;
        let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        octets.truncate(whole);
        let rows = parse(&octets, manifest, &path)?;
        file.set_len(whole as u64).map_err(write_error)?;
        file.seek(SeekFrom::End(0)).map_err(write_error)?;
        let mut log = Self { path: path.clone(), file };
        if octets.is_empty() {
            log.append(&header(manifest))?;
        }
        Ok((log, rows))
    }

    /// Adds a row. It is with the operating system when this returns: the end of the process does not lose it.
    pub(super) fn append(&mut self, fields: &[String]) -> Result<(), SweepError> {
        let line = line(fields)?;
        self.file.write_all(&line).map_err(|source| SweepError::Write { path: self.path.clone(), source })
    }
}

/// The rows of a folder, which is left as it is.
pub(super) fn read(folder: &Path, manifest: &Manifest) -> Result<Rows, SweepError> {
    let path = folder.join(ROWS);
    let mut octets =
        std::fs::read(&path).map_err(|source| SweepError::Read { path: path.clone(), source })?;
    let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
    octets.truncate(whole);
    parse(&octets, manifest, &path)
}

/// The names of the columns.
pub(super) fn header(manifest: &Manifest) -> Fields {
    manifest.columns().iter().map(|column| column.name.to_owned()).collect()
}

/// A row as a line of CSV.
pub(super) fn line(fields: &[String]) -> Result<Vec<u8>, SweepError> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(fields).map_err(SweepError::report(ROWS))?;
    writer.into_inner().map_err(SweepError::report(ROWS))
}

fn parse(octets: &[u8], manifest: &Manifest, path: &Path) -> Result<Rows, SweepError> {
    let damaged =
        |line: usize, what: &str| SweepError::Damaged { path: path.into(), line, what: what.into() };
    let columns = header(manifest);
    let place = |name: &str| columns.iter().position(|column| column == name);
    let (cell, seed) = (place("cell"), place("seed"));
    let seeds: HashSet<u64> = manifest.seeds.iter().copied().collect();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(octets);
    let mut rows = Rows::new();
    for (record, number) in reader.records().zip(1..) {
        let record = record.map_err(|error| damaged(number, &error.to_string()))?;
        if number == 1 {
            if record.iter().ne(columns.iter().map(String::as_str)) {
                return Err(damaged(1, "the columns of this sweep are expected"));
            }
            continue;
        }
        if record.len() != columns.len() {
            return Err(damaged(number, "as many fields as there are columns are expected"));
        }
        let field = |place: Option<usize>| place.and_then(|place| record.get(place));
        let cell = field(cell).and_then(|text| text.parse().ok()).filter(|cell| *cell < manifest.cells());
        let seed = field(seed).and_then(|text| text.parse().ok()).filter(|seed| seeds.contains(seed));
        let run =
            cell.zip(seed).ok_or_else(|| damaged(number, "a cell and a seed of this sweep are expected"))?;
        if rows.insert(run, record.iter().map(String::from).collect()).is_some() {
            return Err(damaged(number, "a run that is not there yet is expected"));
        }
    }
    Ok(rows)
}
