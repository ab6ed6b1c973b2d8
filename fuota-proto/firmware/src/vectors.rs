//! One payload for each command of each version, from the golden vectors.

/// Package, version, direction and the payloads.
macro_rules! vectors {
    ($check:ident) => {
        $check!(
            clock_sync,
            v1,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("AppTimeAns", "010000000000"),
                ("DeviceAppTimePeriodicityReq", "0200"),
                ("ForceDeviceResyncReq", "0300"),
            ]
        );
        $check!(
            clock_sync,
            v1,
            Uplink,
            [
                ("PackageVersionAns", "000101"),
                ("AppTimeReq", "010000000000"),
                ("DeviceAppTimePeriodicityAns", "020100000000"),
            ]
        );
        $check!(
            clock_sync,
            v2,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("AppTimeAns", "010000000000"),
                ("DeviceAppTimePeriodicityReq", "0200"),
                ("ForceDeviceResyncCmd", "0300"),
            ]
        );
        $check!(
            clock_sync,
            v2,
            Uplink,
            [
                ("PackageVersionAns", "000102"),
                ("AppTimeReq", "010000000000"),
                ("DeviceAppTimePeriodicityAns", "020100000000"),
            ]
        );
        $check!(
            fragmentation,
            v1,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("FragSessionStatusReq", "0100"),
                ("FragSessionDeleteReq", "0300"),
                (
                    "DataFragment",
                    "08b1581b146dceb492a86206c222c086a06c30a3ff77b7248594dcc4b582bf790b31ddd5ffdf34"
                ),
                ("FragSessionSetupReq", "0200010001389800000000"),
            ]
        );
        $check!(
            fragmentation,
            v1,
            Uplink,
            [
                ("PackageVersionAns", "000301"),
                ("FragSessionDeleteAns", "0300"),
                ("FragSessionStatusAns", "0100000000"),
                ("FragSessionSetupAns", "0200"),
            ]
        );
        $check!(
            fragmentation,
            v2,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("FragSessionStatusReq", "0100"),
                ("FragSessionDeleteReq", "0300"),
                (
                    "DataFragment",
                    "086bd7f80be99e522cde33086f8e9e7746e284042ef11b0d819c477639c7876762f375fe56756482"
                ),
                ("FragSessionSetupReq", "0200010001389c000000000000d7e10611"),
                ("FragDataBlockReceivedAns", "0400"),
            ]
        );
        $check!(
            fragmentation,
            v2,
            Uplink,
            [
                ("PackageVersionAns", "000302"),
                ("FragSessionDeleteAns", "0300"),
                ("FragSessionStatusAns", "0100000000"),
                ("FragSessionSetupAns", "0200"),
                ("FragDataBlockReceivedReq", "0400"),
            ]
        );
        $check!(
            multicast,
            v1,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("McGroupStatusReq", "0100"),
                ("McGroupSetupReq", "0200040302010ab604f1dd5f85d9c03ea933721b928400000000ffffffff"),
                ("McGroupDeleteReq", "0300"),
                ("McClassCSessionReq", "0400000000000040420f00"),
                ("McClassBSessionReq", "0500000000007040420f00"),
            ]
        );
        $check!(
            multicast,
            v1,
            Uplink,
            [
                ("PackageVersionAns", "000201"),
                ("McGroupStatusAns", "015f00b58cf00301eef025f8020000000003ffffffff"),
                ("McGroupSetupAns", "0200"),
                ("McGroupDeleteAns", "0300"),
                ("McClassCSessionAns", "0400000000"),
                ("McClassBSessionAns", "0500000000"),
            ]
        );
        $check!(
            multicast,
            v2,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("McGroupStatusReq", "0100"),
                ("McGroupSetupReq", "020004030201463f8106d818094bfc226c5b9c5fbe3d00000000ffffffff"),
                ("McGroupDeleteReq", "0300"),
                ("McClassCSessionReq", "0400000000000040420f00"),
                ("McClassBSessionReq", "0500000000007040420f00"),
            ]
        );
        $check!(
            multicast,
            v2,
            Uplink,
            [
                ("PackageVersionAns", "000202"),
                ("McGroupStatusAns", "016f00ddd0c3c001ba36ecd1024f92596d03ffffffff"),
                ("McGroupSetupAns", "0200"),
                ("McGroupDeleteAns", "0300"),
                ("McClassCSessionAns", "0400000000"),
                ("McClassBSessionAns", "0500000000"),
            ]
        );
        $check!(
            firmware,
            v1,
            Downlink,
            [
                ("PackageVersionReq", "00"),
                ("DevVersionReq", "01"),
                ("DevUpgradeImageReq", "04"),
                ("DevRebootTimeReq", "0200000000"),
                ("DevDeleteImageReq", "0500000000"),
                ("DevRebootCountdownReq", "03000000"),
            ]
        );
        $check!(
            firmware,
            v1,
            Uplink,
            [
                ("PackageVersionAns", "000401"),
                ("DevVersionAns", "0100000000ffffffff"),
                ("DevRebootTimeAns", "0200000000"),
                ("DevUpgradeImageAns", "040300000000"),
                ("DevRebootCountdownAns", "03000000"),
                ("DevDeleteImageAns", "0500"),
            ]
        );
    };
}
pub(crate) use vectors;
