// The Node's comparison with its peers: what anti-entropy wants sent and read, and what is known of
// who holds what.
#include <set>
#include <utility>

#include "base/overloaded.h"
#include "mesh/node/node.h"

namespace titan::mesh {
namespace {

// Hash lists being compared at a time; further ones are dropped, and asked for again.
constexpr std::size_t fork_reads_max = 16;

}  // namespace

void Node::take_anti_entropy() {
  for (AntiEntropy::Effect& effect : anti_entropy_.take_effects()) {
    std::visit(
        Overloaded{
            [&](AntiEntropy::SendTo& sending) { send(sending.to, sending.message); },
            [&](AntiEntropy::Serve& serve) {
              EntryRequest& asked = serve.request;
              effects_.emplace_back(ReadRequest{.id = serve.read_id,
                                                .journal = asked.journal,
                                                .numbers = std::move(asked.numbers),
                                                .hashes = std::move(asked.hashes),
                                                .bytes_max = asked.bytes_max,
                                                .newest_first = asked.newest_first,
                                                .hash_list_only = serve.hash_list_only,
                                                .state_only = asked.state_only});
            },
            [&](AntiEntropy::Diverged& diverged) {
              const auto member = member_of(diverged.peer);
              emit(Alarm{"divergence", "this terminal and " +
                                           (member ? member->terminal : diverged.peer.hex()) +
                                           " hold the same entries but count different stock; "
                                           "each keeps its figure. Report this."});
            },
            [&](AntiEntropy::ForkSuspected& fork) {
              emit(Alarm{"journal_forked",
                         "journal " + fork.journal.hex() +
                             " exists in two versions: a machine was copied while it ran. Both "
                             "are kept and both count."});
            },
            [&](AntiEntropy::WatermarkLacking& lacking) { announce_watermark(lacking.peer); },
        },
        effect);
  }
}

// A peer's list of a forked journal is compared when our own of the same numbers is read. Lost or
// dropped: anti-entropy asks for it again, a few times, and after that the next vectors show the
// difference anew.
void Node::on_hash_list(const ProcessId& from, HashList&& theirs) {
  auto numbers = anti_entropy_.numbers_to_compare(from, theirs);
  if (!numbers || fork_reads_.size() >= fork_reads_max) return;
  const std::uint64_t id = own_read_flag | next_fork_read_++;
  effects_.emplace_back(ReadRequest{
      .id = id, .journal = theirs.journal, .numbers = std::move(*numbers), .hash_list_only = true});
  fork_reads_.emplace(id, std::pair(from, std::move(theirs)));
}

void Node::on_read(Now now, std::uint64_t read_id, std::vector<Bytes> entries,
                   std::vector<std::pair<std::uint64_t, Hash>> hash_list) {
  begin(now);
  if ((read_id & own_read_flag) == 0) {
    anti_entropy_.on_read(read_id, std::move(entries), std::move(hash_list));
  } else if (const auto fork = fork_reads_.find(read_id); fork != fork_reads_.end()) {
    anti_entropy_.on_hash_lists(now, fork->second.first, fork->second.second, hash_list);
    fork_reads_.erase(fork);
  }
  finish(now);
}

// A comparison of ours is dropped with it; the peer's list is asked for again.
void Node::on_read_failed(Now now, std::uint64_t read_id) {
  begin(now);
  anti_entropy_.on_read_failed(read_id);
  fork_reads_.erase(read_id);
  finish(now);
}

// ---- who holds what ----------------------------------------------------------------------------

Copies Node::copies(const EntryId& id) const {
  Copies copies;
  if (index_.stored().contains(id.journal, id.number)) ++copies.here;
  std::set<DeviceId> present;
  std::set<std::string> names = {self_.terminal};
  for (const KnownMember& known : membership_.members()) {
    if (!is_present(known.state)) continue;
    present.insert(known.member.device());
    names.insert(known.member.terminal);
  }
  for (const DeviceId& device : anti_entropy_.holders(id.journal, id.number)) {
    if (present.contains(device)) {
      ++copies.here;
      continue;
    }
    const auto known = remembered_.find(device);
    const bool is_replaced =
        known != remembered_.end() && names.contains(known->second.member.terminal);
    if (!is_replaced) ++copies.away;
  }
  return copies;
}

std::vector<std::string> Node::terminals_behind() const {
  std::vector<std::string> behind;
  for (const KnownMember& known : membership_.members()) {
    if (!is_present(known.state) || known.member.process == process_) continue;
    if (!anti_entropy_.is_level(known.member.device())) behind.push_back(known.member.terminal);
  }
  return behind;
}

}  // namespace titan::mesh
