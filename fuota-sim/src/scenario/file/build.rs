//! From the keys of a file to a scenario: what each key alone cannot tell is checked here.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{FirmwareSpec, Kind, Redundancy};
use fuota_engine::config::{Config, IgnoredKey};
use fuota_proto::{PingSlotPeriodicity, Version};
use toml::Spanned;

use super::schema::{self, File};
use super::values::Span;
use super::{FileError, ScenarioFile, line_of};
use crate::energy::{PROFILES, Profile};
use crate::node::HARDWARE;
use crate::scenario::{
    Absent, Backhaul, DeviceGroup, ErrorBit, GatewaySpec, Joins, Link, OnOff, Outage, PathLoss, RadioEffects,
    Reboots, Scenario, Start, Trace,
};
use crate::world::START;

/// Most devices of one scenario.
const DEVICES_MAX: u64 = 1_000_000;
/// Most octets of a made-up image: 16383 fragments of 255 octets, the most that TS004 numbers and a payload holds.
const IMAGE_MAX: u32 = 16_383 * 255;
/// Most gateways of one scenario.
const GATEWAYS_MAX: usize = 64;

/// Where a file is, to say where it is wrong.
struct Place<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Place<'_> {
    fn wrong(&self, at: Range<usize>, message: impl Into<String>) -> FileError {
        let line = line_of(self.text, at.start);
        FileError::Wrong { path: self.path.into(), line, message: message.into() }
    }

    /// A file that is named relative to this one.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.into(), |folder| folder.join(path))
    }
}

/// Puts the scenario together.
pub(super) fn build(
    file: File,
    config: Config,
    ignored: Vec<IgnoredKey>,
    text: &str,
    path: &Path,
) -> Result<ScenarioFile, FileError> {
    let place = Place { text, path };
    let mut scenario = Scenario { config, ..Scenario::default() };
    if let Some(seed) = file.seed {
        scenario.seed = seed;
    }
    radio(&mut scenario, &file.radio, &place)?;
    backhaul(&mut scenario, &file.backhaul, &place)?;
    if !file.gateways.is_empty() {
        let gateway = |gateway: &Spanned<schema::Gateway>| self::gateway(gateway, &place);
        scenario.gateways = file.gateways.iter().map(gateway).collect::<Result<_, _>>()?;
        if let Some(first) = file.gateways.get(GATEWAYS_MAX) {
            return Err(place.wrong(first.span(), format!("at most {GATEWAYS_MAX} gateways are possible")));
        }
    }
    if !file.devices.is_empty() {
        let mut fleet = Vec::new();
        for (number, devices) in file.devices.iter().enumerate() {
            fleet.push(group(devices, number, &place)?);
            let total: u64 = fleet.iter().map(|group: &DeviceGroup| u64::from(group.devices)).sum();
            if total > DEVICES_MAX {
                return Err(
                    place.wrong(devices.span(), format!("at most {DEVICES_MAX} devices are possible"))
                );
            }
        }
        scenario.fleet = fleet;
    }
    let image_named = campaign(&mut scenario, &file.campaign, &place)?;
    let expect = file.expect;
    Ok(ScenarioFile { name: file.name, about: file.about, scenario, image_named, expect, ignored })
}

