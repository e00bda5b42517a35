// The Node's frames, in and out: dispatch, relaying, direct mail.
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Through how many members a frame is sent to one that cannot be reached directly.
constexpr std::size_t relays_max = 3;
// Hash lists being compared at a time; more wait for the next comparison of vectors.
constexpr std::size_t fork_reads_max = 16;

}  // namespace

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
                 [&](SyncItems& m) { anti_entropy_.on_sync_items(now, from, m); },
                 [&](EntryRequest& m) { anti_entropy_.on_entry_request(from, m); },
                 [&](Entries& m) {
                   receive_entries(from, m.entries);
                   anti_entropy_.on_entries(now, from, m);
                 },
                 [&](HashListRequest& m) { anti_entropy_.on_hash_list_request(from, m); },
                 [&](HashList& m) {
                   auto numbers = anti_entropy_.numbers_to_compare(from, m);
                   if (!numbers || fork_reads_.size() >= fork_reads_max) return;
                   const std::uint64_t id = own_read_flag | next_fork_read_++;
                   effects_.emplace_back(ReadRequest{.id = id,
                                                     .journal = m.journal,
                                                     .numbers = std::move(*numbers),
                                                     .hash_list_only = true});
                   fork_reads_.emplace(id, std::pair(from, std::move(m)));
                 },
                 [&](Watermark& m) { take_watermark(m); },
                 [&](Relay& m) { on_relay(now, from, std::move(m)); },
                 [&](election::Message& m) { election_.on_message(now, from, m); },
             },
             message);
}

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

void Node::send(const ProcessId& to, const Message& message) {
  if (!links_.contains(to)) return;  // the part that sends it repairs what gets lost
  effects_.emplace_back(Send{to, codec_.encode_message(message)});
}

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

void Node::mail(const std::vector<std::shared_ptr<const Entry>>& entries) {
  if (links_.empty()) return;
  DirectMail mail;
  std::size_t mail_bytes = 0;
  auto post = [&] {
    const Bytes frame = codec_.encode_message(std::exchange(mail, {}));
    for (const auto& [process, member] : links_) effects_.emplace_back(Send{process, frame});
    mail_bytes = 0;
  };
  for (const auto& entry : entries) {
    if (mail_bytes > 0 && mail_bytes + entry->bytes.size() > entries_frame_bytes) post();
    mail_bytes += entry->bytes.size();
    mail.entries.push_back(entry->bytes);
  }
  if (mail_bytes > 0) post();
}

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
