#include "simulations/cli/judged_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "simulations/checkers/checkers.h"
#include "simulations/history/probe_finder.h"
#include "simulations/run.h"

namespace titan::simulations {

namespace {

namespace json = boost::json;

constexpr std::size_t error_text_bytes_max = 4096;
constexpr std::size_t answer_bytes_max = 1024 * 1024;
constexpr int exit_code_of_bad_run = 3;
constexpr int poll_ms = 200;
// A run that neither ends nor works is given up too.
constexpr int wall_per_processor = 20;
constexpr const char* hung_text = "the run used more processor time than it is allowed";

std::string json_of(const RunOutcome& outcome) {
  json::object failures;
  for (const auto& [checker, message] : outcome.failures) failures[checker] = message;
  json::array probes;
  for (const auto& probe : outcome.probes) probes.push_back(json::value(probe));
  return json::serialize(json::object{{"failures", std::move(failures)},
                                      {"probes", std::move(probes)},
                                      {"trace_hash", outcome.trace_hash},
                                      {"simulated_us", outcome.simulated.count()},
                                      {"recorded", outcome.recorded}});
}

std::optional<RunOutcome> outcome_from(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  RunOutcome outcome;
  for (const auto& [checker, message] : object.at("failures").as_object()) {
    outcome.failures.emplace(checker, std::string(message.as_string()));
  }
  for (const auto& probe : object.at("probes").as_array()) {
    outcome.probes.insert(std::string(probe.as_string()));
  }
  outcome.trace_hash = object.at("trace_hash").to_number<std::uint64_t>();
  outcome.simulated = Duration(object.at("simulated_us").to_number<std::int64_t>());
  outcome.recorded = object.at("recorded").to_number<std::uint64_t>();
  return outcome;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Never returns: what the parent had buffered must not be written twice.
[[noreturn]] void run_as_child(const Scenario& scenario, const JudgeOptions& options, int answer,
                               int errors, std::chrono::seconds limit) {
  ::dup2(errors, STDERR_FILENO);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Of the processor's time, not the wall's: a busy machine makes no run fail.
  const rlimit processor{static_cast<rlim_t>(limit.count()), RLIM_INFINITY};
  ::setrlimit(RLIMIT_CPU, &processor);
  try {
    const auto outcome = judged_run(scenario, options);
    if (!outcome) {
      write_all(STDERR_FILENO, outcome.error().message);
      ::_exit(exit_code_of_bad_run);
    }
    write_all(answer, json_of(*outcome));
  } catch (const std::exception& error) {
    write_all(STDERR_FILENO, error.what());
    ::_exit(exit_code_of_bad_run);
  }
  ::_exit(0);
}

// False at the end of the stream.
bool take(int descriptor, std::string& text, std::size_t bytes_max) {
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    if (text.size() < bytes_max) text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string without_source_root(std::string text) {
  constexpr std::string_view own_file = __FILE__;
  constexpr std::string_view own_path = "simulations/cli/judged_run.cpp";
  if (!own_file.ends_with(own_path)) return text;
  const std::string_view root = own_file.substr(0, own_file.size() - own_path.size());
  if (root.empty()) return text;
  for (std::size_t at = text.find(root); at != std::string::npos; at = text.find(root, at)) {
    text.erase(at, root.size());
  }
  return text;
}

std::string text_of(const Violation& violation) {
  return text_of(violation.at.since_start) + ": " + violation.message;
}

Result<RunOutcome> judged_run(const Scenario& scenario, const JudgeOptions& options) {
  const auto checkers = all_checkers(scenario);
  ProbeFinder finder(scenario);
  RunOptions run_options;
  for (const auto& checker : checkers) run_options.observers.push_back(checker.get());
  run_options.observers.push_back(&finder);
  run_options.check_every = options.check_every;
  run_options.keeps_lines = false;
  run_options.folder = options.folder;
  const auto result = run(scenario, run_options);
  if (!result) return result.error();
  RunOutcome outcome;
  for (const auto& checker : checkers) {
    checker->finish();
    if (checker->violations().empty()) continue;
    outcome.failures.emplace(checker->name(), text_of(checker->violations().front()));
  }
  outcome.probes = finder.found();
  outcome.trace_hash = result->trace_hash;
  outcome.simulated = result->simulated;
  outcome.recorded = result->recorded;
  return outcome;
}

ChildRun::ChildRun(const Scenario& scenario, const JudgeOptions& options,
                   std::chrono::seconds limit)
    : deadline_(std::chrono::steady_clock::now() + limit * wall_per_processor) {
  int answer[2];
  int errors[2];
  if (::pipe2(answer, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("no pipe for a run: ") + std::strerror(errno));
  }
  child_ = ::fork();
  if (child_ < 0) {
    throw std::runtime_error(std::string("no process for a run: ") + std::strerror(errno));
  }
  if (child_ == 0) run_as_child(scenario, options, answer[1], errors[1], limit);
  ::close(answer[1]);
  ::close(errors[1]);
  answer_ = answer[0];
  errors_ = errors[0];
  ::fcntl(answer_, F_SETFL, O_NONBLOCK);
  ::fcntl(errors_, F_SETFL, O_NONBLOCK);
}

ChildRun::~ChildRun() {
  stop();
  ::close(answer_);
  ::close(errors_);
}

void ChildRun::stop() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  child_ = -1;
}

std::optional<RunOutcome> ChildRun::advance() {
  take(errors_, error_text_, error_text_bytes_max);
  if (take(answer_, text_, answer_bytes_max)) {
    if (std::chrono::steady_clock::now() < deadline_) return std::nullopt;
    stop();
    RunOutcome outcome;
    outcome.failures.emplace(hung, hung_text);
    return outcome;
  }
  int status = 0;
  ::waitpid(child_, &status, 0);
  child_ = -1;
  take(errors_, error_text_, error_text_bytes_max);
  return outcome_of_end(status);
}

RunOutcome ChildRun::outcome_of_end(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    if (auto outcome = outcome_from(text_)) return std::move(*outcome);
  }
  RunOutcome outcome;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    outcome.failures.emplace(hung, hung_text);
    return outcome;
  }
  const std::string told = without_source_root(error_text_.substr(0, error_text_bytes_max));
  const std::string how =
      WIFSIGNALED(status) ? std::string("ended by ") + ::strsignal(WTERMSIG(status)) : "failed";
  outcome.failures.emplace(crashed, how + ": " + told);
  return outcome;
}

RunOutcome run_in_child(const Scenario& scenario, const JudgeOptions& options,
                        std::chrono::seconds limit) {
  ChildRun child(scenario, options, limit);
  for (;;) {
    pollfd waiting{child.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, poll_ms);
    if (auto outcome = child.advance()) return std::move(*outcome);
  }
}

}  // namespace titan::simulations
