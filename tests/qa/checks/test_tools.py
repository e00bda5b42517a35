"""The tools that judge the others: a fault planted must be found, and a good case left alone."""

import asyncio
import importlib.util
import json
import pathlib
import sys

from qa.harness.lab import ROOT


def load(name):
    specification = importlib.util.spec_from_file_location(name, ROOT / "qa" / "checks" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def faults_of(lab, path, text):
    tool = load("check_layers")
    tool.ROOT = lab.folder
    (lab.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (lab.folder / path).write_text(text)
    return list(tool.faults_of_file(pathlib.Path(path)))


async def test_layer_check_finds_what_is_planted(lab):
    planted = {
        "crdt/a.h": ['#include "mesh/node/node.h"', "#include <thread>", '#include "proto/mesh.pb.h"',
                     "auto t = std::chrono::steady_clock::now();", "std::unordered_map<int, int> m;",
                     "std::map<const Peer*, int> m;", "std::random_device seed;"],
        "mesh/node/node.cpp": ['#include "mesh/zmq/transport.h"', "#include <boost/asio.hpp>",
                          '#include "uplink/window.h"', 'std::cout << "x";'],
        "pos-node/main.cpp": ['#include "cloud/gateway/gateway.h"'],
        "mesh/wire/codec.cpp": ["#include <fstream>"],
    }
    for path, lines in planted.items():
        for line in lines:
            assert len(faults_of(lab, path, line + "\n")) == 1, f"{path}: not found: {line}"


async def test_layer_check_leaves_good_code_alone(lab):
    good = {
        "mesh/node/node.cpp": '#include "mesh/node/node.h"\n#include "crdt/vector.h"\n#include <map>\n'
                         "// unlike std::unordered_map, ordered\nstd::map<Id, Peer*> peers;\n",
        "mesh/wire/codec.cpp": '#include "proto/mesh.pb.h"\n',
        "mesh/zmq/transport.cpp": "#include <thread>\n#include <zmq.hpp>\n#include \"mesh/node/node.h\"\n",
        "pos-node/main.cpp": '#include "uplink/postgres/store.h"\n#include <fstream>\n',
    }
    for path, text in good.items():
        assert faults_of(lab, path, text) == [], path


async def test_layer_check_finds_rooms_that_include_one_another(lab):
    files = {"mesh/node/node.h": '#include "mesh/journal/writer.h"\n',
             "mesh/journal/writer.h": '#include "mesh/entry/entry.h"\n',
             "mesh/entry/entry.h": '#include "mesh/node/node.h"\n', "mesh/node/main.cpp": ""}
    for path, text in files.items():
        (lab.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (lab.folder / path).write_text(text)
    tool = load("check_layers")
    faults = list(tool.faults_of_rooms(sorted(files), lab.folder))
    assert len(faults) == 1, faults
    assert faults[0].startswith("mesh/entry, mesh/journal, mesh/node include one another"), faults
    (lab.folder / "mesh/entry/entry.h").write_text("")
    assert list(tool.faults_of_rooms(sorted(files), lab.folder)) == []


async def test_the_picture_of_the_house_is_fresh():
    picture = load("draw_house")
    assert picture.PICTURE.read_text() == picture.draw(), \
        "draw it anew: python3 qa/checks/draw_house.py"


async def titan_says(script):
    """What a shell prints that has read the functions of ./titan."""
    child = await asyncio.create_subprocess_exec(
        "bash", "-c", f"source ./titan help >/dev/null; {script}", cwd=ROOT,
        stdout=asyncio.subprocess.PIPE)
    printed, _ = await child.communicate()
    return printed.decode().split()


async def test_the_demo_and_the_build_install_only_what_they_use(lab):
    build, demo, everything = [await titan_says(f"packages {purpose}")
                               for purpose in ("build", "demo", "test")]
    assert "g++" in build and "postgresql-15" not in build and "libpqxx-dev" in build
    assert set(build) < set(demo) < set(everything)
    for needless in ("chromium", "nodejs", "catch2", "clang-tidy"):
        assert needless not in demo, needless
    assert {"chromium", "catch2", "postgresql-15", "nftables"} <= set(everything)
    assert await titan_says("only_programs titan-pos titan-cloud && echo yes") == ["yes"]
    for others in ("titan-pos titan_crdt_test", ""):
        assert await titan_says(f"only_programs {others} && echo yes || echo no") == ["no"], others


async def test_a_build_without_the_tests_needs_none_of_their_packages(lab):
    """CMake configures the programs alone; asked for the tests, it adds them to the same folder."""
    async def configure(tests):
        child = await asyncio.create_subprocess_exec(
            "cmake", "-S", ROOT, "-B", lab.folder / "configured", "-G", "Ninja",
            f"-DTITAN_TESTS={tests}", f"-DTITAN_BENCHMARKS={tests}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        printed, _ = await child.communicate()
        assert child.returncode == 0, printed.decode()
        return (lab.folder / "configured" / "build.ninja").read_text()
    programs = await configure("OFF")
    for found in ("catch2", "rapidcheck", "libbenchmark", "tests/"):
        assert found not in programs, found
    assert "bin/titan-pos" in programs and "bin/titan-cloud" in programs
    assert "titan_crdt_test" in await configure("ON")


async def summary_of(folder, results, statuses, end_to_end):
    """What summarise_tests says: (exit code, last line, lines before)."""
    (folder / "results").mkdir(exist_ok=True)
    for name, text in results.items():
        (folder / "results" / name).write_text(text)
    cases = "".join(f'<testcase name="{name}" time="0.1" status="{status}"/>'
                    for name, status in statuses.items())
    (folder / "ctest.xml").write_text(f"<testsuite>{cases}</testsuite>")
    (folder / "end_to_end.json").write_text(json.dumps(
        {"tests": [{"name": name, "ok": ok, "seconds": 1} for name, ok in end_to_end.items()]}))
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "qa" / "checks" / "summarise_tests.py"), str(folder),
        stdout=asyncio.subprocess.PIPE)
    lines = (await child.communicate())[0].decode().splitlines()
    return child.returncode, lines[-1], lines[:-1]


async def test_summary_counts_cases(lab):
    code, last, _ = await summary_of(
        lab.folder, {"unit": "begin\t0\ta\nok\t0.1\ta\nbegin\t0\tb\nok\t0.1\tb\nend\t0\t\n"},
        {"unit": "run", "script": "run"}, {"e": True})
    assert (code, last) == (0, "4 passed, 0 failed"), last


async def test_summary_names_failures_and_deaths(lab):
    code, last, before = await summary_of(
        lab.folder, {"dead": "begin\t0\ta\nok\t0.1\ta\nbegin\t0\tb\n",
                     "late": "begin\t0\tc\nok\t0.1\tc\nend\t0\t\n",
                     "bad": "begin\t0\td\nFAIL\t0.1\td\nend\t0\t\n"},
        {"dead": "fail", "late": "fail", "bad": "fail", "never_started": "fail", "absent": "notrun"},
        {"e": False})
    assert (code, last) == (1, "2 passed, 6 failed"), (last, before)
    failures = [line for line in before if line.startswith("FAIL")]
    for part in ("dead: b (the binary died", "late: ended badly", "bad: d", "never_started",
                 "absent: not run", "FAIL e"):
        assert any(part in line for line in failures), f"{part} is missing in {failures}"


async def test_summary_names_what_is_left_to_the_nightly_run(lab):
    await summary_of(lab.folder, {}, {}, {"e": True})
    (lab.folder / "end_to_end.json").write_text(json.dumps({"tests": [], "left": ["thirty"]}))
    said = []
    for options in (["--pattern", "thirty"], ["--nightly"]):
        code, output, _ = await lab.run_here(
            sys.executable, ROOT / "qa" / "checks" / "summarise_tests.py", lab.folder, *options)
        said.append((code, output))
    assert all(code == 1 and "left to ./titan nightly: thirty" in output
               for code, output in said), said
    assert "nightly ones have: ./titan nightly" in said[0][1], said


async def test_a_pattern_may_name_a_case_of_the_script_itself(lab):
    await summary_of(lab.folder, {"titan": "ok\t1.0\tstyle: format\nok\t0.1\tno process is left\n"}, {}, {})
    codes = [(await lab.run_here(sys.executable, ROOT / "qa" / "checks" / "summarise_tests.py", lab.folder,
                                 "--pattern", pattern))[0] for pattern in ("style", "nothing-of-that-name")]
    assert codes == [0, 1], codes


async def test_summary_of_nothing_fails(lab):
    code, last, _ = await summary_of(lab.folder, {}, {}, {})
    assert (code, last) == (1, "0 passed, 0 failed"), last
