#!/usr/bin/env bash
# The main job, on loopback with real parts: a page travels from a web server through
# out, proxy (behind nginx) and in to curl. Installs and builds what is missing.
#
#   scripts/demo.sh [--once]        --once: end after the check instead of waiting for Ctrl-C
set -euo pipefail
source "$(dirname "$0")/lib.sh"

once=false
case ${1-} in
    '') ;;
    --once) once=true ;;
    -h | --help) usage; exit ;;
    *) bad_usage "$1" ;;
esac

install_packages build demo
echo "Building (build/release/bin):"
cd "$root"
options=()
# Tests need more packages; leave them out, unless an earlier command configured them.
[[ -e build/release/CMakeCache.txt ]] || options=(-DINOUT_TESTS=OFF)
echo "\$ cmake --preset release ${options[*]} && cmake --build --preset release --target in out proxy"
cmake --preset release "${options[@]}" >/dev/null
cmake --build --preset release --target in out proxy

work=$(mktemp -d)
pids=()
clean_up() {
    trap - EXIT INT TERM
    # In reverse, so that nothing loses its peer before it ends itself.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND…: shows it and runs it in the background, its output in NAME.log.
start() {
    local name=$1
    shift
    echo "\$ $* &"
    "$@" >"$work/$name.log" 2>&1 &
    pids+=($!)
}

# wait_until COMMAND…: repeats it until it succeeds; fails after 10 s.
wait_until() {
    for ((i = 0; i < 100; i++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# wait_line NAME PATTERN [COUNT]: waits for that many lines (1) in NAME.log and prints them.
wait_line() {
    has_lines() { (($(grep -c -E -- "$2" "$work/$1.log") >= ${3-1})); }
    if wait_until has_lines "$@"; then
        grep -E -- "$2" "$work/$1.log"
    else
        printf 'FAILED: %s has not said "%s" (%s times):\n' "$1" "$2" "${3-1}" >&2
        cat "$work/$1.log" >&2
        return 1
    fi
}

# listening NAME: the address where in or proxy listens.
listening() {
    wait_line "$1" ' listening ' | sed 's/.*address=\([^ ]*\).*/\1/'
}

# accepts ADDRESS:PORT
accepts() {
    (: <>"/dev/tcp/${1/:/\/}") 2>/dev/null
}

bin=build/release/bin
mkdir "$work/www"
page="Hello from the backend, $(date)"
echo "$page" >"$work/www/index.html"
head -c 50000000 /dev/urandom >"$work/www/50MB.bin"

echo
echo "Everything runs in $work:"
start backend python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/www"
backend=127.0.0.1:$(wait_line backend 'Serving HTTP' | sed 's/.* port \([0-9]*\) .*/\1/')

start proxy "$bin/proxy" --bind 127.0.0.1:0
proxy=$(listening proxy)

port=21234 # nginx can not tell which port the kernel chose
while accepts "127.0.0.1:$port"; do ((port += 1)); done
nginx=127.0.0.1:$port
{
    echo "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
    echo "daemon off; pid $work/nginx.pid; events {}"
    sed "s/listen 1234/listen $nginx/; s/127\.0\.0\.1:40001/$proxy/" \
        configs/nginx-recommended.conf
} >"$work/nginx.conf"
start nginx "$(PATH=$PATH:/usr/sbin command -v nginx)" -c "$work/nginx.conf" -e stderr -p "$work"
wait_until accepts "$nginx" || { cat "$work/nginx.log" >&2; exit 1; }

start out "$bin/out" --server "$nginx" --backend "$backend" --topic demo
wait_line out ' registered ' >/dev/null
start in "$bin/in" --server "$nginx" --bind 127.0.0.1:0 --topic demo
in=$(listening in)

cat <<END

Five processes are running on this machine; in real life they stand in three places:
  where the service is   backend  $backend   a web server that knows nothing of the tunnel
                         out      connects to nginx, offers the backend as topic "demo"
  public host            nginx    $nginx   passes connections on to the proxy
                         proxy    $proxy   brings in and out together
  where the clients are  in       $in   takes clients for the topic "demo"

END

echo "\$ curl http://$in/"
got=$(curl --silent --show-error --fail --max-time 20 "http://$in/")
echo "$got"
[[ $got == "$page" ]] || { echo "FAILED: that is not the page of the backend." >&2; exit 1; }

echo "\$ curl http://$in/50MB.bin | cmp - 50MB.bin"
curl --silent --show-error --fail --max-time 60 "http://$in/50MB.bin" |
    cmp - "$work/www/50MB.bin" || { echo "FAILED: the file differs." >&2; exit 1; }
echo "50 MB arrived, every byte equal."

echo
echo "What the three programs say about the two streams (the same id in each):"
for name in in proxy out; do
    wait_line "$name" ' stream ' 2
done

echo
echo "It works: curl -> in -> nginx -> proxy <- (nginx) <- out -> backend."
$once && exit 0
echo "Try it yourself: curl http://$in/        Ctrl-C ends everything."
wait
