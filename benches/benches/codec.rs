//! The codec in detail: each command alone, read and written, and a message of many.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fuota_proto::multi_package::v1::{DownlinkItem, SetWriter, Versions};
use fuota_proto::{CommandSet, Commands, Writer, clock_sync, firmware, fragmentation, multicast};

/// Reads and writes one payload, octets per second.
fn payload<'p, C: CommandSet<'p>>(c: &mut Criterion, name: &str, payload: &'p [u8]) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(payload.len() as u64));
    group.bench_function("read", |b| b.iter(|| Commands::<C>::new(black_box(payload)).flatten().count()));
    let commands: Vec<C> = Commands::new(payload).flatten().collect();
    let mut buffer = [0; 256];
    group.bench_function("write", |b| {
        b.iter(|| Writer::new(black_box(&mut buffer)).extend(black_box(&commands)));
    });
    group.finish();
}

fn set_up(c: &mut Criterion) {
    let group =
        [&[0x02, 0x00, 0xC4, 0xB3, 0xA2, 0x01][..], &[0x5A; 16], &[0; 4], &[0x10, 0x27, 0, 0]].concat();
    payload::<multicast::v1::Downlink>(c, "McGroupSetupReq", &group);
    let session = [0x04, 0x00, 0x00, 0x4E, 0x72, 0x53, 0x09, 0xD2, 0xAD, 0x84, 0x03];
    payload::<multicast::v2::Downlink>(c, "McClassCSessionReq", &session);
    payload::<multicast::v2::Uplink>(c, "McClassCSessionAns", &[0x04, 0x00, 0x2C, 0x01, 0x00]);
    let block = [0x02, 0x01, 0x0A, 0, 0x30, 0x42, 7, 1, 4, 3, 1, 1, 0, 0xC3, 0xF5, 0xEC, 0xE9];
    payload::<fragmentation::v2::Downlink<'_>>(c, "FragSessionSetupReq", &block);
}

fn transfer(c: &mut Criterion) {
    let fragment = [&[0x08, 0x05, 0x40][..], &[0xA5; 239]].concat();
    payload::<fragmentation::v1::Downlink<'_>>(c, "DataFragment of 239 octets", &fragment);
    payload::<fragmentation::v1::Uplink>(c, "FragSessionStatusAns", &[0x01, 0x0C, 0x40, 0x03, 0x00]);
    payload::<clock_sync::v1::Uplink>(c, "AppTimeReq", &[0x01, 0x00, 0x04, 0x00, 0x00, 0x1F]);
}

/// As many commands as a device ever gets at once: the price of the stream, not of a command.
fn many(c: &mut Criterion) {
    let all =
        [0x00, 0x01, 0x02, 0x00, 0x4E, 0x72, 0x53, 0x03, 0x58, 0x02, 0x00, 0x04, 0x05, 1, 4, 3, 1].repeat(14);
    payload::<firmware::v1::Downlink>(c, "84 commands of TS006", &all);

    let message = [0x81, 0x00, 0x82, 0x00, 0x83, 0x00, 0x84, 0x01, 0x04, 0x80, 0x01, 0x02];
    let mut group = c.benchmark_group("12 octets of TS007");
    let read = || DownlinkItem::items(black_box(&message), Versions::default()).flatten();
    group.bench_function("read", |b| b.iter(|| read().count()));
    let items: Vec<_> = read().collect();
    let mut buffer = [0; 64];
    group.bench_function("write", |b| {
        b.iter(|| {
            let mut out = SetWriter::new(black_box(&mut buffer));
            items
                .iter()
                .try_for_each(|item| out.push(black_box(item)))
                .and_then(|()| out.finish().map(<[u8]>::len))
        });
    });
    group.finish();
}

criterion_group!(benches, set_up, transfer, many);
criterion_main!(benches);