fn campaign(scenario: &mut Scenario, keys: &schema::Campaign, place: &Place<'_>) -> Result<bool, FileError> {
    let from_start = |span: Span| START + span.0;
    scenario.start = match keys.start {
        schema::Start::Setup => Start::Setup,
        schema::Start::Transfer => Start::Transfer,
    };
    scenario.kind = match keys.kind {
        schema::Kind::MulticastSetup => Kind::MulticastSetup,
        schema::Kind::Binary => Kind::Binary,
        schema::Kind::Firmware => Kind::Firmware(FirmwareSpec {
            target: keys.firmware_version.map_or(Version::from_parts([2, 0, 0, 0]), |version| version.0),
            hardware: Some(HARDWARE),
            reboot: keys.reboot_time.map(from_start),
        }),
    };
    scenario.package_version = keys.package_version.of_packages();
    scenario.ack_reception = keys.ack_reception;
    scenario.session_start = keys.session_start.map(from_start);
    if let Some(longest) = keys.max_duration {
        scenario.max_duration = longest.0;
    }
    if let Some(fec) = &keys.fec
        && !*fec.get_ref()
    {
        if keys.redundancy.is_some() || keys.parity.is_some() {
            return Err(place.wrong(fec.span(), "`fec = false` leaves no room for `redundancy` and `parity`"));
        }
        scenario.redundancy = Redundancy::Rounds;
    } else if let Some(share) = keys.redundancy {
        scenario.redundancy = Redundancy::Fec(share.0);
    }
    if let Some(parity) = &keys.parity {
        if keys.redundancy.is_some() {
            return Err(place.wrong(parity.span(), "either `redundancy` or `parity` is expected, not both"));
        }
        // All that can be numbered, and of these so many.
        scenario.redundancy = Redundancy::Fec(fuota_engine::percent::Percent::whole(1_000_000));
        scenario.config.frag_redundancy_max = Some(*parity.get_ref());
    }
    scenario.code = keys.code.as_ref().map(|code| *code.get_ref());
    if let Some(code) = keys.code.as_ref().filter(|_| scenario.start == Start::Setup) {
        let message = "`code` compares codes where only losses count: `start = \"transfer\"` is expected";
        return Err(place.wrong(code.span(), message));
    }
    if let Some(policy) = &keys.policy {
        if keys.fec.is_some() {
            return Err(place.wrong(policy.span(), "either `policy` or `fec` is expected, not both"));
        }
        let is_fixed = *policy.get_ref() == schema::Policy::Fixed;
        if !is_fixed && (keys.redundancy.is_some() || keys.parity.is_some()) {
            return Err(
                place.wrong(policy.span(), "`redundancy` and `parity` go with the policy `fixed` only")
            );
        }
        match policy.get_ref() {
            schema::Policy::Fixed => {}
            schema::Policy::Carousel => scenario.redundancy = Redundancy::Rounds,
            schema::Policy::Adaptive => scenario.redundancy = Redundancy::Adaptive,
        }
    }
    match (&keys.image, &keys.image_size) {
        (Some(_), Some(size)) => {
            return Err(place.wrong(size.span(), "either `image` or `image_size` is expected, not both"));
        }
        (Some(image), None) => {
            let path = place.beside(image.get_ref());
            scenario.image = fs::read(&path).map_err(|source| FileError::Read { path, source })?;
        }
        (None, Some(size)) => {
            let octets = *size.get_ref();
            if octets > IMAGE_MAX {
                return Err(place.wrong(size.span(), format!("at most {IMAGE_MAX} octets can be sent")));
            }
            scenario.image = crate::image::made_up(octets as usize);
        }
        (None, None) => scenario.image = crate::image::built_in(),
    }
    Ok(keys.image.is_some())
}

fn radio(scenario: &mut Scenario, keys: &schema::Radio, place: &Place<'_>) -> Result<(), FileError> {
    let mut region = keys.region.map_or(scenario.region, |region| region.0);
    if let Some(dwell) = &keys.dwell_time {
        let message = format!("`dwell_time` is for AS923; {region} leaves no choice");
        region =
            region.with_dwell_time(dwell.get_ref().0).ok_or_else(|| place.wrong(dwell.span(), message))?;
    }
    scenario.set_region(region);
    scenario.class = match keys.class {
        schema::Class::B => SessionClass::B {
            periodicity: keys.ping_periodicity.map_or(PingSlotPeriodicity::MIN, |periodicity| periodicity.0),
        },
        schema::Class::C => SessionClass::C,
    };
    if let Some(rate) = keys.dr {
        scenario.data_rate = rate.0;
    }
    if let Some(rate) = keys.uplink_dr {
        scenario.uplink_data_rate = rate.0;
    }
    if let Some(duty) = keys.duty {
        scenario.multicast_duty = duty.0;
    }
    let overhead = keys.frame_overhead.unwrap_or(Framing::default().overhead);
    scenario.framing = Framing { crc: keys.downlink_crc, overhead };
    let outages = keys.beacon_outages.iter().map(|outage| {
        let [from, to] = *outage.get_ref();
        ordered(from, to).ok_or_else(|| place.wrong(outage.span(), "the second time has to be the later one"))
    });
    scenario.radio = RadioEffects {
        collisions: keys.collisions,
        capture_db: keys.capture_db.map(|db| db.0),
        half_duplex: keys.half_duplex,
        beacon_loss: keys.beacon_loss.map_or(0.0, |loss| loss.0),
        beacon_outages: outages.collect::<Result<_, _>>()?,
    };
    Ok(())
}

