// titan-sim incident: a scenario that resembles what the logs of a store's terminals tell.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/incident/guess.h"
#include "simulations/scenario/words.h"

namespace titan::simulations {

namespace {

struct IncidentFiles {
  std::vector<std::string> logs;
  std::string out;
  std::string from;
  std::string to;
  std::string sales;
  bool is_wireless = false;
};

bool read_options(const IncidentFiles& files, IncidentOptions& options) {
  const auto time = [](const char* option, const std::string& text,
                       std::optional<std::int64_t>& at) {
    if (text.empty()) return true;
    at = parse_log_time(text);
    if (!at) {
      std::cerr << option << ": '" << text << "' is no time like \"2026-11-22 18:57\"\n";
    }
    return at.has_value();
  };
  if (!time("--from", files.from, options.from_ms) || !time("--to", files.to, options.to_ms)) {
    return false;
  }
  if (files.is_wireless) options.timing = Timing::wireless;
  if (files.sales.empty()) return true;
  options.sales_per_second = parse_ratio(files.sales);
  if (!options.sales_per_second) {
    std::cerr << "--sales-per-second: '" << files.sales << "' is no number like \"2.5\"\n";
  }
  return options.sales_per_second.has_value();
}

int make_scenario(const IncidentFiles& files) {
  IncidentOptions options;
  if (!read_options(files, options)) return exit_wrong_input;
  std::vector<TerminalLog> logs;
  for (const auto& path : files.logs) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in || in.bad()) return refuse(path + ": cannot be read; is there such a file?");
    auto log = parse_log(text.str(), path);
    if (!log) return refuse(log.error().message);
    logs.push_back(std::move(*log));
  }
  const auto incident = guess_incident(std::move(logs), options);
  if (!incident) return refuse(incident.error().message);
  std::string complaints;
  for (const auto& complaint : validate(incident->scenario)) {
    complaints += (complaints.empty() ? "" : "\n") + complaint.path + ": " + complaint.message;
  }
  if (!complaints.empty()) return refuse("these logs give no scenario:\n" + complaints);
  const std::string toml = incident_toml(*incident);
  if (files.out.empty()) {
    std::cout << toml;
    return exit_good;
  }
  if (!write_file(files.out, toml)) return exit_wrong_input;
  for (const auto& reason : incident->reasons) std::cout << reason << '\n';
  std::cout << files.out << ": " << incident->scenario.topology.terminals.size() << " terminals, "
            << incident->scenario.faults.size() << " faults. Run it with: titan sim run "
            << files.out << '\n';
  return exit_good;
}

}  // namespace

void add_incident(CLI::App& app, Action& action) {
  auto files = std::make_shared<IncidentFiles>();
  auto* command = app.add_subcommand("incident", "Make a scenario of what terminals logged");
  command->add_option("logs", files->logs, "Log files of the store's terminals")->required();
  command->add_option("--out", files->out, "Write the scenario here, else it is printed");
  command->add_option("--from", files->from, "Only what was logged from then on");
  command->add_option("--to", files->to, "Only what was logged until then");
  command->add_option("--sales-per-second", files->sales, "Of the whole store");
  command->add_flag("--wireless", files->is_wireless, "The store has the timing of Wi-Fi");
  command->callback([files, &action] { action = [files] { return make_scenario(*files); }; });
}

}  // namespace titan::simulations
