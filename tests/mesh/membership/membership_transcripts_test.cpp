// Interactions as transcripts that a person can read: transcripts/*.txt.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/mesh/membership/membership_transcript.h"

using namespace titan;
using namespace titan::mesh;

TEST_CASE("membership transcripts", "[membership]") {
  const bool rewrite = std::getenv("TITAN_REWRITE_TRANSCRIPTS") != nullptr;
  std::size_t count = 0;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(TITAN_MEMBERSHIP_TRANSCRIPTS)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    ++count;
    std::ostringstream expected;
    expected << std::ifstream(path).rdbuf();
    const std::string got = lab::run_transcript(expected.str());
    if (rewrite) std::ofstream(path) << got;
    INFO(path.filename().string());
    CHECK(got.find("NO AGREEMENT") == std::string::npos);
    CHECK(got.find("NOT ALL HOLD") == std::string::npos);
    if (!rewrite) CHECK(got == expected.str());
  }
  CHECK(count >= 16);
}
