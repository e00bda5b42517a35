// Every queue stays within its limit, whatever is slow.
#include "simulations/checkers/checkers.h"
#include "simulations/history/store_watch.h"

namespace titan::simulations {

namespace {

// Per peer the transport queues at most a few MiB; a whole store's terminal stays below this.
constexpr std::uint64_t queued_bytes_max = 256 * 1024 * 1024;

class Queues : public Checker {
 public:
  explicit Queues(const Scenario& scenario) : entries_max_(scenario.bounds.queue_entries_max) {}
  std::string_view name() const override { return "queues"; }

  void on_observed(const Observed& observed) override {
    if (std::holds_alternative<RunBegan>(observed.what)) watch_.on_observed(observed);
    const auto* state = std::get_if<StateReported>(&observed.what);
    if (!state) return;
    if (state->queued_entries > entries_max_) {
      violate(observed.at,
              watch_.name(state->terminal) + " has " + std::to_string(state->queued_entries) +
                  " entries waiting for the disk; the limit is " + std::to_string(entries_max_));
    }
    if (state->queued_bytes > queued_bytes_max) {
      violate(observed.at, watch_.name(state->terminal) + " has " +
                               std::to_string(state->queued_bytes) +
                               " bytes waiting for the network; the limit is " +
                               std::to_string(queued_bytes_max));
    }
  }

 private:
  const std::uint64_t entries_max_;
  StoreWatch watch_;
};

}  // namespace

std::unique_ptr<Checker> make_queues(const Scenario& scenario) {
  return std::make_unique<Queues>(scenario);
}

}  // namespace titan::simulations
