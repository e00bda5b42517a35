"""Checks that a folder includes only what stands above it, that the rooms of a folder include one
another in one direction only, and that the core does no I/O.

The order of the folders is the one in house.py, CMakeLists.txt and docs/ARCHITECTURE.md. Core folders are
sans-IO: no socket, file, clock, thread, randomness, log call or generated protobuf type, and no
container whose order depends on a hash or an address (it would break the simulator's seed).
Adapters live in sub-folders of a core folder; `wire` sub-folders may see protobuf, nothing else.
Prints each fault as file:line: what is wrong and what to do; exits 1 if there is one.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from qa.checks import house  # noqa: E402
from qa.checks.house import INCLUDE, ORDER, ROOT  # noqa: E402

# Hosts stand side by side: none includes another.
HOSTS = {"pos-node", "cloud", "simulations"}
# Sans-IO, top level and `wire`; every other sub-folder is an adapter.
CORE = {"base", "crdt", "election", "mesh", "retail", "discovery", "uplink"}
WIRE = "wire"
# Rooms of a core folder that are core themselves.
CORE_ROOMS = {("retail", "catalogue"), ("retail", "scan"),
              ("mesh", "entry"), ("mesh", "clock"), ("mesh", "journal"),
              ("mesh", "membership"), ("mesh", "replication"), ("mesh", "watermark"), ("mesh", "fold"),
              ("mesh", "node")}
# Core that reads and writes the bodies of entries, which are protobuf messages.
SEES_BODIES = {"retail"}

FORBIDDEN_INCLUDES = re.compile(
    r"^(sqlite3|SQLiteCpp|zmq|boost/(asio|beast)|pqxx|avahi|spdlog|fmt|prometheus|CLI|toml|"
    r"thread|mutex|shared_mutex|condition_variable|future|stop_token|semaphore|latch|barrier|"
    r"fstream|iostream|filesystem|cstdio|stdio\.h|ctime|time\.h|random|unordered_map|"
    r"unordered_set|unistd\.h|fcntl\.h|sys/|netinet/|arpa/|netdb\.h|pthread\.h)"
)
PROTOBUF_INCLUDE = re.compile(r"(\.pb\.h$|^google/protobuf/)")
FORBIDDEN_TEXT = [
    (re.compile(r"_clock::now|\bclock_gettime\b|\btime\(\s*(nullptr|NULL|0)\s*\)"),
     "reads a clock; take `Now` as an argument"),
    (re.compile(r"\brandom_device\b|\brandombytes|\bstd::mt19937|\bs?rand\(\)|_distribution\b"),
     "makes random numbers; take a titan::Random"),
    (re.compile(r"\bgetenv\b"), "reads the environment; take a setting"),
    (re.compile(r"\bunordered_(map|set|multimap|multiset)\b"),
     "uses a hashed container; its order depends on the library, use std::map or a sorted vector"),
    (re.compile(r"\bstd::(multi)?(map|set)<\s*(const\s+)?[\w:]+\s*\*"),
     "orders a container by addresses; order it by a value"),
    (re.compile(r"\bstd::(cout|cerr|clog)\b|\bf?printf\(|\bspdlog::"),
     "writes output; leave a typed event"),
]
COMMENT = re.compile(r"//.*$")


def place(path):
    """(top folder, sub-folder or None) of a path relative to the root."""
    return path.parts[0], path.parts[1] if len(path.parts) > 2 else None


def is_core(folder, sub):
    return folder in CORE and sub in (None, WIRE) or (folder, sub) in CORE_ROOMS


def fault_of_include(path, style, name):
    """Why `path` must not include `name`, or None."""
    folder, sub = place(path)
    core = is_core(folder, sub)
    target = pathlib.PurePosixPath(name)
    if target.parts[0] in ORDER and len(target.parts) > 1:
        other, other_sub = place(target)
        if other in HOSTS and folder in HOSTS and other != folder:
            return f"{folder} and {other} are separate programs; move what both need above them"
        if ORDER.index(other) > ORDER.index(folder):
            return f"{folder} stands above {other}; turn the dependence round or move the code"
        is_door = other_sub in (None, WIRE) or (other, other_sub) in CORE_ROOMS
        if core and not PROTOBUF_INCLUDE.search(name) and not is_door:
            return f"core code must not see the adapter {other}/{other_sub}; define a port above it"
    if not core:
        return None
    if PROTOBUF_INCLUDE.search(name):
        sees = sub == WIRE or folder in SEES_BODIES
        return None if sees else "only wire code sees generated protobuf types"
    if style == "<" and FORBIDDEN_INCLUDES.match(name):
        return f"core code is sans-IO and deterministic; <{name}> belongs in an adapter or a host"
    return None


def faults_of_file(path):
    folder, sub = place(path)
    core = is_core(folder, sub)
    for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
        include = INCLUDE.match(line)
        if include:
            reason = fault_of_include(path, *include.groups())
            if reason:
                yield f"{path}:{number}: includes {include.group(2)}: {reason}"
        elif core:
            code = COMMENT.sub("", line)
            for pattern, reason in FORBIDDEN_TEXT:
                if pattern.search(code):
                    yield f"{path}:{number}: {reason}"


def faults_of_rooms(files, root):
    """One line for each circle: a way round it, with an include for each step."""
    graph = house.rooms(files, root)
    for circle in house.circles(graph):
        steps = "; ".join(f"{file} includes {name}" for room in circle
                          for other, (file, name) in sorted(graph[room].items()) if other in circle)
        yield f"{', '.join(circle)} include one another: {steps}; move what both need to one of them"


def main():
    files = house.source_files()
    if not files:
        print("no source files found: run this from a complete checkout")
        return 1
    faults = [fault for path in files for fault in faults_of_file(path)]
    faults += faults_of_rooms(files, ROOT)
    for fault in faults:
        print(fault)
    print(f"{len(files)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
