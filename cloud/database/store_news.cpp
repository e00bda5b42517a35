#include "cloud/database/store_news.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <chrono>

#include "base/hex.h"
#include "cloud/config/cloud_key.h"
#include "uplink/postgres/schema.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {
namespace {

constexpr const char* news_channel = "titan_store_moved";
constexpr std::size_t gateway_bytes = 8;
// How long a stop may wait for the listening thread.
constexpr int look_up_every_ms = 200;
constexpr int reconnect_pause_ms = 500;

class Receiver : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection_base& connection, std::function<void(const std::string&)> heard)
      : notification_receiver(connection, news_channel), heard_(std::move(heard)) {}
  void operator()(const std::string& payload, int) override { heard_(payload); }

 private:
  const std::function<void(const std::string&)> heard_;
};

}  // namespace

StoreNews::StoreNews() : gateway_(to_hex(random_seed().view().substr(0, gateway_bytes))) {}

// "GATEWAY TENANT/STORE": a store's name holds no slash.
void StoreNews::tell(pqxx::transaction_base& transaction, const StoreKey& key) const {
  transaction.exec("SELECT pg_notify(" + uplink::sql_text(news_channel) + ", " +
                   uplink::sql_text(gateway_ + " " + key.tenant + "/" + key.store) + ")");
}

std::optional<StoreKey> StoreNews::read(const std::string& payload) const {
  const auto space = payload.find(' ');
  if (space == std::string::npos || payload.substr(0, space) == gateway_) return std::nullopt;
  const auto slash = payload.rfind('/');
  if (slash == std::string::npos || slash < space) return std::nullopt;
  return StoreKey{payload.substr(space + 1, slash - space - 1), payload.substr(slash + 1)};
}

StoreNewsListener::StoreNewsListener(boost::asio::io_context& loop, std::string database_url,
                                     const StoreNews& news, Heard heard, Missed missed)
    : loop_(loop),
      database_url_(std::move(database_url)),
      news_(news),
      heard_(std::move(heard)),
      missed_(std::move(missed)),
      thread_([this] { listen(); }) {}

StoreNewsListener::~StoreNewsListener() {
  stopping_ = true;
  thread_.join();
}

// The workers tell the log of a database that is away; here it only means to try again.
void StoreNewsListener::listen() {
  while (!stopping_) {
    try {
      listen_once();
    } catch (const std::exception& error) {
      spdlog::debug("news of other gateways is not heard: {}", uplink::one_line(error.what()));
      std::this_thread::sleep_for(std::chrono::milliseconds(reconnect_pause_ms));
    }
  }
}

void StoreNewsListener::listen_once() {
  const auto connection = uplink::open_connection(database_url_);
  const Receiver receiver(*connection, [this](const std::string& payload) {
    if (const auto key = news_.read(payload)) {
      boost::asio::post(loop_, [this, key = *key] { heard_(key); });
    }
  });
  boost::asio::post(loop_, [this] { missed_(); });
  while (!stopping_) connection->await_notification(0, look_up_every_ms * 1000);
}

}  // namespace titan::cloud
