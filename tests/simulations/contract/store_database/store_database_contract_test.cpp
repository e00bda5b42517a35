// One contract for the store database, kept by the simulator's model and by the product's adapter
// on a real PostgreSQL: tokens, leases, cursors, commits that break, and what is projected.
#include <catch2/catch.hpp>

#include "tests/simulations/contract/store_database/model_store_database.h"
#include "tests/simulations/contract/store_database/real_store_database.h"

namespace titan::test {
namespace {

std::vector<Hash> hashes_of(const std::vector<EntryPointer>& entries) {
  std::vector<Hash> hashes;
  for (const auto& entry : entries) hashes.push_back(entry->hash);
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

// On its disk, whether or not its database hears of it.
void keep_once(LeaderUnderTest& leader, const EntryPointer& entry) {
  const mesh::EntryId& id = entry->envelope.id;
  if (!leader.disk->vector().contains(id.journal, id.number)) leader.disk->keep(entry);
}

#define STORE_DATABASE_CASE(name) \
  TEMPLATE_TEST_CASE("store database: " name, "", ModelStoreDatabase, RealStoreDatabase)

STORE_DATABASE_CASE("a lower token is refused and changes nothing, a higher one takes over") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  first->keep(sales(first->till, 4));
  first->lead(5);
  database.wait_for_entries(4);
  CHECK(database.contents().holder == first->token(5));

  second->keep(sales(second->till, 3));
  second->lead(4);
  database.run_until([&] { return second->refused().has_value(); }, "the lower one to be refused");
  CHECK(second->refused()->holder == first->token(5));
  CHECK_FALSE(second->refused()->gone);
  CHECK(database.contents().entries.size() == 4);
  CHECK(database.contents().holder == first->token(5));

  second->lead(6);
  database.wait_for_entries(7);
  CHECK(database.contents().holder == second->token(6));
}

STORE_DATABASE_CASE("of equal terms the higher process id writes") {
  TestType database;
  auto low = database.terminal("till-1");
  auto high = database.terminal("till-2");
  if (high->token(3) < low->token(3)) std::swap(low, high);
  high->lead(3);
  database.wait_for_holder(high->token(3));
  low->lead(3);
  database.run_until([&] { return low->refused().has_value(); }, "the lower one to be refused");
  CHECK(low->refused()->holder == high->token(3));
}

STORE_DATABASE_CASE("the holder's own token is taken again, and a higher one of its own") {
  TestType database;
  const auto disk = std::make_shared<Disk>();
  auto leader = database.terminal("till-1", disk);
  leader->keep(sales(leader->till, 3));
  leader->lead(2);
  database.wait_for_entries(3);
  leader->follow();
  leader->lead(2);
  const auto more = sales(leader->till, 1);
  leader->keep(more);
  database.wait_for_entries(4);
  CHECK(database.contents().holder == leader->token(2));
  leader->lead(7);
  database.wait_for_holder(leader->token(7));
  leader->keep(sales(leader->till, 1));
  database.wait_for_entries(5);
  CHECK_FALSE(leader->refused());
}

STORE_DATABASE_CASE("a fenced writer's next batch leaves neither entries nor cursors nor totals") {
  TestType database;
  const auto old = database.terminal("till-1");
  const auto next = database.terminal("till-2");
  old->lead(5);
  old->keep(sales(old->till, 5));
  database.wait_for_entries(5);
  next->lead(6);
  database.wait_for_holder(next->token(6));
  const Contents before = database.contents();

  const auto late = sales(old->till, 3);
  old->keep(late);
  database.run_until([&] { return old->refused().has_value(); }, "the fenced one to be told");
  CHECK(old->refused()->holder == next->token(6));
  CHECK_FALSE(old->refused()->gone);
  CHECK(database.contents().entries == before.entries);
  CHECK(database.contents().stock == before.stock);

  // They reach the next leader through the mesh, and the database through it.
  next->keep(late);
  database.wait_for_entries(8);
  CHECK(database.contents().holder == next->token(6));
}

STORE_DATABASE_CASE("a fenced writer without anything to write is told too") {
  TestType database;
  const auto old = database.terminal("till-1");
  const auto next = database.terminal("till-2");
  old->lead(5);
  database.wait_for_holder(old->token(5));
  next->lead(6);
  database.run_until([&] { return old->refused().has_value(); }, "the fenced one to be told",
                     seconds(4));
  CHECK(old->refused()->holder == next->token(6));
}

STORE_DATABASE_CASE("who steps down is gone at once, and a lower token stays out all the same") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  first->lead(5);
  database.wait_for_holder(first->token(5));
  first->follow();
  second->lead(4);
  database.run_until([&] { return second->refused() && second->refused()->gone; },
                     "the holder to count as gone", seconds(3));
  CHECK(second->refused()->holder == first->token(5));
  CHECK(database.contents().holder == first->token(5));
  // Coming back under the same token it is there again.
  first->lead(5);
  first->keep(sales(first->till, 1));
  database.wait_for_entries(1);
  database.run_until([&] { return !second->refused()->gone; }, "the holder to count as there");
}

STORE_DATABASE_CASE("who crashes is gone when its lease has run out, and not before") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  first->lead(5);
  database.wait_for_holder(first->token(5));
  second->lead(4);
  database.run_until([&] { return second->refused().has_value(); }, "a refusal");
  CHECK_FALSE(second->refused()->gone);
  first->crash();
  database.run_until([&] { return second->refused()->gone; }, "the lease to run out", seconds(8));
  CHECK(database.contents().holder == first->token(5));
}

