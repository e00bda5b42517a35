#include "simulations/cli/command_parts.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "simulations/cli/commands.h"
#include "simulations/scenario/random_scenario.h"
#include "simulations/scenario/scenario_file.h"

namespace titan::simulations {

namespace {

constexpr unsigned jobs_limit = 256;
constexpr std::size_t seed_digits_max = 19;  // fit 64 bits

bool is_seed(const std::string& text) {
  return !text.empty() && text.size() <= seed_digits_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

int refuse(const std::string& message) {
  std::cerr << message << '\n';
  return exit_wrong_input;
}

Result<Scenario> scenario_of(const std::string& seed_or_file) {
  if (is_seed(seed_or_file)) return random_scenario(std::stoull(seed_or_file));
  return read_scenario(seed_or_file);
}

Result<std::vector<std::string>> scenario_files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    if (item.path().extension() == ".toml") files.push_back(item.path().string());
  }
  if (error) return make_error(ErrorCode::io, folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.flush();
  if (!out) std::cerr << cannot_be_written(path) << '\n';
  return static_cast<bool>(out);
}

std::string cannot_be_written(const std::string& path) {
  return path + ": cannot be written; is there room, and the right to?";
}

void add_report_options(CLI::App& command, ReportFiles& files) {
  command.add_option("--json", files.json, "Write the verdict here");
  command.add_option("--html", files.html, "Write the page here");
}

void add_check_every_option(CLI::App& command, std::uint32_t& check_every) {
  command
      .add_option("--check-every", check_every,
                  "Check a node's own invariants after every Nth input")
      ->check(CLI::PositiveNumber);
}

void add_jobs_option(CLI::App& command, unsigned& jobs) {
  command.add_option("--jobs", jobs, "Runs at a time; else one for each core")
      ->check(CLI::PositiveNumber);
}

unsigned jobs_to_run(unsigned asked) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  return std::min(asked == 0 ? cores : asked, jobs_limit);
}

}  // namespace titan::simulations
