// The upload session in virtual time, as transcripts: what happens, then what it does about it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "tests/uplink/upload_stage.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::Till;
using testing::config;
using testing::Stage;

TEST_CASE("a handshake answers the connection's challenge") {
  Stage stage;
  stage.lead(7);
  CHECK(stage.connected() == "send handshake term 7\n");
  CHECK(stage.handshake.nonce == stage.nonce);
  CHECK(stage.handshake.protocol == uplink_protocol_version);
  CHECK(stage.hears(Challenge{*Nonce::from_bytes(Bytes(16, 'o'))}).empty());
}

TEST_CASE("a cloud that does not challenge is of protocol 1, and spoken to like one") {
  Stage stage;
  stage.lead();
  stage.session.on_connected(stage.now, stage.connection);
  CHECK(stage.after(milliseconds(1999)).empty());
  CHECK(stage.after(milliseconds(1)) == "send handshake term 1\n");
  CHECK(stage.handshake.nonce.is_none());
  CHECK(stage.handshake.protocol == 1);
  CHECK(stage.hears(Challenge{stage.nonce}).empty());  // it was slow: what it answers decides
  stage.accepted();
  CHECK(stage.session.status().state == UplinkState::up);
}

TEST_CASE("a cloud that was slow once is waited for, and its refusal is no alarm") {
  Stage stage;
  stage.lead();
  stage.session.on_connected(stage.now, stage.connection);
  stage.after(seconds(2));
  CHECK(stage.handshake.protocol == 1);
  const auto refused =
      stage.hears(HandshakeRefused{RefusalCode::signature, "no answer", {}, false, 0});
  CHECK(refused.find("alarm") == std::string::npos);
  CHECK(stage.session.status().state == UplinkState::failed);
  stage.runs(seconds(1));
  stage.session.on_connected(stage.now, stage.connection);
  CHECK(stage.after(seconds(4)).find("send handshake") == std::string::npos);
  CHECK(stage.hears(Challenge{stage.nonce}).find("send handshake") != std::string::npos);
  CHECK(stage.handshake.nonce == stage.nonce);
}

TEST_CASE("an acknowledgement under another token acknowledges nothing of ours") {
  Stage stage;
  stage.up();
  stage.sells(1);
  stage.after(seconds(1));
  REQUIRE_FALSE(stage.batches.empty());
  BatchAck ack{stage.batches.front().sequence, 1, {}, {2, stage.till.process}};
  stage.hears(ack);
  CHECK(stage.session.status().state == UplinkState::failed);
  CHECK(stage.session.status().uploaded == 0);
}

TEST_CASE("a fresh start: connect at once, read what the disk holds, upload it") {
  Stage stage;
  for (int i = 0; i < 3; ++i) stage.keep(stage.till.sell("A", 1));
  CHECK(stage.lead() == "connect 1\n");
  CHECK(stage.session.status().state == UplinkState::connecting);
  CHECK(stage.connected() == "send handshake term 1\n");
  CHECK(stage.accepted() == "cloud reachable, lease held\nnode takes watermark\nread 1: 1-3\n");
  CHECK(stage.reads_answered() == "send batch 1 with 3 entries\n");
  CHECK(stage.session.status().pending_entries == 3);
  CHECK(stage.acks() == "");
  CHECK(stage.session.status().pending_entries == 0);
  CHECK(stage.session.status().uploaded == 3);
}

TEST_CASE("a sale on a quiet uplink leaves at once, from memory") {
  Stage stage;
  stage.up();
  CHECK(stage.sells(1) == "send batch 1 with 1 entry\n");
}

TEST_CASE("behind a batch in flight sales gather, by age or by count") {
  Stage stage;
  stage.up();
  stage.sells(1);
  CHECK(stage.sells(1) == "");
  CHECK(stage.after(milliseconds(10)) == "send batch 2 with 1 entry\n");
  CHECK(stage.acks() == "");
  CHECK(stage.sells(4) == "send batch 3 with 4 entries\n");
}

TEST_CASE("a full window waits for acknowledgements, whatever is sold") {
  Stage stage;
  stage.up();
  CHECK(stage.sells(20) == "send batch 1 with 4 entries\nsend batch 2 with 4 entries\n");
  CHECK(stage.sells(20) == "");
  CHECK(stage.runs(seconds(1)) == "");
  CHECK(stage.acks() == "send batch 3 with 4 entries\n");
  CHECK(stage.session.status().batches_in_flight == 2);
  CHECK(stage.session.status().pending_entries == 36);
}

