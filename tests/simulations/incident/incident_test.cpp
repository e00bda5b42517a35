// Logs of terminals become scenarios. The folder four-tills has what four real ones logged while a
// line was cut for 12 s, till-2 killed for 6 s, the cloud stopped for 7 s and till-4 stalled for 4
// s.
#include "simulations/incident/guess.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "simulations/run.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {
namespace {

TerminalLog log_of(const std::string& text, const std::string& name = "till-1.log") {
  const auto log = parse_log(text, name);
  INFO((log ? "" : log.error().message));
  REQUIRE(log.has_value());
  return *log;
}

// "10.500 text" lines become those of a log at 18:00:10.500.
std::string lines(std::initializer_list<std::string> told) {
  std::string text;
  for (const auto& line : told) {
    const std::size_t space = line.find(' ');
    text += "2026-11-22 18:00:" + line.substr(0, space) + " info" + line.substr(space) + "\n";
  }
  return text;
}
std::string start(const std::string& at, const std::string& name) {
  return at + " " + name + " of store london-1 (acme), device ba1d065d07db4dce13a649c181627aa3";
}

Incident incident_of(std::vector<TerminalLog> logs, const IncidentOptions& options = {}) {
  auto incident = guess_incident(std::move(logs), options);
  INFO((incident ? "" : incident.error().message));
  REQUIRE(incident.has_value());
  const auto complaints = validate(incident->scenario);
  INFO((complaints.empty() ? "" : complaints.front().path + ": " + complaints.front().message));
  REQUIRE(complaints.empty());
  return std::move(*incident);
}

std::vector<std::string> kinds(const Incident& incident) {
  std::vector<std::string> names;
  for (const auto& fault : incident.scenario.faults) {
    names.emplace_back(row_of(fault.kind).name);
  }
  return names;
}

std::vector<TerminalLog> four_tills() {
  std::vector<TerminalLog> logs;
  for (int i = 1; i <= 4; ++i) {
    const std::string path = TITAN_INCIDENT_LOGS "/till-" + std::to_string(i) + ".log";
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    logs.push_back(log_of(text.str(), path));
  }
  return logs;
}

bool is_near(Duration seen, Duration meant, Duration off) {
  return seen >= meant - off && seen <= meant + off;
}

TEST_CASE("the logs of four real tills give the faults that were made") {
  const Incident incident = incident_of(four_tills());
  const Scenario& scenario = incident.scenario;
  REQUIRE(kinds(incident) == std::vector<std::string>{"cut", "crash", "cloud_refuses", "stall"});
  REQUIRE(scenario.topology.terminals.size() == 4);

  const Fault& cut = scenario.faults[0];
  CHECK(is_near(*cut.lasts, seconds(12), milliseconds(1500)));
  REQUIRE(cut.groups.size() == 2);
  CHECK(cut.groups[0] ==
        std::vector<Target>{{Target::Role::named, "till-1"}, {Target::Role::named, "till-2"}});
  CHECK(cut.groups[1] == std::vector<Target>{{Target::Role::named, "till-3"},
                                             {Target::Role::named, "till-4"},
                                             {Target::Role::named, "cloud"}});
  const Fault& crash = scenario.faults[1];
  CHECK(crash.targets.front().name == "till-2");
  CHECK(is_near(crash.at - cut.at, seconds(22), milliseconds(1500)));
  CHECK(is_near(*crash.lasts, seconds(6), milliseconds(1500)));
  // The leader tries again at growing intervals, so it learns late that the cloud is back.
  CHECK(*scenario.faults[2].lasts >= seconds(7));
  CHECK(scenario.faults[3].targets.front().name == "till-4");
  CHECK(is_near(*scenario.faults[3].lasts, seconds(4), milliseconds(1500)));
  CHECK(scenario.probes == std::vector<std::string>{"leader-changed"});
}

TEST_CASE("what is guessed runs, and its file reads back") {
  const Incident incident = incident_of(four_tills());
  const std::string text = incident_toml(incident);
  CHECK(text.find("# 18:57:45") != std::string::npos);
  const auto read = parse_scenario(text, "incident.toml");
  INFO(text << (read ? "" : read.error().message));
  REQUIRE(read.has_value());
  CHECK(scenario_json(*read) == scenario_json(incident.scenario));
  const auto result = run(*read, {});
  REQUIRE(result.has_value());
  INFO(result->at_end);
  CHECK(result->rested_after.has_value());
  CHECK(result->recorded > 50);
}

TEST_CASE("a polite stop, a full disk, a bad page and a till that was switched on later") {
  const std::string one =
      lines({start("00.000", "till-1"), "00.100 journal open: 10 entries of 1 devices",
             "05.000 till-2 (aa) is alive", "20.000 alarm database_damaged: this terminal's",
             "30.000 a write to the disk failed, reopening the database: the disk is full",
             "35.000 storage is open again", "50.000 till-2 (aa) is left"});
  const std::string two = lines({start("04.900", "till-2"), "05.000 till-1 (bb) is alive",
                                 "49.900 asked to stop: handing over and leaving"});
  const Incident incident = incident_of({log_of(one), log_of(two, "till-2.log")});
  REQUIRE(kinds(incident) == std::vector<std::string>{"damage_disk", "disk_full", "leave"});
  const Scenario& scenario = incident.scenario;
  CHECK(scenario.topology.terminals[1].starts_at == milliseconds(4900));
  CHECK(scenario.topology.cloud == CloudPresence::none);
  CHECK(scenario.bounds.alarms_allowed == std::vector<std::string>{"database_damaged"});
  CHECK_FALSE(scenario.faults[2].lasts.has_value());
}

TEST_CASE("the two parts of a time that is cut out, and sales that somebody knows") {
  IncidentOptions options;
  options.from_ms = parse_log_time("2026-11-22 18:57:40");
  options.to_ms = parse_log_time("2026-11-22 18:57:55");
  options.sales_per_second = Ratio{7, 2};
  const Incident incident = incident_of(four_tills(), options);
  REQUIRE(kinds(incident) == std::vector<std::string>{"crash"});
  CHECK(incident.scenario.faults[0].at >= seconds(10));  // the store finds itself first
  CHECK(incident.scenario.workload.sales_per_second.numerator == 7);
}

TEST_CASE("logs that cannot be used are refused by name") {
  const auto complaint = [](std::vector<TerminalLog> logs, const IncidentOptions& options = {}) {
    const auto incident = guess_incident(std::move(logs), options);
    return incident ? std::string("none") : incident.error().message;
  };
  const auto empty = parse_log("hello\n\n2026-11-22 18:00:00.000 info hello\n", "notes.txt");
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().message.find("notes.txt: no line of it") == 0);
  CHECK_FALSE(parse_log("\xff\xfe", "x").has_value());

