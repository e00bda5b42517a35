// What the cloud says that it holds, and what the upload session makes of it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/uplink/upload_stage.h"

namespace titan::uplink {
namespace {

using testing::Stage;

// Three tills' journals of some thousand days, of each an entry.
crdt::VersionVector many_journals(std::size_t journals) {
  Random random(11);
  std::vector<DeviceId> devices;
  for (int i = 0; i < 3; ++i) devices.push_back(DeviceId::draw(random));
  crdt::VersionVector vector;
  for (std::size_t i = 0; i < journals; ++i) {
    vector.add(devices[i % 3], JournalId::draw(random), 1, Hash::draw(random));
  }
  return vector;
}

TEST_CASE("what the cloud holds of a store of years comes in slices, then as differences") {
  Stage stage;
  crdt::VersionVector held = many_journals(8000);
  stage.keep(stage.till.sell("A", 1));
  stage.lead();
  stage.connected();
  CHECK(stage.hears(stage.acceptance(held)) ==
        "cloud reachable, lease held\nsend watermark request from 0\n");
  // What is lacking on either side is not known yet.
  CHECK(stage.session.status().state == UplinkState::up);
  CHECK(stage.after(milliseconds(50)) == "");
  const std::string trace = stage.slices_answered();
  CHECK(std::count(trace.begin(), trace.end(), '\n') > 4);
  CHECK(trace.find("node takes watermark\n"
                   "note: this disk lacks 8000 entries") != std::string::npos);
  CHECK(trace.ends_with("read 1: 1-1\n"));
  test::add(held, *stage.disk.front());
  CHECK(stage.hears(stage.push_of(held)) == "node takes watermark\n");
}

TEST_CASE(
    "a leader that knows what the cloud holds asks for nothing; one that is behind, for little") {
  Stage stage;
  crdt::VersionVector held = many_journals(8000);
  stage.stored = held;
  stage.known_held.become(held);
  CHECK(stage.up(held) == "cloud reachable, lease held\nnode takes watermark\n");
  CHECK(stage.session.status().to_fetch == 0);
  const crdt::VersionVector one_more = many_journals(8001);
  for (const auto& [device, journals] : one_more.devices()) {
    for (const auto& [journal, item] : journals) held.set(device, journal, item);
  }
  stage.session.on_closed(stage.now, stage.connection, "cut");
  stage.effects();
  stage.runs(milliseconds(60));
  stage.connected();
  CHECK(stage.accepted(held) ==
        "cloud reachable, lease held\n"
        "send watermark request from 0\n"
        "node takes watermark\n"
        "note: this disk lacks 1 entries that the cloud holds; fetching them\n"
        "send wanted 1: 1 of 1 journals\n");
}

TEST_CASE("a cloud that was restored holds less than it said: that is sent again") {
  Stage stage;
  for (int i = 0; i < 3; ++i) stage.keep(stage.till.sell("A", 1));
  stage.known_held.become(stage.stored);
  crdt::VersionVector restored;
  test::add(restored, *stage.disk.front());
  CHECK(stage.up(restored) ==
        "cloud reachable, lease held\n"
        "send watermark request from 0\n"
        "node takes watermark\n"
        "read 1: 2-3\n");
}

TEST_CASE(
    "a watermark that the cloud did not sign, or slices that do not come, end the connection") {
  Stage forged;
  forged.lead();
  forged.connected();
  HandshakeAccepted message = forged.acceptance();
  message.watermark.signature.bytes[0] ^= 1;
  CHECK(forged.hears(message).find("disconnect 1") != std::string::npos);
  CHECK(forged.session.status().state == UplinkState::failed);

  // And not again and again at once: that the cloud accepts is of no use yet.
  int attempts = 0;
  for (int i = 0; i < 100; ++i) {
    if (forged.runs(milliseconds(100)).find("connect") == std::string::npos) continue;
    ++attempts;
    forged.connected();
    forged.hears(message);
  }
  CHECK(attempts > 1);
  CHECK(attempts < 20);

  Stage silent;
  silent.lead();
  silent.connected();
  silent.hears(silent.acceptance(many_journals(10)));
  std::string trace;
  for (int second = 0; second < 11; ++second) {
    for (std::uint64_t renewal = 1; renewal <= 10; ++renewal) silent.hears(LeaseRenewed{renewal});
    trace += silent.runs(seconds(1));
  }
  CHECK(trace.find("what the cloud holds was not told in time") != std::string::npos);
}

}  // namespace
}  // namespace titan::uplink
