#include "pos-node/hosts/mesh_host.h"

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/overloaded.h"

namespace titan::pos {
namespace {

// Sales of this till waiting for its disk, beyond which another is refused as unavailable. Entries
// of others do not count: they are held back elsewhere, and a till that catches up still sells.
constexpr std::size_t appends_waiting_max = 20'000;

// Of entries that were stored beside a damaged file: what goes beyond can be looked up when it has
// been recovered.
constexpr std::size_t beside_entries_max = 20'000;

// The slow read of the whole file: 128 kB a second, half a per cent of a core, a few minutes for a
// day's entries. After each pass it rests.
constexpr std::uint64_t check_bytes = 32 * 1024;
constexpr std::chrono::milliseconds check_every(250);
constexpr std::chrono::seconds check_first_after(10);
constexpr std::chrono::hours check_pause(6);

mesh::LinkEnd link_end_of(mesh::LinkDown reason) {
  switch (reason) {
    case mesh::LinkDown::closed:
      return mesh::LinkEnd::closed;
    // It took back its acceptance: there is somebody, so its death is not certain.
    case mesh::LinkDown::refused:
    case mesh::LinkDown::timed_out:
      break;
  }
  return mesh::LinkEnd::timed_out;
}

}  // namespace

MeshHost::MeshHost(boost::asio::io_context& loop, const ProcessClock& clock,
                   const mesh::Codec& codec, Parts parts, Handlers handlers)
    : loop_(loop),
      clock_(clock),
      handlers_(std::move(handlers)),
      codec_(codec),
      timer_(loop),
      check_timer_(loop),
      leave_timer_(loop) {
  node_ = std::make_unique<mesh::Node>(parts.node, parts.device_key, parts.process,
                                       std::move(parts.state), codec_, Random(parts.random_seed),
                                       clock_.now());
  // A file that cannot tell shows when it is read for something that matters.
  if (const auto present = parts.store->present_fold()) fold_ = *present;
  storage_ = std::make_unique<StorageThread>(loop, std::move(parts.store), storage_callbacks());
  reads_ = std::make_unique<ReadThread>(std::move(parts.reader));
  mesh::TransportCallbacks callbacks = handlers_.neighbours;
  callbacks.on_frame = [this](const ProcessId& from, BytesView frame) {
    node_->on_frame(clock_.now(), from, frame);
    carry_out();
  };
  callbacks.on_link_up = [this](const mesh::MemberInfo& peer, const std::string& address) {
    handlers_.neighbours.on_link_up(peer, address);
    node_->on_link_up(clock_.now(), peer);
    carry_out();
  };
  callbacks.on_link_down = [this](const ProcessId& peer, mesh::LinkDown reason,
                                  const std::string& address) {
    handlers_.neighbours.on_link_down(peer, reason, address);
    node_->on_link_down(clock_.now(), peer, link_end_of(reason));
    carry_out();
  };
  callbacks.on_nobody_there = [this](const ProcessId& peer) {
    node_->on_link_down(clock_.now(), peer, mesh::LinkEnd::refused);
    carry_out();
  };
  transport_ =
      std::make_unique<mesh::Transport>(loop, std::move(parts.transport), std::move(callbacks));
}

MeshHost::~MeshHost() {
  stop();
}

Status MeshHost::start() {
  if (Status started = transport_->start(); !started) return started;
  transport_->set_member_info(node_->self());
  carry_out();
  check_timer_.expires_after(check_first_after);
  check_file_slowly();
  return {};
}

void MeshHost::tell_addresses(std::vector<std::string> addresses) {
  node_->on_addresses(clock_.now(), std::move(addresses));
  transport_->set_member_info(node_->self());
  carry_out();
}

void MeshHost::append(const mesh::EntryDraft& draft, AppendCallback done) {
  if (appends_.size() >= appends_waiting_max) {
    done(make_error(ErrorCode::unavailable,
                    "the disk is behind by " + std::to_string(appends_waiting_max) +
                        " entries; repeat in a moment with the same idempotency_key"));
    return;
  }
  const std::uint64_t ticket = node_->append(clock_.now(), draft);
  appends_.emplace(ticket, std::move(done));
  carry_out();
}

void MeshHost::input(const std::function<void(mesh::Node&, Now)>& act) {
  act(*node_, clock_.now());
  carry_out();
}

void MeshHost::carry_out() {
  for (mesh::Effect& effect : node_->take_effects()) effects_.push_back(std::move(effect));
  if (carrying_out_) return;
  carrying_out_ = true;
  while (!effects_.empty()) {
    mesh::Effect effect = std::move(effects_.front());
    effects_.pop_front();
    carry_out(effect);
  }
  carrying_out_ = false;
  check_left();
  arm_timer();
}

void MeshHost::carry_out(mesh::Effect& effect) {
  std::visit(Overloaded{
                 [&](mesh::Send& send) { transport_->send(send.to, std::move(send.frame)); },
                 [&](mesh::StoreRequest& request) { storage_->submit(std::move(request)); },
                 [&](mesh::ReadRequest& request) { read(request); },
                 [&](mesh::KeyLookUp& wanted) { look_up(wanted); },
                 [&](mesh::DiskJob& job) { storage_->start(job); },
                 [&](mesh::AppendReply& reply) {
                   auto waiting = appends_.extract(reply.ticket);
                   if (!waiting.empty()) waiting.mapped()(reply.result);
                 },
                 [&](mesh::Event& event) {
                   if (const auto* stored = std::get_if<mesh::EntriesStored>(&event)) {
                     keep_beside(*stored);
                   }
                   if (handlers_.on_event) handlers_.on_event(event);
                 },
             },
             effect);
}

void MeshHost::read(const mesh::ReadRequest& request) {
  const auto answer = [this](std::function<void(mesh::Node&, Now)> act) {
    boost::asio::post(loop_, [this, act = std::move(act)] { input(act); });
  };
  const auto failed = [answer, id = request.id] {
    answer([id](mesh::Node& node, Now now) { node.on_read_failed(now, id); });
  };
  const bool taken = reads_->submit([request, answer, failed](mesh::SqliteReader& reader) {
    const auto& numbers = request.numbers.intervals();
    if (request.hash_list_only && !numbers.empty()) {
      auto hashes = reader.hash_list(request.journal, numbers.front().first, numbers.back().last);
      if (!hashes) {
        spdlog::error("cannot read a journal: {}", hashes.error().message);
        return failed();
      }
      return answer(
          [id = request.id, list = std::move(*hashes)](mesh::Node& node, Now now) mutable {
            node.on_read(now, id, {}, std::move(list));
          });
    }
    auto entries =
        reader.read_entries({request.journal, request.numbers, request.hashes, request.bytes_max,
                             request.newest_first, request.state_only});
    if (!entries) {
      spdlog::error("cannot read entries for a peer: {}", entries.error().message);
      return failed();
    }
    answer([id = request.id, list = std::move(*entries)](mesh::Node& node, Now now) mutable {
      node.on_read(now, id, std::move(list), {});
    });
  });
  if (!taken) failed();
}

// A till waits for it, behind whatever is being read for peers.
void MeshHost::look_up(const mesh::KeyLookUp& look_up) {
  const auto answer = [this](std::function<void(mesh::Node&, Now)> act) {
    boost::asio::post(loop_, [this, act = std::move(act)] { input(act); });
  };
  const auto failed = [answer, id = look_up.id] {
    answer([id](mesh::Node& node, Now now) { node.on_key_look_up_failed(now, id); });
  };
  const bool taken = reads_->submit([look_up, answer, failed](mesh::SqliteReader& reader) {
    const auto found = reader.find_key(look_up.key);
    if (!found) {
      spdlog::error("cannot look up an idempotency key: {}", found.error().message);
      return failed();
    }
    answer([id = look_up.id, found = *found](mesh::Node& node, Now now) {
      node.on_key_looked_up(now, id, found);
    });
  });
  if (!taken) failed();
}

// ---- a disk that fails -------------------------------------------------------------------------

// What is done about it is decided by the node's disk machine; here is only what is said.
StorageThread::Callbacks MeshHost::storage_callbacks() {
  StorageThread::Callbacks callbacks;
  callbacks.on_stored = [this](const std::vector<std::uint64_t>& ids,
                               const mesh::StoredRepeats& repeats, Duration took) {
    if (handlers_.on_committed) handlers_.on_committed(took);
    node_->on_stored(clock_.now(), ids, repeats);
    carry_out();
  };
  callbacks.on_keys_dropped = [this](const std::vector<std::uint64_t>& hashes) {
    node_->on_keys_dropped(clock_.now(), hashes);
    carry_out();
  };
  callbacks.on_failed = [this](const Error& error) {
    storage_problem_ = error.message;
    spdlog::error("a write to the disk failed, reopening the database: {}", error.message);
    node_->on_store_failed(clock_.now(), error.code == ErrorCode::corrupt);
    carry_out();
  };
  callbacks.on_beside_open = [this] {
    spdlog::warn("the damaged database is being recovered; sales go on beside it");
    storage_problem_.clear();
    node_->on_beside_open(clock_.now());
    carry_out();
  };
  callbacks.on_opened = [this](mesh::StoredState state) {
    node_->on_storage_opened(clock_.now(), std::move(state));
    carry_out();
    if (node_->disk_state() != mesh::DiskState::ok) return;
    spdlog::warn("storage is open again");
    storage_problem_.clear();
    beside_.clear();
    if (handlers_.on_storage_reopened) handlers_.on_storage_reopened();
  };
  callbacks.on_not_opened = [this](const Error& error) {
    storage_problem_ = error.message;
    spdlog::error("storage cannot be opened, trying again: {}", error.message);
    node_->on_storage_not_opened(clock_.now(), error.code == ErrorCode::corrupt);
    carry_out();
  };
  callbacks.on_recovered = [this](const mesh::RecoveryReport& report) {
    if (handlers_.on_event) {
      handlers_.on_event(mesh::Alarm{"database_damaged", mesh::describe(report)});
    }
  };
  callbacks.on_fold_compared = [this](const mesh::FoldVerdict& verdict) {
    using Outcome = mesh::FoldVerdict::Outcome;
    const std::string text = mesh::describe(verdict);
    if (verdict.outcome != Outcome::refused) fold_ = verdict;
    if (verdict.outcome == Outcome::same) return spdlog::info("{}", text);
    spdlog::warn("{}", text);
    if (verdict.outcome == Outcome::unchecked || !handlers_.on_event) return;
    handlers_.on_event(
        mesh::Alarm{verdict.outcome == Outcome::differs ? "divergence" : "fold_refused", text});
  };
  return callbacks;
}

// What a reader meets concerns the whole till: the file is mended before a sale meets it, too.
void MeshHost::look_for_damage() {
  if (node_->disk_state() != mesh::DiskState::ok || !storage_->damage_seen()) return;
  storage_problem_ = "damage was found in the database; what can be saved is put into a new one";
  spdlog::error("{}", storage_problem_);
  node_->on_damage_met(clock_.now());
}

// The readers' file is the damaged one: what was stored beside it is looked up here.
void MeshHost::keep_beside(const mesh::EntriesStored& stored) {
  if (node_->disk_state() == mesh::DiskState::ok) return;
  for (const auto& entry : stored.entries) {
    if (beside_.size() >= beside_entries_max) return;
    beside_.emplace(entry->envelope.id, entry);
  }
}

std::shared_ptr<const mesh::Entry> MeshHost::stored_beside(const mesh::EntryId& id) const {
  const auto found = beside_.find(id);
  return found == beside_.end() ? nullptr : found->second;
}

// Damage is found before a customer needs what is damaged. What it finds is met like any other
// damage, by look_for_damage().
void MeshHost::check_file_slowly() {
  check_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopped_) return;
    const auto go_on = [this](std::chrono::milliseconds pause) {
      check_timer_.expires_after(pause);
      check_file_slowly();
    };
    const bool taken =
        reads_->submit([this, go_on, from = checked_to_](mesh::SqliteReader& reader) {
          auto next = reader.check_some(from, check_bytes);
          boost::asio::post(loop_, [this, go_on, next = std::move(next)] {
            if (stopped_) return;
            if (!next) spdlog::error("the slow check of the database: {}", next.error().message);
            checked_to_ = next && *next ? **next : 0;
            if (!next) return go_on(check_first_after);
            go_on(*next ? check_every : std::chrono::milliseconds(check_pause));
          });
        });
    if (!taken) go_on(check_every);
  });
}

