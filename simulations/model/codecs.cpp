#include "simulations/model/codecs.h"

#include <utility>
#include <variant>

#include "mesh/messages.h"
#include "mesh/wire/wire_codec.h"

namespace titan::simulations {
namespace {

// Field 200, a number: (200 << 3) | 0, then its value. Beyond all that this version names.
constexpr const char* unknown_field = "\xC0\x0C\x01";
// One entry in so many is lost on its way into the terminal with the planted bug.
constexpr int dropped_entry_every = 8;

mesh::Message unreadable() {
  return mesh::Have{};
}

// A veto counts as consent.
void ignore_veto(election::Message& message) {
  if (auto* before = std::get_if<election::PreVoteReply>(&message)) {
    if (before->answer != election::VoteAnswer::leader_alive) return;
    before->answer = election::VoteAnswer::granted;
    before->news = {};
  } else if (auto* reply = std::get_if<election::VoteReply>(&message)) {
    if (reply->answer != election::VoteAnswer::leader_alive) return;
    reply->answer = election::VoteAnswer::granted;
    reply->news = {};
  }
}

}  // namespace

Bytes NextVersionCodec::encode_message(const mesh::Message& message) const {
  return codec_.encode_message(message) + unknown_field;
}

Bytes NextVersionCodec::encode_envelope(const mesh::Envelope& envelope) const {
  return codec_.encode_envelope(envelope) + unknown_field;
}

// Its protocol, one byte behind its tag, and the two bytes of the tag of the message.
Bytes frame_start(const mesh::Message& kind) {
  return mesh::WireCodec().encode_message(kind).substr(0, 4);
}

Bytes unknown_message() {
  constexpr char next_protocol = mesh::protocol_version + 1;
  return Bytes("\x08") + next_protocol + "\xD2\x05" + Bytes(1, '\0');
}

Bytes FaultyCodec::encode_message(const mesh::Message& message) const {
  if (bug_ != PlantedBug::reserialised_entry) return codec_.encode_message(message);
  const auto again = [&](std::vector<Bytes> entries) {
    for (Bytes& bytes : entries) {
      const auto entry = codec_.decode_entry(bytes);
      if (!entry) continue;
      bytes = codec_.encode_signed_entry(codec_.encode_envelope(entry->envelope), entry->signature);
    }
    return entries;
  };
  if (const auto* mail = std::get_if<mesh::DirectMail>(&message)) {
    return codec_.encode_message(mesh::DirectMail{again(mail->entries)});
  }
  if (const auto* entries = std::get_if<mesh::Entries>(&message)) {
    return codec_.encode_message(
        mesh::Entries{entries->request, again(entries->entries), entries->last});
  }
  return codec_.encode_message(message);
}

Result<mesh::Message> FaultyCodec::decode_message(BytesView frame) const {
  auto decoded = codec_.decode_message(frame);
  if (!decoded) return decoded;
  auto* const election = std::get_if<election::Message>(&*decoded);
  if (bug_ == PlantedBug::ignored_veto) {
    if (election != nullptr) ignore_veto(*election);
    // Nor is anybody believed who says in a probe that the leader lives: a veto by another road.
    if (auto* ping = std::get_if<mesh::Ping>(&*decoded)) ping->leader = {};
    if (auto* ack = std::get_if<mesh::Ack>(&*decoded)) ack->leader = {};
  }
  if (bug_ != PlantedBug::deaf_ears) return decoded;
  // The first leader it hears of is the only one for ever.
  const auto is_strange = [&](const election::LeaderNews& news) {
    if (news.token.is_none()) return false;
    if (!first_leader_) first_leader_ = news.token;
    return news.token != *first_leader_;
  };
  if (auto* ping = std::get_if<mesh::Ping>(&*decoded)) {
    if (is_strange(ping->leader)) ping->leader = {};
  } else if (auto* ack = std::get_if<mesh::Ack>(&*decoded)) {
    if (is_strange(ack->leader)) ack->leader = {};
  } else if (election != nullptr) {
    const auto* beat = std::get_if<election::Beat>(election);
    if (beat == nullptr || is_strange(beat->news)) return unreadable();
  }
  return decoded;
}

Result<mesh::Entry> FaultyCodec::decode_entry(BytesView bytes) const {
  auto entry = codec_.decode_entry(bytes);
  if (bug_ == PlantedBug::relay_drops_entry && entry &&
      entry->hash.bytes[0] % dropped_entry_every == 0) {
    return make_error(ErrorCode::corrupt, "an entry that never arrives");
  }
  return entry;
}

}  // namespace titan::simulations
