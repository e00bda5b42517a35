#include "uplink/postgres/store_database.h"

#include <algorithm>
#include <chrono>
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
#include "uplink/postgres/store_mailbox.h"
#include "uplink/postgres/store_projector.h"

namespace titan::uplink {

namespace {

using EntryPointer = std::shared_ptr<const mesh::Entry>;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Fenced {
  LeaseHolder holder;
};
struct Outdated {};  // leadership ended or its token changed

MonoTime mono_now() {
  return {std::chrono::duration_cast<Duration>(SteadyClock::now().time_since_epoch())};
}

}  // namespace

// The database thread, and what is its own. Whatever the loop touches as well is in the mailbox.
class StoreDatabase::Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(StoreDatabaseConfig config, std::unique_ptr<EntrySource> source, const mesh::Codec& codec,
         StoreDatabaseCallbacks callbacks)
      : config_(std::move(config)),
        source_(std::move(source)),
        codec_(codec),
        callbacks_(std::move(callbacks)),
        mailbox_(config_),
        projector_(config_.store, config_.cloud_device),
        giving_(milliseconds(config_.give_back_answer_ms)) {}

  // Called on the loop.
  StoreMailbox& mailbox() { return mailbox_; }

  void start() {
    if (config_.mode == "none") return;
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    if (mailbox_.stop()) {
      thread_.join();
    } else {
      thread_.detach();  // it owns what it touches, and asks the mailbox before it goes on
    }
  }

 private:
  // ---- called on the database thread

  void run() {
    while (const auto task = mailbox_.next_task()) {
      if (!task->token) {
        look(task->generation);
        continue;
      }
      serve(task->generation, *task->token);
      if (mailbox_.leads()) continue;  // under another token: the server stays
      tell(StoreDatabaseState::off, "");
      if (!server_ || !mailbox_.leads_within(config_.follower_keeps_ms)) server_.reset();
    }
    server_.reset();
    mailbox_.end();
  }

  // While it stands, stop() can cut the connection.
  class Interruptible {
   public:
    Interruptible(StoreMailbox& mailbox, const pqxx::connection& connection) : mailbox_(mailbox) {
      mailbox_.set_socket(connection.sock());
    }
    ~Interruptible() { mailbox_.set_socket(-1); }
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

   private:
    StoreMailbox& mailbox_;
  };

  // Until the leadership ends: connect, fill, follow; after a failure again.
  void serve(std::uint64_t generation, const election::Token& token) {
    int retry_ms = config_.retry_first_ms;
    tell(StoreDatabaseState::starting, "");
    while (mailbox_.is_current(generation)) {
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
      if (!mailbox_.pause(generation, pause_ms)) break;
    }
  }

  std::string start_server(std::uint64_t generation) {
    if (config_.mode != "auto") return config_.mode;
    if (!server_) make_server(generation);
    // The pause of an earlier leadership would end this one's start at once.
    server_->set_pause(pause_of(generation));
    Status started = server_->start();
    tell_notes();
    if (!started) {
      if (!mailbox_.is_current(generation)) throw Outdated{};
      throw std::runtime_error(started.error().message);
    }
    return server_->url();
  }

  ManagedPostgres::Pause pause_of(std::uint64_t generation) {
    return [this, generation](int ms) { return mailbox_.pause(generation, ms); };
  }

  void make_server(std::uint64_t generation) {
    server_ = std::make_unique<ManagedPostgres>(config_.data + "/postgres", pause_of(generation));
  }

