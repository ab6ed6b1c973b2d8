//! Whole sessions of coded fragments against those of existing implementations.

mod common;

use fuota_fec::{Encoder, Geometry, ParityRule, naive};
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

/// The slow twin is held to the same: sizes around a word of a row, an image that does not fill its last fragment.
#[test]
fn the_reference_makes_the_same_fragments() {
    for rule in [ParityRule::V1, ParityRule::V2] {
        for m in [1_u16, 2, 31, 32, 33, 64, 100] {
            let image = common::generated("reference", usize::from(m) * 7 - 3);
            let geometry = Geometry::new(image.len(), 7).unwrap();
            let encoder = Encoder::new(geometry, rule, &image).unwrap();
            let uncoded = naive::cut(&image, 7);
            assert_eq!(uncoded.len(), usize::from(m));
            for n in 1..=2 * m + 5 {
                let mut fragment = [0; 7];
                encoder.fragment(common::number(n), &mut fragment).unwrap();
                assert_eq!(naive::fragment(rule, &uncoded, n.into()), fragment, "{rule:?}, M = {m}, N = {n}");
            }
        }
    }
}