TEST_CASE("everything is uploaded exactly once, in order within its journal") {
  Stage stage;
  stage.up();
  stage.sells(57);
  std::vector<Bytes> sent;
  while (!stage.batches.empty()) {
    for (const auto& entry : stage.batches.front().entries) sent.push_back(entry);
    stage.acks();
    stage.reads_answered();
    stage.after(milliseconds(10));
  }
  REQUIRE(sent.size() == 57);
  for (std::size_t i = 0; i < sent.size(); ++i) CHECK(sent[i] == stage.disk[i]->bytes);
}

TEST_CASE("after a cut the cloud's vector says where to go on") {
  Stage stage;
  stage.up();
  stage.sells(8);
  stage.batches.clear();
  stage.session.on_closed(stage.now, 1, "reset by peer");
  CHECK(stage.effects() ==
        "note: the connection to the cloud ended: reset by peer\n"
        "cloud out of reach, no lease\n");
  CHECK(stage.session.status().state == UplinkState::failed);
  CHECK(stage.runs(milliseconds(50)) == "connect 2\n");
  CHECK(stage.connected() == "send handshake term 1\n");
  // The first batch had arrived, its acknowledgement was lost.
  crdt::VersionVector held;
  for (const auto& entry : std::span(stage.disk).first(4)) test::add(held, *entry);
  CHECK(stage.accepted(held) ==
        "cloud reachable, lease held\n"
        "send watermark request from 0\n"
        "node takes watermark\n"
        "read 1: 5-8\n");
  CHECK(stage.reads_answered() == "send batch 3 with 4 entries\n");
}

TEST_CASE("attempts back off with jitter, small at first, bounded at last") {
  Stage stage;
  stage.lead();
  std::vector<Duration> waits;
  for (int i = 0; i < 30; ++i) {
    stage.session.on_closed(stage.now, stage.connection, "refused");
    stage.effects();
    const MonoTime failed = stage.now.mono;
    while (stage.session.status().state == UplinkState::failed) {
      stage.after(std::max(stage.session.next_deadline() - stage.now.mono, Duration(1)));
    }
    waits.push_back(stage.now.mono - failed);
  }
  CHECK(waits[0] <= milliseconds(50));
  CHECK(waits[1] <= milliseconds(100));
  CHECK(*std::max_element(waits.begin(), waits.end()) <= seconds(5));
  CHECK(*std::max_element(waits.begin(), waits.end()) > seconds(1));
  CHECK(*std::min_element(waits.begin(), waits.end()) >= milliseconds(10));
}

TEST_CASE("refused because another leader holds the lease: told, then asked again") {
  Stage stage;
  stage.lead();
  stage.connected();
  HandshakeRefused refused;
  refused.code = RefusalCode::lower_token;
  refused.holder = {9, ProcessId{}};
  CHECK(stage.hears(refused) ==
        "disconnect 1: refused\n"
        "cloud reachable, no lease\n"
        "lease refused, holder term 9 alive\n");
  CHECK(stage.session.status().state == UplinkState::refused);
  CHECK(stage.after(milliseconds(249)) == "");
  CHECK(stage.runs(milliseconds(252)) == "connect 2\n");
  CHECK(stage.session.status().state == UplinkState::refused);
}

TEST_CASE("the holder is gone: the election hears of it and comes back with a higher term") {
  Stage stage;
  stage.lead();
  stage.connected();
  HandshakeRefused refused;
  refused.code = RefusalCode::lower_token;
  refused.holder = {9, ProcessId{}};
  refused.holder_gone = true;
  CHECK(stage.hears(refused) ==
        "disconnect 1: refused\n"
        "cloud reachable, no lease\n"
        "lease refused, holder term 9 gone\n");
  CHECK(stage.lead(10) == "connect 2\n");
  CHECK(stage.connected() == "send handshake term 10\n");
  CHECK(stage.accepted() == "cloud reachable, lease held\nnode takes watermark\n");
}

TEST_CASE("a term raised under a live connection makes it anew at once") {
  Stage stage;
  stage.up();
  CHECK(stage.lead(2) == "disconnect 1: a new term began\nconnect 2\n");
}

