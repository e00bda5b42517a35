// What a terminal takes of a watermark: only what the cloud signed, whoever passed it on, and all
// of it in the end, whatever was lost on the way.
#include "mesh/watermark/watermark_follower.h"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "mesh/watermark/signing.h"
#include "mesh/watermark/telling.h"
#include "mesh/wire/wire_codec.h"
#include "tests/mesh/generators.h"

using namespace titan;
using namespace titan::mesh;
using namespace titan::mesh::testing;

namespace {

using Outcome = WatermarkFollower::Outcome;

const WireCodec wire_codec;

// A cloud: what it holds, and the last watermark that it signed.
struct Cloud {
  Random random;
  KeyPair key;
  std::vector<DeviceId> devices;
  std::vector<std::pair<DeviceId, JournalId>> journals;
  WatermarkStatement statement{1, Bytes(16, 'r'), 0, "acme", "london-1", {}, 0};
  HeldByCloud now;

  explicit Cloud(std::uint64_t seed) : random(seed), key(draw_key(random)) {
    for (int i = 0; i < 3; ++i) devices.push_back(DeviceId::draw(random));
    hold(1);
  }
  void hold(std::uint64_t entries) {
    crdt::VersionVector vector = now.held.vector();
    for (std::uint64_t i = 0; i < entries; ++i) {
      if (journals.empty() || random.below(3) == 0) {
        journals.emplace_back(devices[random.below(3)], JournalId::draw(random));
      }
      const auto& [device, journal] = journals[random.below(journals.size())];
      vector.add(device, journal, 1 + random.below(60), Hash::draw(random));
    }
    sign_anew(std::move(vector));
  }
  // A backup was restored: a new epoch, in which some is not held.
  void restore() {
    crdt::VersionVector vector = now.held.vector();
    for (const auto& [device, journal] : journals) {
      if (random.below(4) == 0) vector.set(device, journal, {});
    }
    ++statement.epoch;
    sign_anew(std::move(vector));
  }
  void sign_anew(crdt::VersionVector vector) {
    now.held.become(std::move(vector));
    ++statement.sequence;
    statement.root = now.held.root();
    statement.entries = now.held.vector().entry_count();
    now.watermark = sign_watermark(wire_codec, key, statement);
    now.statement = statement;
  }
  WatermarkFollower follower() const { return {wire_codec, "acme", "london-1", key.public_key}; }
  WatermarkUpdate update_since(const HeldByCloud& before) const {
    return update_from(before.held, now.watermark, now.held);
  }
  WatermarkSlice slice(const WatermarkRequest& request) const {
    return slice_for(request, now.watermark, now.held);
  }
};

// As a node does it, with nothing lost; `meanwhile` happens between slices.
Outcome catch_up(WatermarkFollower& follower, Cloud& cloud,
                 const std::function<void()>& meanwhile) {
  WatermarkRequest request = follower.catch_up();
  for (;;) {
    const auto result = follower.take(cloud.slice(request));
    if (const auto* outcome = std::get_if<Outcome>(&result)) return *outcome;
    request = std::get<WatermarkRequest>(result);
    meanwhile();
  }
}

}  // namespace

TEST_CASE("A terminal that hears of watermarks now and then comes to hold what the cloud holds") {
  rc::prop("by differences where it has their base, else by what it asks", [](std::uint64_t seed) {
    Cloud cloud(seed);
    WatermarkFollower follower = cloud.follower();
    HeldByCloud told = cloud.now;
    for (int step = 0; step < 60; ++step) {
      if (cloud.random.below(12) == 0) {
        cloud.restore();
      } else {
        cloud.hold(cloud.random.below(5));
      }
      const WatermarkUpdate update = cloud.update_since(told);
      told = cloud.now;
      if (cloud.random.below(3) == 0) continue;  // lost
      const Outcome outcome = follower.take(update);
      if (outcome == Outcome::unknown_base) {
        RC_ASSERT(catch_up(follower, cloud, [] {}) == Outcome::taken);
      } else {
        RC_ASSERT(outcome == Outcome::taken);
      }
      RC_ASSERT(follower.known().held.vector() == cloud.now.held.vector());
      RC_ASSERT(follower.known().place() == cloud.now.place());
      RC_ASSERT(follower.take(update) == Outcome::not_newer);
    }
  });
}

