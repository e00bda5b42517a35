// Whole shops in virtual time: figures, false alarms, idle traffic, and a seeded exploration.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <vector>

#include "tests/mesh/membership/membership_lab.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::lab;

namespace {

std::unique_ptr<Lab> shop(int size, std::uint64_t seed, Wiring wiring = {},
                          MembershipConfig config = MembershipConfig::wired()) {
  auto lab = std::make_unique<Lab>(seed, config, wiring);
  for (int i = 0; i < size; ++i) lab->add("T" + std::to_string(i + 1));
  for (int i = 0; i < size; ++i) lab->start(i);
  INFO("seed " << seed << ", " << size << " tills");
  const auto agreed = lab->run_until([&] { return lab->agreed(); }, seconds(5));
  INFO(lab->disagreement());
  REQUIRE(agreed);
  lab->run(seconds(6));
  return lab;
}

struct Spread {
  std::vector<Duration> times;
  Duration at(std::size_t percent) {
    std::sort(times.begin(), times.end());
    return times.at(std::min(times.size() - 1, times.size() * percent / 100));
  }
};

enum class Failure { killed, killed_without_refusal, silent };

Spread detection(int size, Failure failure, int runs) {
  Spread spread;
  for (int run = 0; run < runs; ++run) {
    Wiring wiring;
    wiring.loss = {1, 100};
    wiring.tells_refusals = failure != Failure::killed_without_refusal;
    auto lab = shop(size, 1000 + run, wiring);
    lab->run(milliseconds(37 * run));
    failure == Failure::silent ? lab->power_off(0) : lab->kill(0);
    const auto took =
        lab->run_until([&] { return lab->all_hold(0, MemberState::dead); }, seconds(10));
    REQUIRE(took);
    spread.times.push_back(*took);
  }
  return spread;
}

}  // namespace

TEST_CASE("a failed terminal is reported by all others in time, with 1 % loss", "[membership]") {
  std::printf("failure until all others report it, 1 %% loss   p50     p90     max (s)\n");
  for (const int size : {2, 3, 10, 30}) {
    const int runs = size == 30 ? 12 : 40;
    Spread killed = detection(size, Failure::killed, runs);
    Spread closed = detection(size, Failure::killed_without_refusal, runs);
    Spread silent = detection(size, Failure::silent, runs);
    const auto print = [&](const char* what, Spread& spread) {
      std::printf("  %2d tills, %-28s        %s   %s   %s\n", size, what,
                  in_seconds(spread.at(50)).c_str(), in_seconds(spread.at(90)).c_str(),
                  in_seconds(spread.at(100)).c_str());
    };
    print("killed", killed);
    print("killed, no refusal seen", closed);
    print("silent", silent);
    CHECK(killed.at(100) <= milliseconds(800));
    CHECK(closed.at(100) <= milliseconds(1500));
    CHECK(silent.at(50) <= milliseconds(2000));
    CHECK(silent.at(100) <= milliseconds(3500));
  }
}

TEST_CASE("followers that stall for 1 s under load are never taken for dead", "[membership]") {
  enum class Host { tells_stalls, tells_nothing, gives_up_links };
  for (const Host host : {Host::tells_stalls, Host::tells_nothing, Host::gives_up_links}) {
    Wiring wiring;
    wiring.loss = {1, 100};
    wiring.delay_max = milliseconds(40);  // a loaded machine
    wiring.tells_stalls = host == Host::tells_stalls;
    wiring.stall_closes_links = host == Host::gives_up_links;
    wiring.link_timeout = milliseconds(500);
    auto lab = shop(10, 77, wiring);
    const std::uint64_t suspected_before = lab->suspicion_count();
    Random random(9);
    int stalls = 0;
    for (int round = 0; round < 200; ++round) {
      for (int i = 0; i < 1 + (round % 3 == 0); ++i, ++stalls) {
        lab->stall(static_cast<int>(random.below(10)), seconds(1));
      }
      lab->run(milliseconds(800 + static_cast<std::int64_t>(random.below(1200))));
    }
    constexpr const char* names[] = {"", ", the host does not tell", ", their links are given up"};
    std::printf("%d stalls of 1 s among 10 tills%s: %llu suspicions, %llu deaths\n", stalls,
                names[static_cast<int>(host)],
                static_cast<unsigned long long>(lab->suspicion_count() - suspected_before),
                static_cast<unsigned long long>(lab->death_count()));
    CHECK(lab->suspicion_count() > suspected_before);  // the stalls really bit
    CHECK(lab->death_count() == 0);
    CHECK(lab->run_until([&] { return lab->agreed(); }, seconds(3)));
  }
}

