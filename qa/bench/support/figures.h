// Figures by name, printed as they come and kept for a JSON file; times in microseconds.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace titan::bench {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start);
double quantile(std::vector<double> values, double q);

class Figures {
 public:
  // So many columns for the names.
  explicit Figures(int name_columns) : name_columns_(name_columns) {}

  void note(const std::string& name, double value, const char* unit);
  double of(const std::string& name) const { return figures_.at(name); }
  // {"name": figure, ...}; fails the benchmark where it cannot be written.
  void write(const std::string& path) const;

 private:
  const int name_columns_;
  std::map<std::string, double> figures_;
};

// A folder of its own within `folder`, removed with everything in it at the end.
class OwnFolder {
 public:
  OwnFolder(const std::string& folder, const std::string& name);
  ~OwnFolder();
  OwnFolder(const OwnFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace titan::bench
