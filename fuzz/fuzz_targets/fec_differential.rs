//! The erasure code's fast paths against the slow, obvious twin: rows, fragments, all decoders.

#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use fuota_fec::batch::{self, ParityColumns, ParityRows, RankScratch};
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, FecError, FragmentNumber, Geometry, InsertError, MemoryStore, Mode,
    ParityRule, Progress, naive, words,
};
use libfuzzer_sys::fuzz_target;

/// What a receiver is offered.
#[derive(Debug, Arbitrary)]
enum Offer {
    Fragment(u16),
    /// A fragment of another length.
    Cut(u16, u8),
}

fuzz_target!(|octets: &[u8]| {
    let _ = check(&mut Unstructured::new(octets));
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let rule = if input.arbitrary()? { ParityRule::V1 } else { ParityRule::V2 };
    if input.ratio(1_u8, 3_u8)? { rows(input, rule) } else { session(input, rule) }
}

/// A few rows of any M, drawn both ways, and their parity fragments.
fn rows(input: &mut Unstructured<'_>, rule: ParityRule) -> Result<()> {
    let m = input.int_in_range(1..=16383_u16)?;
    let first = input.int_in_range(1..=16383_u16)?;
    let count = input.int_in_range(1..=40_u16)?;
    let frag_size = input.int_in_range(1..=255_u8)?;
    let drawn = ParityRows::new(m, rule, first..first.saturating_add(count));
    for (k, row) in (first..).zip(drawn.iter()) {
        let fast = (0..usize::from(m)).map(|i| row[i / 64] >> (i % 64) & 1 != 0);
        assert!(fast.eq(naive::row(rule, m.into(), k.into())), "{rule:?} M = {m} k = {k}");
    }
    let padding = input.int_in_range(0..=frag_size - 1)?;
    let Ok(geometry) = Geometry::from_session(m, frag_size, padding) else { return Ok(()) };
    let seed = input.arbitrary::<u8>()?;
    let image: Vec<u8> = (0..geometry.image_len()).map(|i| (i * i / 7).to_le_bytes()[0] ^ seed).collect();
    let uncoded = naive::cut(&image, frag_size.into());
    let parity = batch::encode_with(&drawn, geometry, &image).expect("rows and image are the geometry's");
    // One of them is enough, since fragments are picked octet by octet in the twin.
    let probe = input.int_in_range(0..=drawn.len() - 1)?;
    let k = u32::from(first) + u32::try_from(probe).expect("at most 40");
    let fragment = &parity[probe * usize::from(frag_size)..][..frag_size.into()];
    assert_eq!(fragment, naive::fragment(rule, &uncoded, u32::from(m) + k), "{rule:?} M = {m} k = {k}");
    Ok(())
}

fn session(input: &mut Unstructured<'_>, rule: ParityRule) -> Result<()> {
    let m = input.int_in_range(1..=90_u16)?;
    let frag_size = input.int_in_range(1..=20_u8)?;
    let padding = input.int_in_range(0..=frag_size - 1)?;
    let max_lost = input.int_in_range(0..=m)?;
    let accumulators = input.int_in_range(1..=9_u16)?;
    let more_words = input.int_in_range(0..=40_usize)?;
    let Ok(geometry) = Geometry::from_session(m, frag_size, padding) else { return Ok(()) };
    let mut seed = input.arbitrary::<u8>()?;
    let image: Vec<u8> = (0..geometry.image_len())
        .map(|_| {
            seed = seed.wrapping_mul(141).wrapping_add(71);
            seed
        })
        .collect();
    let uncoded = naive::cut(&image, frag_size.into());
    let encoder = Encoder::new(geometry, rule, &image).expect("the geometry is the image's");

    let memory = vec![0; words(Mode::Triangular, m, max_lost)];
    let mut triangular = Decoder::new(geometry, rule, max_lost, memory).expect("the memory is enough");
    let memory = vec![0; words(Mode::Deferred, m, max_lost) + more_words];
    let mut deferred = DeferredDecoder::new(geometry, rule, max_lost, memory).expect("the memory is enough");
    let mut stores = [MemoryStore::new(geometry), MemoryStore::with_accumulators(geometry, accumulators)];
    // Each decoder is held against a twin of its own: what one refuses for lack of room the other may take.
    let mut twins = [naive::Decoder::new(rule, m.into()), naive::Decoder::new(rule, m.into())];
    let mut unknown: [Vec<u16>; 2] = [(1..=m).collect(), (1..=m).collect()];
    let mut taken = Vec::new();

    while !input.is_empty() {
        let (number, cut) = match input.arbitrary()? {
            // Mostly numbers of the session, and some that no fragment carries.
            Offer::Fragment(n) if n > 16383 && n % 8 == 0 => (n, None),
            Offer::Fragment(n) => (n % (3 * m + 40), None),
            Offer::Cut(_, len) if len == frag_size => continue,
            Offer::Cut(n, len) => (n, Some(len)),
        };
        let Ok(n) = FragmentNumber::try_from(number) else {
            assert!(number == 0 || number > 16383);
            continue;
        };
        if let Some(len) = cut {
            let before = format!("{triangular:?} {deferred:?}");
            let wrong = FecError::FragmentLength { expected: frag_size, got: len.into() };
            let data = vec![0; len.into()];
            assert_eq!(triangular.insert(n, &data, &mut stores[0]), Err(wrong.into()));
            assert_eq!(deferred.insert(n, &data, &mut stores[1]), Err(wrong.into()));
            assert_eq!(format!("{triangular:?} {deferred:?}"), before);
            continue;
        }
        let mut data = vec![0; frag_size.into()];
        encoder.fragment(n, &mut data).expect("the buffer is FragSize octets");
        assert_eq!(data, naive::fragment(rule, &uncoded, number.into()));
        taken.push((n, data.clone()));
        for which in 0..2 {
            let before = if which == 0 { format!("{triangular:?}") } else { String::new() };
            let (result, missing) = if which == 0 {
                (triangular.insert(n, &data, &mut stores[0]), triangular.missing())
            } else {
                (deferred.insert(n, &data, &mut stores[1]), deferred.missing())
            };
            let due = twins[which].missing() == 0 && (which == 0 || unknown[1].len() <= max_lost.into());
            match result {
                Err(InsertError::Fec(FecError::AlreadyComplete)) => {
                    assert!(due);
                    continue;
                }
                Err(error) => {
                    assert!(matches!(
                        error,
                        InsertError::Fec(FecError::TooManyMissing { .. } | FecError::ScratchFull { .. })
                    ));
                    assert!(which == 1 || format!("{triangular:?}") == before);
                    continue;
                }
                Ok(_) => assert!(!due, "a complete block takes nothing"),
            }
            twins[which].insert(number.into(), &data);
            unknown[which].retain(|other| *other != number);
            let due = twins[which].missing() == 0 && (which == 0 || unknown[1].len() <= max_lost.into());
            assert_eq!(result == Ok(Progress::Complete), due);
            assert_eq!(missing == 0, due);
            if due {
                assert_eq!(stores[which].image(), image);
            }
        }
    }
    whole(geometry, rule, &image, &taken);
    Ok(())
}

/// The batch decoder and the ranks by columns on what has been offered.
fn whole(geometry: Geometry, rule: ParityRule, image: &[u8], taken: &[(FragmentNumber, Vec<u8>)]) {
    let mut twin = naive::Decoder::new(rule, geometry.nb_frag().into());
    for (n, data) in taken {
        twin.insert(n.get().into(), data);
    }
    let decoded = batch::decode(geometry, rule, taken.iter().map(|(n, data)| (*n, &data[..])));
    assert_eq!(decoded.ok().as_deref(), (twin.missing() == 0).then_some(image));

    let columns = ParityColumns::new(geometry, rule, 2 * geometry.nb_frag() + 40);
    let mut lost = vec![u64::MAX; columns.lost_words()];
    for (n, _) in taken {
        let bit = usize::from(n.get() - 1);
        lost[bit / 64] &= !(1 << (bit % 64));
    }
    let complete = columns.complete_at(&lost, &mut RankScratch::default());
    assert_eq!(complete.is_some(), twin.missing() == 0);
}
