//! Checks of how campaigns share time on air.

use std::time::Duration;

use super::{LONG, Verdict, batch, campaign, done, ensure, held, is_fenced, refused, same, standing};
use crate::driver::store::{Booking, Channel, Lease, Promise, Store, StoreError};
use crate::driver::transport::Gateway;
use crate::region::{Region, SubBand};
use crate::time::GpsInstant;

const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
const TAKEN: Duration = Duration::from_micros(3_944_960);

fn channel(gateway: &str) -> Channel {
    Channel { gateway: Gateway(gateway.into()), band: band() }
}

fn band() -> SubBand {
    Region::Eu868.sub_band(Region::Eu868.rx2_frequency())
}

fn booking(gateways: &[&str], from: GpsInstant) -> Booking {
    Booking {
        channels: gateways.iter().map(|gateway| channel(gateway)).collect(),
        taken: TAKEN,
        from,
        latest: from + LONG,
    }
}

/// Two campaigns that different nodes hold.
async fn two(store: &impl Store) -> Result<(Lease, Lease), String> {
    let (_, first) = held(store, "a", LONG).await?;
    let second = done("keeping a campaign", store.create(&campaign(11)).await)?;
    Ok((first, done("taking a campaign", store.acquire(second, "b", LONG).await)?))
}

pub(super) async fn campaigns_take_turns_on_a_channel(store: &impl Store) -> Verdict {
    let (a, b) = two(store).await?;
    let wanted = booking(&["g"], START);
    for turn in 0..6 {
        let lease = if turn % 2 == 0 { &a } else { &b };
        let at = done("booking", store.book_airtime(lease, &wanted).await)?;
        same("a turn", &at, &(START + TAKEN * turn))?;
    }
    // Nobody was on air for a while: nothing is made up for.
    let later = START + TAKEN * 100;
    let at = done("booking", store.book_airtime(&a, &booking(&["g"], later)).await)?;
    same("a turn after a pause", &at, &later)?;
    let early = done("booking", store.book_airtime(&b, &wanted).await)?;
    same("the turn after it", &early, &(later + TAKEN))?;
    let mut elsewhere = booking(&["g"], START);
    for channel in &mut elsewhere.channels {
        channel.band = Region::Us915.sub_band(Region::Us915.rx2_frequency());
    }
    same("another sub-band", &done("booking", store.book_airtime(&a, &elsewhere).await)?, &START)?;
    let lease = Lease { token: a.token + 1, ..a };
    refused("booking without a lease", store.book_airtime(&lease, &wanted).await, is_fenced)
}

pub(super) async fn channels_that_are_used_together_are_free_together(store: &impl Store) -> Verdict {
    let (a, b) = two(store).await?;
    let book = async |lease: &Lease, gateways: &[&str]| {
        done("booking", store.book_airtime(lease, &booking(gateways, START)).await)
    };
    same("the first", &book(&a, &["g"]).await?, &START)?;
    same("another gateway", &book(&b, &["h"]).await?, &START)?;
    same("the second on one of them", &book(&b, &["h"]).await?, &(START + TAKEN))?;
    same("both together", &book(&a, &["g", "h"]).await?, &(START + TAKEN * 2))?;
    same("one of them after that", &book(&b, &["g"]).await?, &(START + TAKEN * 3))?;
    same("a gateway named twice", &book(&b, &["i", "i"]).await?, &START)?;
    same("and once after that", &book(&a, &["i"]).await?, &(START + TAKEN))
}

pub(super) async fn what_comes_too_late_is_not_booked(store: &impl Store) -> Verdict {
    let (a, b) = two(store).await?;
    done("booking", store.book_airtime(&a, &booking(&["g"], START)).await)?;
    let mut wanted = booking(&["h", "g"], START);
    wanted.latest = START + TAKEN - Duration::from_micros(1);
    let late = |error: &StoreError| matches!(*error, StoreError::NoAirtime { free, latest } if free == START + TAKEN && latest == wanted.latest);
    refused("a turn too late", store.book_airtime(&b, &wanted).await, late)?;
    let other = done("booking", store.book_airtime(&b, &booking(&["h"], START)).await)?;
    same("a channel that was not booked after all", &other, &START)?;
    wanted.latest = START + TAKEN;
    same("just in time", &done("booking", store.book_airtime(&b, &wanted).await)?, &(START + TAKEN))
}

pub(super) async fn bookings_at_the_same_time_do_not_overlap(store: &impl Store) -> Verdict {
    let (a, b) = two(store).await?;
    // Named in different orders: whoever waits for one must not hold the other.
    let (there, back) = (booking(&["g", "h"], START), booking(&["h", "g"], START));
    let book = |lease, wanted| store.book_airtime(lease, wanted);
    let booked = tokio::join!(
        book(&a, &there),
        book(&b, &back),
        book(&a, &back),
        book(&b, &there),
        book(&a, &there),
        book(&b, &back)
    );
    let mut turns = Vec::new();
    for turn in [booked.0, booked.1, booked.2, booked.3, booked.4, booked.5] {
        turns.push(done("booking", turn)?);
    }
    turns.sort_unstable();
    let expected: Vec<_> = (0..6).map(|turn| START + TAKEN * turn).collect();
    same("the turns", &turns, &expected)
}

pub(super) async fn what_is_promised_is_known_until_it_is_used_or_over(store: &impl Store) -> Verdict {
    let channels = [channel("g"), channel("h")];
    let promised = async || done("asking what is promised", store.promised_airtime(&channels).await);
    same("what is promised to nobody", &promised().await?, &Duration::ZERO)?;
    let mut leases = Vec::new();
    for (first, gateway, turns) in [(1, "g", 3), (11, "h", 2), (21, "h", 2), (31, "i", 50)] {
        let mut new = campaign(first);
        new.airtime = vec![Promise { channel: channel(gateway), taken: TAKEN * turns }];
        let id = done("keeping a campaign", store.create(&new).await)?;
        leases.push(done("taking a campaign", store.acquire(id, "a", LONG).await)?);
    }
    same("the busier of two channels", &promised().await?, &(TAKEN * 4))?;
    let mut late = campaign(41);
    late.airtime = vec![Promise { channel: channel("h"), taken: TAKEN }];
    late.beside = TAKEN * 4 - Duration::from_micros(1);
    let overtaken = |error: &StoreError| matches!(error, StoreError::Overtaken { promised, .. } if *promised == TAKEN * 4);
    refused("a campaign that was planned beside fewer", store.create(&late).await, overtaken)?;
    let [_, second, third, _] = &leases[..] else { return Err("there are other campaigns".into()) };
    done("booking", store.book_airtime(second, &booking(&["h"], START)).await)?;
    done("booking elsewhere", store.book_airtime(second, &booking(&["i"], START)).await)?;
    same("what is left", &promised().await?, &(TAKEN * 3))?;
    let mut over = batch(0, 1, 0);
    over.standing = standing(true);
    done("ending a campaign", store.append(third, &over).await)?;
    same("what is left when one is over", &promised().await?, &(TAKEN * 3))?;
    for _ in 0..5 {
        done("booking", store.book_airtime(second, &booking(&["h"], START)).await)?;
    }
    let left = done("asking what is promised", store.promised_airtime(&channels[1..]).await)?;
    ensure(left.is_zero(), "more than what was promised is still promised")
}