TEST_CASE("tablets that roam for 3 s are never taken for dead on the wireless profile",
          "[membership]") {
  Wiring wiring;
  wiring.loss = {2, 100};
  wiring.delay_max = milliseconds(60);
  auto lab = shop(8, 31, wiring, MembershipConfig::wireless());
  Random random(3);
  const std::uint64_t suspected_before = lab->suspicion_count();
  for (int roam = 0; roam < 100; ++roam) {
    const int tablet = static_cast<int>(random.below(8));
    for (int other = 0; other < 8; ++other) {
      if (other != tablet) lab->cut(tablet, other);
    }
    lab->run(seconds(3));
    lab->heal();
    lab->run(milliseconds(500 + static_cast<std::int64_t>(random.below(4000))));
  }
  CHECK(lab->suspicion_count() > suspected_before);
  CHECK(lab->death_count() == 0);
  lab->kill(0);
  const auto killed =
      lab->run_until([&] { return lab->all_hold(0, MemberState::dead); }, seconds(20));
  lab->power_off(1);
  const auto silent =
      lab->run_until([&] { return lab->all_hold(1, MemberState::dead); }, seconds(20));
  REQUIRE(killed);
  REQUIRE(silent);
  std::printf("wireless, 8 tills: 100 roams of 3 s, 0 deaths; killed %s s, silent %s s\n",
              in_seconds(*killed).c_str(), in_seconds(*silent).c_str());
  CHECK(*killed <= seconds(5));
  CHECK(*silent <= seconds(12));
}

TEST_CASE("an hour of loss without faults: no death, hardly a suspicion", "[membership]") {
  Wiring wiring;
  wiring.loss = {1, 100};
  auto lab = shop(10, 4, wiring);
  const std::uint64_t before = lab->suspicion_count();
  lab->run(std::chrono::minutes(60));
  std::printf("10 tills, 1 h, 1 %% loss: %llu suspicions\n",
              static_cast<unsigned long long>(lab->suspicion_count() - before));
  CHECK(lab->death_count() == 0);
  CHECK(lab->suspicion_count() - before <= 5);
}

TEST_CASE("idle traffic of 30 tills carries no updates and stays small", "[membership]") {
  auto lab = shop(30, 11);
  lab->run(seconds(20));
  const Traffic before = lab->traffic_of(7);
  lab->run(seconds(60));
  const Traffic after = lab->traffic_of(7);
  const std::uint64_t messages = after.messages - before.messages;
  const std::uint64_t updates = after.updates - before.updates;
  const std::uint64_t bytes = after.bytes - before.bytes;
  std::printf("idle, 30 tills, sent per till: %.1f messages/s, %.0f bytes/s, %llu updates/min\n",
              static_cast<double>(messages) / 60, static_cast<double>(bytes) / 60,
              static_cast<unsigned long long>(updates));
  CHECK(messages <= 60 * 12);
  CHECK(updates <= 3 * 30);  // the table that goes out every half minute
  CHECK(bytes <= 60 * 2000);
}

