//! The erasure code in detail: where the time of encoding and decoding goes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fuota_fec::batch::{self, ParityRows};
use fuota_fec::{Decoder, Encoder, FragmentNumber, Geometry, MemoryStore, Mode, ParityRule, words};

const SHAPES: [(u16, u8, u16); 4] = [(205, 50, 61), (1024, 100, 307), (4267, 48, 1280), (11469, 50, 4914)];

fn image(geometry: Geometry) -> Vec<u8> {
    (0..geometry.image_len()).map(|i| (i * i / 7).to_le_bytes()[0]).collect()
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    for (m, size, parity) in SHAPES {
        let Ok(geometry) = Geometry::from_session(m, size, 0) else { continue };
        group.throughput(Throughput::Elements(parity.into()));
        for rule in [ParityRule::V1, ParityRule::V2] {
            group.bench_function(BenchmarkId::new(format!("{rule:?}"), m), |b| {
                b.iter(|| ParityRows::first(geometry, rule, parity));
            });
        }
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for (m, size, parity) in SHAPES {
        let Ok(geometry) = Geometry::from_session(m, size, 0) else { continue };
        let image = image(geometry);
        let rows = ParityRows::first(geometry, ParityRule::V1, parity);
        group.throughput(Throughput::Bytes(u64::from(parity) * u64::from(size)));
        group.bench_function(BenchmarkId::new("rows drawn", m), |b| {
            b.iter(|| batch::encode(geometry, ParityRule::V1, &image, parity));
        });
        group.bench_function(BenchmarkId::new("rows cached", m), |b| {
            b.iter(|| batch::encode_with(&rows, geometry, &image));
        });
        group.bench_function(BenchmarkId::new("all cores", m), |b| {
            b.iter(|| batch::encode_on_all_cores(geometry, ParityRule::V1, &image, parity));
        });
    }
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode, 10 % lost");
    for (m, size, _) in SHAPES {
        let Ok(geometry) = Geometry::from_session(m, size, 0) else { continue };
        let image = image(geometry);
        let Ok(encoder) = Encoder::new(geometry, ParityRule::V1, &image) else { continue };
        let received: Vec<(FragmentNumber, Vec<u8>)> = (1..=m + m / 10 + 20)
            .filter(|n| *n > m || n % 10 != 3)
            .filter_map(FragmentNumber::new)
            .filter_map(|n| {
                let mut fragment = vec![0; size.into()];
                encoder.fragment(n, &mut fragment).ok()?;
                Some((n, fragment))
            })
            .collect();
        group.throughput(Throughput::Bytes(image.len() as u64));
        group.bench_function(BenchmarkId::new("batch", m), |b| {
            b.iter(|| {
                batch::decode(geometry, ParityRule::V1, received.iter().map(|(n, data)| (*n, &data[..])))
            });
        });
        group.bench_function(BenchmarkId::new("streaming", m), |b| {
            let lost = m / 10 + 1;
            b.iter(|| {
                let memory = vec![0; words(Mode::Triangular, m, lost)];
                let mut store = MemoryStore::new(geometry);
                let decoder = Decoder::new(geometry, ParityRule::V1, lost, memory);
                decoder.map(|mut decoder| {
                    received.iter().map_while(|(n, data)| decoder.insert(*n, data, &mut store).ok()).count()
                })
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = rows, encode, decode
}
criterion_main!(benches);