TEST_CASE("What moves while slices come is asked for in another round") {
  Cloud cloud(3);
  for (int i = 0; i < 50; ++i) cloud.hold(500);
  WatermarkFollower follower = cloud.follower();
  int slices = 0;
  REQUIRE(catch_up(follower, cloud, [&] {
            if (++slices < 8) cloud.hold(3);
          }) == Outcome::taken);
  CHECK(slices > 2);
  CHECK(follower.known().held.vector() == cloud.now.held.vector());
  CHECK_FALSE(follower.is_catching_up());
}

TEST_CASE("A slice is as long as what differs, and so long at most") {
  Cloud cloud(4);
  for (int i = 0; i < 20; ++i) cloud.hold(500);
  WatermarkFollower follower = cloud.follower();
  catch_up(follower, cloud, [] {});
  cloud.hold(2);
  const WatermarkSlice little = cloud.slice(follower.catch_up());
  CHECK(little.buckets.size() <= 2);
  CHECK(little.next == 0);
  const WatermarkSlice much = cloud.slice(cloud.follower().catch_up());
  CHECK(much.next != 0);
  CHECK(wire_codec.encode_message(much).size() < watermark_bytes_aim * 2);
  // A difference as long as all of it is not sent unasked.
  const WatermarkUpdate unasked = cloud.update_since({});
  CHECK(unasked.base.is_none());
  CHECK(unasked.changed.empty());
}

TEST_CASE("A difference that was made up is a wrong root") {
  rc::prop("whatever was changed in it", [](std::uint64_t seed) {
    Cloud cloud(seed);
    cloud.hold(30);
    WatermarkFollower follower = cloud.follower();
    catch_up(follower, cloud, [] {});
    const HeldByCloud before = cloud.now;
    cloud.hold(3);
    WatermarkUpdate update = cloud.update_since(before);
    auto& journals = update.changed.front().journals;
    switch (cloud.random.below(4)) {
      case 0:
        journals.front().item.stored.add(61);
        break;
      case 1:
        journals.front().item.content.add({0, 1});
        break;
      case 2:
        journals.push_back({JournalId::draw(cloud.random), journals.front().item});
        break;
      case 3:
        journals.pop_back();
        break;
    }
    RC_ASSERT(follower.take(update) == Outcome::unknown_base);
    RC_ASSERT(follower.known().held.vector() == before.held.vector());
    RC_ASSERT(follower.take(cloud.update_since(before)) == Outcome::taken);
  });
}

TEST_CASE("Another cloud's, another store's or an unsigned watermark is refused") {
  Cloud cloud(6);
  Cloud stranger(7);
  WatermarkFollower follower = cloud.follower();
  const auto refuses = [&](const Watermark& watermark) {
    const auto root = cloud.now.held.root();
    return follower.take(WatermarkUpdate{watermark, root, {}}) == Outcome::refused &&
           follower.take({watermark, true, {}}, {}) == Outcome::refused &&
           follower.known().place() == WatermarkPlace{};
  };
  CHECK(refuses(stranger.now.watermark));
  Watermark unsigned_one = cloud.now.watermark;
  unsigned_one.signature.bytes[5] ^= 1;
  CHECK(refuses(unsigned_one));
  cloud.statement.store = "london-2";
  cloud.hold(1);
  CHECK(refuses(cloud.now.watermark));
  WatermarkFollower without_cloud(wire_codec, "acme", "london-1", {});
  CHECK(without_cloud.take(WatermarkUpdate{Cloud(8).now.watermark, {}, {}}) == Outcome::refused);
}

TEST_CASE("Slices that were made up end the catching up and change nothing") {
  Cloud cloud(9);
  for (int i = 0; i < 20; ++i) cloud.hold(500);
  WatermarkFollower follower = cloud.follower();
  const WatermarkRequest request = follower.catch_up();
  const WatermarkSlice honest = cloud.slice(request);
  WatermarkSlice slice = honest;
  SECTION("a journal outside the buckets") {
    const crdt::Bucket last = slice.buckets.back();
    JournalItem item = slice.journals.front().journals.front();
    do {
      item.journal = JournalId::draw(cloud.random);
    } while (crdt::bucket_of(item.journal) <= last);
    slice.journals.front().journals.push_back(item);
  }
  SECTION("buckets that do not ascend") {
    std::swap(slice.buckets.front(), slice.buckets.back());
  }
  SECTION("a next slice that lies behind") {
    slice.next = slice.buckets.front();
  }
  SECTION("more than the cloud says there is") {
    JournalItem item = slice.journals.front().journals.front();
    for (std::uint64_t i = 0; i <= cloud.statement.entries; ++i) {
      item.journal.bytes[8] = static_cast<std::uint8_t>(i >> 8);
      item.journal.bytes[9] = static_cast<std::uint8_t>(i);
      slice.journals.front().journals.push_back(item);
    }
  }
  SECTION("another cloud's") {
    slice.watermark = Cloud(10).now.watermark;
  }
  const auto result = follower.take(slice);
  REQUIRE(std::holds_alternative<Outcome>(result));
  CHECK(std::get<Outcome>(result) == Outcome::refused);
  CHECK_FALSE(follower.is_catching_up());
  CHECK_FALSE(follower.known().is_known());
  CHECK(std::get<Outcome>(follower.take(honest)) == Outcome::not_newer);  // nobody asked
}

