// M5. After all is healed every terminal comes to the same vector and digest within the bound.
// Equal vectors with different digests are wrong at any time.
//
// Planted bugs that it catches (simulations/negative): relay-drops-entry.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/overloaded.h"
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

// The design's: 1 s per 5,000 missing entries, at least 1 s, and 1 s to connect again.
constexpr std::uint64_t entries_per_second = 5'000;
constexpr Duration to_reconnect = seconds(1);

class Convergence : public Checker {
 public:
  explicit Convergence(const Scenario& scenario) : within_(scenario.bounds.converge_within) {}
  std::string_view name() const override { return "M5"; }
  std::optional<std::string> not_judged() const override {
    if (!watch_.healed_at()) return "the run never came to the end of its faults";
    return std::nullopt;
  }

  void on_observed(const Observed& observed) override {
    last_ = observed.at;
    watch_.on_observed(observed);
    std::visit(Overloaded{[&](const StateReported& state) { on_state(observed.at, state); },
                          [&](const AllHealed& healed) {
                            missing_ = healed.entries_missing;
                            note_equality(observed.at);
                          },
                          [](const auto&) {}},
               observed.what);
  }

  void finish() override {
    if (!watch_.healed_at()) return;
    const MonoTime limit = *watch_.healed_at() + bound();
    if (!are_equal()) {
      violate(last_, "the terminals do not hold the same at the end: " + differences());
    } else if (first_equal_ && *first_equal_ > limit) {
      violate(*first_equal_, "the terminals held the same only " +
                                 text_of(*first_equal_ - *watch_.healed_at()) +
                                 " after the heal; the bound is " + text_of(bound()) + " (" +
                                 std::to_string(missing_) + " entries were missing)");
    }
  }

 private:
  Duration bound() const {
    if (within_) return *within_;
    const Duration transfer(static_cast<std::int64_t>(missing_ * 1'000'000 / entries_per_second));
    return std::max<Duration>(transfer, seconds(1)) + to_reconnect;
  }

  void on_state(MonoTime at, const StateReported& state) {
    const auto [known, is_new] = digests_.emplace(state.vector_root, state.stock_digest);
    if (!is_new && known->second != state.stock_digest) {
      violate(at, watch_.name(state.terminal) +
                      " holds the same entries as another terminal did "
                      "(vector " +
                      state.vector_root.substr(0, 16) + "), but counts other stock");
    }
    states_[state.terminal] = state;
    if (watch_.healed_at()) note_equality(at);
  }

  void note_equality(MonoTime at) {
    if (!first_equal_ && are_equal()) first_equal_ = at;
  }

  bool are_equal() const {
    const StateReported* first = nullptr;
    for (const auto& [terminal, process] : watch_.running()) {
      const auto state = states_.find(terminal);
      if (state == states_.end()) return false;
      if (!first) first = &state->second;
      if (state->second.vector_root != first->vector_root ||
          state->second.stock_digest != first->stock_digest) {
        return false;
      }
    }
    return true;
  }

  std::string differences() const {
    std::string text;
    for (const auto& [terminal, process] : watch_.running()) {
      const auto state = states_.find(terminal);
      text += (text.empty() ? "" : ", ") + watch_.name(terminal) + " ";
      text += state == states_.end() ? "said nothing"
                                     : std::to_string(state->second.entries) + " entries (" +
                                           state->second.vector_root.substr(0, 8) + ")";
    }
    return text;
  }

  const std::optional<Duration> within_;
  StoreWatch watch_;
  std::map<TerminalIndex, StateReported> states_;
  std::unordered_map<std::string, std::uint64_t> digests_;  // by vector
  std::optional<MonoTime> first_equal_;
  std::uint64_t missing_ = 0;
  MonoTime last_;
};

}  // namespace

std::unique_ptr<Checker> make_convergence(const Scenario& scenario) {
  return std::make_unique<Convergence>(scenario);
}

}  // namespace titan::simulations
