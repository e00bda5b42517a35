#include "simulations/scenario/scenario_file.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "simulations/scenario/random_scenario.h"
#include "simulations/scenario/tables.h"

namespace titan::simulations {

namespace {

const std::string head = R"(format = 1
name = "a-cut"
purpose = "Two sides sell."
lasts = "60s"
)";
const std::string store = "[store]\nterminals = 3\n";

std::string complaint(const std::string& text) {
  const auto read = parse_scenario(text, "cut.toml");
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("a scenario file reads well, and says what it says") {
  const auto read = parse_scenario(head + R"(probes = ["two-leaders"]
[store]
terminals = 3
hardware = "poor-disk"
timing = "wireless"

[[switch]]
name = "floor"
delay = ["1ms", "2ms"]
loss = "1%"

[[terminal]]
name = "till-2"
hardware = "tablet"

[[terminal]]
name = "office"
switch = "floor"
commit = "1ms"
line = { delay = "5ms", loss = 0.02 }

[workload]
sales_per_second = 2.5
choice = "same-product"

[[fault]]
at = "10s"
kind = "cut"
groups = [["till-1", "till-2"], ["till-3"]]
lasts = "30s"

[[fault]]
at = "20s"
kind = "crash"
targets = "leader"
)",
                                   "cut.toml");
  INFO((read ? "" : read.error().message));
  REQUIRE(read.has_value());
  const auto& terminals = read->topology.terminals;
  REQUIRE(terminals.size() == 4);
  CHECK(terminals[0].commit_max == milliseconds(200));
  CHECK_FALSE(terminals[1].may_lead);
  CHECK(terminals[3].name == "office");
  CHECK(terminals[3].commit_min == milliseconds(1));
  CHECK(terminals[3].commit_max == milliseconds(1));
  REQUIRE(terminals[3].line);
  CHECK(terminals[3].line->delay_max == milliseconds(5));
  CHECK(read->topology.timing == Timing::wireless);
  CHECK(read->workload.sales_per_second.numerator == 5);
  CHECK(read->workload.sales_per_second.denominator == 2);
  CHECK(read->workload.choice == Choice::same_product);
  REQUIRE(read->faults.size() == 2);
  CHECK(read->faults[0].groups.size() == 2);
  CHECK(read->faults[0].lasts == seconds(30));
  CHECK(read->faults[1].targets.front().role == Target::Role::leader);
}

TEST_CASE("complaints name file, line, key and reason") {
  const auto is = [](const std::string& text, const std::string& expected) {
    const std::string seen = complaint(text);
    INFO("expected: " << expected << "\nseen:     " << seen);
    CHECK(seen.find(expected) != std::string::npos);
  };
  const std::string ok = head + store;
  is("name = \"x\"\n", "cut.toml:1: format: is missing");
  is("\nformat = 2\n", "cut.toml:2: format: this program reads scenarios of format 1 only");
  is("format = 1\nname = x\n", "cut.toml:2: ");
  is(ok + "[bounds]\nconverge_witin = \"5s\"\n",
     "cut.toml:8: bounds.converge_witin: unknown key; did you mean 'converge_within'?");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"crash\"\ntarget = \"till-1\"\n",
     "cut.toml:10: fault[0].target: unknown key; did you mean 'targets'?");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"krash\"\n",
     "cut.toml:9: fault[0].kind: there is no fault 'krash'; did you mean 'crash'?");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"crash\"\ntargets = [\"till-1\", \"till-9\"]\n",
     "cut.toml:10: fault[0].targets[1]: there is no terminal 'till-9'; did you mean 'till-");
  is(ok + "[[fault]]\nat = \"-1s\"\nkind = \"crash\"\ntargets = \"till-1\"\n",
     "cut.toml:8: fault[0].at: must not be negative");
  is(ok + "[[fault]]\nat = \"61s\"\nkind = \"crash\"\ntargets = \"till-1\"\n",
     "cut.toml:8: fault[0].at: comes only after the end at 1m");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"crash\"\n",
     "cut.toml:7: fault[0]: the fault 'crash' needs 'targets'");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"crash\"\ntargets = \"till-1\"\ndelay = \"1s\"\n",
     "cut.toml:11: fault[0].delay: unknown key");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"cut\"\ngroups = [[\"till-1\"], [\"till-1\"]]\n",
     "cut.toml:10: fault[0].groups[1][0]: 'till-1' is in two groups");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"reset\"\ntargets = \"till-1\"\nlasts = \"1s\"\n",
     "cut.toml:11: fault[0].lasts: the fault 'reset' happens at once");
  is(ok + "[[fault]]\nat = 10\nkind = \"crash\"\ntargets = \"till-1\"\n",
     "cut.toml:8: fault[0].at: must be a time like \"10s\"");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"switch_reboot\"\nplace = \"cellar\"\n",
     "cut.toml:10: fault[0].place: there is no switch 'cellar'");
  is(head + "[store]\nterminals = 101\n", "cut.toml:6: store.terminals: a store has at most 100");
  is(head + "[store]\nterminals = 0\n", "store.terminals: a store has at least one terminal");
  is(head + "[store]\nterminals = 2\nmdns = false\nseeds = false\n",
     "cut.toml:7: store.mdns: with neither mDNS nor seeds");
  is(head + "[store]\nterminals = 2\nhardware = \"fridge\"\n",
     "cut.toml:7: store.hardware: there is no hardware 'fridge'");
  is(head + "[store]\nterminals = 2\nhardware = \"tablet\"\n", "no terminal may lead");
  is(head +
         "[store]\nterminals = 2\ncloud = \"none\"\n[[fault]]\nat = \"1s\"\nkind = "
         "\"cloud_away\"\n",
     "fault[0]: there is no cloud to break");
  is(ok + "[[switch]]\nname = \"a\"\nuplink = \"b\"\n[[switch]]\nname = \"b\"\nuplink = \"a\"\n",
     "cut.toml:9: switch[0].uplink: the links run in a circle: a -> b -> a");
  is(ok + "[[switch]]\nname = \"a\"\n[[switch]]\nname = \"b\"\n",
     "cut.toml:9: switch[1]: two switches without an uplink");
  is(ok + "[[terminal]]\nname = \"leader\"\n", "'leader' has a meaning of its own");
  is(ok + "[workload]\nrefunds = \"150%\"\n",
     "cut.toml:8: workload.refunds: must be a share between 0% and 100%");
  is(head + "probes = [\"two-leader\"]\n" + store,
     "cut.toml:5: probes[0]: there is no probe 'two-leader'; did you mean 'two-leaders'?");
  is(head + "planted_bug = \"lost_commit\"\n" + store, "planted_bug: name in caught_by");
  is(head + "planted_bug = \"lost_comit\"\ncaught_by = \"M4\"\n" + store,
     "there is no bug 'lost_comit'; did you mean 'lost_commit'?");
  is(head + "planted_bug = \"lost_commit\"\ncaught_by = \"M44\"\n" + store,
     "there is no checker 'M44'");
  is(ok + "[[terminal]]\nname = \"till-1\"\ndead_addresses = 9\n",
     "cut.toml:9: terminal[0].dead_addresses: must be 0 to 8");
  is(ok + "[workload]\nreused_keys = \"101%\"\n",
     "cut.toml:8: workload.reused_keys: must be a share between 0% and 100%");
  is(ok + "[[fault]]\nat = \"1s\"\nkind = \"damage_disk\"\ntargets = \"till-1\"\n",
     "cut.toml:7: fault[0]: the fault 'damage_disk' needs 'pages'");
  is("\xff\xfe", "not UTF-8");
}