TEST_CASE("thirty tills that start in one second agree within one more", "[membership]") {
  Lab lab(21, MembershipConfig::wired());
  for (int i = 0; i < 30; ++i) lab.add("T" + std::to_string(i + 1));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 30; ++i) lab.start(i);
    const auto agreed = lab.run_until([&] { return lab.agreed(); }, seconds(2));
    INFO(lab.disagreement());
    REQUIRE(agreed);
    std::printf("30 tills start at once%s: agree after %s s\n",
                round == 0 ? "" : " again, remembering the old processes",
                in_seconds(*agreed).c_str());
    lab.run(seconds(10));
    CHECK(lab.agreed());
    CHECK(lab.death_count() == 0);
    for (int i = 0; i < 30; ++i) lab.power_off(i);
    lab.run(seconds(3));
  }
}

TEST_CASE("without discovery a member learnt from another is dialled", "[membership]") {
  Wiring wiring;
  wiring.discovery = false;
  Lab lab(5, MembershipConfig::wired(), wiring);
  for (const char* name : {"A", "B", "C", "D"}) lab.add(name);
  lab.start(0);
  // B, C and D each remember A only.
  for (int i = 1; i < 4; ++i) {
    lab.start(i);
    RememberedMember a;
    a.member = lab.membership(0).self();
    lab.membership(i).remember(Now{lab.time(), {}}, {a});
  }
  lab.run(milliseconds(1));
  REQUIRE(lab.run_until([&] { return lab.agreed(); }, seconds(2)));
  lab.run(seconds(3));
  for (const KnownMember& member : lab.membership(1).members()) CHECK(member.linked);
  CHECK(lab.membership(1).members().size() == 3);
}

TEST_CASE("a terminal that only one other reaches is probed through that one", "[membership]") {
  auto lab = shop(10, 15);
  for (int other = 2; other < 10; ++other) lab->cut(0, other);  // only terminal 1 reaches 0
  lab->run(seconds(60));
  const std::uint64_t settled = lab->suspicion_count();
  lab->run(std::chrono::minutes(5));
  CHECK(lab->suspicion_count() == settled);
  CHECK(lab->death_count() == 0);
  CHECK(lab->agreed());
}

TEST_CASE("leader news reaches those who are probed", "[membership]") {
  auto lab = shop(3, 2);
  CHECK(lab->news_heard(0).size() == 2);
  CHECK(lab->news_heard(0).at(lab->process(1)).token.process == lab->process(1));
}

TEST_CASE("a deaf terminal announces nothing that would refute its suspicion", "[membership]") {
  auto lab = shop(4, 8);
  lab->set_deaf(2, true);
  bool reaches = false;
  std::uint64_t revived = 0;
  std::optional<MemberState> before;
  for (int i = 0; i < 200; ++i) {
    lab->set_reaches_cloud(2, reaches = !reaches);
    lab->run(milliseconds(100));
    const auto state = lab->state(0, 2);
    revived += before == MemberState::dead && state == MemberState::alive;
    before = state;
  }
  CHECK(lab->all_hold(2, MemberState::dead));
  CHECK(revived == 0);
  CHECK(lab->state(0, 1) == MemberState::alive);
  CHECK(lab->state(1, 3) == MemberState::alive);
}

