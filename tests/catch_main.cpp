// The main() of every Catch2 test binary. Besides the usual report on the console it notes each
// finished test case in the folder named by TITAN_TEST_RESULTS, for ./titan test: one line
// `ok|FAIL <tab> seconds <tab> name`. `begin` before a case and `end` after the last one let the
// reader name the case in which a binary died.
#define CATCH_CONFIG_MAIN
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

namespace {

class ResultFile : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testRunStarting(const Catch::TestRunInfo& run) override {
    if (const char* folder = std::getenv("TITAN_TEST_RESULTS")) {
      file_.open(std::string(folder) + "/" + run.name, std::ios::trunc);
    }
  }

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    file_ << "begin\t0\t" << test.name << std::endl;
    timer_.start();
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const bool failed = stats.totals.testCases.failed > 0;
    file_ << (failed ? "FAIL" : "ok") << '\t' << timer_.getElapsedSeconds() << '\t'
          << stats.testInfo.name << std::endl;
  }

  void testRunEnded(const Catch::TestRunStats& stats) override {
    if (!stats.aborting) file_ << "end\t0\t" << std::endl;
  }

 private:
  std::ofstream file_;
  Catch::Timer timer_;
};

CATCH_REGISTER_LISTENER(ResultFile)

}  // namespace