  void serve_connected(const std::string& url, std::uint64_t generation,
                       const election::Token& token) {
    const auto connection = open_connection(url);
    const Interruptible interruptible(mailbox_, *connection);
    if (!mailbox_.is_current(generation)) throw Outdated{};
    prepare_tenant(*connection, config_.tenant);
    mailbox_.set_address(without_password(url));
    if (config_.mode == "auto") make_schema_default(*connection);
    take_lease(*connection, token);
    // A projection may lose its last moments in a crash: the cursors go back with it. The lease row
    // must not, so it is moved before this.
    connection->set_variable("synchronous_commit", "off");
    load(*connection, generation);
    was_up_ = true;
    next_renewal_ = SteadyClock::now() + milliseconds(config_.lease_renewal_ms);
    bool fresh_turn = true;
    while (mailbox_.is_current(generation)) {
      if (server_ && !server_->is_running()) {
        throw std::runtime_error("the private PostgreSQL ended; starting it again");
      }
      renew_lease_if_due(*connection, token);
      const bool gave = give_back(*connection);
      // Filling and following take turns, so neither waits for the other to end.
      std::vector<EntryPointer> batch = fresh_turn ? mailbox_.take_fresh() : read_lacking();
      if (batch.empty()) batch = fresh_turn ? read_lacking() : mailbox_.take_fresh();
      fresh_turn = !fresh_turn;
      if (batch.empty()) {
        if (!gave) mailbox_.wait_for_entries(generation);
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
    reload_projector(connection);
    const auto known = mailbox_.begin_filling();
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
    if (giving_.is_done()) mailbox_.end_look(generation);
  }

  // True: a piece was handed over just now.
  bool give_back(pqxx::connection& connection) {
    if (giving_.is_done()) return false;
    const auto held = [this](const JournalId& journal) { return mailbox_.stored_of(journal); };
    const auto piece = giving_.next(held, config_.batch_entries_max, mono_now());
    if (giving_.is_done()) {
      mailbox_.end_look(giving_generation_);
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

  // Not as the leader: nothing is written, so nobody's lease is asked for.
  void look(std::uint64_t generation) {
    try {
      look_into_private(generation);
    } catch (const std::exception& error) {
      mailbox_.set_message(generation, one_line(error.what()));
    }
    server_.reset();
    mailbox_.look_again(generation);
  }

  void look_into_private(std::uint64_t generation) {
    make_server(generation);
    if (!server_->has_cluster()) return mailbox_.end_look(generation);
    Status started = server_->start_existing();
    tell_notes();
    if (!started) {
      if (!server_->has_cluster()) return mailbox_.end_look(generation);
      throw std::runtime_error(started.error().message);
    }
    const auto connection = open_connection(server_->url());
    const Interruptible interruptible(mailbox_, *connection);
    if (!mailbox_.is_current(generation)) return;
    prepare_tenant(*connection, config_.tenant);
    reload_projector(*connection);
    begin_giving(mailbox_.known(), generation);
    while (mailbox_.is_current(generation) && !giving_.is_done()) {
      if (!give_back(*connection)) mailbox_.wait_for_stored(generation);
    }
  }

  void post(std::function<void()> act) {
    if (callbacks_.post) callbacks_.post(std::move(act));
  }

  std::vector<EntryPointer> read_lacking() {
    filling_.add(mailbox_.take_overflow());
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
    return mailbox_.keys_of(devices);
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

  // ---- status

  void show_progress() {
    const std::uint64_t lacking = filling_.count();
    const bool filling = lacking > 0;
    const double progress = lacking_at_start_ == 0
                                ? 1.0
                                : 1.0 - static_cast<double>(std::min(lacking, lacking_at_start_)) /
                                            static_cast<double>(lacking_at_start_);
    mailbox_.set_progress(projector_.vector().entry_count(), lacking, progress, quarantined_);
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

  void tell(StoreDatabaseState state, const std::string& message) {
    const auto changed = mailbox_.change_state(state, message);
    if (!changed || !callbacks_.post || !callbacks_.on_status) return;
    callbacks_.post([on_status = callbacks_.on_status, told = *changed] { on_status(told); });
  }

  const StoreDatabaseConfig config_;
  const std::unique_ptr<EntrySource> source_;
  const mesh::Codec& codec_;
  const StoreDatabaseCallbacks callbacks_;

  StoreMailbox mailbox_;

  std::unique_ptr<ManagedPostgres> server_;  // in mode "auto": while leading, or looking
  StoreProjector projector_;
  Filling filling_;
  GivingBack giving_;
  std::uint64_t giving_generation_ = 0;  // of the task that `giving_` was begun for
  std::uint64_t lacking_at_start_ = 0;   // of the present filling
  std::uint64_t unreadable_ = 0;         // of the present filling
  std::uint64_t quarantined_ = 0;        // since the process began
  bool was_up_ = false;                  // since the last failure: the next attempt comes soon
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
  worker_->mailbox().on_journal_opened(stored);
}
void StoreDatabase::learn_keys(const std::vector<PublicKey>& keys) {
  worker_->mailbox().learn_keys(keys);
}
void StoreDatabase::lead(const election::Token& token, const crdt::VersionVector& stored) {
  worker_->mailbox().lead(token, stored);
}
void StoreDatabase::follow() {
  worker_->mailbox().follow();
}
void StoreDatabase::on_stored(std::span<const std::shared_ptr<const mesh::Entry>> entries) {
  worker_->mailbox().on_stored(entries);
}
StoreDatabaseStatus StoreDatabase::status() const {
  return worker_->mailbox().status();
}

}  // namespace titan::uplink