  TerminalLog other = log_of(lines({start("00.000", "till-1")}));
  other.store = "paris-9 (acme)";
  other.terminal = "till-2";
  CHECK(complaint({log_of(lines({start("00.000", "till-1")})), other}).find("paris-9") !=
        std::string::npos);
  TerminalLog days = log_of(lines({start("00.000", "till-1")}));
  days.facts.push_back(days.facts.front());
  days.facts.back().at_ms += 3 * 86'400'000LL;
  CHECK(complaint({days}).find("--from and --to") != std::string::npos);
  IncidentOptions never;
  never.from_ms = parse_log_time("2030-01-01 00:00");
  CHECK(complaint({days}, never).find("nothing between") != std::string::npos);
}

TEST_CASE("times of a log read to the millisecond, and nothing else does") {
  const auto at = parse_log_time("2026-11-22 18:52:21.530");
  REQUIRE(at.has_value());
  CHECK(log_time_text(*at) == "2026-11-22 18:52:21.530");
  CHECK(parse_log_time("2026-11-22 18:52") == *at - 21'530);
  for (const char* wrong : {"", "today", "2026-13-01 00:00", "2026-11-22 25:00", "2026-11-22",
                            "2026-11-22 18:5x", "2026-11-22 18:52:2"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_log_time(wrong).has_value());
  }
}

TEST_CASE("random pieces of a log are read or refused, never worse") {
  std::ifstream in(TITAN_INCIDENT_LOGS "/till-4.log");
  std::ostringstream whole;
  whole << in.rdbuf();
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    std::string text = whole.str();
    text = text.substr(random.below(text.size()));
    for (int n = 0; n < 20; ++n)
      text[random.below(text.size())] = static_cast<char>(32 + random.below(90));
    const auto log = parse_log(text, "piece.log");
    if (!log) continue;
    const auto incident = guess_incident({*log}, {});
    if (incident) CHECK_FALSE(incident_toml(*incident).empty());
  }
}

}  // namespace
}  // namespace titan::simulations
