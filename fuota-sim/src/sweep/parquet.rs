//! `rows.parquet`: the rows as columns with types, for programs that read tables.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::error::SweepError;
use super::grid::ColumnKind;
use super::manifest::Column;
use super::rows::Fields;

/// Whoever reads the file is told who wrote it.
const CREATED_BY: &str = concat!("fuota ", env!("CARGO_PKG_VERSION"));

/// The table. Every column may have empty places.
pub(super) fn table(columns: &[Column<'_>], rows: &[&Fields]) -> Result<Vec<u8>, SweepError> {
    write(columns, rows).map_err(SweepError::report("rows.parquet"))
}

fn write(columns: &[Column<'_>], rows: &[&Fields]) -> parquet::errors::Result<Vec<u8>> {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("row").with_fields(fields).build()?;
    let properties =
        WriterProperties::builder().set_created_by(CREATED_BY.into()).set_compression(Compression::SNAPPY);
    let mut octets = Vec::new();
    let mut file = SerializedFileWriter::new(&mut octets, Arc::new(schema), Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    for (place, column) in columns.iter().enumerate() {
        let Some(mut writer) = group.next_column()? else { break };
        let fields = rows.iter().map(|row| row.get(place).map_or("", String::as_str));
        fill(&mut writer, column.kind, fields)?;
        writer.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(octets)
}

fn field(column: &Column<'_>) -> parquet::errors::Result<TypePtr> {
    let (physical, logical) = match column.kind {
        ColumnKind::Whole => (Physical::INT64, None),
        ColumnKind::Real => (Physical::DOUBLE, None),
        ColumnKind::Truth => (Physical::BOOLEAN, None),
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let field = Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    field.build().map(Arc::new)
}

fn fill<'a>(
    writer: &mut SerializedColumnWriter<'_>,
    kind: ColumnKind,
    fields: impl Iterator<Item = &'a str>,
) -> parquet::errors::Result<()> {
    /// The values that there are, and for each row whether there is one.
    macro_rules! batch {
        ($kind:ty, $read:expr) => {{
            let read = fields.map($read).collect::<Vec<_>>();
            let levels: Vec<i16> = read.iter().map(|value| i16::from(value.is_some())).collect();
            let values: Vec<_> = read.into_iter().flatten().collect();
            writer.typed::<$kind>().write_batch(&values, Some(&levels), None)?;
        }};
    }
    match kind {
        ColumnKind::Whole => batch!(Int64Type, |text| text.parse::<i64>().ok()),
        ColumnKind::Real => batch!(DoubleType, |text| text.parse::<f64>().ok()),
        ColumnKind::Truth => batch!(BoolType, |text| text.parse::<bool>().ok()),
        ColumnKind::Text => batch!(ByteArrayType, |text| (!text.is_empty()).then(|| ByteArray::from(text))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_with_its_types_and_its_empty_places() {
        let kinds = [ColumnKind::Whole, ColumnKind::Real, ColumnKind::Truth, ColumnKind::Text];
        let columns: Vec<_> =
            kinds.iter().zip(["n", "x", "b", "t"]).map(|(kind, name)| Column { name, kind: *kind }).collect();
        let rows = [["1", "0.25", "true", "a,b"], ["", "", "", ""], ["-3", "2", "false", "ü"]]
            .map(|row| row.map(String::from).to_vec());
        let octets = table(&columns, &rows.iter().collect::<Vec<_>>()).unwrap();
        let file = SerializedFileReader::new(bytes(octets)).unwrap();
        let read: Vec<_> = file.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].to_string(), "{n: 1, x: 0.25, b: true, t: \"a,b\"}");
        assert_eq!(read[1].to_string(), "{n: null, x: null, b: null, t: null}");
        assert_eq!((read[2].get_long(0).unwrap(), read[2].get_double(1).unwrap()), (-3, 2.0));
        assert_eq!(read[2].get_string(3).unwrap(), "ü");
        assert_eq!(file.metadata().file_metadata().created_by(), Some(CREATED_BY));
    }

    /// A file for the reader, which wants one.
    fn bytes(octets: Vec<u8>) -> std::fs::File {
        let name = format!("fuota-{}-{:?}.parquet", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, octets).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }
}
