//! How a device is made: on which ports it speaks which edition of which package, and what its radio can do.

use fuota_proto::PackageVersion;

/// On which FPort a device speaks which package. The defaults are those of the standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Application layer clock synchronisation (TS003).
    pub clock_sync: u8,
    /// Remote multicast setup (TS005).
    pub multicast: u8,
    /// Fragmented data block transport (TS004).
    pub fragmentation: u8,
    /// Firmware management (TS006).
    pub firmware: u8,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            clock_sync: fuota_proto::clock_sync::DEFAULT_PORT,
            multicast: fuota_proto::multicast::DEFAULT_PORT,
            fragmentation: fuota_proto::fragmentation::DEFAULT_PORT,
            firmware: fuota_proto::firmware::DEFAULT_PORT,
        }
    }
}

/// What differs between device models. The default is a class A device of version 1 on the standards' ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the packages listen.
    pub ports: Ports,
    /// Edition of application layer clock synchronisation (TS003).
    pub clock_sync: PackageVersion,
    /// Edition of remote multicast setup (TS005).
    pub multicast: PackageVersion,
    /// Edition of fragmented data block transport (TS004): it also decides which parity rule its blocks follow.
    pub fragmentation: PackageVersion,
    /// Whether the device can follow beacons and listen in ping slots. One that listens to unicast in class C cannot
    /// (TS005-2.0.0 §3.6).
    pub class_b: bool,
    /// Whether the device installs a valid image as soon as it has it: it reboots by itself within the block's answer
    /// window, unless a reboot is programmed.
    pub installs_at_once: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            clock_sync: PackageVersion::V1,
            multicast: PackageVersion::V1,
            fragmentation: PackageVersion::V1,
            class_b: false,
            installs_at_once: false,
        }
    }
}
