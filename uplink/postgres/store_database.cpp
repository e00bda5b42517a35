#include "uplink/postgres/store_database.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <thread>
#include <utility>

#include "uplink/giving_back.h"
#include "uplink/postgres/data_fault.h"
#include "uplink/postgres/entry_pieces.h"
#include "uplink/postgres/filling.h"
#include "uplink/postgres/lease_row.h"
#include "uplink/postgres/managed_postgres.h"
#include "uplink/postgres/schema.h"
#include "uplink/postgres/store_projector.h"

namespace titan::uplink {

namespace {

using EntryPointer = std::shared_ptr<const mesh::Entry>;
using Numbers = Filling::Numbers;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long the thread sleeps at most before it looks whether its server still runs.
constexpr int idle_ms_max = 200;
// At the end: what is under way gets this long, then its connection is cut ...
constexpr int polite_end_ms = 250;
// ... and after this the thread is left alone. A private server may take its time to stop.
constexpr int end_limit_ms = 500;
constexpr int end_limit_private_ms = 1000;

struct Fenced {
  LeaseHolder holder;
};
struct Outdated {};  // leadership ended or its token changed

MonoTime mono_now() {
  return {std::chrono::duration_cast<Duration>(SteadyClock::now().time_since_epoch())};
}

std::uint64_t count(const Numbers& numbers) {
  std::uint64_t sum = 0;
  for (const auto& [journal, set] : numbers) sum += set.count();
  return sum;
}

}  // namespace

class StoreDatabase::Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(StoreDatabaseConfig config, std::unique_ptr<EntrySource> source, const mesh::Codec& codec,
         StoreDatabaseCallbacks callbacks)
      : config_(std::move(config)),
        source_(std::move(source)),
        codec_(codec),
        callbacks_(std::move(callbacks)),
        projector_(config_.store, config_.cloud_device),
        giving_(milliseconds(config_.give_back_answer_ms)) {}

  // ---- called by the owner

  void start() {
    if (config_.mode == "none") return;
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  }

  // A libpq call that waits for a server that hangs has no end of its own.
  void stop() {
    if (!thread_.joinable()) return;
    std::unique_lock lock(mutex_);
    stopping_ = true;
    ++generation_;
    wake_.notify_all();
    const auto wait = [&](int limit_ms) {
      return wake_.wait_for(lock, milliseconds(limit_ms), [this] { return ended_; });
    };
    if (!wait(polite_end_ms)) {
      if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
      wait((config_.mode == "auto" ? end_limit_private_ms : end_limit_ms) - polite_end_ms);
    }
    const bool ended = ended_;
    lock.unlock();
    if (ended) {
      thread_.join();
    } else {
      thread_.detach();  // it owns what it touches, and looks at stopping_ before it goes on
    }
  }

  // ---- called on the loop

  void lead(const election::Token& token, const crdt::VersionVector& stored) {
    const std::lock_guard lock(mutex_);
    if (leading_ && token_ == token) return;
    leading_ = true;
    token_ = token;
    begin_with(stored);
    ++generation_;
    wake_.notify_all();
  }

  void on_journal_opened(const crdt::VersionVector& stored) {
    if (config_.mode == "none") return;
    const std::lock_guard lock(mutex_);
    begin_with(stored);
    look_pending_ = config_.mode == "auto";
    look_at_ = SteadyClock::now() + milliseconds(config_.look_after_ms);
    ++generation_;
    wake_.notify_all();
  }

  void learn_keys(const std::vector<PublicKey>& keys) {
    const std::lock_guard lock(mutex_);
    for (const PublicKey& key : keys) told_keys_.emplace(device_of(key), key);
  }

  void follow() {
    const std::lock_guard lock(mutex_);
    if (!leading_) return;
    leading_ = false;
    queue_.clear();
    overflow_.clear();
    ++generation_;
    wake_.notify_all();
  }