TEST_CASE("all complaints about a file are given at once, by line") {
  const std::string seen = complaint(head + store +
                                     "[workload]\nproducts = 0\nlines_max = 0\n[[fault]]\nat = "
                                     "\"70s\"\nkind = \"crash\"\ntargets = \"till-7\"\n");
  CHECK(seen.find("cut.toml:8:") < seen.find("cut.toml:9:"));
  CHECK(seen.find("cut.toml:9:") < seen.find("cut.toml:11:"));
  CHECK(seen.find("cut.toml:13:") != std::string::npos);
}

TEST_CASE("a file that is not there is refused by name") {
  const auto read = read_scenario("/nonexistent/cut.toml");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.find("/nonexistent/cut.toml") != std::string::npos);
}

TEST_CASE("what the writer writes reads back as the same scenario") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Scenario scenario = random_scenario(seed);
    const std::string text = scenario_toml(scenario);
    const auto read = parse_scenario(text, "random.toml");
    INFO(text << (read ? "" : read.error().message));
    REQUIRE(read.has_value());
    // The JSON holds every value, so it shows what the file might have dropped.
    CHECK(scenario_json(*read) == scenario_json(scenario));
    CHECK(scenario_toml(*read) == text);
  }
}

TEST_CASE("terminals that are of no known hardware, and odd texts, survive the file") {
  Scenario scenario = random_scenario(3);
  scenario.purpose = "quotes \" and \\ and\ttabs and \xc3\xa9";
  scenario.seed = ~std::uint64_t{0};
  scenario.topology.terminals.resize(2);
  scenario.faults.clear();
  scenario.topology.terminals[0].commit_min = Duration(17);
  scenario.topology.terminals[1].priority = 9;
  scenario.topology.terminals[1].line.reset();
  scenario.workload.stops_at = seconds(5);
  scenario.bounds.bytes_per_missing_byte = Ratio{12, 10};
  scenario.bounds.takeovers_max = 3;
  scenario.planted_bug = PlantedBug::deaf_ears;
  scenario.caught_by = "M3";
  const auto read = parse_scenario(scenario_toml(scenario), "odd.toml");
  INFO(scenario_toml(scenario) << (read ? "" : read.error().message));
  REQUIRE(read.has_value());
  CHECK(scenario_json(*read) == scenario_json(scenario));
}

TEST_CASE("random bytes and cut-off files are refused or read, never worse") {
  Random random(11);
  const std::string whole = scenario_toml(random_scenario(5));
  for (int i = 0; i < 300; ++i) {
    std::string text = whole.substr(0, random.below(whole.size()));
    for (std::uint64_t n = random.below(4); n > 0 && !text.empty(); --n) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    const auto read = parse_scenario(text, "broken.toml");
    if (!read) CHECK(read.error().message.starts_with("broken.toml"));
  }
}

TEST_CASE("each table has a row for everything") {
  CHECK(fault_table().size() == static_cast<std::size_t>(FaultKind::absurd_term) + 1);
  for (std::size_t i = 0; i < fault_table().size(); ++i) {
    CHECK(static_cast<std::size_t>(fault_table()[i].kind) == i);
  }
  CHECK(std::is_sorted(fault_table().begin(), fault_table().end(),
                       [](const FaultRow& a, const FaultRow& b) { return a.area < b.area; }));
  CHECK(planted_bug_table().size() == static_cast<std::size_t>(PlantedBug::told_again));
  for (const auto& row : planted_bug_table()) {
    REQUIRE(planted_bug(row.name));
    CHECK(name_of(*planted_bug(row.name)) == row.name);
  }
}

}  // namespace titan::simulations
