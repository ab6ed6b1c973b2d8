//! TS006-1.0.0.

pub use super::image::DevUpgradeImageAns;
pub use super::{DEFAULT_PORT, PACKAGE_IDENTIFIER};
pub use crate::version::{PackageVersionAns, PackageVersionReq};

use crate::command::{command, error_bits};
use crate::package::package;
use crate::units::{Countdown, GpsSeconds, Version};

/// Version of the package.
pub const PACKAGE_VERSION: u8 = 1;

package! {
    /// What a server sends (TS006-1.0.0 §1).
    pub enum Downlink {
        /// Which version do you speak?
        PackageVersionReq(PackageVersionReq),
        /// What do you run, and on what?
        DevVersionReq(DevVersionReq),
        /// Reboot then.
        DevRebootTimeReq(DevRebootTimeReq),
        /// Reboot in so many seconds.
        DevRebootCountdownReq(DevRebootCountdownReq),
        /// What image do you hold?
        DevUpgradeImageReq(DevUpgradeImageReq),
        /// Throw the image away.
        DevDeleteImageReq(DevDeleteImageReq),
    }
}

package! {
    /// What a device sends (TS006-1.0.0 §1).
    pub enum Uplink {
        /// Answer to [`PackageVersionReq`].
        PackageVersionAns(PackageVersionAns),
        /// Answer to [`DevVersionReq`].
        DevVersionAns(DevVersionAns),
        /// Answer to [`DevRebootTimeReq`].
        DevRebootTimeAns(DevRebootTimeAns),
        /// Answer to [`DevRebootCountdownReq`].
        DevRebootCountdownAns(DevRebootCountdownAns),
        /// Answer to [`DevUpgradeImageReq`].
        DevUpgradeImageAns(DevUpgradeImageAns),
        /// Answer to [`DevDeleteImageReq`].
        DevDeleteImageAns(DevDeleteImageAns),
    }
}

command! {
    /// Asks what the device runs (TS006-1.0.0 §2.2).
    pub struct DevVersionReq = 0x01 {}
}

command! {
    /// Answer to [`DevVersionReq`]; devices may also send it on their own after an upgrade (TS006-1.0.0 §2.2).
    pub struct DevVersionAns = 0x01 {
        /// Version of the firmware that runs.
        fw_version: Version,
        /// Version of the hardware.
        hw_version: Version,
    }
}

command! {
    /// Has the device reboot at a time (TS006-1.0.0 §2.3). A later valid request for a reboot replaces it.
    pub struct DevRebootTimeReq = 0x02 {
        /// When, in GPS time; [`NOW`](Self::NOW), which is not answered, and [`CANCEL`](Self::CANCEL) are special.
        reboot_time: GpsSeconds,
    }
}

impl DevRebootTimeReq {
    /// Reboot at once, without an answer.
    pub const NOW: Self = Self { reboot_time: GpsSeconds(0) };
    /// Cancel the reboot.
    pub const CANCEL: Self = Self { reboot_time: GpsSeconds(u32::MAX) };

    /// Whether the device answers.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.reboot_time.get() != Self::NOW.reboot_time.get()
    }
}

command! {
    /// Answer to [`DevRebootTimeReq`] (TS006-1.0.0 §2.3).
    pub struct DevRebootTimeAns = 0x02 {
        /// Seconds from this uplink to the reboot: not a time, unlike the request's. 0 if the device cannot reboot then,
        /// 0xFFFFFFFF if the reboot is cancelled. Devices older than the standard echo the request's time.
        reboot_time: u32,
    }
}

impl DevRebootTimeAns {
    /// The device cannot reboot at that time, or does not know the time.
    pub const CANNOT: Self = Self { reboot_time: 0 };
    /// The reboot is cancelled.
    pub const CANCELLED: Self = Self { reboot_time: u32::MAX };

    /// Whether the device will do as asked.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.reboot_time != Self::CANNOT.reboot_time
    }
}

command! {
    /// Has the device reboot after a while (TS006-1.0.0 §2.4). A later valid request for a reboot replaces it.
    pub struct DevRebootCountdownReq = 0x03 {
        /// Seconds from reception; [`Countdown::ZERO`] reboots at once without an answer, [`Countdown::CANCEL`] cancels.
        countdown: Countdown,
    }
}

impl DevRebootCountdownReq {
    /// Whether the device answers.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.countdown.get() != Countdown::ZERO.get()
    }
}

command! {
    /// Answer to [`DevRebootCountdownReq`] (TS006-1.0.0 §2.4).
    pub struct DevRebootCountdownAns = 0x03 {
        /// Seconds from this uplink to the reboot; [`Countdown::ZERO`] if the device cannot, [`Countdown::CANCEL`] if
        /// the reboot is cancelled.
        countdown: Countdown,
    }
}

impl DevRebootCountdownAns {
    /// Whether the device will do as asked.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.countdown.get() != Countdown::ZERO.get()
    }
}

command! {
    /// Asks what image the device holds (TS006-1.0.0 §2.5).
    pub struct DevUpgradeImageReq = 0x04 {}
}

command! {
    /// Has the device throw its image away (TS006-1.0.0 §2.6).
    pub struct DevDeleteImageReq = 0x05 {
        /// Version of the image meant.
        firmware_to_delete_version: Version,
    }
}

command! {
    /// Answer to [`DevDeleteImageReq`] (TS006-1.0.0 §2.6).
    pub struct DevDeleteImageAns = 0x05 {
        /// The device holds no valid image.
        error_no_valid_image: bool,
        /// The image has another version.
        error_invalid_version: bool [6 rfu],
    }
}

error_bits! {
    /// Whether the image is deleted.
    DevDeleteImageAns { error_no_valid_image = "ErrorNoValidImage", error_invalid_version = "ErrorInvalidVersion" }
}
