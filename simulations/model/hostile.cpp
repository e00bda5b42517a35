#include "simulations/model/hostile.h"

#include <memory>
#include <utility>

#include "mesh/journal/journal_writer.h"
#include "mesh/wire/wire_codec.h"
#include "simulations/model/cloud.h"
#include "uplink/messages.h"
#include "uplink/wire/uplink_codec.h"

namespace titan::simulations {

namespace {

constexpr std::uint64_t incarnations_ahead = 1'000;
// How long its connection to the cloud stays: long enough to be refused or fenced.
constexpr Duration connection_lasts = seconds(2);

}  // namespace

void tell_false_leave(Surroundings& surroundings, Terminal& liar, const mesh::MemberInfo& victim) {
  const mesh::WireCodec codec;
  mesh::Ack gossip;
  gossip.updates.push_back({victim, mesh::MemberState::left, incarnations_ahead});
  gossip.sent = liar.now().wall;
  const Bytes goodbye = codec.encode_message(mesh::Leave{incarnations_ahead});
  for (const ProcessId& peer : liar.links()->linked()) {
    if (peer == victim.process) continue;
    surroundings.recorder.reach("false_leave_told");
    liar.links()->send(peer, codec.encode_message(gossip));
    liar.links()->send(peer, codec.encode_message(mesh::Relay{peer, victim.process, goodbye, 0}));
  }
}

void tell_stolen_journals(Surroundings& surroundings, Terminal& liar, const DeviceId& victim) {
  const mesh::WireCodec codec;
  const KeyPair& key = liar.disk().folder().device_key;
  Random random(surroundings.random.next());
  mesh::JournalWriterConfig config;
  config.terminal = liar.name();
  config.tenant_store = mesh::tenant_store_hash(tenant_name, store_name);
  mesh::JournalWriter writer(codec, key, ProcessId::draw(random), config, {}, 0, 0, random);
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::adjustment;
  draft.time = liar.now().wall;
  draft.business_date = business_date;
  const auto own = writer.write(draft);
  if (!own) return;
  const auto& devices = liar.node().vector().devices();
  const auto* journals = devices.get(victim);
  if (journals == nullptr) return;
  mesh::DirectMail mail;
  for (const auto& [journal, item] : *journals) {
    for (const std::uint64_t number : {std::uint64_t{1}, item.stored.top() + 1}) {
      mesh::Envelope stolen = (*own)->envelope;
      stolen.id = {journal, number};
      if (number > 1) {
        stolen.previous_hash = (*own)->hash;
        stolen.opening.reset();
      }
      const Bytes envelope = codec.encode_envelope(stolen);
      mail.entries.push_back(
          codec.encode_signed_entry(envelope, sign(key, mesh::signed_part(envelope))));
    }
  }
  for (const ProcessId& peer : liar.links()->linked()) {
    surroundings.recorder.reach("stolen_journal_told");
    liar.links()->send(peer, codec.encode_message(mail));
  }
}

void tell_absurd_term(Surroundings& surroundings, Terminal& liar) {
  const mesh::WireCodec codec;
  const mesh::MemberInfo self = liar.node().self();
  election::LeaderNews news;
  news.token = {election::term_max, self.process};
  news.beat = 1;
  news.view_size = 1;
  const election::Message sayings[] = {
      election::Beat{news},
      election::VoteRequest{election::term_max, {}},
      election::VoteReply{1, election::VoteAnswer::promised_higher, election::term_max, {}},
  };
  for (const ProcessId& peer : liar.links()->linked()) {
    for (const election::Message& saying : sayings) {
      liar.links()->send(peer, codec.encode_message(mesh::Message(saying)));
    }
  }
  if (surroundings.cloud == nullptr) return;
  uplink::Handshake handshake;
  handshake.tenant = tenant_name;
  handshake.store = store_name;
  handshake.access_key = access_key;
  handshake.terminal = liar.name();
  handshake.token = news.token;
  const KeyPair& key = liar.disk().folder().device_key;
  handshake.device_key = key.public_key;
  handshake.sent = liar.now().wall;
  // It has a key of the store, so it can answer the cloud's challenge.
  const auto connection = std::make_shared<std::weak_ptr<Tcp>>();
  Tcp::Side own;
  own.place = liar.place();
  own.on_frame = [connection, handshake, key](const Bytes& frame) mutable {
    const auto line = connection->lock();
    if (!line) return;
    line->taken(0, frame.size());
    const auto message = uplink::decode_to_store(BytesView(frame).substr(1));
    const auto* challenge = message ? std::get_if<uplink::Challenge>(&*message) : nullptr;
    if (!challenge) return;
    handshake.nonce = challenge->nonce;
    line->send(0, uplink_message_mark + uplink::encode(handshake, key));
  };
  own.on_end = [](TcpEnd) {};
  const std::shared_ptr<Tcp> tcp = surroundings.cloud->accept(std::move(own));
  if (!tcp) return;
  *connection = tcp;
  surroundings.schedule.in(connection_lasts, [tcp] { tcp->close(0); });
}

}  // namespace titan::simulations
