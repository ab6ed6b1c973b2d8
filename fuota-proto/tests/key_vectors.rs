//! Keys and integrity codes as other implementations derive them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{list, number, octets, vectors};
use fuota_proto::keys::{Aes128, BlockMic, McKey, RootKey, RootKind, SoftwareAes, derive};
use fuota_proto::{Descriptor, EncryptedMcKey, FragIndex, McAddr};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn key(of: &Value, name: &str) -> [u8; 16] {
    octets(of, name).try_into().unwrap()
}

#[test]
fn multicast_keys() {
    let vectors = vectors("keys.json");
    assert!(list(&vectors, "keys").len() >= 16);
    for of in list(&vectors, "keys") {
        let roots = [
            (RootKey::from_gen_app_key(key(of, "gen_app_key")), "1_0_x"),
            (RootKey::from_app_key(key(of, "app_key")), "1_1"),
        ];
        let (mc_key, address) = (McKey::new(key(of, "mc_key")), McAddr(number(of, "mc_addr")));
        for (root, version) in roots {
            let mc_root_key = root.mc_root_key();
            let mc_ke_key = mc_root_key.mc_ke_key();
            let wrapped = mc_ke_key.wrap(&mc_key);
            assert_eq!(*mc_root_key.expose(), key(of, &format!("mc_root_key_{version}")));
            assert_eq!(*mc_ke_key.expose(), key(of, &format!("mc_ke_key_{version}")));
            assert_eq!(wrapped.0, key(of, &format!("mc_key_encrypted_{version}")));
            assert_eq!(mc_ke_key.unwrap(&wrapped), mc_key);
        }
        assert_eq!(*mc_key.mc_app_s_key(address).expose(), key(of, "mc_app_s_key"));
        assert_eq!(*mc_key.mc_nwk_s_key(address).expose(), key(of, "mc_nwk_s_key"));
        assert_eq!(
            *RootKey::from_app_key(key(of, "app_key")).data_block_int_key().expose(),
            key(of, "data_block_int_key")
        );
    }
}

/// SHA-256 of the seed and a counter, as long as needed.
fn generated(seed: &str, len: usize) -> Vec<u8> {
    let blocks =
        (0_u32..).flat_map(|i| Sha256::digest([seed.as_bytes(), &i.to_be_bytes()].concat()).to_vec());
    blocks.take(len).collect()
}

#[test]
fn integrity_codes_whole_and_in_pieces() {
    for of in list(&vectors("keys.json"), "mic") {
        let block = match of["generator"].as_str() {
            Some(seed) => generated(seed, number(of, "data_len")),
            None => octets(of, "data"),
        };
        let int_key = RootKey::from_app_key(key(of, "app_key")).data_block_int_key();
        assert_eq!(*int_key.expose(), key(of, "data_block_int_key"));
        let session_cnt = number(of, "session_cnt");
        let frag_index = FragIndex::new(number(of, "frag_index")).unwrap();
        let descriptor = Descriptor(octets(of, "descriptor").try_into().unwrap());
        let wanted = octets(of, "mic");
        assert_eq!(int_key.mic(session_cnt, frag_index, descriptor, &block).0[..], wanted);
        for piece_len in [1, 15, 16, 17, 100] {
            let mut mic =
                int_key.block_mic(session_cnt, frag_index, descriptor, block.len().try_into().unwrap());
            block.chunks(piece_len).for_each(|piece| mic.update(piece).unwrap());
            assert_eq!(mic.finish().unwrap().0[..], wanted, "in pieces of {piece_len}");
        }
    }
}

#[test]
fn keys_print_without_their_octets() {
    let key = McKey::new([0xAB; 16]);
    assert_eq!(format!("{key:?}"), "McKey(..)");
    assert_eq!(format!("{:?}", RootKey::from_app_key([0xAB; 16])), "RootKey(AppKey, ..)");
}

/// A secure element: keys are handles, and it may be out of reach.
struct Element {
    key: [u8; 16],
    is_reachable: bool,
}

impl Aes128 for Element {
    type Error = &'static str;

    fn encrypt_block(&self, block: &mut [u8; 16]) -> Result<(), Self::Error> {
        let Ok(()) = SoftwareAes::new(&self.key).encrypt_block(block);
        if self.is_reachable { Ok(()) } else { Err("out of reach") }
    }
}

/// Every step that a device takes can be taken where the key lies, and its failure is passed on.
#[test]
fn a_secure_element_does_what_a_device_needs() {
    let of = &vectors("keys.json")["keys"][2];
    let address = McAddr(number(of, "mc_addr"));
    let wrapped = EncryptedMcKey(key(of, "mc_key_encrypted_1_1"));
    let with = |is_reachable| -> Result<_, &'static str> {
        let element = |key: &[u8; 16]| Element { key: *key, is_reachable };
        let mc_root_key = derive::mc_root_key(&element(&key(of, "app_key")), RootKind::AppKey)?;
        let mc_ke_key = derive::mc_ke_key(&element(mc_root_key.expose()))?;
        let mc_key = derive::unwrap_mc_key(&element(mc_ke_key.expose()), &wrapped)?;
        let mc_nwk_s_key = derive::mc_nwk_s_key(&element(mc_key.expose()), address)?;
        Ok((derive::mc_app_s_key(&element(mc_key.expose()), address)?, mc_nwk_s_key))
    };
    let (mc_app_s_key, mc_nwk_s_key) = with(true).unwrap();
    assert_eq!(*mc_app_s_key.expose(), key(of, "mc_app_s_key"));
    assert_eq!(*mc_nwk_s_key.expose(), key(of, "mc_nwk_s_key"));
    assert_eq!(with(false).unwrap_err(), "out of reach");

    let mic = &vectors("keys.json")["mic"][0];
    let block = octets(mic, "data");
    let with = |is_reachable| {
        let element = Element { key: key(mic, "data_block_int_key"), is_reachable };
        let frag_index = FragIndex::new(number(mic, "frag_index")).unwrap();
        let descriptor = Descriptor(octets(mic, "descriptor").try_into().unwrap());
        let len = block.len().try_into().unwrap();
        let mut code = BlockMic::new(element, number(mic, "session_cnt"), frag_index, descriptor, len);
        code.update(&block).and_then(|()| code.finish())
    };
    assert_eq!(with(true).map(|mic| mic.0.to_vec()), Ok(octets(mic, "mic")));
    assert_eq!(with(false), Err("out of reach"));

    // Lent, it does the same.
    let element = Element { key: key(mic, "data_block_int_key"), is_reachable: true };
    let (mut lent, mut own) = ([0x5A; 16], [0x5A; 16]);
    Aes128::encrypt_block(&&element, &mut lent).unwrap();
    element.encrypt_block(&mut own).unwrap();
    assert_eq!((lent, lent == [0x5A; 16]), (own, false));
}

/// The same octets are another root in a device of another LoRaWAN version.
#[test]
fn root_keys_are_equal_in_octets_and_kind() {
    let root = RootKey::from_gen_app_key([1; 16]);
    assert_eq!(root, RootKey::from_gen_app_key([1; 16]));
    assert_ne!(root, RootKey::from_gen_app_key([2; 16]));
    assert_ne!(root, RootKey::from_app_key([1; 16]));
}
