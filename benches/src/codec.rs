//! Encoding and decoding one command, against lrwn.
//!
//! lrwn knows TS003, TS004 and TS005, so those are compared; one payload for each command of each version, from the
//! golden vectors.

use std::error::Error;
use std::hint::black_box;

use fuota_proto::{clock_sync, fragmentation, multicast};
use lrwn::applayer;
use serde::Deserialize;

use crate::measure::{Repeated, nanoseconds};
use crate::report::{Comparison, Figure, Row, Section, geometric_mean};
use crate::{Options, allocations, instructions};

/// Repetitions under callgrind: enough to hide the call itself.
const REPETITIONS: u64 = 1000;
/// Payloads of fragments are long; a longer one would measure copying alone.
const LONGEST: usize = 55;

#[derive(Deserialize)]
struct Vectors {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    package: String,
    version: u8,
    direction: String,
    command: String,
    hex: String,
}

/// The operations of one command: ours and the peer's.
struct Case {
    name: String,
    decode: [Repeated<'static>; 3],
    encode: [Repeated<'static>; 2],
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    let mut cases = cases()?;
    if instructions::inside() {
        cases
            .iter_mut()
            .flat_map(|case| case.decode.iter_mut().chain(&mut case.encode))
            .for_each(|operation| instructions::counted(operation, REPETITIONS));
        return Ok(Vec::new());
    }
    let allocated: Vec<Allocations> = cases.iter_mut().map(allocations_of).collect();
    let (unit, costs): (_, Vec<f64>) = if options.callgrind {
        ("instructions", instructions::count("codec", REPETITIONS)?)
    } else {
        (
            "ns",
            cases
                .iter_mut()
                .flat_map(|case| [nanoseconds(&mut case.decode), nanoseconds(&mut case.encode)].concat())
                .collect(),
        )
    };
    if costs.len() != 5 * cases.len() {
        return Err(format!("{} costs for {} cases", costs.len(), cases.len()).into());
    }
    let rows: Vec<Row> = cases
        .iter()
        .zip(costs.chunks_exact(5))
        .zip(&allocated)
        .map(|((case, costs), allocated)| Row {
            name: case.name.clone(),
            figures: vec![
                Figure::new("decode", costs[0], unit),
                Figure::new("lrwn", costs[1], unit),
                Figure::new("ratio", costs[1] / costs[0], "x"),
                Figure::new("as a stream", costs[2], unit),
                Figure::new("encode", costs[3], unit),
                Figure::new("lrwn", costs[4], unit),
                Figure::new("ratio", costs[4] / costs[3], "x"),
            ],
            comparisons: vec![
                Comparison {
                    allocations: Some(allocated.decode[0]),
                    ..Comparison::with_peer("decode", costs[0], costs[1], unit)
                },
                Comparison {
                    allocations: Some(allocated.decode[2]),
                    ..Comparison::with_peer("decode as a stream", costs[2], costs[1], unit)
                },
                Comparison {
                    allocations: Some(allocated.encode[0]),
                    ..Comparison::with_peer("encode", costs[3], costs[4], unit)
                },
            ],
        })
        .collect();
    let sum = |of: fn(&Allocations) -> u64| allocated.iter().map(of).sum::<u64>() as f64;
    let allocations = vec![
        Figure::new(
            "allocations, all of ours",
            sum(|Allocations { decode: [single, _, stream], encode: [ours, _] }| single + stream + ours),
            "",
        ),
        Figure::new("allocations, lrwn decoding", sum(|allocated| allocated.decode[1]), ""),
        Figure::new("allocations, lrwn encoding", sum(|allocated| allocated.encode[1]), ""),
    ];
    let mean = |at: usize| geometric_mean(costs.chunks_exact(5).map(|costs| costs[at]));
    let means = [
        ("decode, geometric mean", mean(0), mean(1), Some(1.3)),
        ("decode as a stream, geometric mean", mean(2), mean(1), None),
        ("encode, geometric mean", mean(3), mean(4), Some(5.0)),
    ];
    Ok(vec![
        Section {
            subject: "codec",
            title: "one command, against lrwn 4.13".into(),
            rows,
            summary: allocations,
        },
        Section {
            subject: "codec",
            title: "over these commands".into(),
            rows: means.map(|(name, ours, peer, target)| mean_row(name, (ours, peer), unit, target)).into(),
            summary: Vec::new(),
        },
    ])
}

/// How often each operation of a case allocates.
struct Allocations {
    decode: [u64; 3],
    encode: [u64; 2],
}

fn allocations_of(Case { decode, encode, .. }: &mut Case) -> Allocations {
    Allocations {
        decode: decode.each_mut().map(allocations::count),
        encode: encode.each_mut().map(allocations::count),
    }
}

fn mean_row(name: &str, (ours, peer): (f64, f64), unit: &'static str, target: Option<f64>) -> Row {
    Row {
        name: name.to_owned(),
        figures: vec![
            Figure::new("ours", ours, unit),
            Figure::new("lrwn", peer, unit),
            // The mean of ratios is the ratio of these means.
            Figure::new("faster", peer / ours, "x"),
        ],
        comparisons: vec![Comparison { target, ..Comparison::with_peer("", ours, peer, unit) }],
    }
}

fn cases() -> Result<Vec<Case>, Box<dyn Error>> {
    let vectors: Vectors = serde_json::from_str(include_str!("../../fuota-proto/tests/vectors/codec.json"))?;
    let mut longest: Vec<(String, Entry, Vec<u8>)> = Vec::new();
    for entry in vectors.entries {
        let (name, payload) =
            (format!("{} v{} {}", entry.package, entry.version, entry.command), hex::decode(&entry.hex)?);
        if payload.len() > LONGEST {
            continue;
        }
        match longest.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) if known.2.len() < payload.len() => *known = (name, entry, payload),
            Some(_) => {}
            None => longest.push((name, entry, payload)),
        }
    }
    longest.into_iter().filter_map(|(name, entry, payload)| case(name, &entry, payload).transpose()).collect()
}