STORE_DATABASE_CASE("the same entries again, in other company and other order, count once") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2", first->disk);
  const auto entries = sales(first->till, 6);
  first->lead(1);
  first->keep(entries);
  database.wait_for_entries(6);
  first->tell({entries[5], entries[0]});
  first->tell(entries);
  const auto marker = sales(first->till, 1, "B");
  first->keep(marker);
  database.wait_for_entries(7);
  first->follow();
  second->lead(2);
  database.wait_for_holder(second->token(2));
  second->tell({entries.rbegin(), entries.rend()});
  second->keep(sales(first->till, 1, "B"));
  database.wait_for_entries(8);
  CHECK(database.contents().stock.at("A").removed == 6'000'000);
}

STORE_DATABASE_CASE("entries whose predecessors are missing are held; the gap may close later") {
  TestType database;
  const auto leader = database.terminal("till-1");
  Till other("till-9");
  const auto entries = sales(other, 6);
  leader->lead(1);
  leader->keep({entries[2], entries[4]});
  database.wait_for_entries(2);
  CHECK(database.contents().cursors.at(other.tail().journal) ==
        crdt::IntervalSet({{3, 3}, {5, 5}}));
  leader->keep({entries[0], entries[3]});
  database.wait_for_entries(4);
  CHECK(database.contents().cursors.at(other.tail().journal) ==
        crdt::IntervalSet({{1, 1}, {3, 5}}));
  leader->keep({entries[1], entries[5]});
  database.wait_for_entries(6);
  CHECK(database.contents().cursors.at(other.tail().journal) == crdt::IntervalSet({{1, 6}}));
}