TEST_CASE("stepping down says goodbye and forgets the lease") {
  Stage stage;
  stage.up();
  stage.session.follow(stage.now);
  CHECK(stage.effects() ==
        "disconnect 1: this terminal no longer leads\ncloud reachable, no lease\n");
  CHECK(stage.session.status().state == UplinkState::not_leader);
  CHECK(stage.session.next_deadline() == MonoTime::never());
}

TEST_CASE("what the cloud cannot take now is sent again later, alone") {
  Stage stage;
  stage.up();
  stage.sells(4);
  CHECK(stage.acks({{1, true, false, "the database is away"}}) ==
        "note: the cloud will take 1 entries later, first entry 2 of journal " +
            stage.till.tail().journal.hex() + ": the database is away\n");
  CHECK(stage.session.status().pending_entries == 1);
  CHECK(stage.after(milliseconds(999)) == "");
  CHECK(stage.after(milliseconds(1)) == "read 1: 2-2\n");
  CHECK(stage.reads_answered() == "send batch 2 with 1 entry\n");
  CHECK(stage.acks() == "");
  CHECK(stage.session.status().pending_entries == 0);
}

TEST_CASE("a quarantined entry counts as held and is told") {
  Stage stage;
  stage.up();
  stage.sells(2);
  CHECK(stage.acks({{0, false, true, "its body is not a sale"}})
            .starts_with("alarm quarantined: the cloud holds 1 entries that it cannot book yet"));
  stage.sells(1);
  CHECK(stage.acks({{0, false, true, "its body is not a sale"}}) ==
        "alarm quarantined: the cloud holds 1 entries that it cannot book yet, first entry 3 of "
        "journal " +
            stage.till.tail().journal.hex() + ": its body is not a sale\n");
  CHECK(stage.session.status().quarantined == 2);
  CHECK(stage.session.status().pending_entries == 0);
}

TEST_CASE("once the cloud could not check an entry, keys come with what is sent") {
  Stage stage;
  const PublicKey key = stage.till.key.public_key;
  stage.session.set_key_source([key] { return std::vector<PublicKey>{key}; });
  stage.up();
  stage.sells(2);
  REQUIRE(stage.batches.front().device_keys.empty());
  (void)stage.acks({{1, true, false, "the device's key is not known yet"}});
  CHECK(stage.after(seconds(1)) == "read 1: 2-2\n");
  CHECK(stage.reads_answered() == "send batch 2 with 1 entry and keys\n");
  CHECK(stage.batches.front().device_keys == std::vector<PublicKey>{key});
}

TEST_CASE("a refused entry is set aside and holds nothing else up") {
  Stage stage;
  stage.up();
  stage.sells(1);
  const std::string trace = stage.acks({{0, false, false, "its signature is not the device's"}});
  CHECK(trace.starts_with("alarm upload_refused: the cloud refused 1 entries"));
  CHECK(stage.session.status().set_aside == 1);
  CHECK(stage.sells(1) == "send batch 2 with 1 entry\n");
}

TEST_CASE("a leader that lacks entries fetches them and does not send them back") {
  Stage stage;
  Till other("till-2");
  std::vector<EntryPointer> lost;
  crdt::VersionVector held;
  for (int i = 0; i < 3; ++i) {
    lost.push_back(other.sell("B", 1));
    test::add(held, *lost.back());
  }
  CHECK(stage.up(held) ==
        "cloud reachable, lease held\n"
        "send watermark request from 0\n"
        "node takes watermark\n"
        "note: this disk lacks 3 entries that the cloud holds; fetching them\n"
        "send wanted 1: 3 of 1 journals\n");
  CHECK(stage.session.status().to_fetch == 3);
  LostEntries answer;
  answer.request = 1;
  answer.last = true;
  answer.entries = {lost[0]->bytes, lost[1]->bytes};
  CHECK(stage.hears(answer) == "node takes 2 entries\n");
  stage.session.on_stored(stage.now, std::span(lost).first(2));
  CHECK(stage.effects() == "send wanted 2: 1 of 1 journals\n");
  answer.request = 2;
  answer.entries = {lost[2]->bytes};
  CHECK(stage.hears(answer) == "node takes 1 entry\n");
  stage.session.on_stored(stage.now, std::span(lost).last(1));
  CHECK(stage.effects() == "");
  CHECK(stage.session.status().to_fetch == 0);
  CHECK(stage.session.status().pending_entries == 0);
}