/// The operations on one payload with the types of one package, version and direction.
macro_rules! operations {
    ($name:ident, $payload:ident, $ours:ty, $peer:ty, $uplink:literal) => {{
        // The operations live as long as the program.
        let payload: &'static [u8] = $payload.leak();
        let ours = <$ours>::decode(payload)?;
        let peer = <$peer>::from_slice($uplink, payload)?;
        Case {
            name: $name,
            decode: [
                Box::new(move |times| {
                    for _ in 0..times {
                        let _ = black_box(<$ours>::decode(black_box(payload)));
                    }
                }),
                Box::new(move |times| {
                    for _ in 0..times {
                        let _ = black_box(<$peer>::from_slice($uplink, black_box(payload)));
                    }
                }),
                Box::new(move |times| {
                    for _ in 0..times {
                        for command in <$ours>::commands(black_box(payload)) {
                            let _ = black_box(command);
                        }
                    }
                }),
            ],
            encode: [
                Box::new(move |times| {
                    let mut buffer = [0; 64];
                    for _ in 0..times {
                        let _ = black_box(black_box(&ours).encode_to_slice(black_box(&mut buffer)));
                    }
                }),
                Box::new(move |times| {
                    for _ in 0..times {
                        let _ = black_box(black_box(&peer).to_vec());
                    }
                }),
            ],
        }
    }};
}

fn case(name: String, entry: &Entry, payload: Vec<u8>) -> Result<Option<Case>, Box<dyn Error>> {
    use applayer::{clocksync, fragmentation as peer_fragmentation, multicastsetup};

    Ok(Some(match (entry.package.as_str(), entry.version, entry.direction.as_str()) {
        ("TS003", 1, "downlink") => {
            operations!(name, payload, clock_sync::v1::Downlink, clocksync::v1::Payload, false)
        }
        ("TS003", 1, "uplink") => {
            operations!(name, payload, clock_sync::v1::Uplink, clocksync::v1::Payload, true)
        }
        ("TS003", 2, "downlink") => {
            operations!(name, payload, clock_sync::v2::Downlink, clocksync::v2::Payload, false)
        }
        ("TS003", 2, "uplink") => {
            operations!(name, payload, clock_sync::v2::Uplink, clocksync::v2::Payload, true)
        }
        ("TS004", 1, "downlink") => {
            operations!(
                name,
                payload,
                fragmentation::v1::Downlink<'_>,
                peer_fragmentation::v1::Payload,
                false
            )
        }
        ("TS004", 1, "uplink") => {
            operations!(name, payload, fragmentation::v1::Uplink, peer_fragmentation::v1::Payload, true)
        }
        ("TS004", 2, "downlink") => {
            operations!(
                name,
                payload,
                fragmentation::v2::Downlink<'_>,
                peer_fragmentation::v2::Payload,
                false
            )
        }
        ("TS004", 2, "uplink") => {
            operations!(name, payload, fragmentation::v2::Uplink, peer_fragmentation::v2::Payload, true)
        }
        ("TS005", 1, "downlink") => {
            operations!(name, payload, multicast::v1::Downlink, multicastsetup::v1::Payload, false)
        }
        ("TS005", 1, "uplink") => {
            operations!(name, payload, multicast::v1::Uplink, multicastsetup::v1::Payload, true)
        }
        ("TS005", 2, "downlink") => {
            operations!(name, payload, multicast::v2::Downlink, multicastsetup::v2::Payload, false)
        }
        ("TS005", 2, "uplink") => {
            operations!(name, payload, multicast::v2::Uplink, multicastsetup::v2::Payload, true)
        }
        _ => return Ok(None),
    }))
}
