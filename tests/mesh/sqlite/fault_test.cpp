// Disks that fail: what is said, what is there afterwards, how the store comes back.
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "fixture.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

CommitFaultPlan fault_at(std::uint64_t commit, CommitFault fault) {
  return [=](std::uint64_t now) { return now == commit ? fault : CommitFault::none; };
}

}  // namespace

TEST_CASE("a commit that fails and is not there") {
  TempFolder folder;
  const bool in_memory = GENERATE(false, true);
  auto store = in_memory ? open_in_memory() : open_store(folder.file());
  Till till(1);
  const auto first = till.sale({{"A", 1}});
  const auto second = till.sale({{"A", 1}});
  store->set_fault_plan(fault_at(2, CommitFault::fail_before_commit));
  must(store->commit(request_of({first})));
  const Status failed = store->commit(request_of({second}));
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::unknown_outcome);
  CHECK(store->failed());

  const Status refused = store->commit(request_of({second}));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("reopened") != std::string::npos);

  must(store->reopen());
  CHECK_FALSE(store->failed());
  CHECK(must(store->load()).vector.entry_count() == 1);
  must(store->commit(request_of({second})));
  CHECK(must(store->load()).vector.entry_count() == 2);
}

TEST_CASE("a commit that fails and yet is there") {
  TempFolder folder;
  const bool in_memory = GENERATE(false, true);
  auto store = in_memory ? open_in_memory() : open_store(folder.file());
  Till till(1);
  store->set_fault_plan(fault_at(1, CommitFault::fail_after_commit));
  const auto sale = till.sale({{"A", 1}}, "key-1");
  const Status failed = store->commit(request_of({sale}));
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::unknown_outcome);
  must(store->reopen());
  const StoredState state = must(store->load());
  CHECK(state.vector.contains(sale->envelope.id.journal, 1));
  // The till's repeat of the sale finds the first answer.
  CHECK(state.keys.contains(hash_of_key("key-1")));
  CHECK(key_in(*store, "key-1")->entry == sale->envelope.id);
}

TEST_CASE("a planned full disk says so and stores nothing") {
  auto store = open_in_memory();
  Till till(1);
  store->set_fault_plan(fault_at(1, CommitFault::disk_full));
  const Status failed = store->commit(request_of({till.sale({{"A", 1}})}));
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::io);
  CHECK(failed.error().message.find("disk is full") != std::string::npos);
  CHECK(failed.error().message.find("nothing of this commit is stored") != std::string::npos);
  must(store->reopen());
  CHECK(must(store->load()).vector.empty());
}

TEST_CASE("a slow disk is slow before the commit, not after") {
  auto store = open_in_memory();
  Till till(1);
  std::vector<std::uint64_t> asked;
  store->set_fault_plan([&](std::uint64_t commit) {
    asked.push_back(commit);
    return CommitFault::none;
  });
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  CHECK(asked == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a file that may not grow: what was committed stays, later it goes on") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  must(store->limit_pages(120));
  std::uint64_t stored = 0;
  Status status;
  for (int i = 0; i < 2000 && status; ++i) {
    status = store->commit(request_of({till.sale({{"A", 1}, {"B", 1}, {"C", 1}})}));
    if (status) ++stored;
  }
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message.find("disk is full") != std::string::npos);
  CHECK(status.error().message.find(folder.file()) != std::string::npos);
  CHECK(stored > 20);
  must(store->reopen());  // the limit belonged to the connection: there is room again
  CHECK(must(store->load()).vector.entry_count() == stored);
  must(store->check_file());
  Till next(1);
  must(store->commit(request_of({next.sale({{"A", 1}})})));
}

TEST_CASE("a real disk that is full: what was committed stays, later it goes on") {
  TempFolder folder;
  const std::string mount_point = folder.file("small-disk");
  std::filesystem::create_directory(mount_point);
  if (geteuid() != 0 || mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0) {
    WARN("without the right to mount a small disk this case is left out");
    return;
  }
  struct Unmount {
    const std::string& point;
    ~Unmount() { umount2(point.c_str(), MNT_DETACH); }
  } unmount{mount_point};
  const std::string path = mount_point + "/titan.sqlite3";
  auto store = open_store(path);
  Till till(1);
  std::uint64_t stored = 0;
  Status status;
  for (int i = 0; i < 5000 && status; ++i) {
    status = store->commit(request_of({till.sale({{"A", 1}, {"B", 1}, {"C", 1}})}));
    if (status) ++stored;
  }
  REQUIRE_FALSE(status.has_value());
  CHECK(
      (status.error().code == ErrorCode::io || status.error().code == ErrorCode::unknown_outcome));
  CHECK(status.error().message.find("disk is full") != std::string::npos);
  CHECK(stored > 10);

  REQUIRE(mount("tmpfs", mount_point.c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0);
  must(store->reopen());
  const StoredState state = must(store->load());
  CHECK(state.vector.entry_count() >= stored);
  CHECK(state.vector.entry_count() <= stored + 1);
  Till next(1);
  must(store->commit(request_of({next.sale({{"A", 1}})})));
  store.reset();
}

TEST_CASE("a store that cannot be reopened yet stays refused and can be reopened later") {
  TempFolder folder;
  auto store = open_store(folder.file());
  Till till(1);
  must(store->commit(request_of({till.sale({{"A", 1}})})));
  must(store->close());
  std::filesystem::rename(folder.file(), folder.file("away"));
  std::filesystem::create_directory(folder.file());
  CHECK_FALSE(store->reopen().has_value());
  CHECK_FALSE(store->commit(request_of({till.sale({{"A", 1}})})).has_value());
  std::filesystem::remove(folder.file());
  std::filesystem::rename(folder.file("away"), folder.file());
  must(store->reopen());
  CHECK(must(store->load()).vector.entry_count() == 1);
}