TEST_CASE("a leader whose disk loses entries while it is connected gets them back") {
  Stage stage;
  stage.up();
  stage.sells(3);
  stage.acks();
  const std::uint64_t before = stage.connection;
  // A commit that failed and lost nothing.
  stage.session.on_storage_reopened(stage.now, stage.stored);
  CHECK(stage.effects() == "");

  crdt::VersionVector held;
  for (const auto& entry : stage.disk) test::add(held, *entry);
  crdt::VersionVector saved;
  test::add(saved, *stage.disk.front());
  stage.session.on_storage_reopened(stage.now, saved);
  CHECK(stage.effects().find("this disk lost 2 entries") != std::string::npos);
  CHECK(stage.connection != before);
  stage.connected();
  CHECK(stage.accepted(held).find("send wanted 1: 2 of 1 journals") != std::string::npos);
  CHECK(stage.session.status().pending_entries == 0);
}

TEST_CASE("what an earlier leader sent and the cloud projects only now is fetched, too") {
  Stage stage;
  Till other("till-2");
  stage.lead();
  stage.connected();
  stage.accepted();

  crdt::VersionVector theirs;
  for (int i = 0; i < 3; ++i) test::add(theirs, *other.sell("B", 1));
  const ServerPush push = stage.push_of(theirs);
  CHECK(stage.hears(push).find("lacks 3 entries") != std::string::npos);
  stage.after(milliseconds(1));
  REQUIRE(stage.request.wanted.size() == 1);
  CHECK(stage.request.wanted[0].numbers.count() == 3);
  // Told again before they came: nothing is asked for twice.
  const auto first = stage.request.request;
  CHECK(stage.hears(push).find("lacks") == std::string::npos);
  stage.after(milliseconds(1));
  CHECK(stage.request.request == first);
}

TEST_CASE("the lease is renewed at a third of it; unanswered it ends the connection") {
  Stage stage;
  stage.up();
  CHECK(stage.runs(milliseconds(1700)) == "send renewal 1\n");
  CHECK(stage.hears(LeaseRenewed{1}) == "");
  CHECK(stage.runs(milliseconds(4000)).starts_with("send renewal 2\nsend renewal 3\n"));
  // Renewal 1 was sent at 1.67 s, so the lease lasts until 6.67 s.
  const std::string trace = stage.runs(milliseconds(1000));
  CHECK(trace.find("disconnect 1: the lease ran out\ncloud out of reach, no lease\n") !=
        std::string::npos);
}

TEST_CASE("a batch that is never acknowledged ends the connection") {
  Stage stage;
  stage.up();
  stage.sells(1);
  bool ended = false;
  for (int second = 0; second < 25 && !ended; ++second) {
    const std::string trace = stage.runs(seconds(1));
    ended = trace.find("a batch was not acknowledged in time") != std::string::npos;
    for (std::uint64_t renewal = 1; renewal < 40; ++renewal) stage.hears(LeaseRenewed{renewal});
  }
  CHECK(ended);
}

TEST_CASE("a cloud that accepts the connection and says nothing is given up") {
  Stage stage;
  stage.lead();
  stage.connected();
  CHECK(stage.after(seconds(9)) == "");
  CHECK(stage.after(seconds(1)) ==
        "disconnect 1: no answer in time\ncloud out of reach, no lease\n");
}

TEST_CASE("a cloud with another key gets nothing") {
  Stage stage;
  stage.sells(1);
  stage.lead();
  stage.connected();
  HandshakeAccepted accepted;
  accepted.cloud_key = test::key_of("an impostor").public_key;
  accepted.feed_journal = *JournalId::from_bytes(Bytes(16, 'f'));
  const std::string trace = stage.hears(accepted);
  CHECK(trace.find("alarm cloud_key") != std::string::npos);
  CHECK(stage.batches.empty());
}

TEST_CASE("messages out of turn, or of an earlier connection, change nothing for the worse") {
  Stage stage;
  stage.lead();
  stage.connected();
  CHECK(stage.hears(LeaseRenewed{1}).starts_with("disconnect 1: a message out of turn\n"));
  stage.runs(milliseconds(50));
  stage.connected();
  stage.accepted();
  stage.session.on_message(stage.now, 1, Closing{});
  stage.session.on_closed(stage.now, 1, "late");
  CHECK(stage.effects() == "");
  CHECK(stage.session.status().state == UplinkState::up);
}

