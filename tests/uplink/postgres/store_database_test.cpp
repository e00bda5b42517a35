// The leader's store database as a contract: filling, following, fencing, crashes of PostgreSQL.
#include "uplink/postgres/store_database.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <pqxx/pqxx>

#include "mesh/entry/verify.h"
#include "tests/uplink/postgres/test_postgres.h"
#include "tests/uplink/till.h"
#include "uplink/postgres/schema.h"

namespace titan::uplink {
namespace {

using test::EntryPointer;
using test::Till;
using test::wait_until;

// The terminal's disk.
class Disk {
 public:
  void keep(const EntryPointer& entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
    test::add(vector_, *entry);
    stock_.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
  }
  void lose_all_but(std::size_t left) {
    const std::lock_guard lock(mutex_);
    entries_.resize(left);
    vector_ = {};
    stock_ = {};
    for (const auto& entry : entries_) {
      test::add(vector_, *entry);
      stock_.apply(entry->hash, entry->envelope.claim, entry->envelope.stock_effects);
    }
  }
  crdt::VersionVector vector() const {
    const std::lock_guard lock(mutex_);
    return vector_;
  }
  crdt::Stock::Sums sums() const {
    const std::lock_guard lock(mutex_);
    return stock_.sums();
  }
  std::vector<Bytes> read(const JournalId& journal, const crdt::IntervalSet& numbers,
                          std::size_t bytes_max) const {
    const std::lock_guard lock(mutex_);
    std::vector<Bytes> found;
    std::size_t bytes = 0;
    for (const auto& entry : entries_) {
      const auto& id = entry->envelope.id;
      if (id.journal != journal || !numbers.contains(id.number)) continue;
      if (!found.empty() && bytes + entry->bytes.size() > bytes_max) break;
      bytes += entry->bytes.size();
      found.push_back(entry->bytes);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<EntryPointer> entries_;
  crdt::VersionVector vector_;
  crdt::Stock stock_;
};

class DiskSource final : public EntrySource {
 public:
  explicit DiskSource(const Disk& disk) : disk_(disk) {}
  Result<std::vector<Bytes>> read(const JournalId& journal, const crdt::IntervalSet& numbers,
                                  std::size_t bytes_max) override {
    return disk_.read(journal, numbers, bytes_max);
  }

 private:
  const Disk& disk_;
};

class Terminal {
 public:
  Terminal(const std::string& name, const std::string& mode, const std::string& data,
           int follower_keeps_ms = 100, const std::string& store = "london-1",
           std::uint64_t seed = 1)
      : till(name, "acme", store, seed), disk(std::make_shared<Disk>()) {
    StoreDatabaseConfig config;
    config.mode = mode;
    config.data = data;
    config.tenant = "acme";
    config.store = store;
    config.look_after_ms = 50;
    config.give_back_answer_ms = 1000;
    config.terminal = name;
    config.batch_entries_max = 50;
    config.queued_entries_max = 100;
    config.follower_keeps_ms = follower_keeps_ms;
    StoreDatabaseCallbacks callbacks;
    callbacks.post = [](std::function<void()> work) { work(); };
    callbacks.on_lease_refused = [this](election::Token holder, bool gone) {
      refused_term = holder.term;
      refused_gone = gone;
    };
    callbacks.on_give_back = [this](const std::vector<Bytes>& entries,
                                    const std::vector<PublicKey>& keys) {
      take_back(entries, keys);
    };
    callbacks.on_gave_back = [this](std::uint64_t taken, std::uint64_t refused) {
      gave_back = taken;
      kept_back = refused;
      has_given = true;
    };
    database = std::make_unique<StoreDatabase>(config, std::make_unique<DiskSource>(*disk),
                                               till.codec, std::move(callbacks));
  }

  void lead(std::uint64_t term) { database->lead({term, till.process}, disk->vector()); }
  void sell(int entries, const std::string& sku = "A") {
    for (int i = 0; i < entries; ++i) {
      const EntryPointer entry = till.sell(sku, 1);
      disk->keep(entry);
      database->on_stored(std::span(&entry, 1));
    }
  }
  // As the node does it: what is here already, and what nobody can prove, is left alone.
  void take_back(const std::vector<Bytes>& entries, const std::vector<PublicKey>& keys) {
    std::vector<EntryPointer> decoded;
    for (const Bytes& bytes : entries) {
      auto entry = till.codec.decode_entry(bytes);
      if (!entry ||
          disk->vector().contains(entry->envelope.id.journal, entry->envelope.id.number)) {
        continue;
      }
      decoded.push_back(std::make_shared<const mesh::Entry>(std::move(*entry)));
    }
    mesh::VerifyContext context;
    context.tenant_store = mesh::tenant_store_hash("acme", "london-1");
    context.offered_keys = keys;
    for (const auto& entry : mesh::check_entries(std::move(decoded), context).accepted) {
      disk->keep(entry);
      database->on_stored(std::span(&entry, 1));
    }
  }
  void wait_until_given() {
    wait_until([&] { return has_given.load(); }, "everything to be given back",
               [&] { return seen(); });
  }
  std::string seen() const {
    const auto status = database->status();
    return std::string(to_string(status.state)) + " complete_to " +
           std::to_string(status.complete_to) + " behind " + std::to_string(status.behind) + " " +
           status.message;
  }
  void wait_for(StoreDatabaseState state) {
    wait_until([&] { return database->status().state == state; },
               std::string("state ") + to_string(state), [&] { return seen(); });
  }
  void wait_complete(std::uint64_t entries) {
    wait_until(
        [&] {
          const auto status = database->status();
          return status.state == StoreDatabaseState::up && status.complete_to == entries &&
                 status.behind == 0;
        },
        std::to_string(entries) + " entries projected", [&] { return seen(); });
  }

  Till till;
  std::shared_ptr<Disk> disk;
  std::atomic<std::uint64_t> refused_term{0};
  std::atomic<bool> refused_gone{false};
  std::atomic<std::uint64_t> gave_back{0};
  std::atomic<std::uint64_t> kept_back{0};
  std::atomic<bool> has_given{false};
  std::unique_ptr<StoreDatabase> database;
};

crdt::Stock::Sums inventory_at(const std::string& url) {
  const auto connection = open_connection(url);
  set_search_path(*connection, "acme");
  pqxx::work transaction(*connection);
  crdt::Stock::Sums sums;
  for (const auto& row : transaction.exec("SELECT sku, added, removed FROM inventory")) {
    sums[row[0].as<std::string>()] = {std::stoull(row[1].c_str()), std::stoull(row[2].c_str())};
  }
  return sums;
}

long postmaster_of(const std::string& data) {
  std::ifstream file(data + "/postgres/cluster/postmaster.pid");
  long pid = 0;
  file >> pid;
  return pid;
}

bool lives(long pid) {
  return pid > 0 && ::kill(static_cast<pid_t>(pid), 0) == 0;
}

TEST_CASE("a private PostgreSQL is made, filled from disk, followed, and stopped") {
  test::TemporaryFolder folder;
  Terminal terminal("till-1", "auto", folder.path);
  CHECK(terminal.database->status().state == StoreDatabaseState::off);
  terminal.sell(230);
  terminal.lead(1);
  terminal.wait_complete(230);
  CHECK(terminal.database->status().progress == 1.0);
  terminal.sell(300, "B");
  terminal.wait_complete(530);
  const std::string url = terminal.database->status().address;
  CHECK(inventory_at(url) == terminal.disk->sums());
  const long pid = postmaster_of(folder.path);
  CHECK(lives(pid));
  terminal.database->follow();
  terminal.wait_for(StoreDatabaseState::off);
  wait_until([&] { return !lives(pid); }, "the server to be gone");

  // Leading again goes on from the cursors.
  terminal.sell(20);
  terminal.lead(2);
  terminal.wait_complete(550);
  CHECK(inventory_at(terminal.database->status().address) == terminal.disk->sums());
}

TEST_CASE("PostgreSQL killed under the leader is noticed, started again, and caught up") {
  test::TemporaryFolder folder;
  Terminal terminal("till-1", "auto", folder.path);
  terminal.lead(1);
  terminal.wait_for(StoreDatabaseState::up);
  terminal.sell(50);
  const long pid = postmaster_of(folder.path);
  REQUIRE(lives(pid));
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  terminal.sell(300);
  wait_until([&] { return postmaster_of(folder.path) != pid && lives(postmaster_of(folder.path)); },
             "another server", [&] { return terminal.seen(); });
  terminal.wait_complete(350);
  CHECK(inventory_at(terminal.database->status().address) == terminal.disk->sums());
}

TEST_CASE("the server holds none of the terminal's sockets") {
  test::TemporaryFolder folder;
  const int terminals_socket = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(terminals_socket >= 0);
  const auto own =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(terminals_socket));
  Terminal terminal("till-1", "auto", folder.path);
  terminal.lead(1);
  terminal.wait_for(StoreDatabaseState::up);
  const auto its_files = "/proc/" + std::to_string(postmaster_of(folder.path)) + "/fd";
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(its_files)) {
    std::error_code gone;
    CHECK(std::filesystem::read_symlink(file.path(), gone) != own);
    ++files;
  }
  CHECK(files > 2);
  ::close(terminals_socket);
}

TEST_CASE("a stale pid file that names a stranger does not keep the server from starting") {
  test::TemporaryFolder folder;
  {
    Terminal terminal("till-1", "auto", folder.path);
    terminal.lead(1);
    terminal.wait_for(StoreDatabaseState::up);
  }
  std::ofstream(folder.path + "/postgres/cluster/postmaster.pid") << ::getpid() << "\n";
  Terminal terminal("till-1", "auto", folder.path);
  terminal.lead(2);
  terminal.wait_for(StoreDatabaseState::up);
}

TEST_CASE("a cluster that cannot be started is set aside and made anew") {
  test::TemporaryFolder folder;
  {
    Terminal terminal("till-1", "auto", folder.path);
    terminal.lead(1);
    terminal.wait_for(StoreDatabaseState::up);
  }
  std::ofstream(folder.path + "/postgres/cluster/global/pg_control", std::ios::trunc) << "rubbish";
  Terminal terminal("till-1", "auto", folder.path);
  terminal.sell(10);
  terminal.lead(2);
  terminal.wait_complete(10);
  CHECK(std::filesystem::exists(folder.path + "/postgres/broken"));
}

TEST_CASE("a long data path still gets its socket") {
  test::TemporaryFolder folder;
  const std::string data = folder.path + "/" + std::string(120, 'x');
  std::filesystem::create_directories(data);
  Terminal terminal("till-1", "auto", data);
  terminal.lead(1);
  terminal.wait_for(StoreDatabaseState::up);
}

// The terminal of the same name with an empty disk: the journal's file was lost.
std::unique_ptr<Terminal> rebuilt(const std::string& mode, const std::string& data) {
  return std::make_unique<Terminal>("till-1", mode, data, 100, "london-1", 2);
}

TEST_CASE("a private database gives back what the journal has lost, and both go on") {
  test::TemporaryFolder folder;
  crdt::Stock::Sums before;
  {
    Terminal terminal("till-1", "auto", folder.path);
    terminal.sell(230);
    terminal.lead(1);
    terminal.wait_complete(230);
    before = terminal.disk->sums();
  }
  const auto terminal = rebuilt("auto", folder.path);
  terminal->database->on_journal_opened(terminal->disk->vector());
  terminal->sell(3, "B");
  terminal->lead(2);
  terminal->wait_until_given();
  CHECK(terminal->gave_back == 230);
  CHECK(terminal->kept_back == 0);
  CHECK(terminal->disk->sums().at("A") == before.at("A"));
  terminal->wait_complete(233);
  CHECK(inventory_at(terminal->database->status().address) == terminal->disk->sums());
}

TEST_CASE("who does not lead looks once into its private database, gives back, and stops it") {
  test::TemporaryFolder folder;
  {
    Terminal terminal("till-1", "auto", folder.path);
    terminal.sell(120);
    terminal.lead(1);
    terminal.wait_complete(120);
  }
  const auto terminal = rebuilt("auto", folder.path);
  terminal->database->on_journal_opened(terminal->disk->vector());
  terminal->wait_until_given();
  CHECK(terminal->gave_back == 120);
  CHECK(terminal->disk->vector().entry_count() == 120);
  CHECK(terminal->database->status().state == StoreDatabaseState::off);
  wait_until([&] { return !lives(postmaster_of(folder.path)); }, "the server to be gone");
}

TEST_CASE("a file that was replaced by a lesser one under the leader is filled up again") {
  test::TemporaryFolder folder;
  Terminal terminal("till-1", "auto", folder.path);
  terminal.sell(60);
  terminal.lead(1);
  terminal.wait_complete(60);
  terminal.disk->lose_all_but(20);
  terminal.database->on_journal_opened(terminal.disk->vector());
  terminal.wait_until_given();
  CHECK(terminal.gave_back == 40);
  terminal.wait_complete(60);
}

TEST_CASE("a database that was never made, or is older than the journal, is left alone") {
  test::TemporaryFolder folder;
  Terminal terminal("till-1", "auto", folder.path);
  terminal.sell(5);
  terminal.database->on_journal_opened(terminal.disk->vector());
  terminal.lead(1);
  terminal.wait_complete(5);
  terminal.sell(5);
  terminal.wait_complete(10);
  CHECK_FALSE(terminal.has_given);
  CHECK(terminal.disk->vector().entry_count() == 10);
}

TEST_CASE("a shared database gives back to the next leader, and to no other store") {
  test::TestPostgres postgres;
  Terminal lost("till-1", postgres.url(), "");
  lost.sell(80);
  lost.lead(1);
  lost.wait_complete(80);
  lost.database.reset();

  Terminal stranger("till-9", postgres.url(), "", 100, "paris-1");
  stranger.sell(7);
  stranger.lead(1);
  stranger.wait_complete(7);
  CHECK_FALSE(stranger.has_given);

  Terminal next("till-2", postgres.url(), "");
  next.sell(5, "B");
  next.lead(2);
  next.wait_until_given();
  CHECK(next.gave_back == 80);
  next.wait_complete(85);
  CHECK(next.disk->sums().at("A").removed == 80'000'000);
}

TEST_CASE("rows that prove nothing are told, and hold up nothing") {
  test::TestPostgres postgres;
  {
    Terminal lost("till-1", postgres.url(), "");
    lost.sell(30);
    lost.lead(1);
    lost.wait_complete(30);
  }
  {
    const auto connection = open_connection(postgres.url());
    set_search_path(*connection, "acme");
    pqxx::work transaction(*connection);
    transaction.exec("DELETE FROM entries WHERE number = 4");
    // The last signature covers the run before it; that of number 29 the rest.
    transaction.exec(
        "UPDATE entries SET bytes = set_byte(bytes, octet_length(bytes) - 40, 7) WHERE number = "
        "30");
    transaction.commit();
  }
  Terminal next("till-2", postgres.url(), "");
  next.lead(2);
  next.wait_until_given();
  CHECK(next.gave_back == 28);
  CHECK(next.kept_back == 2);
  wait_until(
      [&] { return next.seen().find("2 entries of it are in no journal") != std::string::npos; },
      "the two to be told", [&] { return next.seen(); });
}

TEST_CASE("on a shared database the higher token writes, the lower one changes nothing") {
  test::TestPostgres postgres;
  Terminal first("till-1", postgres.url(), "");
  Terminal second("till-2", postgres.url(), "");
  first.sell(40);
  first.lead(5);
  first.wait_complete(40);

  second.lead(4);
  second.wait_for(StoreDatabaseState::refused);
  wait_until([&] { return second.refused_term == 5; }, "the refusal to be told");
  CHECK_FALSE(second.refused_gone);

  // The second leader rises above; the first is fenced and its later sales wait.
  second.lead(6);
  second.wait_for(StoreDatabaseState::up);
  first.sell(10);
  first.wait_for(StoreDatabaseState::refused);
  CHECK(first.refused_term == 6);
  CHECK(inventory_at(postgres.url()).at("A").removed == 40'000'000);

  // Both leaders' entries end up there, each once, whoever writes them.
  second.database->follow();
  second.wait_for(StoreDatabaseState::off);
  first.lead(7);
  first.wait_complete(50);
  CHECK(inventory_at(postgres.url()) == first.disk->sums());
}

TEST_CASE("a shared database that goes away and comes back") {
  test::TestPostgres postgres;
  Terminal terminal("till-1", postgres.url(), "");
  terminal.lead(1);
  terminal.wait_for(StoreDatabaseState::up);
  terminal.sell(10);
  terminal.wait_complete(10);
  postgres.stop();
  terminal.sell(500);
  terminal.wait_for(StoreDatabaseState::failed);
  CHECK_FALSE(terminal.database->status().message.empty());
  postgres.start();
  terminal.wait_complete(510);
  CHECK(inventory_at(postgres.url()) == terminal.disk->sums());
}

// A server that accepts connections and says nothing.
class SilentServer {
 public:
  SilentServer() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 4) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  void accept_one() {
    const int peer = ::accept(socket_, nullptr, nullptr);
    char byte = 0;
    REQUIRE(::read(peer, &byte, 1) == 1);  // its first message is here: it waits for the answer
    peers_.push_back(peer);
  }

