"""A Debian 12 in build/arm64-root that cross compiles titan-pos for arm64.

    arm64_root.py make PACKAGE…     makes it, or adds what it lacks; nothing to do takes a moment
    arm64_root.py run COMMAND…      a command in it, in this checkout, as the user who called sudo

The machine it stands on stays as it is: no second architecture, no package more. What libraries
PACKAGE names (-dev) is installed for arm64, everything else for the machine that builds. Beside the
root lies `emulator`: `run PROGRAM…` runs one for arm64 here, by qemu-user, as on the processor of a
Raspberry Pi 4 (an instruction that only newer ones have ends it).
"""

import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from qa.harness.machine import ENVIRONMENT, call, mirror  # noqa: E402

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "build" / "arm64-root"
ROOT = FOLDER / "root"
EMULATOR = FOLDER / "emulator"
TRIPLET = "aarch64-linux-gnu"
CROSS = (f"g++-{TRIPLET}", "qemu-user-static")
NOT_HERE = ("g++", "git")  # the compiler is another one, and nothing is fetched


def make(packages):
    if not (FOLDER / "bare").exists():
        shutil.rmtree(ROOT, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        say("a bare Debian 12 (debootstrap)")
        call("debootstrap", "--variant=minbase", "bookworm", str(ROOT), mirror())
        never = ROOT / "usr/sbin/policy-rc.d"  # nothing may start in a folder that nobody booted
        never.write_text("#!/bin/sh\nexit 101\n")
        never.chmod(0o755)
        (FOLDER / "bare").touch()
    wanted = " ".join(sorted([*packages, *CROSS]))
    installed = FOLDER / "installed"
    if not installed.exists() or installed.read_text() != wanted:
        installed.unlink(missing_ok=True)
        install(packages)
        installed.write_text(wanted)
    make_emulator()


def install(packages):
    shutil.copy("/etc/resolv.conf", ROOT / "etc/resolv.conf")
    in_root("dpkg", "--configure", "-a")  # where an earlier run was stopped
    in_root("dpkg", "--add-architecture", "arm64")
    in_root("apt-get", "update")
    names = [with_architecture(name) for name in packages if name not in NOT_HERE]
    say(f"the cross compiler and {sum(':' in name for name in names)} libraries for arm64")
    in_root("apt-get", "install", "-y", "--no-install-recommends", *CROSS, *names)
    in_root("apt-get", "clean")
    # Debian's mold links for arm64, but has no name under which the cross compiler looks for it.
    linker = ROOT / f"usr/bin/{TRIPLET}-ld.mold"
    if not linker.exists():
        linker.symlink_to("mold")


def with_architecture(name):
    if not name.endswith("-dev") or name == "dpkg-dev":
        return name
    about = in_root("apt-cache", "show", "--no-all-versions", name)
    return name if "\nArchitecture: all\n" in about else f"{name}:arm64"


def make_emulator():
    """The libraries alone: with the whole root in front of it, a program would read the root's /etc
    and /dev instead of this machine's."""
    shutil.rmtree(EMULATOR, ignore_errors=True)
    (EMULATOR / "lib").mkdir(parents=True)
    (EMULATOR / "usr/lib").mkdir(parents=True)
    for link, target in {"lib/ld-linux-aarch64.so.1": f"lib/{TRIPLET}/ld-linux-aarch64.so.1",
                         f"lib/{TRIPLET}": f"lib/{TRIPLET}",
                         f"usr/lib/{TRIPLET}": f"usr/lib/{TRIPLET}",
                         "qemu-aarch64-static": "usr/bin/qemu-aarch64-static"}.items():
        (EMULATOR / link).symlink_to(os.path.relpath(ROOT / target, (EMULATOR / link).parent))
    script = EMULATOR / "run"
    script.write_text('#!/bin/sh\nhere=${0%/*}\n'
                      'exec "$here/qemu-aarch64-static" -cpu cortex-a72 -L "$here" "$@"\n')
    script.chmod(0o755)


def in_root(*argv):
    return call("chroot", str(ROOT), *argv)


def say(what):
    print(f"    {what}", flush=True)


# What is mounted goes with the namespace, so that no interrupted run leaves the checkout mounted
# where somebody may remove the root.
RUN = """
set -e
mount --make-rprivate /
root=$1 user=$2
shift 2
mount -t proc proc "$root/proc"
for folder in "$PWD" ${CCACHE_DIR:+"$CCACHE_DIR"}; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
done
exec chroot --userspec="$user" "$root" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
"""


def run(argv):
    os.chdir(CHECKOUT)
    user = f"{os.environ.get('SUDO_UID', '0')}:{os.environ.get('SUDO_GID', '0')}"
    environment = {**os.environ, **ENVIRONMENT}
    os.execvpe("unshare", ["unshare", "--mount", "sh", "-c", RUN, "sh", str(ROOT), user, *argv],
               environment)


def main():
    command, *words = sys.argv[1:] or [""]
    if command == "make" and words:
        try:
            make(words)
        except AssertionError as error:
            sys.exit(f"{error}\nThe root for arm64 could not be made; the reason stands above. "
                     "Run the same command again: it goes on where it stopped.")
    elif command == "run" and words:
        run(words)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