TEST_CASE("feed entries and watermarks go to the node; progress is reported") {
  Stage stage;
  stage.up();
  const auto feed_entry = test::Till("cloud").write(mesh::Kind::setting, {}, {});
  ServerPush push;
  push.feed_entries = {feed_entry->bytes};
  push.watermark = stage.push_of({}).watermark;
  CHECK(stage.hears(push) == "node takes 1 entry\nnode takes watermark\n");
}

TEST_CASE("a pushed feed entry that the disk did not take is fetched, without a new connection") {
  Stage stage;
  stage.up();
  const auto feed_entry = test::Till("cloud").write(mesh::Kind::setting, {}, {});
  ServerPush push;
  push.feed_entries = {feed_entry->bytes};
  CHECK(stage.hears(push) == "node takes 1 entry\n");
  // The commit failed: nothing is reported stored, and pushes go on.
  std::string later;
  for (int second = 0; second < 4; ++second) {
    ServerPush more;
    more.feed_entries = {feed_entry->bytes};
    later += stage.hears(more) + stage.runs(seconds(1));
  }
  CHECK(later.find("send wanted 1: 1 of 1 journals") != std::string::npos);
  LostEntries answer;
  answer.request = 1;
  answer.last = true;
  answer.entries = {feed_entry->bytes};
  CHECK(stage.hears(answer) == "node takes 1 entry\n");
  stage.session.on_stored(stage.now, std::span(&feed_entry, 1));
  CHECK(stage.effects().find("wanted") == std::string::npos);
  CHECK(stage.runs(seconds(10)).find("wanted") == std::string::npos);
  CHECK(stage.session.status().to_fetch == 0);
}

TEST_CASE("a follower tries the cloud only while its leader cannot reach it") {
  Stage stage;
  stage.session.on_leader_reaches_cloud(stage.now, false);
  CHECK(stage.effects() == "probe cloud\n");
  stage.session.on_probed(stage.now, true);
  CHECK(stage.effects() == "cloud reachable, no lease\n");
  CHECK(stage.runs(seconds(10)) == "probe cloud\n");
  stage.session.on_probed(stage.now, true);
  stage.session.on_leader_reaches_cloud(stage.now, true);
  CHECK(stage.runs(seconds(30)) == "");

  // The leader comes and goes while a probe is under way: nothing is due before its answer.
  stage.session.on_leader_reaches_cloud(stage.now, false);
  CHECK(stage.effects() == "probe cloud\n");
  stage.session.on_leader_reaches_cloud(stage.now, true);
  stage.session.on_leader_reaches_cloud(stage.now, false);
  CHECK(stage.effects() == "");
  CHECK(stage.session.next_deadline() == MonoTime::never());
  stage.session.on_probed(stage.now, true);
  CHECK(stage.runs(seconds(10)) == "probe cloud\n");
}

TEST_CASE("a disk too busy to read is asked again, and nothing is given up") {
  Stage stage;
  stage.keep(stage.till.sell("A", 1));
  stage.up();
  REQUIRE(stage.reads.size() == 1);
  stage.session.on_read_failed(stage.now, stage.reads[0].id);
  stage.reads.clear();
  CHECK(stage.effects() == "");
  CHECK(stage.session.status().set_aside == 0);
  CHECK(stage.session.status().pending_entries == 1);
  CHECK(stage.runs(seconds(1)) == "read 2: 1-1\n");
  CHECK(stage.reads_answered() == "send batch 1 with 1 entry\n");
}

TEST_CASE("unreadable entries are set aside with an alarm and block nothing") {
  Stage stage;
  for (int i = 0; i < 4; ++i) stage.keep(stage.till.sell("A", 1));
  stage.disk.erase(stage.disk.begin() + 1);  // a bad page took number 2
  stage.up();
  const std::string trace = stage.reads_answered();
  CHECK(trace.find("alarm unreadable: 1 entries") != std::string::npos);
  CHECK(trace.find("send batch 1 with 3 entries") != std::string::npos);
  CHECK(stage.session.status().set_aside == 1);
}

}  // namespace
}  // namespace titan::uplink
