// kill -9 in the middle of commits: every entry that was acknowledged is there.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "fixture.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

// The child: commits without end and writes the number of each durable entry into the pipe.
[[noreturn]] void commit_for_ever(const std::string& path, Till& till, int pipe) {
  StoreOptions options;
  options.path = path;
  auto store = SqliteStore::open(options, identity(), codec());
  if (!store) _exit(2);
  for (;;) {
    std::vector<EntryPointer> entries;
    for (int i = 0; i < 3; ++i) entries.push_back(till.sale({{"A", 1}, {"B", 2}}));
    if (!(*store)->commit(request_of(entries))) _exit(3);
    (void)(*store)->checkpoint_if_idle();
    const std::uint64_t receipt = entries.back()->envelope.receipt->number;
    if (write(pipe, &receipt, sizeof receipt) != sizeof receipt) _exit(4);
  }
}

// Waits for `acknowledgements` of them, kills the child, answers the last one that was written.
std::uint64_t run_and_kill(const std::string& path, int acknowledgements) {
  const StoredState state = must(open_store(path)->load());
  Till till(1, {state.last_journal, state.last_number, state.last_hash}, state.last_receipt_number,
            state.logical_clock);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    commit_for_ever(path, till, ends[1]);
  }
  close(ends[1]);
  std::uint64_t last = 0;
  std::uint64_t receipt = 0;
  for (int i = 0; i < acknowledgements; ++i) {
    REQUIRE(read(ends[0], &receipt, sizeof receipt) == sizeof receipt);
    last = receipt;
  }
  kill(child, SIGKILL);
  while (read(ends[0], &receipt, sizeof receipt) == sizeof receipt) last = receipt;
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

}  // namespace

TEST_CASE("kill -9 in the middle of commits loses nothing that was acknowledged") {
  TempFolder folder;
  for (int round = 0; round < 6; ++round) {
    const std::uint64_t acknowledged = run_and_kill(folder.file(), 20 + 37 * round);
    auto store = open_store(folder.file());
    must(store->check_file());
    const StoredState state = must(store->load());
    CHECK(state.last_receipt_number >= acknowledged);
    // All or nothing: a commit is three sales, and receipts have no gap.
    CHECK(state.last_receipt_number % 3 == 0);
    CHECK(state.vector.entry_count() == state.last_receipt_number);
    CHECK(state.stock.on_hand("B") == 2 * state.stock.on_hand("A"));
    for (const auto& [device, journals] : state.vector.devices()) {
      for (const auto& [journal, item] : journals) CHECK(item.stored.gaps().empty());
    }
  }
}
