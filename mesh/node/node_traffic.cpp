// The Node's frames, in and out: dispatch, relaying, direct mail.
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Through how many members a frame is sent to one that cannot be reached directly.
constexpr std::size_t relays_max = 3;

// As proto/mesh.proto names its field.
const char* name_of(const Message& message) {
  return std::visit(
      Overloaded{[](const Ping&) { return "ping"; }, [](const Ack&) { return "ack"; },
                 [](const PingRequest&) { return "ping_request"; },
                 [](const Leave&) { return "leave"; },
                 [](const DirectMail&) { return "direct_mail"; },
                 [](const Have&) { return "have"; }, [](const SyncRoot&) { return "sync_root"; },
                 [](const SyncDevices&) { return "sync_devices"; },
                 [](const SyncRanges&) { return "sync_ranges"; },
                 [](const SyncItems&) { return "sync_items"; },
                 [](const EntryRequest&) { return "entry_request"; },
                 [](const Entries&) { return "entries"; },
                 [](const HashListRequest&) { return "hash_list_request"; },
                 [](const HashList&) { return "hash_list"; },
                 [](const WatermarkUpdate&) { return "watermark_update"; },
                 [](const WatermarkRequest&) { return "watermark_request"; },
                 [](const WatermarkSlice&) { return "watermark_slice"; },
                 [](const Relay&) { return "relay"; },
                 [](const election::Message&) { return "of the election"; }},
      message);
}

}  // namespace

// `from` is true, for its link was authenticated; what the frame says need not be. Entries and
// watermarks bear signatures, the parts judge the rest.
void Node::on_frame(Now now, const ProcessId& from, BytesView frame) {
  begin(now);
  auto message = codec_.decode_message(frame);
  if (!message) {
    // A newer version's message is none of our business; anything else is worth a line.
    if (message.error().code != ErrorCode::unsupported) {
      emit(Note{"unreadable frame from " + from.hex() + ": " + message.error().message});
    }
    return finish(now);
  }
  on_message(now, from, std::move(*message));
  finish(now);
}

void Node::on_message(Now now, const ProcessId& from, Message&& message) {
  std::visit(Overloaded{
                 [&](Ping& m) { membership_.on_ping(now, from, m); },
                 [&](Ack& m) { membership_.on_ack(now, from, m); },
                 [&](PingRequest& m) { membership_.on_ping_request(now, from, m); },
                 [&](Leave& m) { membership_.on_leave(now, from, m); },
                 [&](DirectMail& m) { receive_entries(from, m.entries); },
                 [&](Have& m) { anti_entropy_.on_have(from, m); },
                 [&](SyncRoot& m) { anti_entropy_.on_sync_root(now, from, m); },
                 [&](SyncDevices& m) { anti_entropy_.on_sync_devices(now, from, m); },
                 [&](SyncRanges& m) { anti_entropy_.on_sync_ranges(now, from, m); },
                 [&](SyncItems& m) { anti_entropy_.on_sync_items(now, from, m); },
                 [&](EntryRequest& m) { anti_entropy_.on_entry_request(from, m); },
                 [&](Entries& m) {
                   receive_entries(from, m.entries);
                   anti_entropy_.on_entries(now, from, m);
                 },
                 [&](HashListRequest& m) { anti_entropy_.on_hash_list_request(from, m); },
                 [&](HashList& m) { on_hash_list(from, std::move(m)); },
                 [&](WatermarkUpdate& m) { on_watermark_update(now, from, m); },
                 [&](WatermarkRequest& m) { on_watermark_request(now, from, m); },
                 [&](WatermarkSlice& m) { on_watermark_slice(now, from, m); },
                 [&](Relay& m) { on_relay(now, from, std::move(m)); },
                 [&](election::Message& m) { election_.on_message(now, from, m); },
             },
             message);
}

