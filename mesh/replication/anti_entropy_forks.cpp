// Forked journals: the same numbers with other content, which a copied running process leaves
// behind. Their hashes are compared list by list; what one side lacks it asks for by hash, so that
// both branches end up everywhere.
#include <algorithm>
#include <utility>

#include "mesh/replication/anti_entropy.h"

namespace titan::mesh {

void AntiEntropy::compare_forks(Now now, const ProcessId& from, const JournalItem& theirs) {
  const crdt::VectorItem* ours = index_.stored().find(theirs.journal);
  if (ours == nullptr || ours->stored != theirs.item.stored) return;
  if (ours->content == theirs.item.content) return;
  if (forks_told_.insert(theirs.journal).second) {
    effects_.push_back(ForkSuspected{from, theirs.journal});
  }
  if (forks_.try_emplace(theirs.journal, Fork{from, 1, 0, {}}).second) {
    ask_for_hash_list(now, theirs.journal);
  }
}

void AntiEntropy::ask_for_hash_list(Now now, const JournalId& journal) {
  Fork& fork = forks_.at(journal);
  ++fork.tries;
  fork.deadline = now.mono + config_.request_timeout;
  send(fork.peer, HashListRequest{journal, fork.first});
}

void AntiEntropy::ask_for_late_hash_lists(Now now) {
  std::erase_if(forks_, [&](const auto& fork) {
    return fork.second.deadline <= now.mono && fork.second.tries >= config_.hash_list_tries;
  });
  for (const auto& [journal, fork] : forks_) {
    if (fork.deadline <= now.mono) ask_for_hash_list(now, journal);
  }
}

std::optional<crdt::IntervalSet> AntiEntropy::numbers_to_compare(const ProcessId& from,
                                                                 const HashList& theirs) const {
  const auto fork = forks_.find(theirs.journal);
  if (fork == forks_.end() || fork->second.peer != from) return std::nullopt;
  crdt::IntervalSet numbers;
  if (theirs.first == 0) {
    numbers.add(crdt::Interval{1, entry_number_max});
  } else {
    if (theirs.first != fork->second.first) return std::nullopt;
    if (theirs.next != 0 && theirs.next <= theirs.first) return std::nullopt;
    numbers.add(
        crdt::Interval{theirs.first, theirs.next == 0 ? entry_number_max : theirs.next - 1});
  }
  return numbers;
}

// Both branches are wanted everywhere: of the list, what we lack is asked for by hash. Lost: the
// list is asked for again, the entries by their request's deadline with the next vectors.
void AntiEntropy::on_hash_lists(Now now, const ProcessId& from, const HashList& theirs,
                                const std::vector<std::pair<std::uint64_t, Hash>>& ours) {
  if (!numbers_to_compare(from, theirs)) return;  // given up meanwhile
  const std::set<std::pair<std::uint64_t, Hash>> held(ours.begin(), ours.end());
  EntryRequest request;
  request.journal = theirs.journal;
  request.bytes_max = config_.request_bytes_max;
  for (const auto& branch : theirs.entries) {
    if (held.contains(branch) || taken_branches_.contains(branch.second)) continue;
    if (request.hashes.size() >= config_.request_numbers_max) break;
    request.hashes.push_back(branch.second);
    wanted_branches_.insert(branch.second);
  }
  // Whatever a limit or a lost frame leaves out shows again as a difference of content.
  if (theirs.next == 0) {
    forks_.erase(theirs.journal);
  } else {
    Fork& fork = forks_.at(theirs.journal);
    fork.first = theirs.next;
    fork.tries = 0;
    ask_for_hash_list(now, theirs.journal);
  }
  if (request.hashes.empty()) return;
  request.request = next_id_++;
  requests_[request.request] = {
      from, theirs.journal, {}, now.mono + config_.request_timeout, false};
  ++peers_.at(from).asked;
  send(from, std::move(request));
}

bool AntiEntropy::take_wanted_branch(const Hash& hash) {
  return wanted_branches_.erase(hash) > 0 && taken_branches_.insert(hash).second;
}

// Lost, or beyond the limit: it gets no answer, which the peer repeats itself for. An empty list
// would say that we hold nothing of the journal.
void AntiEntropy::on_hash_list_request(const ProcessId& from, const HashListRequest& message) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end() || peer->second.serving >= config_.serves_per_peer_max) return;
  const auto* item = index_.stored().find(message.journal);
  if (item == nullptr || item->stored.empty() || message.first > entry_number_max) return;
  ++peer->second.serving;
  const std::uint64_t read_id = next_id_++;
  const std::uint64_t first = std::max<std::uint64_t>(message.first, 1);
  const std::uint64_t last = first + config_.hash_list_numbers_max - 1;
  const bool is_last = item->stored.intervals().back().last <= last;
  served_[read_id] = {from, 0, message.journal, true, first, is_last ? 0 : last + 1};
  EntryRequest request;
  request.journal = message.journal;
  request.numbers.add(crdt::Interval{first, last});
  effects_.push_back(Serve{read_id, std::move(request), true});
}

void AntiEntropy::send_hash_list(const Served& served,
                                 std::vector<std::pair<std::uint64_t, Hash>> list) {
  const std::uint64_t end = served.next == 0 ? entry_number_max + 1 : served.next;
  std::erase_if(
      list, [&](const auto& entry) { return entry.first < served.first || entry.first >= end; });
  if (list.size() > hash_list_entries_max) list.resize(hash_list_entries_max);
  send(served.peer, HashList{served.journal, std::move(list), served.first, served.next});
}

}  // namespace titan::mesh
