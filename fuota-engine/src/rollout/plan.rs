//! Which devices come when, and what has to be true before the next ones do.

use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use fuota_proto::Version;
use hashbrown::HashSet;

use crate::ids::DevEui;
use crate::percent::Percent;

/// A roll-out as the operator wants it, not yet checked.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct RolloutSpec {
    /// Every device, in the order in which they are served: the first are the canaries.
    pub devices: Vec<DevEui>,
    /// The waves, in order. Together they have to reach every device.
    pub waves: Vec<WaveSpec>,
}

/// One wave and its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct WaveSpec {
    /// How many devices it reaches.
    pub size: WaveSize,
    /// What has to be true of them before the next wave begins, or the roll-out has succeeded.
    pub gate: Gate,
}

/// How many devices a wave reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum WaveSize {
    /// The next so many, or as many as are left.
    Devices(u32),
    /// This share of all devices, rounded up, or as many as are left.
    Share(Percent),
    /// Whoever is left.
    Rest,
}

/// What has to be true of a wave. Every share is one of the wave's devices, and a count is compared with it rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Gate {
    /// So many have what the campaign was for when it ended, whatever its own threshold was.
    pub complete: Percent,
    /// So many run this version when the wave has soaked, by the last that was heard of each.
    pub version: Option<VersionGate>,
    /// How long devices are watched once their campaign is over.
    pub soak: Duration,
    /// So many are heard in the last part of the soak.
    pub heard: Percent,
    /// How long that part is: a few uplink periods. No longer than the soak.
    pub heard_within: Duration,
}

/// Devices have to run a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct VersionGate {
    /// Which.
    pub target: Version,
    /// How many of them.
    pub share: Percent,
}

/// Why a roll-out cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// There is nobody to serve.
    #[error("the roll-out has no devices")]
    NoDevices,
    /// A device is named twice.
    #[error("device {0} is named twice")]
    DuplicateDevice(DevEui),
    /// A wave reaches nobody.
    #[error("wave {wave} reaches no device")]
    EmptyWave {
        /// Its place, counted from 0.
        wave: usize,
    },
    /// A share is above 100 %.
    #[error("wave {wave} wants {share} %, more than all of its devices")]
    Share {
        /// The wave's place, counted from 0.
        wave: usize,
        /// What it wants.
        share: Percent,
    },
    /// Devices would be listened to for longer than the soak lasts.
    #[error("wave {wave} soaks for {} s, shorter than the {} s in which devices are to be heard", soak.as_secs(), heard_within.as_secs())]
    SoakTooShort {
        /// The wave's place, counted from 0.
        wave: usize,
        /// How long it soaks.
        soak: Duration,
        /// The part of it in which devices are to be heard.
        heard_within: Duration,
    },
    /// The waves leave devices out.
    #[error("the waves leave out the last {devices} devices")]
    LeftOut {
        /// How many.
        devices: u32,
    },
}

/// One wave of a checked roll-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wave {
    /// Places of its devices.
    pub(super) devices: Range<u32>,
    pub(super) gate: Gate,
}

impl Wave {
    /// How many of its devices such a share is.
    pub(super) fn required(&self, share: Percent) -> u32 {
        let devices = self.devices.end - self.devices.start;
        u32::try_from(share.of_ceil(devices)).unwrap_or(devices)
    }
}

/// A roll-out that can be carried out.
#[derive(Clone, Debug)]
pub struct RolloutPlan {
    pub(super) devices: Vec<DevEui>,
    pub(super) waves: Vec<Wave>,
}

impl RolloutPlan {
    /// Checks what the operator wants.
    ///
    /// # Errors
    /// [`RolloutError`] says what does not work.
    pub fn new(spec: RolloutSpec) -> Result<Self, RolloutError> {
        let all = u32::try_from(spec.devices.len()).map_err(|_| RolloutError::NoDevices)?;
        if all == 0 {
            return Err(RolloutError::NoDevices);
        }
        let mut seen = HashSet::with_capacity(spec.devices.len());
        if let Some(&twice) = spec.devices.iter().find(|device| !seen.insert(**device)) {
            return Err(RolloutError::DuplicateDevice(twice));
        }
        let mut waves = Vec::with_capacity(spec.waves.len());
        let mut first = 0;
        for (wave, &WaveSpec { size, gate }) in spec.waves.iter().enumerate() {
            check_gate(wave, &gate)?;
            let left = all - first;
            let devices = match size {
                WaveSize::Devices(devices) => devices,
                WaveSize::Share(share) => u32::try_from(share.of_ceil(all)).unwrap_or(left),
                WaveSize::Rest => left,
            };
            let end = first + devices.min(left);
            if end == first {
                return Err(RolloutError::EmptyWave { wave });
            }
            waves.push(Wave { devices: first..end, gate });
            first = end;
        }
        if first < all {
            return Err(RolloutError::LeftOut { devices: all - first });
        }
        Ok(Self { devices: spec.devices, waves })
    }

    /// How many waves there are.
    #[must_use]
    pub const fn waves(&self) -> usize {
        self.waves.len()
    }

    /// The devices of a wave, counted from 0; none if there is no such wave.
    #[must_use]
    pub fn devices(&self, wave: usize) -> &[DevEui] {
        let range = self.waves.get(wave).map(|wave| wave.devices.start as usize..wave.devices.end as usize);
        range.and_then(|range| self.devices.get(range)).unwrap_or_default()
    }
}

fn check_gate(wave: usize, gate: &Gate) -> Result<(), RolloutError> {
    let shares = [Some(gate.complete), Some(gate.heard), gate.version.map(|version| version.share)];
    if let Some(share) = shares.into_iter().flatten().find(|share| *share > Percent::whole(100)) {
        return Err(RolloutError::Share { wave, share });
    }
    let Gate { soak, heard_within, .. } = *gate;
    if heard_within > soak {
        return Err(RolloutError::SoakTooShort { wave, soak, heard_within });
    }
    Ok(())
}