// One hop, from the member that wrote it to one that we have a link to, or to us. Lost on its way:
// for the election it is a message that was lost.
void Node::on_relay(Now now, const ProcessId& from, Relay&& relay) {
  if (relay.to == process_) {
    auto inner = codec_.decode_message(relay.frame);
    // Elections are all that is relayed. `from` is the relayer's word: nothing that somebody must
    // say himself, a goodbye above all, may come this way; nor a relay inside a relay, which would
    // let one frame travel for ever.
    if (!inner || !std::holds_alternative<election::Message>(*inner)) return;
    on_message(now, relay.from, std::move(*inner));
    return;
  }
  if (relay.hops_left == 0 || relay.from != from || !links_.contains(relay.to)) return;
  --relay.hops_left;
  const ProcessId to = relay.to;
  send(to, std::move(relay));
}

// Whoever makes messages bounds them, and one that is too long all the same would be repeated and
// dropped for ever: that is told, once for each kind.
std::optional<Bytes> Node::frame_of(const Message& message) {
  Bytes frame = codec_.encode_message(message);
  if (frame.size() <= frame_bytes_max) return frame;
  if (too_large_.insert(name_of(message)).second) {
    emit(Alarm{"frame_too_large", std::string("a message of ") + std::to_string(frame.size()) +
                                      " bytes (" + name_of(message) + ") cannot be sent, at most " +
                                      std::to_string(frame_bytes_max) +
                                      " are allowed; report this to the program's makers"});
  }
  return std::nullopt;
}

void Node::send(const ProcessId& to, const Message& message) {
  if (!links_.contains(to)) return;  // the part that sends it repairs what gets lost
  if (auto frame = frame_of(message)) effects_.emplace_back(Send{to, std::move(*frame)});
}

void Node::send_to_all(const Message& message) {
  const auto frame = frame_of(message);
  if (!frame) return;
  for (const auto& [process, member] : links_) effects_.emplace_back(Send{process, *frame});
}

// Lost on all ways: the election repeats it, a question within its round, a beat with the next.
void Node::send_by_relay(const ProcessId& to, Bytes frame) {
  std::vector<ProcessId> helpers;
  for (const auto& [process, member] : links_) helpers.push_back(process);
  const Bytes relayed = codec_.encode_message(Relay{to, process_, std::move(frame), 1});
  for (std::size_t sent = 0; sent < relays_max && !helpers.empty(); ++sent) {
    const auto chosen =
        helpers.begin() + static_cast<std::ptrdiff_t>(random_.below(helpers.size()));
    effects_.emplace_back(Send{*chosen, relayed});
    helpers.erase(chosen);
  }
}

// Our own entries, once they are durable here: whoever has one can rely on its author's disk. Lost:
// the next comparison of vectors shows what is missing.
void Node::mail(const std::vector<std::shared_ptr<const Entry>>& entries) {
  if (links_.empty()) return;
  DirectMail mail;
  std::size_t mail_bytes = 0;
  auto post = [&] {
    send_to_all(std::exchange(mail, {}));
    mail_bytes = 0;
  };
  for (const auto& entry : entries) {
    if (mail_bytes > 0 && mail_bytes + entry->bytes.size() > entries_frame_bytes) post();
    mail_bytes += entry->bytes.size();
    mail.entries.push_back(entry->bytes);
  }
  if (mail_bytes > 0) post();
}

// To authors, of what is durable here. Lost: `copies` of their sales says less until the next
// comparison of vectors.
void Node::send_haves(Now now) {
  if (haves_at_ > now.mono) return;
  haves_at_ = MonoTime::never();
  for (const auto& [author, journals] : std::exchange(haves_due_, {})) {
    Have have;
    for (const JournalId& journal : journals) {
      if (const auto* item = index_.stored().find(journal))
        have.journals.push_back({journal, *item});
    }
    for (const auto& [process, member] : links_) {
      if (member.device() == author) send(process, have);
    }
  }
}

}  // namespace titan::mesh