STORE_DATABASE_CASE("a commit that breaks: the cursors are read again and tell what to repeat") {
  const CommitFate fate =
      GENERATE(CommitFate::cut_before, CommitFate::cut_after, CommitFate::server_killed);
  CAPTURE(static_cast<int>(fate));
  TestType database;
  const auto leader = database.terminal("till-1");
  leader->lead(1);
  leader->keep(sales(leader->till, 3));
  database.wait_for_entries(3);
  (void)leader->disk->take_read();

  database.break_next_commit(fate);
  const auto broken = sales(leader->till, 2);
  leader->keep(broken);
  database.run_until([&] { return database.has_broken(); }, "the commit to break");
  const auto meanwhile = sales(leader->till, 1);
  leader->keep(meanwhile);
  database.wait_for_entries(6);
  // What took effect is not asked of the disk again, what did not is.
  const auto repeated = leader->disk->take_read();
  const auto is_repeated = [&](const EntryPointer& entry) {
    return std::binary_search(repeated.begin(), repeated.end(), entry->hash);
  };
  if (fate == CommitFate::cut_before) CHECK((is_repeated(broken[0]) && is_repeated(broken[1])));
  if (fate == CommitFate::cut_after)
    CHECK_FALSE((is_repeated(broken[0]) || is_repeated(broken[1])));
  CHECK(database.contents().holder == leader->token(1));
  CHECK_FALSE(leader->refused());
}

STORE_DATABASE_CASE("away and back: what was sold meanwhile gets there") {
  TestType database;
  const auto leader = database.terminal("till-1");
  leader->lead(1);
  leader->keep(sales(leader->till, 2));
  database.wait_for_entries(2);
  database.away();
  leader->keep(sales(leader->till, 3));
  leader->keep(sales(leader->till, 1, "B"));
  database.back();
  database.wait_for_entries(6);
  CHECK(database.contents().stock.at("B").removed == 1'000'000);
}

STORE_DATABASE_CASE("a new leader goes on from the cursors: it reads what is lacking, no more") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  const auto early = sales(first->till, 10);
  first->lead(1);
  first->keep(early);
  database.wait_for_entries(10);
  first->follow();

  // It lacks two of those, and brings five of that journal and two of its own.
  const auto late = sales(first->till, 5);
  const auto own = sales(second->till, 2);
  second->keep({early.begin(), early.begin() + 8});
  second->keep(late);
  second->keep(own);
  CHECK(second->disk->take_read().empty());
  second->lead(2);
  database.wait_for_entries(17);
  auto brought = late;
  brought.insert(brought.end(), own.begin(), own.end());
  CHECK(second->disk->take_read() == hashes_of(brought));
}

STORE_DATABASE_CASE("what the disk of a new leader lacks comes back to it, each entry once") {
  TestType database;
  std::vector<EntryPointer> sold;
  {
    const auto lost = database.terminal("till-1");
    lost->lead(1);
    for (int i = 0; i < 7; ++i) {
      sold.push_back(lost->till.sell("A", 1));
      lost->keep({sold.back()});
    }
    database.wait_for_entries(7);
  }
  const auto next = database.terminal("till-2");
  next->disk->keep(sold[2]);
  next->takes_back = true;
  next->lead(2);
  database.run_until([&] { return next->disk->entries().size() == 7; },
                     "the next leader's disk to hold what the last one sold");
  next->keep({next->till.sell("B", 1)});
  database.wait_for_entries(8);
  CHECK(next->disk->entries().size() == 8);
}

STORE_DATABASE_CASE("a forked number: a new leader brings the branch that is missing") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  Till copy("till-1");  // the same key and the same random numbers: a copied running process
  const auto one = first->till.sell("A", 1);
  const auto other = copy.sell("A", 2);
  REQUIRE(one->envelope.id == other->envelope.id);
  REQUIRE(one->hash != other->hash);
  first->lead(1);
  first->keep({one});
  database.wait_for_entries(1);
  first->follow();
  second->keep({one, other});
  second->lead(2);
  database.wait_for_entries(2);
  CHECK(database.contents().stock.at("A").removed == 3'000'000);
}

STORE_DATABASE_CASE("a forked number in a journal of which more is missing is found all the same") {
  TestType database;
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  Till copy("till-1");
  const auto entries = sales(first->till, 4);
  const auto other = copy.sell("A", 5);
  REQUIRE(other->envelope.id == entries[0]->envelope.id);
  first->lead(1);
  first->keep({entries[0], entries[1]});
  database.wait_for_entries(2);
  first->follow();
  second->keep({other});
  second->keep(entries);
  second->lead(2);
  database.wait_for_entries(5);
  CHECK(database.contents().holds(other));
  CHECK(database.contents().stock.at("A").removed == 9'000'000);
}

