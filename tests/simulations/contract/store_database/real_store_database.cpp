#include "tests/simulations/contract/store_database/real_store_database.h"

#include <signal.h>

#include <fstream>
#include <mutex>

#include "uplink/postgres/schema.h"
#include "uplink/postgres/store_database.h"
#include "uplink/postgres/store_projector.h"

// libpqxx 6.4 forgets the result of a call during which its connection broke: one small object for
// each connection that these cases break. Asked for by the leak sanitizer, where there is one.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpqxx\n";
}

namespace titan::test {
namespace {

constexpr const char* tenant = "acme";

class DiskSource final : public uplink::EntrySource {
 public:
  explicit DiskSource(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
  Result<std::vector<Bytes>> read(const JournalId& journal, const crdt::IntervalSet& numbers,
                                  std::size_t bytes_max) override {
    auto entries = disk_->read(journal, numbers, bytes_max);
    if (!entries) return make_error(ErrorCode::io, "the disk cannot be read");
    return std::move(*entries);
  }

 private:
  const std::shared_ptr<Disk> disk_;
};

// The folder of its socket, out of a PostgreSQL's address.
std::string socket_folder(const std::string& url) {
  const std::size_t begin = url.find("host=") + 5;
  return url.substr(begin, url.find('&', begin) - begin);
}

bool accepts_connections(const std::string& url) {
  try {
    return uplink::open_connection(url)->is_open();
  } catch (const pqxx::broken_connection&) {
    return false;
  }
}

template <class Id>
Id id_from(const pqxx::field& field) {
  return Id::from_bytes(pqxx::binarystring(field).str()).value_or(Id{});
}

}  // namespace

class RealStoreDatabase::Leader final : public LeaderUnderTest {
 public:
  Leader(RealStoreDatabase& all, const std::string& name, std::shared_ptr<Disk> own_disk)
      : LeaderUnderTest(name, std::move(own_disk)), all_(all) {
    uplink::StoreDatabaseConfig config;
    config.data = all.data_.path;
    config.tenant = tenant;
    config.store = "london-1";
    config.terminal = name;
    config.follower_keeps_ms = 0;
    if (all.sharing_ == Sharing::shared) {
      const std::string folder = socket_folder(all.server_->url());
      relay = std::make_unique<PostgresRelay>(folder);
      config.mode = all.server_->url();
      config.mode.replace(config.mode.find(folder), folder.size(), relay->folder());
    }
    uplink::StoreDatabaseCallbacks callbacks;
    callbacks.post = [](const std::function<void()>& work) { work(); };
    callbacks.on_lease_refused = [this](const election::Token& holder, bool gone) {
      const std::lock_guard lock(mutex_);
      refused_ = Refusal{holder, gone};
    };
    callbacks.on_give_back = [this](const std::vector<Bytes>& entries,
                                    const std::vector<PublicKey>&) { take_back(entries); };
    database = std::make_unique<uplink::StoreDatabase>(config, std::make_unique<DiskSource>(disk),
                                                       till.codec, std::move(callbacks));
    all.leaders_.push_back(this);
  }
  ~Leader() override {
    std::erase(all_.leaders_, this);
    if (!database) return;
    // With it the private server goes, which a test may start again at once.
    database->follow();
    wait_until([&] { return database->status().state == uplink::StoreDatabaseState::off; },
               "the leader to give the database up", [&] { return database->status().message; });
  }

