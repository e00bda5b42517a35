#include "tests/simulations/contract/store_database/postgres_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace titan::test {
namespace {

constexpr const char* socket_name = "/.s.PGSQL.5432";
// How long the relay may take to see that it is to stop.
constexpr int look_every_ms = 20;
// Words of the protocol as they travel: a query of the simple protocol, a command's completion.
constexpr BytesView insert_words = "INSERT INTO entries ";
constexpr BytesView commit_query("COMMIT\0", 7);

sockaddr_un address_of(const std::string& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder + socket_name;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool send_all(int socket, BytesView bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Nothing: the other side has closed.
std::optional<Bytes> receive_some(int socket) {
  char buffer[65536];
  const auto got = ::recv(socket, buffer, sizeof buffer, 0);
  if (got <= 0) return std::nullopt;
  return Bytes(buffer, static_cast<std::size_t>(got));
}

}  // namespace

PostgresRelay::PostgresRelay(const std::string& server) : server_(address_of(server)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(folder_.path);
  REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener_, 8) == 0);
  thread_ = std::thread([this] { run(); });
}

PostgresRelay::~PostgresRelay() {
  stopping_ = true;
  thread_.join();
  for (Line& line : lines_) close(line);
  ::close(listener_);
}

void PostgresRelay::close(Line& line) {
  ::close(line.client);
  ::close(line.server);
}

void PostgresRelay::run() {
  while (!stopping_) {
    if (broken_off_) {
      for (Line& line : lines_) close(line);
      lines_.clear();
    }
    std::vector<pollfd> watched = {{listener_, POLLIN, 0}};
    for (const Line& line : lines_) {
      watched.push_back({line.client, POLLIN, 0});
      watched.push_back({line.server, POLLIN, 0});
    }
    if (::poll(watched.data(), watched.size(), look_every_ms) <= 0) continue;
    std::size_t place = 1;
    for (auto line = lines_.begin(); line != lines_.end();) {
      const bool from_client = watched[place].revents != 0;
      const bool from_server = watched[place + 1].revents != 0;
      place += 2;
      const bool stands =
          (!from_client || pass_to_server(*line)) && (!from_server || pass_to_client(*line));
      if (!stands) close(*line);
      line = stands ? std::next(line) : lines_.erase(line);
    }
    if (watched[0].revents != 0) accept_one();
  }
}

void PostgresRelay::accept_one() {
  Line line;
  line.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (line.client < 0) return;
  line.server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool refused =
      broken_off_ ||
      ::connect(line.server, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) != 0;
  if (refused) return close(line);
  lines_.push_back(line);
}

bool PostgresRelay::is_commit_of_entries(Line& line, BytesView piece) {
  line.tail += piece;
  if (line.tail.find(insert_words) != Bytes::npos) line.brings_entries = true;
  const bool commits = line.tail.find(commit_query) != Bytes::npos;
  const std::size_t kept = std::min(line.tail.size(), insert_words.size());
  line.tail.erase(0, commits ? line.tail.size() : line.tail.size() - kept);
  return commits && std::exchange(line.brings_entries, false);
}

bool PostgresRelay::pass_to_server(Line& line) {
  const auto piece = receive_some(line.client);
  if (!piece) return false;
  if (is_commit_of_entries(line, *piece)) {
    const Plan planned = plan_;
    if (planned == Plan::cut_before) {
      plan_ = Plan::pass;
      done_ = true;
      return false;
    }
    if (planned == Plan::hold) {
      plan_ = Plan::pass;
      line.holds = true;
      done_ = true;
    }
    // Marks the line: the next completed COMMIT on it is the one meant.
    line.brings_entries = planned == Plan::cut_after;
  }
  return line.holds || send_all(line.server, *piece);
}

bool PostgresRelay::pass_to_client(Line& line) {
  const auto piece = receive_some(line.server);
  if (!piece) return false;
  const bool is_answer =
      plan_ == Plan::cut_after && line.brings_entries && piece->find(commit_query) != Bytes::npos;
  if (is_answer) {
    plan_ = Plan::pass;
    done_ = true;
    return false;
  }
  return send_all(line.client, *piece);
}

}  // namespace titan::test