fn backhaul(scenario: &mut Scenario, keys: &schema::Backhaul, place: &Place<'_>) -> Result<(), FileError> {
    let span = |span: Option<Span>| span.map_or_else(Default::default, |span| span.0);
    let mut backhaul = Backhaul {
        delay: span(keys.delay),
        stale: keys.stale.map_or(0.0, |stale| stale.0),
        stale_delay: span(keys.stale_delay),
        ..Backhaul::default()
    };
    if let Some(copies) = &keys.copies {
        backhaul.copies = *copies.get_ref();
        if backhaul.copies == 0 {
            return Err(place.wrong(copies.span(), "each uplink has to arrive at least once"));
        }
    }
    scenario.backhaul = backhaul;
    Ok(())
}

fn gateway(gateway: &Spanned<schema::Gateway>, place: &Place<'_>) -> Result<GatewaySpec, FileError> {
    let keys = gateway.get_ref();
    let outage = |outage: &Spanned<schema::Outage>| {
        let schema::Outage { fragments, time } = outage.get_ref();
        let known = match (fragments, time) {
            (Some([from, to]), None) if from.0 <= to.0 => Some(Outage::Fragments(from.0, to.0)),
            (None, Some([from, to])) => ordered(*from, *to).map(|(from, to)| Outage::Time(from, to)),
            _ => None,
        };
        known.ok_or_else(|| {
            place.wrong(
                outage.span(),
                "an outage is either { fragments = [from, to] } or { time = [from, to] }, in order",
            )
        })
    };
    let on_off = match (keys.mean_up, keys.mean_down) {
        (Some(up), Some(down)) if !up.0.is_zero() && !down.0.is_zero() => {
            Some(OnOff { mean_up: up.0, mean_down: down.0 })
        }
        (None, None) => None,
        _ => {
            let message = "`mean_up` and `mean_down` go together, each above 0";
            return Err(place.wrong(gateway.span(), message));
        }
    };
    Ok(GatewaySpec {
        coverage: keys.coverage.map_or(1.0, |coverage| coverage.0),
        outages: keys.outages.iter().map(outage).collect::<Result<_, _>>()?,
        on_off,
    })
}

fn group(
    devices: &Spanned<schema::Devices>,
    number: usize,
    place: &Place<'_>,
) -> Result<DeviceGroup, FileError> {
    let (keys, usual) = (devices.get_ref(), DeviceGroup::default());
    let link = |link: &Option<Spanned<schema::Link>>, usual: Link| {
        link.as_ref().map_or(Ok(usual), |link| self::link(link, place))
    };
    let uplink_period = match &keys.uplink_period {
        None => usual.uplink_period,
        Some(period) if period.get_ref().0.as_secs() == 0 => {
            return Err(place.wrong(period.span(), "a period of at least 1 s is expected"));
        }
        Some(period) => period.get_ref().0,
    };
    let refuses = keys.refuses.iter().map(|(name, share)| {
        let known = ErrorBit::NAMES.iter().find(|(known, _)| known == name.get_ref());
        let names = || ErrorBit::NAMES.map(|(name, _)| name).join(", ");
        let bit = known.ok_or_else(|| {
            place.wrong(
                name.span(),
                format!("unknown error bit `{}`, expected one of {}", name.get_ref(), names()),
            )
        })?;
        Ok((bit.1, share.0))
    });
    let in_order = "the second value has to be the larger one";
    let joins = keys.joins.as_ref().map(|joins| {
        let [from, to] = joins.get_ref().between;
        let between = ordered(from, to).ok_or_else(|| place.wrong(joins.span(), in_order))?;
        Ok(Joins { share: joins.get_ref().share.0, between })
    });
    let reboots = keys.reboots.as_ref().map(|reboots| {
        let schema::Reboots { share, fragments: [from, to], takes, keeps_fragments } = reboots.get_ref();
        if from.0 > to.0 {
            return Err(place.wrong(reboots.span(), in_order));
        }
        let (fragments, takes) = ((from.0, to.0), takes.0);
        Ok(Reboots { share: share.0, fragments, takes, keeps_fragments: *keeps_fragments })
    });
    let absent = keys.absent.as_ref().map(|absent| {
        let schema::Absent { share, fragments: [from, to] } = absent.get_ref();
        if from.0 > to.0 {
            return Err(place.wrong(absent.span(), in_order));
        }
        Ok(Absent { share: share.0, fragments: (from.0, to.0) })
    });
    Ok(DeviceGroup {
        name: keys.name.clone().unwrap_or_else(|| format!("devices {}", number + 1)),
        devices: keys.count.unwrap_or(usual.devices),
        downlink: link(&keys.downlink, usual.downlink)?,
        uplink: link(&keys.uplink, usual.uplink)?,
        uplink_period,
        clock_drift_ppm: keys.clock_drift_ppm.map_or(0.0, |drift| drift.0),
        clock_synced: keys.clock_synced.map_or_else(Default::default, |span| span.0),
        joins: joins.transpose()?,
        absent: absent.transpose()?,
        reboots: reboots.transpose()?,
        decoder_lost: keys.decoder_lost,
        refuses: refuses.collect::<Result<_, FileError>>()?,
        package_version: keys.package_version.map(schema::Version::of_packages),
        firmware: keys.firmware.map_or(usual.firmware, |version| version.0),
        hardware: keys.hardware.map_or(usual.hardware, |version| version.0),
        boots: keys.boots.map(|version| version.0),
        profile: keys.radio.as_ref().map_or(Ok(usual.profile), |radio| profile(radio, place))?,
    })
}

