"""Where our programs and the bench's own are: just built, or given by --build and --no-build."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def add_options(parser):
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--build", type=pathlib.Path, metavar="DIR", help="a finished build")
    where.add_argument("--no-build", action="store_true", help="build/release as it is")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "bench/results")


def directory(chosen):
    """The directory of the binaries, built now unless others are given."""
    if chosen.build:
        given = chosen.build.resolve()
        return given / "bin" if (given / "bin").is_dir() else given
    if not chosen.no_build:
        for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench"]):
            subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return ROOT / "build/release/bin"
