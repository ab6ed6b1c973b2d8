//! Generator and parity rows against rows of existing implementations.

mod common;

use std::num::NonZeroU16;

use fuota_fec::{Ones, Prbs23, naive, row_words};
use serde::Deserialize;

#[derive(Deserialize)]
struct Matrix {
    prbs23: Vec<Generator>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Generator {
    start: u32,
    next: Vec<u32>,
}

#[derive(Deserialize)]
struct Row {
    version: u8,
    n: u16,
    m: u16,
    count: usize,
    sha256: String,
    positions: Option<Vec<u16>>,
    first_positions: Option<Vec<u16>>,
    last_positions: Option<Vec<u16>>,
}

#[test]
fn generator_states() {
    for case in common::vectors::<Matrix>("matrix.json").prbs23 {
        let mut prbs = Prbs23::new(case.start);
        for expected in case.next {
            assert_eq!(prbs.step(), expected, "from {}", case.start);
        }
    }
}

#[test]
fn rows() {
    for case in common::vectors::<Matrix>("matrix.json").rows {
        let name = format!("v{} M={} k={}", case.version, case.m, case.n);
        let rule = common::rule(case.version);
        let mut row = vec![0; row_words(case.m)];
        rule.row(case.m, NonZeroU16::new(case.n).unwrap(), &mut row).unwrap();
        let positions: Vec<u16> = Ones::new(&row).collect();
        assert_eq!(positions.len(), case.count, "{name}");
        let mut packed: Vec<u8> = row.iter().flat_map(|word| word.to_le_bytes()).collect();
        packed.truncate(usize::from(case.m).div_ceil(8));
        assert_eq!(common::sha256_hex(&packed), case.sha256, "{name}");
        assert!(case.positions.is_none_or(|all| all == positions), "{name}");
        assert!(case.first_positions.is_none_or(|first| positions.starts_with(&first)), "{name}");
        assert!(case.last_positions.is_none_or(|last| positions.ends_with(&last)), "{name}");

        let obvious = naive::row(rule, case.m.into(), case.n.into());
        let obvious = (0..).zip(obvious).filter_map(|(i, bit)| bit.then_some(i));
        assert!(obvious.eq(positions), "{name}: the reference differs");
    }
}