  void on_stored(std::span<const EntryPointer> entries) {
    const std::lock_guard lock(mutex_);
    if (!(leading_ || look_pending_) || config_.mode == "none") return;
    ++stored_seen_;
    for (const auto& entry : entries) {
      const auto& id = entry->envelope.id;
      crdt::VectorItem& known = known_[id.journal];
      known.stored.add(id.number);
      known.content.add(crdt::ContentSum::of(entry->hash));
      if (!leading_) continue;
      if (queue_.size() < config_.queued_entries_max) {
        queue_.push_back(entry);
      } else {
        overflow_[id.journal].add(id.number);
      }
    }
    wake_.notify_one();
  }

  StoreDatabaseStatus status() const {
    const std::lock_guard lock(mutex_);
    StoreDatabaseStatus status = status_;
    status.behind += queue_.size() + count(overflow_);
    return status;
  }

 private:
  // Under the lock: what this disk holds, as it is told.
  void begin_with(const crdt::VersionVector& stored) {
    known_.clear();
    for (const auto& [device, journals] : stored.devices()) {
      for (const auto& [journal, item] : journals) known_[journal] = item;
    }
    queue_.clear();
    overflow_.clear();
  }

  // ---- called on the database thread

  void run() {
    for (;;) {
      std::uint64_t generation = 0;
      election::Token token;
      bool leads = false;
      {
        std::unique_lock lock(mutex_);
        const auto called = [this] { return stopping_ || leading_; };
        if (look_pending_) {
          wake_.wait_until(lock, look_at_, called);
        } else {
          wake_.wait(lock, [&] { return called() || look_pending_; });
        }
        if (stopping_) break;
        generation = generation_;
        token = token_;
        leads = leading_;
        if (!leads && (!look_pending_ || SteadyClock::now() < look_at_)) continue;
      }
      if (!leads) {
        look(generation);
        continue;
      }
      serve(generation, token);
      bool still_leading = false;
      {
        const std::lock_guard lock(mutex_);
        still_leading = leading_ && !stopping_;
      }
      if (still_leading) continue;  // under another token: the server stays
      tell(StoreDatabaseState::off, "");
      if (!leads_again_soon()) server_.reset();
    }
    server_.reset();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_all();
  }

