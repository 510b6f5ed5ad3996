# Shared by the scripts of this folder (sourced): installs what is missing, builds a preset.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian packages and what they are for. Of MariaDB only the -core packages, which hold the binaries
# and no service.
packages_build="
g++                  the compiler (C++20)
cmake                the build
ninja-build          the build
libasio-dev          library: networking
nlohmann-json3-dev   library: JSON
libspdlog-dev        library: logging
libcli11-dev         library: command lines
libssl-dev           library: OpenSSL
libc-ares-dev        library: names to addresses
libhttp-parser-dev   library: HTTP requests (the admin listener)
libzstd-dev          library: compression of streams
libnats-dev          library: NATS, through which several proxies find each other's topics"
packages_tests="
libgtest-dev         unit tests
python3-pytest       end-to-end tests
iproute2             network namespaces, for networks that vanish
curl                 HTTP and SOCKS5 through the tunnel
openssh-server       ssh and scp through the tunnel
openssh-client       ssh and scp through the tunnel
rsync                files through ssh through the tunnel
netcat-openbsd       ssh through an exit (SOCKS5)
ncat                 ssh through a listener with names (SOCKS5)
proxychains4         programs that know no proxy, through names
wget                 through names (HTTP)
git                  a repository through ssh through the tunnel, and through an exit
mariadb-server-core  a database through the tunnel
mariadb-client-core  a database through the tunnel
redis-server         Redis through the tunnel
redis-tools          Redis through the tunnel
postgresql           a database through ports and UNIX sockets
postgresql-client    a database through ports and UNIX sockets
docker.io            a daemon at a UNIX socket, and one that pulls through names
python3-yaml         reads the Pod of docs/doors.md
openssl              certificates (scripts/certs.sh)
sslscan              a scan of the proxy's port
systemd              the rating of the units
prometheus           scrapes the programs; its rules and the dashboard's expressions
nginx                the proxy behind nginx
libnginx-mod-stream  the proxy behind nginx
haproxy              in front of the proxy and behind out
squid                a forward proxy in front of in and out
nats-server          the directory of several proxies
chromium             the status page in a browser
chromium-driver      drives that browser
firefox-esr          a browser through names
python3-selenium     speaks to the driver
golang-go            a test of connections in Go (tests/conn)
golang-golang-x-net-dev  its golang.org/x/net/nettest"
packages_bench="
haproxy              a peer to compare with
nginx                a peer to compare with
libnginx-mod-stream  a peer to compare with
libbenchmark-dev     micro-benchmarks
nats-server          look-ups of a cluster in micro-benchmarks
iproute2             network namespaces for bench/wan"
packages_demo="
python3              the demo's backend, a web server
curl                 the demo's client
nginx                stands in front of the proxy
libnginx-mod-stream  stands in front of the proxy"
packages_clang="
clang                the compiler of the fuzz targets
libclang-rt-dev      libFuzzer and its sanitizers"
packages_package="
debhelper            the .deb
dpkg-dev             the .deb
lintian              judges the .deb
man-db               reads the manual pages
zsh                  tries its completion
fish                 tries its completion"
packages_tidy="
clang-format         the format check
clang-tidy           the static checks
python3              the other checks"

# Debian 13 has the client in a package of its own.
if [[ $(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}") == trixie ]]; then
    packages_tests+="
docker-cli           the client of Docker"
fi

# These start a service when they are installed. It is neither wanted nor asked for here.
services_of_packages="ssh.service redis-server.service nginx.service haproxy.service
prometheus.service nats-server.service squid.service postgresql.service docker.service docker.socket
containerd.service"

# fail WORDS…: ends the script with them.
fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# bad_usage ARGUMENT: an option or argument that the script does not have; what it has follows.
bad_usage() {
    echo "${0##*/}: '$1' is no option of this script" >&2
    usage >&2
    exit 2
}

as_root() {
    if [[ $EUID == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo here; as root, first: $*"
    fi
}

# Prints the lines of these groups whose package is not installed.
missing_packages() {
    local group list package why
    for group; do
        list=packages_$group
        while read -r package why; do
            [[ -n $package ]] || continue
            [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
                printf '  %-20s %s\n' "$package" "$why"
        done <<<"${!list}"
    done | sort -u -k1,1
}

# install_packages GROUP…: installs what these groups miss, and says what and why.
install_packages() {
    local missing packages unit masked=()
    if ! command -v apt-get >/dev/null; then
        echo "No apt-get here: the counterparts of these Debian packages must be installed already:"
        missing_packages "$@"
        return
    fi
    missing=$(missing_packages "$@")
    [[ -n $missing ]] || return 0
    echo "Installing Debian packages with apt-get:"
    echo "$missing"
    mapfile -t packages < <(awk '{print $1}' <<<"$missing")

    # A masked unit is not started by a package's installation; what was there before is not touched.
    if [[ -d /run/systemd/system ]]; then
        for unit in $services_of_packages; do
            systemctl cat "$unit" &>/dev/null || masked+=("$unit")
        done
        [[ ${#masked[@]} == 0 ]] || as_root systemctl --quiet mask "${masked[@]}"
    fi
    local status=0
    # RUNLEVEL=1 does the same for machines without systemd (runlevel(8)).
    as_root apt-get -qq update || echo "Going on with the package lists that are there." >&2
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 install "${packages[@]}" >/dev/null || status=$?
    if [[ ${#masked[@]} != 0 ]]; then
        as_root systemctl --quiet unmask "${masked[@]}"
        for unit in "${masked[@]}"; do
            ! systemctl cat "$unit" &>/dev/null || as_root systemctl --quiet disable "$unit"
        done
        echo "Their services were left stopped and disabled: ${masked[*]}"
    fi
    return "$status"
}

# build_preset PRESET: configures and builds it with the tests. One at a time in each build folder,
# because ninja does not see to that.
build_preset() {
    mkdir -p "$root/build"
    (
        cd "$root"
        flock 9
        cmake --preset "$1" -DINOUT_TESTS=ON # the demo may have configured without them
        cmake --build --preset "$1"
    ) 9>"$root/build/$1.lock"
}

# usage: prints the comment at the top of the running script.
usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}
