// M4 to M8 and the smaller checkers on hand-written histories.
#include <catch2/catch.hpp>

#include "base/crypto.h"
#include "crdt/stock.h"
#include "simulations/scenario/tables.h"
#include "tests/simulations/checkers/judging.h"

namespace titan::simulations {

using namespace testing;

namespace {

using Outcome = RequestAnswered::Outcome;

std::shared_ptr<const EntryFacts> apples(std::uint8_t author, std::uint64_t number,
                                         const std::string& key, std::uint64_t sold = 1) {
  return entry({author, number, key, {{"apple", 0, sold}}, number});
}

StateReported state(TerminalIndex terminal, const std::string& root,
                    std::initializer_list<std::shared_ptr<const EntryFacts>> stored) {
  crdt::Stock stock;
  for (const auto& item : stored) stock.apply(item->hash, item->claim, item->stock_effects);
  return {terminal, root, stock.digest(), stored.size()};
}

Story& read(Story& story, TerminalIndex terminal, std::int64_t on_hand) {
  return story.tell(StockRead{terminal, "apple", on_hand, true});
}

}  // namespace

TEST_CASE("every checker has its row, its sentence and its place") {
  const auto checkers = all_checkers(store_of(1));
  REQUIRE(checkers.size() == checker_table().size());
  for (std::size_t i = 0; i < checkers.size(); ++i) {
    CHECK(checkers[i]->name() == checker_table()[i].name);
    CHECK(checkers[i]->what() == checker_table()[i].what);
    CHECK_FALSE(checkers[i]->what().empty());
  }
}

TEST_CASE("the first violations are kept, all are counted") {
  Story story(1);
  for (int i = 0; i < 20; ++i) story.tell(AlarmRaised{0, "divergence", "x"});
  for (auto& checker : all_checkers(store_of(1))) {
    if (checker->name() != "alarms") continue;
    for (const auto& observed : story.observed()) checker->on_observed(observed);
    CHECK(checker->violations().size() == 5);
    CHECK(checker->violations_in_all() == 20);
    CHECK(checker->violations().front().checker == "alarms");
  }
}

TEST_CASE("M4: acknowledged, listed, counted") {
  Story story(2);
  const auto a = apples(0, 1, "a", 2), b = apples(1, 1, "b", 3);
  story.sell(0, a).sell(1, b).list({0, 1}, {a, b});
  read(story, 0, -5);
  CHECK(judge("M4", store_of(2), story) == "");
}

TEST_CASE("M4: an acknowledged sale that nobody holds") {
  Story story(2);
  const auto a = apples(0, 1, "a"), b = apples(1, 1, "b");
  story.sell(0, a).sell(1, b).list({0, 1}, {b});
  CHECK(has(judge("M4", store_of(2), story), "key a was acknowledged by till-1"));
  story.tell(CloudHolds{a});
  CHECK(judge("M4", store_of(2), story) == "");
}

TEST_CASE("M4: what went with the only disk is excused, what a peer had is not") {
  const auto a = apples(0, 1, "a");
  Story only(2);
  only.send(0, "a", a->stock_effects).store({0}, a).answer(0, "a", a);
  only.end(0, 0).replace_disk(0, {}).start(0, 7).list({0, 1}, {});
  read(only, 0, 0);
  CHECK(judge("M4", store_of(2), only) == "");
  Story peer(2);
  peer.sell(0, a).end(0, 0).replace_disk(0, {}).start(0, 7).list({0, 1}, {});
  CHECK(has(judge("M4", store_of(2), peer), "which no terminal and no cloud holds"));
}

TEST_CASE("M4: a sale that counts twice, or not at all") {
  const auto a = apples(0, 1, "a");
  for (const std::int64_t wrong : {0, -2}) {
    Story story(1);
    story.sell(0, a).list({0}, {a});
    read(story, 0, wrong);
    CHECK(has(judge("M4", store_of(1), story), "till-1 shows " + std::to_string(wrong)));
  }
}

TEST_CASE("M4: an unknown answer may count or not; a refused request may not") {
  for (const std::int64_t seen : {0, -1}) {
    Story story(1);
    story.send(0, "a", {{"apple", 0, 1}}).answer(0, "a", nullptr, Outcome::unknown).list({0}, {});
    read(story, 0, seen);
    CHECK(judge("M4", store_of(1), story) == "");
  }
  Story no_answer(1);
  no_answer.send(0, "a", {{"apple", 0, 1}}).end(0, 0).start(0, 7).list({0}, {});
  read(no_answer, 0, -1);
  CHECK(judge("M4", store_of(1), no_answer) == "");
  Story refused(1);
  refused.send(0, "a", {{"apple", 0, 1}}).answer(0, "a", nullptr, Outcome::refused).list({0}, {});
  read(refused, 0, -1);
  CHECK(has(judge("M4", store_of(1), refused), "shows -1"));
}

TEST_CASE("M4: a repeat that is answered makes the sale certain, once") {
  const auto a = apples(0, 1, "a");
  Story story(1);
  story.send(0, "a", a->stock_effects).answer(0, "a", nullptr, Outcome::unknown);
  story.send(0, "a", a->stock_effects).store({0}, a).answer(0, "a", a, Outcome::repeated);
  story.list({0}, {a});
  Story once = story;
  CHECK(judge("M4", store_of(1), read(once, 0, -1)) == "");
  Story never = story;
  CHECK(has(judge("M4", store_of(1), read(never, 0, 0)), "shows 0"));
}

TEST_CASE("M4: one request acknowledged as two entries") {
  const auto a = apples(0, 1, "a"), again = apples(0, 2, "a");
  Story story(1);
  story.sell(0, a).sell(0, again).list({0}, {a, again});
  CHECK(has(judge("M4", store_of(1), story), "twice, with two different entries"));
  // A restored disk has forgotten the key: recorded again, and counts once.
  Story restored(2);
  restored.sell(0, a).end(0, 0).replace_disk(0, {}).start(0, 7).sell(0, again);
  // The old entry comes back from the peer, and a repeat may be answered with either.
  restored.store({0}, a).send(0, "a", a->stock_effects).answer(0, "a", a, Outcome::repeated);
  restored.list({0, 1}, {a, again});
  read(restored, 0, -1);
  CHECK(judge("M4", store_of(2), restored) == "");
}

TEST_CASE("M4: a request that was recorded twice, and voided twice, comes to nothing") {
  const auto a = apples(0, 1, "a"), again = apples(0, 2, "a");
  // Each names another of the two entries; both void the one request.
  const auto first = entry({0, 3, "v1", {{"apple", 1, 0}}, 0, 0, 0, 5, mesh::Kind::void_sale});
  const auto second = entry({0, 4, "v2", {{"apple", 1, 0}}, 0, 0, 0, 6, mesh::Kind::void_sale});
  for (const std::int64_t seen : {-1, 0, 1}) {
    Story story(2);
    story.sell(0, a);
    story.send(0, "v1", first->stock_effects, 5).store({0, 1}, first).answer(0, "v1", first);
    story.end(0, 0).replace_disk(0, {}).start(0, 7).sell(0, again).store({0}, a);
    story.send(0, "v2", second->stock_effects, 5).store({0, 1}, second).answer(0, "v2", second);
    story.list({0, 1}, {a, again, first, second});
    read(story, 0, seen);
    CHECK((judge("M4", store_of(2), story) == "") == (seen == 0));
  }
}

TEST_CASE("M4: of two voids with one claim one counts") {
  const auto first = entry({0, 1, "v1", {{"apple", 1, 0}}, 0, 0, 0, 5});
  const auto second = entry({1, 1, "v2", {{"apple", 1, 0}}, 0, 0, 0, 5});
  for (const std::int64_t seen : {0, 1, 2}) {
    Story story(2);
    story.send(0, "v1", first->stock_effects, 5).store({0, 1}, first).answer(0, "v1", first);
    story.send(1, "v2", second->stock_effects, 5).store({1, 0}, second).answer(1, "v2", second);
    story.list({0, 1}, {first, second});
    read(story, 0, seen);
    CHECK((judge("M4", store_of(2), story) == "") == (seen == 1));
  }
}

TEST_CASE("M4: a number with two contents") {
  Story story(2);
  story.store({0}, entry({0, 1, "a", {}, 0, 0, 1})).store({1}, entry({0, 1, "a", {}, 0, 0, 2}));
  story.list({0, 1}, {});
  CHECK(has(judge("M4", store_of(2), story), "stored another content under number"));
}

TEST_CASE("M4: without a listing it says that it does not judge") {
  CHECK(has(judge("M4", store_of(1), Story(1)), "not judged: no terminal's journals"));
}

TEST_CASE("M5: equal within the bound, late, and never") {
  const auto run = [](std::int64_t late_ms, const char* last_root) {
    Story story(2);
    const auto a = apples(0, 1, "a");
    story.tell(state(0, "one", {a})).tell(state(1, "zero", {})).in(1'000).tell(AllHealed{1});
    story.in(late_ms).tell(state(1, last_root, {a})).in(60'000);
    return judge("M5", store_of(2), story);
  };
  CHECK(run(1'900, "one") == "");
  CHECK(has(run(2'100, "one"), "only 2.100 s after the heal; the bound is 2.000 s"));
  CHECK(has(run(100, "two"), "do not hold the same at the end"));
}

TEST_CASE("M5: the bound grows with what is missing, or is the scenario's") {
  Story story(1);
  story.tell(AllHealed{50'000}).in(10'900).tell(state(0, "r", {}));
  CHECK(judge("M5", store_of(1), story) == "");
  Scenario strict = store_of(1);
  strict.bounds.converge_within = seconds(5);
  CHECK(has(judge("M5", strict, story), "the bound is 5.000 s"));
}

TEST_CASE("M5: the same entries, another stock") {
  Story story(2);
  story.tell(StateReported{0, "r", 1, 1}).tell(StateReported{1, "r", 2, 1}).tell(AllHealed{0});
  CHECK(has(judge("M5", store_of(2), story), "counts other stock"));
}

TEST_CASE("M5: a run that never heals is not judged") {
  CHECK(has(judge("M5", store_of(1), Story(1)), "not judged"));
}

TEST_CASE("M6: stored, then told, then passed on") {
  const auto a = apples(0, 1, "a");
  Story good(2);
  good.sell(0, a).tell(CloudAcknowledged{a->id, a->hash}).tell(CloudHolds{a});
  CHECK(judge("M6", store_of(2), good) == "");
  Story early(2);
  early.send(0, "a", a->stock_effects).answer(0, "a", a).store({0}, a);
  CHECK(has(judge("M6", store_of(2), early), "before it was on its disk"));
  Story passed_on(2);
  passed_on.store({1, 0}, a);
  CHECK(has(judge("M6", store_of(2), passed_on), "which had not stored it itself"));
  Story uploaded(2);
  uploaded.tell(CloudHolds{a});
  CHECK(has(judge("M6", store_of(2), uploaded), "which its terminal had not stored"));
}

TEST_CASE("M6: what the cloud acknowledged and lost") {
  const auto a = apples(0, 1, "a");
  Story story(1);
  story.sell(0, a).tell(CloudAcknowledged{a->id, a->hash});
  CHECK(has(judge("M6", store_of(1), story), "does not hold it at the end"));
}

TEST_CASE("M6: an executor that does not see disks is not blamed for the order") {
  const auto a = apples(0, 1, "a");
  Story story(1, false);
  story.send(0, "a", a->stock_effects).answer(0, "a", a).store({0}, a);
  CHECK(has(judge("M6", store_of(1), story), "not judged"));
}

TEST_CASE("M7: stock is the fold of what is stored") {
  const auto a = apples(0, 1, "a"), b = apples(0, 2, "b");
  Story good(2);
  good.sell(0, a).tell(state(0, "1", {a})).tell(state(1, "1", {a})).sell(0, b);
  good.tell(state(0, "2", {a, b})).list({0, 1}, {a, b});
  CHECK(judge("M7", store_of(2), good) == "");
  Story twice(1);
  twice.sell(0, a).list({0}, {a});
  StateReported doubled = state(0, "1", {apples(0, 1, "a", 2)});
  twice.tell(doubled);
  CHECK(has(judge("M7", store_of(1), twice), "counts other stock"));
  Story lost(1);
  lost.sell(0, a).sell(0, b).end(0, 0).start(0, 7).tell(state(0, "1", {a})).list({0}, {a, b});
  CHECK(has(judge("M7", store_of(1), lost), "says it stores 1 entries, 2 were seen stored"));
}

TEST_CASE("M7: a process learns late what its disk has finished, but not after a restart") {
  const auto a = apples(0, 1, "a"), b = apples(0, 2, "b");
  Story late(1);
  late.sell(0, a).sell(0, b).tell(state(0, "1", {a})).tell(state(0, "2", {a, b}));
  late.list({0}, {a, b});
  CHECK(judge("M7", store_of(1), late) == "");
  Story back(1);  // what it has said once it cannot take back
  back.sell(0, a).sell(0, b).tell(state(0, "2", {a, b})).tell(state(0, "1", {a}));
  back.list({0}, {a, b});
  CHECK(has(judge("M7", store_of(1), back), "says it stores 1 entries, 2 were seen stored"));
}

TEST_CASE("M7: after a restore the disk holds what it was told to hold") {
  const auto a = apples(0, 1, "a"), b = apples(0, 2, "b");
  Story story(2);
  story.sell(0, a).sell(0, b).end(0, 0).replace_disk(0, {a}).start(0, 7);
  story.tell(state(0, "1", {a})).store({0}, b).tell(state(0, "2", {a, b})).list({0, 1}, {a, b});
  CHECK(judge("M7", store_of(2), story) == "");
}

TEST_CASE("M7: at the end nothing is missing anywhere") {
  const auto a = apples(0, 1, "a"), b = apples(0, 2, "b");
  Story story(2);
  story.sell(0, a).sell(0, b).lead({0, 1}, 1, 0).tell(DatabaseOpened{0, 0});
  story.tell(DatabaseHolds{0, a, token(1, 0)}).tell(CloudHolds{a});
  Story terminal = story;
  terminal.list({0}, {a, b}).list({1}, {a});
  CHECK(has(judge("M7", store_of(2), terminal), "till-2 lacks 1 of 2 entries"));
  Story off = story;  // a terminal that does not run cannot catch up
  off.end(1, 1).list({0}, {a, b}).list({1}, {a}).tell(DatabaseHolds{0, b, token(1, 0)});
  CHECK(judge("M7", store_of(2), off) == "");
  story.list({0, 1}, {a, b});
  CHECK(has(judge("M7", store_of(2, CloudPresence::reachable), story), "the cloud lacks 1"));
  CHECK(has(judge("M7", store_of(2), story), "the store database of till-1 lacks 1"));
  story.tell(DatabaseHolds{0, b, token(1, 0)}).tell(CloudHolds{b});
  CHECK(judge("M7", store_of(2, CloudPresence::reachable), story) == "");
}

TEST_CASE("M8: gapless and unique") {
  const auto a = apples(0, 1, "a"), b = apples(0, 2, "b");
  Story good(1);
  good.sell(0, a).sell(0, b);
  CHECK(judge("M8", store_of(1), good) == "");
  Story gap(1);
  gap.sell(0, a).sell(0, entry({0, 2, "b", {}, 3}));
  CHECK(has(judge("M8", store_of(1), gap), "receipt 3 follows 1"));
  Story missing(1);  // entry 2 is missing: its receipt may be too
  missing.sell(0, a).sell(0, entry({0, 3, "b", {}, 3}));
  CHECK(judge("M8", store_of(1), missing) == "");
  Story twice(1);
  twice.sell(0, a).sell(0, entry({0, 2, "b", {}, 1}));
  CHECK(has(judge("M8", store_of(1), twice), "is on entries 1 and 2 of its series"));
}

TEST_CASE("M8: a number again in another series, with and without a restored disk") {
  const auto a = apples(0, 1, "a");
  const auto again = entry({0, 1, "b", {}, 1, 200});
  Story story(1);
  story.sell(0, a).end(0, 0).start(0, 7).sell(0, again);
  CHECK(has(judge("M8", store_of(1), story), "was used again in another series"));
  Story restored(1);
  restored.sell(0, a).end(0, 0).replace_disk(0, {}).start(0, 7).sell(0, again);
  CHECK(judge("M8", store_of(1), restored) == "");
}

TEST_CASE("queues: up to the limit and beyond it") {
  Scenario scenario = store_of(1);
  scenario.bounds.queue_entries_max = 10;
  StateReported report = state(0, "r", {});
  report.queued_entries = 10;
  CHECK(judge("queues", scenario, Story(1).tell(report)) == "");
  report.queued_entries = 11;
  CHECK(has(judge("queues", scenario, Story(1).tell(report)), "the limit is 10"));
}

TEST_CASE("traffic: in proportion, beyond it, and without a bound") {
  Scenario scenario = store_of(1);
  const auto sent = [](std::uint64_t bytes) {
    return Story(1).tell(TrafficCounted{9, bytes, 100});
  };
  CHECK(has(judge("traffic", scenario, sent(500)), "not judged"));
  scenario.bounds.bytes_per_missing_byte = Ratio{12, 10};
  CHECK(judge("traffic", scenario, sent(120)) == "");
  CHECK(has(judge("traffic", scenario, sent(121)), "121 bytes were sent"));
}

TEST_CASE("alarms: those that are allowed, and others") {
  Scenario scenario = store_of(1);
  scenario.bounds.alarms_allowed = {"key_reused"};
  Story story(1);
  story.tell(AlarmRaised{0, "key_reused", "x"});
  CHECK(judge("alarms", scenario, story) == "");
  story.tell(AlarmRaised{0, "divergence", "x"});
  CHECK(has(judge("alarms", scenario, story), "till-1 raised the alarm divergence"));
}

TEST_CASE("probes: reached and not") {
  Scenario scenario = store_of(2);
  CHECK(has(judge("probes", scenario, Story(2)), "not judged"));
  scenario.probes = {"leader-crashed"};
  Story story(2);
  story.lead({0, 1}, 1, 0);
  CHECK(has(judge("probes", scenario, story), "'leader-crashed' was never reached"));
  story.end(0, 0);
  CHECK(judge("probes", scenario, story) == "");
}

TEST_CASE("progress: an answer that never comes, and a store that sells nothing") {
  Story silent(1);
  silent.sell(0, apples(0, 1, "a")).send(0, "b", {}).in(11'000);
  CHECK(has(judge("progress", store_of(1), silent), "till-1 never answered"));
  Story crashed(1);
  crashed.sell(0, apples(0, 1, "a")).send(0, "b", {}).end(0, 0).start(0, 7).in(11'000);
  CHECK(judge("progress", store_of(1), crashed) == "");
  Story nothing(1);
  nothing.send(0, "b", {}).answer(0, "b", nullptr, Outcome::refused);
  CHECK(has(judge("progress", store_of(1), nothing), "none was recorded"));
}

}  // namespace titan::simulations