namespace {

// Breaks things at random for a while. Returns what it did, for the message of a failure.
std::string break_things(Lab& lab, Random& random) {
  std::string done;
  const auto any = [&] { return static_cast<int>(random.below(lab.count())); };
  const auto note = [&](const std::string& what) {
    done += in_seconds(lab.time().since_start) + " " + what + "\n";
  };
  const int steps = 5 + static_cast<int>(random.below(25));
  for (int step = 0; step < steps; ++step) {
    const int a = any();
    const int b = any();
    const std::string names = std::to_string(a) + " " + std::to_string(b);
    switch (random.below(12)) {
      case 0:
        note("kill " + names), lab.kill(a);
        break;
      case 1:
        note("power off " + names), lab.power_off(a);
        break;
      case 2:
      case 3:
        for (int i = 0; i < lab.count(); ++i) {
          if (!lab.is_up(i) && random.chance({1, 2})) {
            note("start " + std::to_string(i)), lab.start(i);
          }
        }
        break;
      case 4: {
        const auto ms = static_cast<std::int64_t>(random.below(3000));
        note("stall " + names + " for " + std::to_string(ms));
        lab.stall(a, milliseconds(ms));
        break;
      }
      case 5:
        if (a != b) note("cut " + names), lab.cut(a, b);
        break;
      case 6:
        if (a != b) note("block " + names), lab.block(a, b);
        break;
      case 7: {
        note("split");
        for (int i = 0; i < lab.count(); ++i) {
          for (int j = 0; j < lab.count(); ++j) {
            if (i % 2 == 0 && j % 2 == 1) lab.cut(i, j);
          }
        }
        break;
      }
      case 8:
        note("deaf " + names), lab.set_deaf(a, true);
        break;
      case 9:
        note("heal"), lab.heal();
        break;
      case 10:
        if (lab.is_up(a)) note("flag " + names), lab.set_reaches_cloud(a, random.chance({1, 2}));
        break;
      case 11:
        if (lab.is_up(a) && random.chance({1, 3})) note("leave " + names), lab.leave(a);
        break;
    }
    lab.run(milliseconds(static_cast<std::int64_t>(random.below(1500))));
  }
  return done;
}

}  // namespace

TEST_CASE("a till whose links fall silent all at once finds all others dead within 5 s",
          "[membership]") {
  Wiring wiring;
  wiring.link_timeout = seconds(60);
  Lab lab(5, MembershipConfig::wired(), wiring);
  for (int i = 0; i < 30; ++i) {
    lab.add("T" + std::to_string(i));
    lab.start(i);
  }
  REQUIRE(lab.run_until([&] { return lab.agreed(); }, seconds(5)));
  lab.run(seconds(2));
  // Nothing arrives and nothing is closed: one probe an interval, stretched by its own bad health,
  // would take a minute.
  for (int other = 1; other < 30; ++other) lab.cut(0, other);
  CHECK(lab.run_until([&] { return lab.membership(0).view_size() == 1; }, seconds(5)));
}

TEST_CASE("300 shops: faults, then heal, then agreement within the bound", "[membership]") {
  Spread spread;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed * 7919);
    Wiring wiring;
    wiring.loss = {random.below(6), 100};
    wiring.delay_max = milliseconds(2 + static_cast<std::int64_t>(random.below(30)));
    wiring.tells_stalls = random.chance({1, 2});
    wiring.tells_refusals = random.chance({2, 3});
    wiring.link_timeout = milliseconds(300 + static_cast<std::int64_t>(random.below(3000)));
    Lab lab(seed, MembershipConfig::wired(), wiring);
    const int size = 2 + static_cast<int>(random.below(11));
    for (int i = 0; i < size; ++i) lab.add("T" + std::to_string(i));
    for (int i = 0; i < size; ++i) {
      if (i == 0 || random.chance({4, 5})) lab.start(i);
    }
    const std::string done = break_things(lab, random);
    lab.heal();
    lab.set_loss({1, 100});
    const MonoTime healed = lab.time();
    lab.run(milliseconds(20));  // those who were leaving are gone
    const auto agreed = lab.run_until([&] { return lab.agreed(); }, seconds(9));
    INFO("seed " << seed << ", " << size << " tills\n" << done);
    INFO("healed at " << in_seconds(healed.since_start));
    INFO(lab.disagreement());
    REQUIRE(agreed);
    spread.times.push_back(*agreed);
    CHECK(lab.twice().empty());
    // And it stays so.
    lab.run(seconds(4));
    const std::uint64_t deaths = lab.death_count();
    lab.run(seconds(20));
    CHECK(lab.death_count() == deaths);
  }
  std::printf("300 shops, heal until agreement: p50 %s, p99 %s, max %s s\n",
              in_seconds(spread.at(50)).c_str(), in_seconds(spread.at(99)).c_str(),
              in_seconds(spread.at(100)).c_str());
}
