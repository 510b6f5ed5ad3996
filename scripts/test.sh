#!/usr/bin/env bash
# Installs what is missing, builds a preset (default: release) and runs its tests. One that fails
# beside others runs again alone, and both results are shown.
#
#   scripts/test.sh [--preset release|static|debug|asan|tsan|fuzz] [--no-install] [ctest options…]
#
# With --no-install, tests of services that are not there are skipped, and ctest says so at the end.
# With INOUT_REQUIRE_ALL=1 they fail.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

preset=release
install=true
while [[ $# != 0 ]]; do
    case $1 in
        --preset) preset=${2:?--preset needs a name}; shift 2 ;;
        --preset=*) preset=${1#*=}; shift ;;
        --no-install) install=false; shift ;;
        -h | --help) usage; exit ;;
        -*) break ;;
        *) bad_usage "$1" ;;
    esac
done

groups=(build tests package)
[[ $preset != fuzz ]] || groups=(build clang)
if $install; then
    install_packages "${groups[@]}"
else
    missing=$(missing_packages "${groups[@]}")
    [[ -z $missing ]] || printf 'Not installed, so left out:\n%s\n' "$missing"
fi
# ctest itself passes over what it does not know, and would run everything.
if [[ $# != 0 ]]; then
    # Not through a pipe: grep ends at its first find, and ctest would fail for that.
    grep -qE -- "(^|[ ,])${1%%=*}([ ,=[]|\$)" <<<"$(ctest --help)" || bad_usage "$1"
fi
cd "$root"
build_preset "$preset"
# Several at a time: most tests wait most of the time. More would only blur their deadlines, which
# are longer where there is a sanitizer.
parallel=4
[[ $preset != [at]san ]] || parallel=5
logs=build/$preset/Testing/Temporary
rm -f "$logs/LastTestsFailed.log"
ctest --preset "$preset" --parallel "$parallel" "$@" && exit
[[ -s $logs/LastTestsFailed.log ]] || exit 1
# Beside others a deadline may pass for want of a processor: what failed is judged once more, alone.
# A crash or a sanitizer's report is never such a coincidence.
cp "$logs/LastTest.log" "$logs/LastTest.first.log"
crash='(Address|Thread|Leak)Sanitizer|runtime error:|ended with -[0-9]|terminate called'
crash+='|Assertion .* failed|Exception: |SEGFAULT|Subprocess (aborted|killed)'
! grep -qE "$crash" "$logs/LastTest.first.log" || exit 1
# By name: --rerun-failed goes by numbers, which are others without the filters in "$@".
names=$(sed 's/^[0-9]*://' "$logs/LastTestsFailed.log" | paste -sd '|')
printf '\n=== what failed, once more, one at a time\n'
ctest --preset "$preset" -R "^($names)\$"
