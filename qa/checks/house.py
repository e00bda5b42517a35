"""The house as the code's own includes show it: which room includes which.

A room is a folder of source files; a program's main.cpp is a room of its own, for it stands on all
others of its folder.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The folders of the product. A folder includes only its own files and those of the folders before it.
ORDER = ["base", "proto", "crdt", "election", "mesh", "retail", "discovery", "uplink", "pos-node",
         "cloud", "simulations"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    path = pathlib.PurePosixPath(path)
    return str(path if path.name == "main.cpp" else path.parent)


def source_files(root=ROOT):
    """The product's C++ files, relative to the root."""
    return [path.relative_to(root) for folder in ORDER for suffix in ("*.h", "*.cpp")
            for path in sorted((root / folder).rglob(suffix))]


def includes_of(path, root=ROOT):
    """[(line number, '<' or '"', name)]"""
    found = []
    for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
        if match := INCLUDE.match(line):
            found.append((number, *match.groups()))
    return found


def rooms(files, root=ROOT):
    """{room: {a room that it includes: (file, name) of one such include}}, for rooms of the house."""
    known = {room_of(path) for path in files}
    found = {room: {} for room in sorted(known)}
    for path in files:
        own = room_of(path)
        for _, _, name in includes_of(path, root):
            other = room_of(name)
            if other in known and other != own:
                found[own].setdefault(other, (str(path), name))
    return found


def circles(graph):
    """Groups of rooms that include one another, however long the way round."""
    reached = {room: reach(graph, room) for room in graph}
    groups = {tuple(sorted(other for other in graph if other in reached[room] and room in reached[other]))
              for room in graph if room in reached[room]}
    return sorted(groups)


def reach(graph, start):
    """All rooms that `start` includes, over any number of others."""
    found, waiting = set(), list(graph[start])
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting.extend(graph[room])
    return found


def direct_only(graph):
    """Without the arrows that others imply (the graph has no circle)."""
    return {room: sorted(other for other in graph[room]
                         if not any(other in reach(graph, between)
                                    for between in graph[room] if between != other))
            for room in graph}
