"""Draws docs/house.svg: the rooms of the product and which includes which, from the code itself.

    python3 qa/checks/draw_house.py            write the picture
    python3 qa/checks/draw_house.py --check    only say whether it is fresh

A folder stands below all that it includes, and so do the rooms within it. Arrows that others imply
are left out.
"""

import argparse
import collections
import pathlib
import sys
from xml.sax.saxutils import escape

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from qa.checks import house  # noqa: E402
from qa.checks.house import ORDER, ROOT  # noqa: E402

PICTURE = ROOT / "docs" / "house.svg"

BOX_WIDTH, BOX_HEIGHT, GAP = 132, 38, 20
LEVEL_HEIGHT = BOX_HEIGHT + 26
LEFT, TOP = 236, 64
PAD = 14  # between a folder's edge and its boxes
BETWEEN_FOLDERS = 18
COLUMNS_MAX = 4

# What a folder is; the rooms of a core folder that talk to the outside are adapters.
KINDS = {"core": "#dcecd9", "adapter": "#dbe7f5", "host": "#f6e6cf", "formats": "#ece4f3"}
HOSTS = {"pos-node", "cloud", "simulations"}
ADAPTERS = {"base/host", "base/toml", "mesh/wire", "mesh/zmq", "mesh/sqlite", "discovery/avahi",
            "discovery/system", "uplink/postgres", "uplink/websocket", "uplink/wire"}


def kind_of(room):
    if room.split("/")[0] in HOSTS:
        return "host"
    if room == "proto":
        return "formats"
    return "adapter" if any(room == a or room.startswith(a + "/") for a in ADAPTERS) else "core"


def levels_of(rooms, graph):
    """Rooms of one folder by level: each below all of the folder that it includes."""
    level = {}

    def place(room):
        if room not in level:
            inside = [other for other in graph[room] if other in rooms]
            level[room] = 1 + max((place(other) for other in inside), default=-1)
        return level[room]

    rows = collections.defaultdict(list)
    for room in rooms:
        rows[place(room)].append(room)
    return [sorted(rows[number]) for number in sorted(rows)]


def rows_of(levels):
    """Levels cut into rows that fit the page."""
    return [level[start:start + COLUMNS_MAX] for level in levels
            for start in range(0, len(level), COLUMNS_MAX)]


def sizes(files):
    """{room: (files, lines)}"""
    found = collections.defaultdict(lambda: [0, 0])
    for path in files:
        row = found[house.room_of(path)]
        row[0] += 1
        row[1] += len((ROOT / path).read_text(errors="replace").splitlines())
    return found


def draw():
    files = house.source_files()
    files += [path.relative_to(ROOT) for path in sorted((ROOT / "proto").glob("*.proto"))]
    size = sizes(files)
    graph = {room: set(others) for room, others in house.rooms(files).items()}
    for path in files:  # generated headers are included by the name of their .proto
        for _, _, name in house.includes_of(path):
            if name.startswith("proto/"):
                graph[house.room_of(path)].add("proto")
    drawing, box, frame = [], {}, {}
    y = TOP
    for folder in ORDER:
        rooms = [room for room in graph if room.split("/")[0] == folder]
        rows = rows_of(levels_of(rooms, graph))
        height = 2 * PAD + len(rows) * LEVEL_HEIGHT - (LEVEL_HEIGHT - BOX_HEIGHT)
        frame[folder] = (y, height)
        for number, row in enumerate(rows):
            for column, room in enumerate(row):
                box[room] = (LEFT + PAD + column * (BOX_WIDTH + GAP), y + PAD + number * LEVEL_HEIGHT)
        y += height + BETWEEN_FOLDERS
    width = LEFT + 2 * PAD + COLUMNS_MAX * (BOX_WIDTH + GAP) - GAP + 20

    for folder in ORDER:
        top, height = frame[folder]
        drawing.append(f'<rect x="{LEFT}" y="{top}" width="{width - LEFT - 20}" height="{height}" '
                       'rx="8" fill="#f7f7f5" stroke="#b9b9b2"/>')
        drawing.append(f'<text x="{LEFT - 12}" y="{top + height / 2 + 5:.0f}" text-anchor="end" '
                       f'class="folder">{folder}/</text>')
    drawing += folder_arrows(graph, frame)
    drawing += room_arrows(graph, box)
    for room, (x, top) in box.items():
        count, lines = size[room]
        name = room.split("/", 1)[-1] + ("/" if not room.endswith(".cpp") else "")
        drawing.append(f'<rect x="{x}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" '
                       f'fill="{KINDS[kind_of(room)]}" stroke="#77776f"/>')
        drawing.append(f'<text x="{x + BOX_WIDTH / 2:.0f}" y="{top + 16}" class="room">{escape(name)}</text>')
        drawing.append(f'<text x="{x + BOX_WIDTH / 2:.0f}" y="{top + 31}" class="size">'
                       f'{count} file{"s" * (count > 1)}, {about(lines)} lines</text>')
    return page(width, y, drawing)


