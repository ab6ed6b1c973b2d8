#!/usr/bin/env python3
"""A device for `fuota run --no-fec --external-device "python3 external_device.py"`: TS004 and TS005 of version 1.
It keeps uncoded fragments only. One process serves any number of devices. Protocol: fuota-sim/src/external/protocol.md.
"""
import hashlib, json, os, struct, sys

class Device:
    def __init__(self, name):
        self.name, self.nb_frag, self.got, self.count, self.session = name, 0, {}, 0, (0, 0)

    def take(self, at, port, group, data):
        answer, now = b"", at // 1000
        while data:
            cid, body, used = data[0], data[1:], 1
            if port in (200, 201) and cid == 0:  # PackageVersionReq
                answer, used = answer + bytes([0, port - 198, 1]), 0
            elif port == 200 and cid == 2:  # McGroupSetupReq
                answer, used = answer + bytes([2, body[0] & 3]), 29
            elif port == 200 and cid == 3:  # McGroupDeleteReq
                answer += bytes([3, body[0] & 3])
            elif port == 200 and cid == 4:  # McClassCSessionReq
                start, used = struct.unpack_from("<I", body, 1)[0], 10
                self.session = start, start + (1 << (body[5] & 15))
                answer += bytes([4, body[0] & 3]) + max(0, start - now - 1).to_bytes(3, "little")
            elif port == 201 and cid == 1:  # FragSessionStatusReq
                missing = self.nb_frag - len(self.got)
                if self.nb_frag and (body[0] & 1 or missing):
                    answer += struct.pack("<BHBB", 1, self.count, min(255, missing), 0)
            elif port == 201 and cid == 2:  # FragSessionSetupReq
                self.nb_frag, _, _, self.padding = struct.unpack_from("<HBBB", body, 1)
                answer, used, self.got, self.count = answer + bytes([2, (body[0] & 0x30) << 2]), 10, {}, 0
            elif port == 201 and cid == 3:  # FragSessionDeleteReq
                answer, self.nb_frag = answer + bytes([3, body[0] & 3 | (0 if self.nb_frag else 4)]), 0
            elif port == 201 and cid == 8 and (group is None or self.session[0] <= now < self.session[1]):
                self.fragment(struct.unpack_from("<H", body)[0] & 0x3FFF, body[2:])
                used = len(body)
            else:
                break
            data = body[used:]
        if answer:
            self.say("uplink", port=port, hex=answer.hex(), delay_ms=1000)

    def fragment(self, number, octets):
        self.count += 1
        if 1 <= number <= self.nb_frag and number not in self.got:
            self.got[number] = octets
            if len(self.got) == self.nb_frag:
                block = b"".join(octets for _, octets in sorted(self.got.items()))
                self.say("complete", sha256=hashlib.sha256(block[:len(block) - self.padding]).hexdigest())

    def say(self, what, **fields):
        print(json.dumps({what: {"device": self.name, **fields}}))

devices = {name: Device(name) for name in os.environ["FUOTA_DEVICES"].split(",")}
for line in sys.stdin:
    event = json.loads(line)
    if down := event.get("downlink"):
        devices[down["device"]].take(event["at"], down["port"], down["group"], bytes.fromhex(down["hex"]))
    print('{"ready":true,"wake_at":null}', flush=True)
