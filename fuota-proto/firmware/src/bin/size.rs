//! A device that reads every downlink and writes every answer: what the codec adds to a firmware.
//!
//! Its size is that of `.text` and `.rodata`. Only the entry point and the panic handler are not the codec's.

#![no_std]
#![no_main]

use core::hint::black_box;

use fuota_proto::Writer;

/// Reads every downlink of one package and writes every answer that a device may give.
macro_rules! speak {
    ($payload:expr, $out:expr, $($package:ident::$version:ident),*) => {$(
        for command in fuota_proto::$package::$version::Downlink::commands($payload) {
            let _ = black_box(command);
        }
        if let Some(answer) = black_box(None::<fuota_proto::$package::$version::Uplink>) {
            let _ = black_box(answer.encode($out));
        }
    )*};
}

/// Entry point, with the payload of a frame and room for the answer.
#[unsafe(no_mangle)]
pub extern "C" fn probe(payload: &[u8; 64], answer: &mut [u8; 64]) -> usize {
    let payload = black_box(&payload[..]);
    let out = &mut Writer::new(answer);
    #[cfg(feature = "v1")]
    speak!(payload, out, clock_sync::v1, fragmentation::v1, multicast::v1);
    #[cfg(feature = "all")]
    speak!(payload, out, clock_sync::v2, fragmentation::v2, multicast::v2, firmware::v1);
    let written = out.len();
    #[cfg(feature = "multi-package")]
    {
        use fuota_proto::multi_package::v1::{DownlinkItem, SetWriter, UplinkItem, Versions};

        for item in DownlinkItem::items(payload, black_box(Versions::default())) {
            let _ = black_box(item);
        }
        let message = &mut SetWriter::new(answer);
        if let Some(item) = black_box(None::<UplinkItem<'_>>) {
            let _ = black_box(message.push(&item));
        }
    }
    written
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