def about(lines):
    """Rounded, so that the picture changes when a room does, not with each line."""
    return "under 100" if lines < 100 else f"{(lines + 250) // 500 / 2:g}k" if lines >= 1000 else f"{lines // 100}00"


def folder_arrows(graph, frame):
    """On the left, from a folder up to each that it includes."""
    folders = {folder: {other.split("/")[0] for room in graph if room.split("/")[0] == folder
                        for other in graph[room]} - {folder} for folder in ORDER}
    drawing = []
    for folder, others in house.direct_only(folders).items():
        for other in others:
            start = frame[folder][0] + frame[folder][1] / 2 - 14
            end = frame[other][0] + frame[other][1] / 2 + 14
            away = LEFT - 110 - 10 * (ORDER.index(folder) - ORDER.index(other))
            edge = LEFT - 104
            drawing.append(f'<path d="M{edge} {start:.0f} C{away} {start:.0f} {away} {end:.0f} {edge} {end:.0f}" '
                           'class="arrow" marker-end="url(#head)"/>')
    return drawing


def room_arrows(graph, box):
    inside = {room: {other for other in graph[room] if other.split("/")[0] == room.split("/")[0]}
              for room in graph}
    drawing = []
    for room, others in house.direct_only(inside).items():
        for other in others:
            x, y = box[room][0] + BOX_WIDTH / 2, box[room][1]
            to_x, to_y = box[other][0] + BOX_WIDTH / 2, box[other][1] + BOX_HEIGHT
            bend = (y - to_y) / 2
            drawing.append(f'<path d="M{x:.0f} {y} C{x:.0f} {y - bend:.0f} {to_x:.0f} {to_y + bend:.0f} '
                           f'{to_x:.0f} {to_y}" class="arrow" marker-end="url(#head)"/>')
    return drawing


def page(width, height, drawing):
    legend = "".join(
        f'<rect x="{LEFT + 250 + 90 * number}" y="22" width="16" height="16" rx="3" fill="{colour}" '
        f'stroke="#77776f"/><text x="{LEFT + 272 + 90 * number}" y="35" class="legend">{kind}</text>'
        for number, (kind, colour) in enumerate(KINDS.items()))
    style = ("text{font-family:Helvetica,Arial,sans-serif;fill:#222}"
             ".folder{font-size:16px;font-weight:bold}.room{font-size:12px;font-weight:bold;text-anchor:middle}"
             ".size{font-size:10px;text-anchor:middle;fill:#555}.legend{font-size:13px}"
             ".title{font-size:18px;font-weight:bold}.arrow{fill:none;stroke:#77776f;stroke-width:1.1}")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f"<style>{style}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#77776f"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="36" class="title">Who includes whom</text>',
        legend, *drawing, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the picture is fresh")
    arguments = parser.parse_args()
    drawn = draw()
    if not arguments.check:
        PICTURE.write_text(drawn)
        return 0
    if not PICTURE.exists() or PICTURE.read_text() != drawn:
        print("docs/house.svg shows another house; draw it anew: python3 qa/checks/draw_house.py")
        return 1
    print("docs/house.svg is fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
