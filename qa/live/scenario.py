"""A scenario as titan-sim has read and checked it (`titan-sim show FILE --json`).

There is one parser of scenario files, in C++; this module asks it, and knows what of a scenario
real processes cannot show.
"""

import json
import math
import os
import pathlib
import subprocess
import types

from qa.harness.lab import binaries

PLAIN_DELAY_US_MAX = 1_000  # a cable of the lab is as good as that
PLAIN_BYTES_PER_SECOND = 12_500_000
# With more, terminals wait so long for a turn that they take each other for dead, and what that
# costs keeps it so: the machine would be what is measured. 30 on two cores do well.
TERMINALS_PER_CORE_MAX = 16
# Real processes show neither in what they answer; the end-to-end tests look into files and logs.
SEEN_IN_SIMULATOR_ONLY = {"database-gave-back", "wrote-beside", "stolen-journal-told"}


class ScenarioError(Exception):
    """The file is not a scenario, or one that real processes cannot run; the text says why."""


class NotPlayable(ScenarioError):
    """A scenario whose very subject real processes cannot show; the text says why."""


def program():
    return binaries() / "titan-sim"


def read(path):
    """The scenario of a file; ScenarioError with every complaint, FILE:LINE in front."""
    asked = subprocess.run([program(), "show", str(path), "--json"], capture_output=True, text=True)
    if asked.returncode != 0:
        raise ScenarioError((asked.stderr or asked.stdout).strip())
    scenario = _record(json.loads(asked.stdout))
    if scenario.workload.day_file:
        day = pathlib.Path(path).resolve().parent / scenario.workload.day_file
        if not day.is_file():
            raise ScenarioError(f"{path}: workload.day_file: {day}: there is no such file")
        scenario.workload.day_file = str(day)
    return scenario


def _record(value):
    if isinstance(value, dict):
        return types.SimpleNamespace(**{key: _record(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_record(item) for item in value]
    return value


def share(ratio):
    """[numerator, denominator] as a number."""
    return ratio[0] / ratio[1]


def is_plain(quality):
    """Whether a cable of the lab does as well as this without help."""
    return quality is None or (quality.delay_max_us <= PLAIN_DELAY_US_MAX
                               and quality.bytes_per_second >= PLAIN_BYTES_PER_SECOND
                               and not any(share(ratio) for ratio in
                                           (quality.loss, quality.duplication, quality.reordering)))


def has_cloud(scenario):
    return scenario.topology.cloud != "none"


def switch_of(topology, name, root=False):
    """The switch of this name; for none the first, or the root."""
    if name:
        return next(item for item in topology.switches if item.name == name)
    if not topology.switches:
        return None
    if root:
        return next(item for item in topology.switches if not item.uplink)
    return topology.switches[0]


def not_playable(scenario, kinds_shown, cores=None):
    """Why real processes cannot show what the scenario is about; None: they can. `cores`: of this
    machine, if not given."""
    cores = cores or len(os.sched_getaffinity(0))
    wanted = math.ceil(len(scenario.topology.terminals) / TERMINALS_PER_CORE_MAX)
    if wanted > cores:
        return (f"{len(scenario.topology.terminals)} terminals need {wanted} processor cores, and "
                f"this machine has {cores}")
    if all(terminal.starts_at_us for terminal in scenario.topology.terminals):
        return "no terminal runs at the beginning, when the catalogue is filled"
    if scenario.planted_bug != "none":
        return (f"the bug '{scenario.planted_bug}' is planted in the simulated host; "
                "real processes have none")
    unseen = sorted(SEEN_IN_SIMULATOR_ONLY & set(scenario.probes))
    if unseen:
        return f"what the probe '{unseen[0]}' is about only the simulator can see"
    kinds = {fault.kind for fault in scenario.faults}
    if kinds and not kinds & set(kinds_shown):
        return " and ".join(f"the fault '{kind}'" for kind in sorted(kinds)) + \
            " exists only in the simulator"
    return None


def not_shown(scenario, kinds_shown):
    """What real processes cannot show of it: a list of sentences. NotPlayable when that is what
    the scenario is about."""
    reason = not_playable(scenario, kinds_shown)
    if reason:
        raise NotPlayable(f"{scenario.name}: {reason}. Run it with: ./titan sim run")
    topology = scenario.topology
    said = [f"fault '{kind}' is left out: only the simulator can do that"
            for kind in sorted({fault.kind for fault in scenario.faults} - set(kinds_shown))]
    if any(terminal.next_version for terminal in topology.terminals):
        said.append("of the next version only the further field in every envelope and frame is "
                    "shown; entries and frames of an unknown kind exist only in the simulator")
    homes = {id(switch_of(topology, terminal.switch)) for terminal in topology.terminals}
    between = [item.name for item in topology.switches
               if id(item) not in homes and not is_plain(item)]
    if between:
        said.append(f"delay and loss of {', '.join(between)} are left out: the lab's cables have "
                    "those of the sender's own switch")
    if any(fault.kind == "deaf" for fault in scenario.faults):
        said.append("a deaf terminal is soon not heard either: TCP stops at its window without "
                    "acknowledgements")
    return said
