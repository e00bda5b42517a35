#include "qa/bench/support/figures.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "qa/bench/support/program.h"

namespace titan::bench {

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void Figures::note(const std::string& name, double value, const char* unit) {
  figures_[name] = value;
  std::printf("  %-*s %12.1f %s\n", name_columns_, name.c_str(), value, unit);
  std::fflush(stdout);
}

void Figures::write(const std::string& path) const {
  std::ofstream out(path);
  out << "{\n";
  std::size_t left = figures_.size();
  for (const auto& [name, value] : figures_) {
    out << "  \"" << name << "\": " << value << (--left > 0 ? ",\n" : "\n");
  }
  out << "}\n";
  if (!out) fail("cannot write " + path);
}

OwnFolder::OwnFolder(const std::string& folder, const std::string& name)
    : path_(folder + "/" + name + "-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) fail("cannot make a folder in " + folder);
}

OwnFolder::~OwnFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace titan::bench
