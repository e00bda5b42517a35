// titan-sim show and list: what a scenario file says, which scenarios there are, and the tables of
// names that scenario files use.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "simulations/cli/command_parts.h"
#include "simulations/cli/commands.h"
#include "simulations/scenario/scenario_file.h"
#include "simulations/scenario/tables.h"

namespace titan::simulations {

namespace {

struct ShowOptions {
  std::string file;
  bool as_json = false;
};

int show(const ShowOptions& options) {
  const auto scenario = scenario_of(options.file);
  if (!scenario) return refuse(scenario.error().message);
  std::cout << (options.as_json ? scenario_json(*scenario) + "\n" : scenario_toml(*scenario));
  return exit_good;
}

struct ListOptions {
  std::vector<std::string> folders = {"simulations/scenarios", "simulations/negative",
                                      "simulations/regressions"};
  bool tables = false;
};

void print_row(std::string_view name, std::string_view what) {
  std::printf("  %-26s %s\n", std::string(name).c_str(), std::string(what).c_str());
}

// As Markdown, so that docs/SIMULATION.md holds what the program knows.
int print_tables() {
  std::printf(
      "| fault | what | keys | lasts | real processes |\n| --- | --- | --- | --- | --- |\n");
  for (const auto& row : fault_table()) {
    std::string keys;
    for (const auto& field : row.fields) {
      keys += (keys.empty() ? "`" : ", `") + std::string(field.key) + "`" +
              (field.is_required ? "" : " (may be left out)");
    }
    std::printf("| `%s` | %s | %s | %s | %s |\n", std::string(row.name).c_str(),
                std::string(row.what).c_str(), keys.c_str(), row.may_last ? "yes" : "at once",
                row.runs_in_lab ? "yes" : "no");
  }
  const auto print = [](const char* title, const auto& rows) {
    std::printf("\n| %s | what |\n| --- | --- |\n", title);
    for (const auto& row : rows) {
      std::printf("| `%s` | %s |\n", std::string(row.name).c_str(), std::string(row.what).c_str());
    }
  };
  print("hardware", hardware_table());
  print("checker", checker_table());
  print("probe", probe_table());
  print("planted bug", planted_bug_table());
  return exit_good;
}

int list(const ListOptions& options) {
  if (options.tables) return print_tables();
  bool all_good = true;
  for (const auto& folder : options.folders) {
    const auto files = scenario_files_in(folder);
    if (!files) {
      std::cerr << files.error().message << '\n';
      all_good = false;
      continue;
    }
    std::cout << folder << ": " << files->size() << " scenarios\n";
    for (const auto& file : *files) {
      const auto scenario = read_scenario(file);
      if (scenario) {
        print_row(scenario->name, scenario->purpose);
      } else {
        std::cout << "  " << scenario.error().message << '\n';
        all_good = false;
      }
    }
  }
  return all_good ? exit_good : exit_wrong_input;
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  auto options = std::make_shared<ShowOptions>();
  auto* command = app.add_subcommand("show", "Check a scenario file and show what it says");
  command->add_option("file", options->file, "The scenario file, or the seed of a random one")
      ->required();
  command->add_flag("--json", options->as_json, "Every value, as JSON");
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

void add_list(CLI::App& app, Action& action) {
  auto options = std::make_shared<ListOptions>();
  auto* command = app.add_subcommand("list", "List the scenarios of folders");
  command->add_option("folders", options->folders, "Folders of scenario files");
  command->add_flag("--tables", options->tables,
                    "The faults, hardware, checkers, probes and bugs, as Markdown");
  command->callback([options, &action] { action = [options] { return list(*options); }; });
}

}  // namespace titan::simulations
