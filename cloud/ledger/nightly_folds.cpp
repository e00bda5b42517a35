#include "cloud/ledger/nightly_folds.h"

#include <spdlog/spdlog.h>

#include "cloud/database/ask_database.h"
#include "cloud/ledger/folding.h"

namespace titan::cloud {
namespace {

// Between two looks at which stores are due. Longer: a fold comes later by as much.
constexpr std::chrono::seconds look_every(60);

}  // namespace

NightlyFolds::NightlyFolds(boost::asio::io_context& loop, DatabaseWorker& worker,
                           Projector& projector, std::vector<std::string> tenants,
                           int minute_of_day)
    : loop_(loop),
      worker_(worker),
      projector_(projector),
      tenants_(std::move(tenants)),
      minute_of_day_(minute_of_day),
      timer_(loop) {}

void NightlyFolds::start() {
  look(0);
}

void NightlyFolds::look_later() {
  timer_.expires_after(look_every);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) look(0);
  });
}

// A tenant whose database does not answer is looked at again with the next round.
void NightlyFolds::look(std::size_t tenant) {
  if (tenant == tenants_.size()) return fold_next();
  ask_database<std::vector<std::string>>(
      loop_, worker_, tenants_[tenant],
      [minute = minute_of_day_](pqxx::connection& connection) {
        pqxx::read_transaction transaction(connection);
        return Result<std::vector<std::string>>(stores_due(transaction, minute));
      },
      [this, tenant](const Result<std::vector<std::string>>& stores) {
        if (stores) {
          for (const std::string& store : *stores) due_.push_back({tenants_[tenant], store});
        }
        look(tenant + 1);
      });
}

void NightlyFolds::fold_next() {
  if (due_.empty()) return look_later();
  const StoreKey key = due_.front();
  due_.pop_front();
  projector_.fold(key, minute_of_day_, [this, key](const Result<std::uint64_t>& feed_number) {
    if (!feed_number) {
      spdlog::warn("store {}: it could not be folded, which is tried again: {}", key.text(),
                   feed_number.error().message);
    }
    fold_next();
  });
}

}  // namespace titan::cloud
