//! What every package begins with: which package and version does the device speak?

use crate::command::command;

command! {
    /// Asks which version of a package the device speaks. Every package has it; the answer comes on the same FPort.
    pub struct PackageVersionReq = 0x00 {}
}

command! {
    /// Answer to [`PackageVersionReq`].
    pub struct PackageVersionAns = 0x00 {
        /// Which package: 0 to 4 are those of TS003 to TS007.
        package_identifier: u8,
        /// Its version: 1 is edition 1.0.0, 2 is edition 2.0.0.
        package_version: u8,
    }
}