  bool leads_again_soon() {
    if (!server_) return false;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, milliseconds(config_.follower_keeps_ms),
                   [this] { return stopping_ || leading_; });
    return leading_ && !stopping_;
  }

  // While it stands, stop() can cut the connection.
  class Interruptible {
   public:
    Interruptible(Worker& worker, const pqxx::connection& connection) : worker_(worker) {
      const std::lock_guard lock(worker_.mutex_);
      worker_.socket_ = connection.sock();
    }
    ~Interruptible() {
      const std::lock_guard lock(worker_.mutex_);
      worker_.socket_ = -1;
    }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

   private:
    Worker& worker_;
  };

  bool is_current(std::uint64_t generation) const {
    const std::lock_guard lock(mutex_);
    return generation == generation_ && !stopping_;
  }

  // False: the leadership this was for is over.
  bool pause(std::uint64_t generation, int limit_ms) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, milliseconds(limit_ms),
                   [&] { return stopping_ || generation != generation_; });
    return !stopping_ && generation == generation_;
  }

  // Until the leadership ends: connect, fill, follow; after a failure again.
  void serve(std::uint64_t generation, const election::Token& token) {
    int retry_ms = config_.retry_first_ms;
    tell(StoreDatabaseState::starting, "");
    while (is_current(generation)) {
      int pause_ms = retry_ms;
      try {
        const std::string url = start_server(generation);
        serve_connected(url, generation, token);
      } catch (const Outdated&) {
        break;
      } catch (const Fenced& fenced) {
        refuse(fenced.holder);
        pause_ms = config_.refused_retry_ms;
      } catch (const std::exception& error) {
        tell(StoreDatabaseState::failed, one_line(error.what()));
        retry_ms = std::min(2 * retry_ms, config_.retry_max_ms);
      }
      if (was_up_) retry_ms = config_.retry_first_ms;
      was_up_ = false;
      if (!pause(generation, pause_ms)) break;
    }
  }

  std::string start_server(std::uint64_t generation) {
    if (config_.mode != "auto") return config_.mode;
    if (!server_) {
      server_ = std::make_unique<ManagedPostgres>(
          config_.data + "/postgres", [this, generation](int ms) { return pause(generation, ms); });
    }
    // The pause of an earlier leadership would end this one's start at once.
    server_->set_pause([this, generation](int ms) { return pause(generation, ms); });
    Status started = server_->start();
    tell_notes();
    if (!started) {
      if (!is_current(generation)) throw Outdated{};
      throw std::runtime_error(started.error().message);
    }
    return server_->url();
  }

  void serve_connected(const std::string& url, std::uint64_t generation,
                       const election::Token& token) {
    const auto connection = open_connection(url);
    const Interruptible interruptible(*this, *connection);
    if (!is_current(generation)) throw Outdated{};
    prepare_tenant(*connection, config_.tenant);
    set_address(url);
    if (config_.mode == "auto") make_schema_default(*connection);
    take_lease(*connection, token);
    // A projection may lose its last moments in a crash: the cursors go back with it. The lease row
    // must not, so it is moved before this.
    connection->set_variable("synchronous_commit", "off");
    load(*connection, generation);
    was_up_ = true;
    next_renewal_ = SteadyClock::now() + milliseconds(config_.lease_renewal_ms);
    bool fresh_turn = true;
    while (is_current(generation)) {
      if (server_ && !server_->is_running()) {
        throw std::runtime_error("the private PostgreSQL ended; starting it again");
      }
      renew_lease_if_due(*connection, token);
      const bool gave = give_back(*connection);
      // Filling and following take turns, so neither waits for the other to end.
      std::vector<EntryPointer> batch = fresh_turn ? take_fresh() : read_lacking();
      if (batch.empty()) batch = fresh_turn ? read_lacking() : take_fresh();
      fresh_turn = !fresh_turn;
      if (batch.empty()) {
        if (!gave) wait_for_entries(generation);
        continue;
      }
      project(*connection, batch, token);
      show_progress();
    }
    pqxx::work goodbye(*connection);
    release_lease(goodbye, config_.store, token);
    goodbye.commit();
  }

  // So that a person's `SELECT * FROM sales` finds the tables.
  void make_schema_default(pqxx::connection& connection) {
    pqxx::work transaction(connection);
    transaction.exec("ALTER DATABASE postgres SET search_path TO " +
                     transaction.quote_name(schema_of(config_.tenant)));
    transaction.commit();
  }

  void take_lease(pqxx::connection& connection, const election::Token& token) {
    pqxx::work transaction(connection);
    auto holder = acquire_lease(transaction, config_.store, token, config_.terminal);
    if (holder && config_.mode == "auto") {
      // A private database has one writer ever, the owner of this data folder: a higher token is
      // what a disk restored in parts remembers.
      transaction.exec("DELETE FROM leadership");
      holder = acquire_lease(transaction, config_.store, token, config_.terminal);
    }
    transaction.commit();
    if (holder) throw Fenced{*holder};
  }

  void renew_lease_if_due(pqxx::connection& connection, const election::Token& token) {
    if (SteadyClock::now() < next_renewal_) return;
    next_renewal_ = SteadyClock::now() + milliseconds(config_.lease_renewal_ms);
    pqxx::work transaction(connection);
    const bool renewed = renew_lease(transaction, config_.store, token);
    const auto holder = renewed ? std::nullopt : read_lease(transaction, config_.store);
    transaction.commit();
    if (!renewed) throw Fenced{holder.value_or(LeaseHolder{})};
  }

  void load(pqxx::connection& connection, std::uint64_t generation) {
    {
      pqxx::work transaction(connection);
      projector_.load(transaction);
      transaction.commit();
    }
    Filling::Known known;
    {
      const std::lock_guard lock(mutex_);
      known = known_;
      overflow_.clear();
      queue_.clear();  // all of it is in `known` and read from disk with the rest
    }
    filling_.begin(known, projector_.vector());
    lacking_at_start_ = filling_.count();
    unreadable_ = 0;
    begin_giving(known, generation);
    show_progress();
  }

  // ---- giving back

  void begin_giving(const Filling::Known& known, std::uint64_t generation) {
    giving_.begin(known, projector_.vector());
    giving_generation_ = generation;
    if (giving_.is_done()) end_look();
  }

  // True: a piece was handed over just now.
  bool give_back(pqxx::connection& connection) {
    if (giving_.is_done()) return false;
    const auto held = [this](const JournalId& journal) {
      const std::lock_guard lock(mutex_);
      const auto known = known_.find(journal);
      return known == known_.end() ? crdt::IntervalSet{} : known->second.stored;
    };
    const auto piece = giving_.next(held, config_.batch_entries_max, mono_now());
    if (giving_.is_done()) {
      end_look();
      if (was_up_) show_progress();
      post([gave = callbacks_.on_gave_back, taken = giving_.taken(), refused = giving_.refused()] {
        if (gave) gave(taken, refused);
      });
    }
    if (piece.empty()) return false;
    pqxx::work transaction(connection);
    PieceRead read = read_piece(transaction, config_.store, piece, config_.batch_bytes_max);
    transaction.commit();
    giving_.on_read(read.found, read.unread);
    std::vector<PublicKey> keys;
    for (const auto& [device, key] : projector_.keys()) keys.push_back(key);
    post([give = callbacks_.on_give_back, entries = std::move(read.entries),
          keys = std::move(keys)] {
      if (give) give(entries, keys);
    });
    return true;
  }

  void end_look() {
    const std::lock_guard lock(mutex_);
    if (giving_generation_ != generation_) return;
    look_pending_ = false;
    if (!leading_) known_.clear();  // nobody keeps it up any more
  }

  // Not as the leader: nothing is written, so nobody's lease is asked for.
  void look(std::uint64_t generation) {
    try {
      look_into_private(generation);
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      if (generation == generation_) status_.message = one_line(error.what());
    }
    server_.reset();
    const std::lock_guard lock(mutex_);
    if (generation != generation_ || !look_pending_) return;
    look_at_ = SteadyClock::now() + milliseconds(config_.look_again_ms);
  }

  void look_into_private(std::uint64_t generation) {
    server_ = std::make_unique<ManagedPostgres>(
        config_.data + "/postgres", [this, generation](int ms) { return pause(generation, ms); });
    giving_generation_ = generation;
    if (!server_->has_cluster()) return end_look();
    Status started = server_->start_existing();
    tell_notes();
    if (!started) {
      if (!server_->has_cluster()) return end_look();
      throw std::runtime_error(started.error().message);
    }
    const auto connection = open_connection(server_->url());
    const Interruptible interruptible(*this, *connection);
    if (!is_current(generation)) return;
    prepare_tenant(*connection, config_.tenant);
    reload_projector(*connection);
    Filling::Known known;
    {
      const std::lock_guard lock(mutex_);
      known = known_;
    }
    begin_giving(known, generation);
    while (is_current(generation) && !giving_.is_done()) {
      if (give_back(*connection)) continue;
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, milliseconds(idle_ms_max), [&, before = stored_seen_] {
        return stopping_ || generation != generation_ || stored_seen_ != before;
      });
    }
  }

  void post(std::function<void()> act) {
    if (callbacks_.post) callbacks_.post(std::move(act));
  }

  std::vector<EntryPointer> take_fresh() {
    std::vector<EntryPointer> batch;
    std::size_t bytes = 0;
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && batch.size() < config_.batch_entries_max &&
           bytes < config_.batch_bytes_max) {
      bytes += queue_.front()->bytes.size();
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return batch;
  }

  std::vector<EntryPointer> read_lacking() {
    {
      const std::lock_guard lock(mutex_);
      filling_.add(overflow_);
      overflow_.clear();
    }
    if (filling_.empty()) return {};
    const Filling::Piece piece = filling_.next(config_.batch_entries_max);
    auto read = source_->read(piece.journal, piece.numbers, config_.batch_bytes_max);
    if (!read) throw std::runtime_error(read.error().message);
    std::vector<EntryPointer> batch;
    for (const auto& bytes : *read) {
      auto entry = codec_.decode_entry(bytes);
      if (entry) batch.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
    }
    unreadable_ += filling_.on_read(piece, batch);
    return batch;
  }

  ApplyOutcome project_once(pqxx::connection& connection, std::span<const EntryPointer> entries,
                            const election::Token& token, bool without_bodies,
                            const std::string& why) {
    pqxx::work transaction(connection);
    if (!holds_lease(transaction, config_.store, token)) {
      throw Fenced{read_lease(transaction, config_.store).value_or(LeaseHolder{})};
    }
    const auto keys = keys_of(entries);
    auto outcome = projector_.apply(transaction, entries, keys, without_bodies, why);
    transaction.commit();
    projector_.committed();
    return outcome;
  }

  // For those whose opening is lost; the others bring theirs.
  std::vector<PublicKey> keys_of(std::span<const EntryPointer> entries) const {
    std::set<DeviceId> devices;
    for (const auto& entry : entries) {
      if (!projector_.keys().contains(entry->envelope.device)) {
        devices.insert(entry->envelope.device);
      }
    }
    std::vector<PublicKey> keys;
    const std::lock_guard lock(mutex_);
    for (const DeviceId& device : devices) {
      const auto key = told_keys_.find(device);
      if (key != told_keys_.end()) keys.push_back(key->second);
    }
    return keys;
  }

  void project(pqxx::connection& connection, std::span<const EntryPointer> entries,
               const election::Token& token) {
    try {
      quarantined_ += project_once(connection, entries, token, false, "").quarantined.size();
      return;
    } catch (const pqxx::sql_error& error) {
      if (!is_data_fault(error)) throw;
    }
    reload_projector(connection);
    for (const auto& entry : entries) {
      const std::span<const EntryPointer> single(&entry, 1);
      try {
        quarantined_ += project_once(connection, single, token, false, "").quarantined.size();
      } catch (const pqxx::sql_error& error) {
        if (!is_data_fault(error)) throw;
        reload_projector(connection);
        quarantined_ += project_once(connection, single, token, true, one_line(error.what()))
                            .quarantined.size();
      }
    }
  }

  void reload_projector(pqxx::connection& connection) {
    pqxx::work transaction(connection);
    projector_.load(transaction);
    transaction.commit();
  }

  void wait_for_entries(std::uint64_t generation) {
    std::unique_lock lock(mutex_);
    const bool woken = wake_.wait_for(lock, milliseconds(idle_ms_max), [&] {
      return stopping_ || generation != generation_ || !queue_.empty() || !overflow_.empty();
    });
    if (!woken || stopping_ || generation != generation_) return;
    // A moment more, so that sales that come together share a transaction.
    wake_.wait_for(lock, milliseconds(config_.batch_age_ms), [&] {
      return stopping_ || generation != generation_ || queue_.size() >= config_.batch_entries_max;
    });
  }

  // ---- status

  void show_progress() {
    const std::uint64_t lacking = filling_.count();
    const bool filling = lacking > 0;
    {
      const std::lock_guard lock(mutex_);
      status_.complete_to = projector_.vector().entry_count();
      status_.behind = lacking;
      status_.quarantined = quarantined_;
      status_.progress = lacking_at_start_ == 0
                             ? 1.0
                             : 1.0 - static_cast<double>(std::min(lacking, lacking_at_start_)) /
                                         static_cast<double>(lacking_at_start_);
    }
    tell(filling ? StoreDatabaseState::filling : StoreDatabaseState::up,
         words_for(StoreDatabaseFlaws{quarantined_, giving_.refused(), unreadable_}));
  }

  void tell_notes() {
    for (const std::string& note : server_->take_notes()) {
      post([tell = callbacks_.on_set_aside, note] {
        if (tell) tell(note);
      });
    }
  }

  void refuse(const LeaseHolder& holder) {
    tell(StoreDatabaseState::refused, words_for(holder));
    if (holder.was_jump) return;
    if (!callbacks_.post || !callbacks_.on_lease_refused || holder.token.is_none()) return;
    callbacks_.post([refused = callbacks_.on_lease_refused, token = holder.token,
                     gone = holder.gone] { refused(token, gone); });
  }

  void set_address(const std::string& url) {
    const std::lock_guard lock(mutex_);
    status_.address = without_password(url);
  }

  void tell(StoreDatabaseState state, const std::string& message) {
    StoreDatabaseStatus told;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || (status_.state == state && status_.message == message)) return;
      status_.state = state;
      status_.message = message;
      if (state == StoreDatabaseState::off) status_ = {};
      told = status_;
    }
    if (!callbacks_.post || !callbacks_.on_status) return;
    callbacks_.post([on_status = callbacks_.on_status, told] { on_status(told); });
  }

  const StoreDatabaseConfig config_;
  const std::unique_ptr<EntrySource> source_;
  const mesh::Codec& codec_;
  const StoreDatabaseCallbacks callbacks_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool ended_ = false;
  int socket_ = -1;  // of the connection in use
  bool leading_ = false;
  election::Token token_;
  std::uint64_t generation_ = 0;
  Filling::Known known_;
  std::map<DeviceId, PublicKey> told_keys_;
  bool look_pending_ = false;  // the database may hold more than the journals
  SteadyClock::time_point look_at_;
  std::uint64_t stored_seen_ = 0;
  std::deque<EntryPointer> queue_;
  Numbers overflow_;
  StoreDatabaseStatus status_;

  // Of the database thread.
  std::unique_ptr<ManagedPostgres> server_;
  StoreProjector projector_;
  Filling filling_;
  GivingBack giving_;
  std::uint64_t giving_generation_ = 0;
  std::uint64_t lacking_at_start_ = 0;
  std::uint64_t unreadable_ = 0;
  std::uint64_t quarantined_ = 0;
  bool was_up_ = false;
  SteadyClock::time_point next_renewal_;

  std::thread thread_;
};

StoreDatabase::StoreDatabase(StoreDatabaseConfig config, std::unique_ptr<EntrySource> source,
                             const mesh::Codec& codec, StoreDatabaseCallbacks callbacks)
    : worker_(std::make_shared<Worker>(std::move(config), std::move(source), codec,
                                       std::move(callbacks))) {
  worker_->start();
}

StoreDatabase::~StoreDatabase() {
  worker_->stop();
}

void StoreDatabase::on_journal_opened(const crdt::VersionVector& stored) {
  worker_->on_journal_opened(stored);
}
void StoreDatabase::learn_keys(const std::vector<PublicKey>& keys) {
  worker_->learn_keys(keys);
}
void StoreDatabase::lead(const election::Token& token, const crdt::VersionVector& stored) {
  worker_->lead(token, stored);
}
void StoreDatabase::follow() {
  worker_->follow();
}
void StoreDatabase::on_stored(std::span<const std::shared_ptr<const mesh::Entry>> entries) {
  worker_->on_stored(entries);
}
StoreDatabaseStatus StoreDatabase::status() const {
  return worker_->status();
}

}  // namespace titan::uplink
