#!/usr/bin/env bash
# Makes all packages of this checkout in build/release-VERSION/: for each architecture a .deb and an
# archive of static programs, with symbols apart, and SHA256SUMS of all.
#
#   scripts/release.sh [ARCHITECTURE…]       default: amd64 arm64; on amd64, as root
#
# Another architecture's packages would have to be installed beside this machine's. They are installed
# in a layer over its files instead (overlayfs, in a mount namespace), which is gone afterwards.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

for word; do
    case $word in
        -h | --help) usage; exit ;;
        -*) bad_usage "$word" ;;
    esac
done
architectures=("$@")
[[ $# != 0 ]] || architectures=(amd64 arm64)
version=$(sed -n 's/^project(inout VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
output=$root/build/release-$version
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# The libraries of debian/control for the architecture $1. Those of headers alone are for all.
libraries() {
    local package
    for package in libc-ares-dev libhttp-parser-dev libnats-dev libspdlog-dev libfmt-dev libssl-dev libzstd-dev; do
        echo "$package:$1"
    done
}

# in_layer COMMAND…: runs it where changes of this machine's files are forgotten, but for those of this
# checkout.
in_layer() {
    [[ $EUID == 0 ]] || fail "packages for another architecture need root, for a layer to install them in"
    # shellcheck disable=SC2016
    unshare --mount --propagation private bash -euc '
        layer=$(mktemp -d)
        mount -t tmpfs none "$layer"
        mkdir "$layer/changes" "$layer/work" "$layer/root"
        mount -t overlay -o "lowerdir=/,upperdir=$layer/changes,workdir=$layer/work" none "$layer/root"
        mount -t proc none "$layer/root/proc"
        mount --rbind /dev "$layer/root/dev"
        mkdir -p "$layer/root$0" "$layer/root/tmp"
        mount --bind "$0" "$layer/root$0"
        status=0
        chroot "$layer/root" bash -euc "cd \"\$0\"; \"\$@\"" "$0" "$@" || status=$?
        umount --lazy "$layer"
        rmdir "$layer"
        exit "$status"' "$root" "$@"
}

# For another architecture; runs in a layer.
# shellcheck disable=SC2317
cross() {
    local architecture=$1 packages
    export DEBIAN_FRONTEND=noninteractive
    dpkg --add-architecture "$architecture"
    apt-get -qq update
    mapfile -t packages < <(libraries "$architecture")
    apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install \
        "crossbuild-essential-$architecture" "${packages[@]}" >/dev/null
    make_set "$architecture"
}

make_set() {
    local kind
    for kind in deb archive; do
        scripts/package.sh "$kind" --arch "$1" --output "$output" --no-install
    done
}

cd "$root"
install_packages build package
rm -rf "$output"
mkdir -p "$output"
for architecture in "${architectures[@]}"; do
    if [[ $architecture == "$(dpkg --print-architecture)" ]]; then
        make_set "$architecture"
    else
        export -f cross libraries make_set
        export output
        in_layer bash -euc 'cross "$0"' "$architecture"
    fi
done
(cd "$output" && sha256sum -- * >SHA256SUMS)
ls -l "$output"
