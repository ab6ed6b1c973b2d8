//! Whole sessions of coded fragments against those of existing implementations.

mod common;

use fuota_fec::{Encoder, Geometry};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    version: u8,
    m: u16,
    frag_size: u8,
    redundancy: u16,
    padding: u8,
    data_len: usize,
    data: Option<String>,
    generator: Option<String>,
    all_fragments_sha256: String,
}

#[test]
fn all_fragments() {
    for case in common::vectors::<Vectors>("encode.json").cases {
        let name = format!("v{} M={} FragSize={}", case.version, case.m, case.frag_size);
        let image = match (&case.data, &case.generator) {
            (Some(data), _) => hex::decode(data).unwrap(),
            (None, Some(seed)) => common::generated(seed, case.data_len),
            (None, None) => panic!("{name}: no data"),
        };
        let geometry = Geometry::new(image.len(), case.frag_size).unwrap();
        assert_eq!((geometry.nb_frag(), geometry.padding()), (case.m, case.padding), "{name}");
        let encoder = Encoder::new(geometry, common::rule(case.version), &image).unwrap();
        let mut all = Vec::new();
        let mut fragment = vec![0; case.frag_size.into()];
        for n in 1..=case.m + case.redundancy {
            encoder.fragment(common::number(n), &mut fragment).unwrap();
            all.extend_from_slice(&fragment);
        }
        assert_eq!(common::sha256_hex(&all), case.all_fragments_sha256, "{name}");
    }
}
