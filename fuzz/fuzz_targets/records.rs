//! Octets that may be a record, a plan or a snapshot, and a campaign that goes on from what was read.

#![no_main]

use fuota_fuzz::records::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| read(octets));
