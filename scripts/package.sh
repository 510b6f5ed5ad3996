#!/usr/bin/env bash
# Makes a package of this checkout in build/package/, and installs what making it needs.
#
#   scripts/package.sh deb|archive [--from FOLDER] [--output FOLDER] [--arch ARCH] [--no-install]
#
# deb: a Debian package. archive: the static programs with their SBOM, for any Linux, and what a debugger
# wants of them. --from: of the build in this folder; else it is built. --output: another place.
# --arch: for another architecture, whose packages are here as well (scripts/release.sh sees to that).
set -euo pipefail
source "$(dirname "$0")/lib.sh"

output=$root/build/package
from=
install=true
native=$(dpkg --print-architecture)
architecture=$native
[[ $# != 0 ]] || { usage >&2; exit 2; }
kind=$1
case $kind in
    deb | archive) shift ;;
    -h | --help) usage; exit ;;
    *) bad_usage "$kind" ;;
esac
while [[ $# != 0 ]]; do
    case $1 in
        --from) from=$(realpath -m "${2:?--from needs a folder}"); shift 2 ;;
        --output) output=$(realpath -m "${2:?--output needs a folder}"); shift 2 ;;
        --arch) architecture=${2:?--arch needs the name of an architecture}; shift 2 ;;
        --no-install) install=false; shift ;;
        *) bad_usage "$1" ;;
    esac
done
work=$output/work
version=$(sed -n 's/^project(inout VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
# The time of what is in a package: of the last change of the sources.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 TZ=UTC
umask 022

# The sources without what builds have left, where debian/rules may write.
copy_sources() {
    rm -rf "$1"
    mkdir -p "$1"
    tar -C "$root" --exclude=./build --exclude=./.git --exclude=__pycache__ -cf - . | tar -C "$1" -xf -
}

make_deb() {
    local sources=$work/inout-$version
    copy_sources "$sources"
    (
        cd "$sources"
        INOUT_BUILD=$from dpkg-buildpackage --build=binary --no-sign \
            --no-check-builddeps "--host-arch=$architecture"
    )
    mv "$work"/*.deb "$output"
    rm -rf "$work"
}

# Packs the folder $1 as the archive $2, by xz at level $3. Nothing in it tells of when, where and by
# whom.
pack() {
    tar -C "$(dirname "$1")" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -cf - "$(basename "$1")" | xz -T1 "-$3" >"$2"
}

# The programs, stripped; what a debugger wants of them is in an archive of its own.
make_archive() {
    local build=${from:-$root/build/static} name=inout-$version-linux-$architecture program
    local objcopy=objcopy
    if [[ $architecture != "$native" ]]; then
        local triplet
        triplet=$(dpkg-architecture "-a$architecture" -qDEB_HOST_MULTIARCH)
        objcopy=$triplet-objcopy
        [[ -n $from ]] || build=$root/build/static-$architecture
    fi
    if [[ -z $from && $architecture == "$native" ]]; then
        build_preset static
    elif [[ -z $from ]]; then
        cmake -S "$root" -B "$build" --preset static -DINOUT_TESTS=OFF "-DINOUT_TRIPLET=$triplet" \
            "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/Cross.cmake"
        cmake --build "$build"
    fi
    local folder=$work/$name debug=$work/$name-debug
    rm -rf "$work"
    mkdir -p "$folder" "$debug"
    for program in inout in out proxy; do
        "$objcopy" --only-keep-debug "$build/bin/$program" "$debug/$program.debug"
        "$objcopy" --strip-all "$build/bin/$program" "$folder/$program"
        (cd "$debug" && "$objcopy" --add-gnu-debuglink="$program.debug" "$folder/$program")
    done
    cd "$root"
    cp README.md LICENSE CHANGELOG.md packaging/Dockerfile "$folder"
    cp -r configs packaging/man packaging/completions "$folder"
    mkdir "$folder/systemd"
    cp packaging/inout-*.service packaging/inout.sysusers "$folder/systemd"
    scripts/sbom "$build" "$architecture" >"$folder/sbom.cdx.json"
    pack "$folder" "$output/$name.tar.xz" 6
    pack "$debug" "$output/$name-debug.tar.xz" 1
    rm -rf "$work"
}

[[ -z $from || -x $from/bin/inout ]] || fail "$from is no folder of a build: it has no bin/inout"
mkdir -p "$output"
case $kind in
    deb) if $install; then install_packages build package; fi; make_deb ;;
    archive) if $install; then install_packages build; fi; make_archive ;;
esac