fn link(link: &Spanned<schema::Link>, place: &Place<'_>) -> Result<Link, FileError> {
    let keys = link.get_ref();
    let path_loss = keys.radius_m.map(|radius| {
        let usual = PathLoss::default();
        Link::PathLoss(PathLoss {
            radius_m: radius.0,
            exponent: keys.exponent.map_or(usual.exponent, |value| value.0),
            reference_db: keys.reference_db.map_or(usual.reference_db, |value| value.0),
            shadowing_db: keys.shadowing_db.map_or(usual.shadowing_db, |value| value.0),
            fading_db: keys.fading_db.map_or(usual.fading_db, |value| value.0),
            power_dbm: keys.power_dbm.map_or(usual.power_dbm, |value| value.0),
        })
    });
    let trace = keys.trace.as_ref().map(|path| {
        let path = place.beside(path);
        let file = fs::File::open(&path).map_err(|source| FileError::Read { path: path.clone(), source })?;
        let trace = Trace::read(file).map_err(|source| FileError::Trace { path, source })?;
        Ok(Link::Trace(Arc::new(trace)))
    });
    let models = [
        keys.loss.map(|loss| Link::Independent { loss: loss.0 }),
        keys.alpha.zip(keys.beta).map(|(alpha, beta)| Link::Beta { alpha: alpha.0, beta: beta.0 }),
        keys.good_to_bad.zip(keys.bad_to_good).map(|(good_to_bad, bad_to_good)| Link::GilbertElliott {
            good_to_bad: good_to_bad.0,
            bad_to_good: bad_to_good.0,
        }),
        path_loss,
        trace.transpose()?,
    ];
    let mut models = models.into_iter().flatten();
    let pairs = keys.alpha.is_some() == keys.beta.is_some()
        && keys.good_to_bad.is_some() == keys.bad_to_good.is_some();
    let of_path_loss = [keys.reference_db.is_some(), keys.power_dbm.is_some(), keys.exponent.is_some()];
    let stray = keys.radius_m.is_none()
        && (of_path_loss.contains(&true) || keys.shadowing_db.is_some() || keys.fading_db.is_some());
    match (models.next(), models.next()) {
        (Some(model), None) if pairs && !stray => Ok(model),
        _ => Err(place.wrong(
            link.span(),
            "a link has either `loss`, or `alpha` and `beta`, or `good_to_bad` and `bad_to_good`, or `radius_m`, or `trace`",
        )),
    }
}

fn profile(radio: &Spanned<schema::Profile>, place: &Place<'_>) -> Result<Profile, FileError> {
    match radio.get_ref() {
        schema::Profile::Named(name) => Profile::find(name).ok_or_else(|| {
            let names: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
            place.wrong(radio.span(), format!("unknown radio `{name}`, expected one of {}", names.join(", ")))
        }),
        schema::Profile::Currents(currents) => Ok(Profile {
            voltage: currents.voltage.0,
            rx_ma: currents.rx_ma.0,
            tx_ma: currents.tx_ma.0,
            standby_ma: currents.standby_ma.0,
            sleep_ma: currents.sleep_ma.0,
        }),
    }
}

fn ordered(from: Span, to: Span) -> Option<(std::time::Duration, std::time::Duration)> {
    (from.0 <= to.0).then_some((from.0, to.0))
}