// ---- time --------------------------------------------------------------------------------------

void MeshHost::arm_timer() {
  if (stopped_) return;
  const MonoTime deadline = node_->next_deadline();
  if (armed_for_ <= deadline) return;  // it fires early enough, and looks again then
  armed_for_ = deadline;
  timer_.expires_at(clock_.at(deadline));
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    armed_for_ = MonoTime::never();
    look_for_damage();
    node_->on_tick(clock_.now());
    carry_out();
  });
}

// ---- the end -----------------------------------------------------------------------------------

void MeshHost::leave(Duration limit, std::function<void()> done) {
  left_ = std::move(done);
  leave_timer_.expires_after(limit);
  leave_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || !left_) return;
    spdlog::warn("leaving without a proper hand-over: it took too long");
    std::exchange(left_, nullptr)();
  });
  node_->leave(clock_.now());
  carry_out();
}

void MeshHost::check_left() {
  if (!left_ || !node_->has_left() || !appends_.empty()) return;
  leave_timer_.cancel();
  boost::asio::post(loop_, std::exchange(left_, nullptr));
}

void MeshHost::stop() {
  if (std::exchange(stopped_, true)) return;
  timer_.cancel();
  check_timer_.cancel();
  leave_timer_.cancel();
  transport_->close();
  reads_->stop();
  storage_->stop();
}

}  // namespace titan::pos
