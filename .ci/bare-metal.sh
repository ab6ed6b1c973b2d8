#!/usr/bin/env bash
# The libraries on microcontrollers: they build for them, stay small, and run in an emulator.
#
#   .ci/bare-metal.sh            all steps
#   .ci/bare-metal.sh STEP...    only these
#
# `core` is built from source, so the compiler and the sources must be of the same version. Debian has such a pair;
# without root the packages have to be there already. Whatever else is installed is built without the pair.
set -euo pipefail
cd "$(dirname "$0")/.."

STEPS=(proto_builds proto_size proto_selftest fec_builds fec_size fec_emulator)
TARGETS=(thumbv6m-none-eabi thumbv7em-none-eabihf)
export CARGO_TARGET_DIR="${BARE_METAL_TARGET_DIR:-$PWD/target/bare-metal}"

tools() {
    if [[ ! -x /usr/bin/rustc || ! -d /usr/lib/rustlib/src ]] ||
        ! command -v arm-none-eabi-ld > /dev/null || ! command -v qemu-system-arm > /dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends rustc-web rust-web-src binutils-arm-none-eabi qemu-system-arm
    fi
}

# device TARGET LINKER-ARGUMENTS CARGO-ARGUMENTS...: cargo with the compiler that can build `core`.
device() {
    local target=$1 link=$2 name
    shift 2
    name=${target^^}
    name=${name//-/_}
    env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        "CARGO_TARGET_${name}_LINKER=arm-none-eabi-ld" "CARGO_TARGET_${name}_RUSTFLAGS=$link" \
        cargo "$@" --target "$target" -Zbuild-std=core -Zbuild-std-features=compiler-builtins-mem
}

# Everything that fuota-proto has for devices compiles for both cores.
proto_builds() {
    local target
    for target in "${TARGETS[@]}"; do
        device "$target" "" build --quiet -p fuota-proto --no-default-features
        device "$target" "" build --quiet -p fuota-proto --no-default-features \
            --features packages,crypto,serde,defmt
    done
}

# size of fuota-proto with FEATURES on TARGET in octets; a device carries no panic with it.
proto_probe() {
    local target=$1 features=$2 binary=$CARGO_TARGET_DIR/$1/firmware/size
    (cd fuota-proto/firmware &&
        device "$target" "-C link-arg=--gc-sections -C link-arg=-eprobe" \
            build --quiet --locked --profile firmware --bin size --features "$features")
    if arm-none-eabi-nm "$binary" | grep -i panic >&2; then
        echo "the codec can panic" >&2
        return 1
    fi
    arm-none-eabi-size -A "$binary" | awk '/^\.text|^\.rodata/ { size += $2 } END { print size }'
}

proto_size() {
    local target probe features limit size over=0
    for target in "${TARGETS[@]}"; do
        for probe in v1:4096 all:9216 multi-package:9216; do
            features=${probe%:*} limit=${probe#*:}
            size=$(proto_probe "$target" "$features")
            echo "fuota-proto, $features, $target: $size of $limit octets"
            ((size <= limit)) || over=1
        done
    done
    return "$over"
}

# Reads and writes the golden vectors and derives keys on an emulated Cortex-M4, and shows what it says.
proto_selftest() {
    local binary=$CARGO_TARGET_DIR/thumbv7em-none-eabihf/firmware/selftest log=$CARGO_TARGET_DIR/selftest.defmt
    (cd fuota-proto/firmware &&
        DEFMT_LOG=info device thumbv7em-none-eabihf \
            "-C link-arg=--gc-sections -C link-arg=-Tlink.x -C link-arg=-Tdefmt.x -L $PWD" \
            build --quiet --locked --profile firmware --bin selftest --features selftest)
    command -v defmt-print > /dev/null || cargo install --quiet --locked --debug --target-dir target/tools defmt-print
    local passed=true
    timeout 60 qemu-system-arm -M mps2-an386 -cpu cortex-m4 -nographic -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$binary" > "$log" || passed=false
    defmt-print -e "$binary" < "$log"
    $passed
}

# fuota-fec for devices, the flash adapter included.
fec_builds() {
    local target
    for target in "${TARGETS[@]}"; do
        device "$target" "" build --quiet -p fuota-fec --no-default-features --features flash
    done
}

# The decoders with a store of callbacks: nothing but bit work, set-up included, and no panic.
fec_size() {
    local target probe name limit size over=0
    for target in "${TARGETS[@]}"; do
        for probe in triangular:2200 both:5120; do
            name=${probe%:*} limit=${probe#*:}
            (cd fuota-fec/firmware &&
                device "$target" \
                    "-C link-arg=--gc-sections -C link-arg=-eprobe -C link-arg=--undefined=setup" \
                    build --quiet --locked --profile firmware --bin "$name")
            if arm-none-eabi-nm "$CARGO_TARGET_DIR/$target/firmware/$name" | grep -i panic >&2; then
                echo "fuota-fec, $name, $target: the decoder can panic" >&2
                over=1
            fi
            size=$(arm-none-eabi-size -A "$CARGO_TARGET_DIR/$target/firmware/$name" |
                awk '/^\.text|^\.rodata/ { size += $2 } END { print size }')
            echo "fuota-fec, $name, $target: $size of $limit octets"
            ((size <= limit)) || over=1
        done
    done
    return "$over"
}

# Decodes sessions on an emulated Cortex-M4, also with the code for the smallest cores, prints what they took, and
# holds them to it.
fec_emulator() {
    local target
    for target in "${TARGETS[@]}"; do
        (cd fuota-fec/firmware &&
            device "$target" "-C link-arg=--gc-sections -C link-arg=-Tlink.x -L $PWD" \
                build --quiet --locked --profile firmware --bin emulator --features emulator)
        echo "$target"
        timeout 60 qemu-system-arm -M mps2-an386 -cpu cortex-m4 -icount shift=0 -nographic -monitor none -serial none \
            -semihosting-config enable=on,target=native -kernel "$CARGO_TARGET_DIR/$target/firmware/emulator"
    done
}

tools
for step in "${@:-${STEPS[@]}}"; do
    echo "== $step"
    "$step"
done
