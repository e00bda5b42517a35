// Runs every file in transcripts/; see transcript.h for the format.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/election/transcript.h"

namespace titan::election::lab {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_difference(const std::string& expected, const std::string& actual) {
  std::istringstream left(expected);
  std::istringstream right(actual);
  for (int number = 1;; ++number) {
    std::string one;
    std::string other;
    const bool has_one = static_cast<bool>(std::getline(left, one));
    const bool has_other = static_cast<bool>(std::getline(right, other));
    if (!has_one && !has_other) return "none";
    if (has_one != has_other || one != other) {
      return "line " + std::to_string(number) +
             "\n  expected: " + (has_one ? one : "(end of file)") +
             "\n  came:     " + (has_other ? other : "(end of file)");
    }
  }
}

}  // namespace

TEST_CASE("election transcripts come out as written") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TITAN_TRANSCRIPTS)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 12);
  for (const auto& file : files) {
    const std::string expected = read(file);
    const std::string actual = run_transcript(expected);
    if (std::getenv("TITAN_REWRITE_TRANSCRIPTS") != nullptr) {
      std::ofstream(file, std::ios::binary) << actual;
      continue;
    }
    INFO(file.filename().string() << ", first difference: " << first_difference(expected, actual));
    INFO("what came:\n" << actual);
    CHECK(expected == actual);
    CHECK(actual.find("BROKEN") == std::string::npos);
    CHECK(actual.find("NO AGREEMENT") == std::string::npos);
  }
}

}  // namespace titan::election::lab