TEST_CASE("A liar that answers for ever with what does not add up is given up") {
  Cloud cloud(11);
  cloud.hold(50);
  WatermarkFollower follower = cloud.follower();
  WatermarkRequest request = follower.catch_up();
  std::size_t rounds = 0;
  for (; rounds < 100; ++rounds) {
    WatermarkSlice slice = cloud.slice(request);
    slice.buckets.clear();
    slice.journals.clear();
    slice.next = 0;
    const auto result = follower.take(slice);
    if (std::holds_alternative<Outcome>(result)) break;
    request = std::get<WatermarkRequest>(result);
  }
  CHECK(rounds < 10);
  CHECK_FALSE(follower.known().is_known());
}

TEST_CASE("A slice that does not go on, tells an old watermark, or answers another request") {
  Cloud cloud(13);
  for (int i = 0; i < 50; ++i) cloud.hold(500);
  WatermarkFollower follower = cloud.follower();
  catch_up(follower, cloud, [] {});
  const HeldByCloud before = cloud.now;
  cloud.hold(5);
  WatermarkSlice slice = cloud.slice(follower.catch_up());
  SECTION("nothing in it, and the next one begins where it began") {
    slice.buckets.clear();
    slice.journals.clear();
    slice.next = 1;
    CHECK(std::get<Outcome>(follower.take(slice)) == Outcome::refused);
    CHECK_FALSE(follower.is_catching_up());
  }
  SECTION("the watermark that is known already") {
    slice = slice_for(follower.catch_up(), before.watermark, before.held);
    CHECK(std::get<Outcome>(follower.take(slice)) == Outcome::not_newer);
    CHECK_FALSE(follower.is_catching_up());
  }
  SECTION("another request's: the one that was sent last stands") {
    WatermarkSlice late = slice;
    late.first = 7;
    CHECK(std::get<Outcome>(follower.take(late)) == Outcome::ignored);
    CHECK(std::get<Outcome>(follower.take(slice)) == Outcome::taken);
  }
}

TEST_CASE("Slices tell no more than the cloud says that it holds, whatever is in them") {
  Cloud cloud(14);
  cloud.hold(100);
  WatermarkFollower follower = cloud.follower();
  WatermarkSlice slice = cloud.slice(follower.catch_up());
  std::vector<crdt::Interval> holes;
  for (std::uint64_t number = 1; number < 1000; number += 2) holes.push_back({number, number});
  slice.journals.front().journals.front().item.stored = crdt::IntervalSet(std::move(holes));
  CHECK(std::get<Outcome>(follower.take(slice)) == Outcome::refused);
}

TEST_CASE("What a disk kept is taken if it is what was signed") {
  Cloud cloud(12);
  cloud.hold(200);
  const crdt::VersionVector& held = cloud.now.held.vector();
  StoredWatermark stored{cloud.now.watermark, true, difference({}, held)};
  // Like what is stored: some of it, some else.
  crdt::VersionVector like = held;
  like.set(cloud.devices[0], JournalId::draw(cloud.random),
           held.find(cloud.journals[0].second) ? *held.find(cloud.journals[0].second)
                                               : crdt::VectorItem{});
  like.add(cloud.journals[1].first, cloud.journals[1].second, 900, Hash::draw(cloud.random));
  WatermarkFollower follower = cloud.follower();
  CHECK(follower.take(stored, like) == Outcome::taken);
  CHECK(follower.known().held.vector() == held);
  stored.journals.front().journals.pop_back();
  CHECK(cloud.follower().take(stored, like) == Outcome::refused);
}