  int port = 0;

 private:
  int socket_ = -1;
  std::vector<int> peers_;
};

int ms_to_end(std::unique_ptr<StoreDatabase> database) {
  const auto begun = std::chrono::steady_clock::now();
  database.reset();
  const auto took = std::chrono::steady_clock::now() - begun;
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
}

TEST_CASE("a server that accepts and says nothing does not hold up the end") {
  SilentServer server;
  Terminal terminal("till-1",
                    "postgresql://titan@127.0.0.1:" + std::to_string(server.port) +
                        "/x?sslmode=disable&gssencmode=disable&connect_timeout=30",
                    "");
  terminal.lead(1);
  server.accept_one();
  CHECK(ms_to_end(std::move(terminal.database)) < 900);
}

TEST_CASE("a server that hangs in the middle of a query does not hold up the end") {
  test::TestPostgres shared;
  shared.start();
  Terminal terminal("till-1", shared.url(), "");
  terminal.sell(3);
  terminal.lead(1);
  terminal.wait_complete(3);
  long backend = 0;
  {
    const auto connection = open_connection(shared.url());
    pqxx::work transaction(*connection);
    const auto rows = transaction.exec(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'titan-mesh' AND pid <> "
        "pg_backend_pid()");
    REQUIRE(rows.size() == 1);
    backend = rows[0][0].as<long>();
  }
  REQUIRE(::kill(static_cast<pid_t>(backend), SIGSTOP) == 0);
  terminal.sell(3);
  wait_until([&] { return terminal.database->status().behind == 0; }, "the batch to be taken up",
             [&] { return terminal.seen(); });
  const int took = ms_to_end(std::move(terminal.database));
  ::kill(static_cast<pid_t>(backend), SIGCONT);
  CHECK(took < 900);
}

TEST_CASE("the private server runs on for a while after a leadership, and is used again") {
  test::TemporaryFolder folder;
  Terminal terminal("till-1", "auto", folder.path, 30'000);
  terminal.sell(5);
  terminal.lead(1);
  terminal.wait_complete(5);
  const long pid = postmaster_of(folder.path);
  terminal.database->follow();
  terminal.wait_for(StoreDatabaseState::off);
  terminal.sell(5);
  terminal.lead(2);
  terminal.wait_complete(10);
  CHECK(postmaster_of(folder.path) == pid);
  CHECK(ms_to_end(std::move(terminal.database)) < 1200);
  CHECK_FALSE(lives(pid));
}

TEST_CASE("mode none does nothing, politely") {
  Terminal terminal("till-1", "none", "");
  terminal.lead(1);
  terminal.sell(3);
  CHECK(terminal.database->status().state == StoreDatabaseState::off);
}

}  // namespace
}  // namespace titan::uplink
