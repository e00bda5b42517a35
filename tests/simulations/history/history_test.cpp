#include <catch2/catch.hpp>
#include <sstream>

#include "simulations/history/fields.h"
#include "simulations/history/history_file.h"

namespace titan::simulations {

namespace {

class Kept : public Observer {
 public:
  void on_observed(const Observed& observed) override { all.push_back(observed); }
  std::vector<Observed> all;
};

std::shared_ptr<const EntryFacts> entry(Random& random) {
  EntryFacts facts;
  facts.id = {JournalId::draw(random), 1 + random.below(1000)};
  facts.hash = Hash::draw(random);
  facts.device = DeviceId::draw(random);
  facts.kind = mesh::Kind::delivery;
  facts.idempotency_key = "key \"1\" \xc3\xa9";
  facts.request_hash = Hash::draw(random);
  facts.stock_effects = {{"apple", ~std::uint64_t{0}, 0}, {"pear", 0, 7}};
  facts.receipt = mesh::Receipt{"till-1", 12};
  facts.bytes = 512;
  return std::make_shared<const EntryFacts>(facts);
}

// One of each, every member set.
std::vector<Observation> one_of_each() {
  Random random(5);
  const auto process = ProcessId::draw(random);
  const auto device = DeviceId::draw(random);
  const election::Token token{7, process};
  const auto first = entry(random);
  const std::vector<std::pair<mesh::EntryId, Hash>> held = {{first->id, first->hash}};
  const Reachability reaches = {{0, 1, 2}, {0, 1}, {0}};
  return {
      RunBegan{"lab", {"till-1", "till-2"}, false},
      ProcessStarted{1, process, device, true},
      ProcessEnded{1, process, true},
      DiskReplaced{1, "restored", held, held},
      RequestSent{1, "k1", mesh::Kind::refund, first->request_hash, first->hash, {{"pear", 1, 0}}},
      RequestAnswered{1, "k1", RequestAnswered::Outcome::repeated, "why", first->id, first->hash,
                      first->receipt},
      StockRead{1, "pear", -3, true},
      EntryStored{1, first},
      JournalListed{1, held},
      StateReported{1, "abcd", ~std::uint64_t{0}, 5, 4, 3, 2},
      AlarmRaised{1, "divergence", "text"},
      MemberReported{1, process, "dead"},
      LeaderReported{1, token, true},
      VoteGranted{1, 9, process},
      LeaseGranted{1, token},
      LeaseReleased{token},
      LeaseReset{3},
      CloudAcknowledged{first->id, first->hash, token},
      CloudHolds{first},
      WatermarkSigned{4, 44},
      DatabaseHolds{1, entry(random), token},
      DatabaseOpened{1, 17},
      FaultBegan{3, "cut", reaches},
      FaultEnded{3, reaches},
      SwitchedOn{2, reaches},
      AllHealed{12},
      RunEnded{},
      Reached{"two-leaders"},
      TrafficCounted{300, 200, 100},
      LeaseKept{token},
  };
}

std::string written(const std::vector<Observation>& observations) {
  std::ostringstream out;
  HistoryWriter writer(out, {"a-cut", ~std::uint64_t{0}});
  std::int64_t time = 0;
  for (const auto& observation : observations) {
    writer.on_observed({MonoTime{Duration(time += 1000)}, observation});
  }
  return out.str();
}

std::string refusal(const std::string& text) {
  std::istringstream in(text);
  Kept kept;
  const auto head = read_history(in, "run.history", kept);
  return head ? "" : head.error().message;
}

const std::string good_head = R"({"format":"titan-history","version":1,"scenario":"a","seed":1})"
                              "\n";

}  // namespace

TEST_CASE("one of each observation has a line of its own, and survives the file") {
  const auto observations = one_of_each();
  REQUIRE(observations.size() == std::variant_size_v<Observation>);
  for (std::size_t i = 0; i < observations.size(); ++i) REQUIRE(observations[i].index() == i);
  const std::string text = written(observations);
  std::istringstream in(text);
  Kept kept;
  const auto head = read_history(in, "run.history", kept);
  INFO((head ? "" : head.error().message));
  REQUIRE(head.has_value());
  CHECK(head->scenario == "a-cut");
  CHECK(head->seed == ~std::uint64_t{0});
  REQUIRE(kept.all.size() == observations.size());
  std::vector<Observation> read;
  for (std::size_t i = 0; i < kept.all.size(); ++i) {
    CHECK(describe(kept.all[i].what) == describe(observations[i]));
    CHECK(kept.all[i].at.since_start == Duration(1000 * (static_cast<std::int64_t>(i) + 1)));
    read.push_back(kept.all[i].what);
  }
  // The lines hold every member in full, where describe() shortens.
  CHECK(written(read) == text);
}

TEST_CASE("an entry is written whole once and shared after that") {
  Random random(5);
  const auto stored = entry(random);
  const std::string text = written({EntryStored{0, stored}, EntryStored{1, stored}});
  CHECK(text.find("\"effects\"") == text.rfind("\"effects\""));
  std::istringstream in(text);
  Kept kept;
  REQUIRE(read_history(in, "run.history", kept).has_value());
  const auto& first = std::get<EntryStored>(kept.all[0].what).entry;
  CHECK(first == std::get<EntryStored>(kept.all[1].what).entry);
  CHECK(first->stock_effects == stored->stock_effects);
}

TEST_CASE("describe names what and the values, ids shortened") {
  Random random(5);
  const auto process = ProcessId::draw(random);
  CHECK(describe(LeaderReported{2, election::Token{7, process}, false}) ==
        "leader_reported terminal=2 leader=7." + process.hex().substr(0, 8) + " is_self=no");
  CHECK(describe(LeaderReported{2, std::nullopt, false}) ==
        "leader_reported terminal=2 leader=- is_self=no");
  CHECK(describe(RunEnded{}) == "run_ended");
}

TEST_CASE("a wrong history is refused with file, line and reason") {
  const auto is = [](const std::string& text, const std::string& expected) {
    const std::string seen = refusal(text);
    INFO("expected: " << expected << "\nseen:     " << seen);
    CHECK(seen.find(expected) == 0);
  };
  is("", "run.history:1: the file is empty");
  is("hello\n", "run.history:1: no JSON");
  is("{\"format\":\"other\"}\n", "run.history:1: this is no titan history");
  is(R"({"format":"titan-history","version":2,"scenario":"a","seed":1})"
     "\n",
     "run.history:1: the history is of version 2, this program reads version 1");
  is(good_head + "{\"at\":1,\"what\":\"run_ended\"}\n{\"at\":2,\"what\":\"teapot\"}\n",
     "run.history:3: there is no observation \"teapot\"");
  is(good_head + "{\"what\":\"run_ended\"}\n", "run.history:2: the time \"at\"");
  is(good_head + "{\"at\":5,\"what\":\"run_ended\"}\n{\"at\":4,\"what\":\"run_ended\"}\n",
     "run.history:3: time goes back");
  is(good_head + "{\"at\":1,\"what\":\"process_started\",\"process\":\"xy\"}\n",
     "run.history:2: \"process\" is no id");
  is(good_head + "{\"at\":1,\"what\":\"process_started\",\"terminal\":-1}\n",
     "run.history:2: \"terminal\" is no whole number");
  is(good_head + "{\"at\":1,\"what\":\"entry_stored\",\"entry\":\"" + std::string(64, 'a') +
         "\"}\n",
     "run.history:2: \"entry\" is the hash of an entry that did not appear before");
  is(good_head + "{\"at\":1,\"what\":\"leader_reported\",\"leader\":[1]}\n",
     "run.history:2: \"leader\" is no list of the right length");
}

TEST_CASE("broken bytes in a history are refused, never worse") {
  const std::string whole = written(one_of_each());
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    std::string text = whole;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    const std::string seen = refusal(text.substr(0, random.below(text.size())));
    if (!seen.empty()) CHECK(seen.starts_with("run.history:"));
  }
}

}  // namespace titan::simulations