  void lead(std::uint64_t term) override { database->lead(token(term), disk->vector()); }
  void follow() override { database->follow(); }
  void tell(const std::vector<EntryPointer>& entries) override { database->on_stored(entries); }
  void crash() override {
    relay->break_off();
    database.reset();
  }
  std::optional<Refusal> refused() const override {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

  std::unique_ptr<PostgresRelay> relay;  // outlives the database's connection
  std::unique_ptr<uplink::StoreDatabase> database;

 private:
  RealStoreDatabase& all_;
  mutable std::mutex mutex_;
  std::optional<Refusal> refused_;
};

RealStoreDatabase::RealStoreDatabase(Sharing sharing) : sharing_(sharing) {
  if (sharing == Sharing::of_one_terminal) return;
  // One server for all cases; each begins with an empty tenant.
  static TestPostgres shared;
  server_ = &shared;
  server_->start();
  const auto connection = uplink::open_connection(server_->url());
  pqxx::work transaction(*connection);
  transaction.exec("DROP SCHEMA IF EXISTS " + uplink::schema_of(tenant) + " CASCADE");
  transaction.commit();
}

std::unique_ptr<LeaderUnderTest> RealStoreDatabase::terminal(const std::string& name,
                                                             std::shared_ptr<Disk> disk) {
  return std::make_unique<Leader>(*this, name, std::move(disk));
}

void RealStoreDatabase::away() {
  eyes_.reset();
  server_->stop();
}

void RealStoreDatabase::back() {
  server_->start();
}

void RealStoreDatabase::break_next_commit(CommitFate fate) {
  server_dies_ = fate == CommitFate::server_killed;
  for (Leader* leader : leaders_) {
    leader->relay->forget();
    leader->relay->set(fate == CommitFate::cut_before  ? PostgresRelay::Plan::cut_before
                       : fate == CommitFate::cut_after ? PostgresRelay::Plan::cut_after
                                                       : PostgresRelay::Plan::hold);
  }
}

bool RealStoreDatabase::has_broken() const {
  for (const Leader* leader : leaders_) {
    if (leader->relay->is_done()) return true;
  }
  return false;
}

void RealStoreDatabase::kill_server() {
  std::string folder;
  {
    const auto connection = uplink::open_connection(server_->url());
    pqxx::work transaction(*connection);
    folder = transaction.exec1("SHOW data_directory")[0].as<std::string>();
  }
  eyes_.reset();
  pid_t process = 0;
  std::ifstream(folder + "/postmaster.pid") >> process;
  REQUIRE(process > 0);
  REQUIRE(::kill(process, SIGKILL) == 0);
  // A child that has just been killed may still count as running for a moment.
  wait_until(
      [&] {
        server_->start();
        return accepts_connections(server_->url());
      },
      "the server to run again");
}

void RealStoreDatabase::wait(const Condition& condition, const std::string& what, Duration limit) {
  wait_until(
      [&] {
        if (server_dies_ && has_broken()) {
          server_dies_ = false;
          kill_server();
        }
        return condition();
      },
      what,
      [&] {
        std::string seen;
        for (const Leader* leader : leaders_) {
          if (!leader->database) continue;
          const auto status = leader->database->status();
          seen += std::string(to_string(status.state)) + " " + status.message + "; ";
        }
        return seen;
      },
      static_cast<int>(limit / milliseconds(1)));
}

std::string RealStoreDatabase::address() const {
  if (server_) return server_->url();
  for (const Leader* leader : leaders_) {
    if (leader->database) return leader->database->status().address;
  }
  return {};
}

Contents RealStoreDatabase::look() {
  try {
    if (!eyes_ || !eyes_->is_open() || !server_) {
      const std::string url = address();
      if (url.empty()) return {};
      eyes_ = uplink::open_connection(url);
      uplink::set_search_path(*eyes_, tenant);
    }
    return look_with(*eyes_);
  } catch (const pqxx::undefined_table&) {  // nobody has led yet
    return {};
  } catch (const pqxx::broken_connection&) {
    eyes_.reset();
    return {};
  }
}

Contents RealStoreDatabase::look_with(pqxx::connection& connection) {
  const mesh::WireCodec codec;
  pqxx::transaction<pqxx::repeatable_read> snapshot(connection);
  Contents contents;
  for (const auto& row : snapshot.exec("SELECT term, process FROM leadership")) {
    contents.holder = {row[0].as<std::uint64_t>(), id_from<ProcessId>(row[1])};
  }
  std::vector<EntryPointer> entries;
  for (const auto& row : snapshot.exec("SELECT bytes FROM entries")) {
    auto entry = codec.decode_entry(pqxx::binarystring(row[0]).str());
    REQUIRE(entry);
    contents.entries.emplace(entry->envelope.id, entry->hash);
    entries.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
  }
  for (const auto& row : snapshot.exec("SELECT journal, stored FROM sync_state")) {
    contents.cursors[id_from<JournalId>(row[0])] =
        uplink::intervals_from_text(row[1].as<std::string>());
  }
  for (const auto& row : snapshot.exec("SELECT sku, added, removed FROM inventory")) {
    contents.stock[row[0].as<std::string>()] = {std::stoull(row[1].c_str()),
                                                std::stoull(row[2].c_str())};
  }
  for (const auto& row : snapshot.exec("SELECT receipt FROM sales")) {
    contents.receipts.insert(row[0].as<std::string>());
  }
  contents.stock = without_zeroes(std::move(contents.stock));
  contents.stock_of_entries = folded(entries).sums();
  contents.receipts_of_entries = receipts_of(entries);
  return contents;
}

}  // namespace titan::test