STORE_DATABASE_CASE("an entry that its disk cannot give holds nothing up") {
  TestType database;
  const auto leader = database.terminal("till-1");
  Till other("till-9");
  const auto entries = sales(other, 4);
  const auto alone = sales(leader->till, 1);
  leader->keep(entries);
  leader->keep(alone);
  leader->disk->lose(entries[1]);
  leader->disk->lose(alone[0]);
  leader->lead(1);
  database.wait_for_entries(3);
  leader->keep(sales(leader->till, 2));
  database.wait_for_entries(5);
  CHECK_FALSE(database.contents().holds(entries[1]));
  CHECK_FALSE(database.contents().holds(alone[0]));
}

STORE_DATABASE_CASE("a disk that cannot be read for a while is asked again") {
  TestType database;
  const auto leader = database.terminal("till-1");
  leader->keep(sales(leader->till, 3));
  leader->disk->set_readable(false);
  leader->lead(1);
  database.run_until([&] { return leader->disk->has_failed(); }, "the disk to be asked");
  leader->disk->set_readable(true);
  database.wait_for_entries(3);
}

STORE_DATABASE_CASE("totals are those of the entries, whoever writes them and in whatever order") {
  TestType database;
  Random random(11);
  Till one("till-8");
  Till other("till-9");
  const Hash claims[] = {blake2b("a transfer"), blake2b("a void")};
  std::vector<EntryPointer> entries;
  for (int i = 0; i < 60; ++i) {
    Till& till = random.chance({1, 2}) ? one : other;
    const std::string sku = "sku-" + std::to_string(random.below(4));
    const auto pieces = static_cast<std::int64_t>(1 + random.below(9));
    const Hash claim = random.chance({1, 4}) ? claims[random.below(2)] : Hash{};
    entries.push_back(random.chance({2, 3}) ? till.sell(sku, pieces, claim)
                                            : till.deliver(sku, pieces, claim));
  }
  const auto first = database.terminal("till-1");
  const auto second = database.terminal("till-2");
  for (std::uint64_t term = 1; term <= 6; ++term) {
    auto& leader = term % 2 == 1 ? first : second;
    auto& follower = term % 2 == 1 ? second : first;
    leader->lead(term);
    database.wait_for_holder(leader->token(term));
    std::vector<EntryPointer> some;
    for (int i = 0; i < 15; ++i) some.push_back(entries[random.below(entries.size())]);
    for (const auto& entry : some) keep_once(*leader, entry);
    leader->tell(some);
    if (random.chance({1, 2})) follower->tell(some);  // who does not lead writes nothing
  }
  for (auto at = entries.rbegin(); at != entries.rend(); ++at) {
    keep_once(*second, *at);
    second->tell({*at});
  }
  database.wait_for_entries(entries.size());
  const Contents contents = database.contents();
  CHECK(contents.stock == folded(entries).sums());
  CHECK(contents.receipts == receipts_of(entries));
}

STORE_DATABASE_CASE("a private one takes its terminal under whatever token") {
  TestType database(Sharing::of_one_terminal);
  const auto disk = std::make_shared<Disk>();
  Till other("till-9");
  {
    const auto leader = database.terminal("till-1", disk);
    leader->lead(9);
    leader->keep(sales(other, 2));
    database.wait_for_entries(2);
  }
  // Its disk is of an earlier day, the store has forgotten that term.
  const auto leader = database.terminal("till-1", disk);
  leader->lead(3);
  database.wait_for_holder(leader->token(3));
  leader->keep(sales(other, 1));
  database.wait_for_entries(3);
  CHECK_FALSE(leader->refused());
}

}  // namespace
}  // namespace titan::test
