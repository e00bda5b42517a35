#include "cloud/lease/lease_service.h"

#include <chrono>
#include <utility>

#include "cloud/config/cloud_key.h"
#include "cloud/database/ask_database.h"
#include "cloud/feed/new_feed.h"
#include "election/term_bound.h"

namespace titan::cloud {

namespace {

Bytes draw_epoch_random() {
  return Bytes(random_seed().view().substr(0, 16));
}

OpenedStore open_store(pqxx::connection& connection, const FeedWriter& feed, const StoreNews& news,
                       const StoreKey& key, const election::Token& token,
                       const std::string& terminal) {
  OpenedStore opened;
  {
    pqxx::work transaction(connection);
    opened.created = create_store_row(transaction, key.store, draw_epoch_random());
    // Of a store that nobody has seen yet, the first term too is bounded; nothing is kept of it.
    if (opened.created && !election::is_plausible_term(token.term, 0)) {
      opened.refused_by = uplink::LeaseHolder{{}, "", true, true};
      return opened;
    }
    if (opened.created) begin_feed(transaction, feed, key);
    opened.refused_by = uplink::acquire_lease(transaction, key.store, token, terminal);
    if (!opened.refused_by) news.tell(transaction, key);
    transaction.commit();
  }
  opened.position = read_position(connection, key, feed.public_key());
  return opened;
}

enum class Renewal { renews, only_looks };

LeaseAnswer answer_holder(pqxx::connection& connection, const PublicKey& cloud_key,
                          const StoreKey& key, const election::Token& token,
                          const StorePlace& known, Renewal renewal) {
  LeaseAnswer answer;
  bool is_news = false;
  {
    pqxx::work transaction(connection);
    // A renewal lost in a crash of the database only makes the holder look gone earlier.
    transaction.exec("SET LOCAL synchronous_commit TO off");
    const bool is_held = renewal == Renewal::renews
                             ? uplink::renew_lease(transaction, key.store, token)
                             : uplink::holds_lease(transaction, key.store, token);
    if (!is_held) {
      answer.lost_to = uplink::read_lease(transaction, key.store).value_or(uplink::LeaseHolder{});
    }
    const auto row = read_store_row(transaction, key.store, false);
    is_news = row &&
              (row->epoch_random != known.epoch_random || row->watermark_sequence > known.sequence);
    transaction.commit();
  }
  if (is_news && !answer.lost_to) answer.position = read_position(connection, key, cloud_key);
  return answer;
}

Result<StorePosition> reset_store(pqxx::connection& connection, const PublicKey& cloud_key,
                                  const StoreNews& news, const StoreKey& key) {
  {
    pqxx::work transaction(connection);
    if (!read_store_row(transaction, key.store, true)) return never_connected(key);
    uplink::reset_lease(transaction, key.store);
    begin_epoch(transaction, key.store, draw_epoch_random());
    news.tell(transaction, key);
    transaction.commit();
  }
  return read_position(connection, key, cloud_key);
}

// Counted when the job runs: it may have waited for its turn, and silence went on meanwhile.
int silent_ms_since(MonoTime cut) {
  using namespace std::chrono;
  const auto since =
      duration_cast<Duration>(steady_clock::now().time_since_epoch()) - cut.since_start;
  return static_cast<int>(duration_cast<milliseconds>(since).count() + uplink::cut_margin_ms);
}

// Of what nobody waits for.
void ignore(const Result<bool>&) {}

}  // namespace

LeaseService::LeaseService(boost::asio::io_context& loop, DatabaseWorker& worker,
                           const FeedWriter& feed, const StoreNews& news)
    : loop_(loop), worker_(worker), feed_(feed), news_(news) {}

void LeaseService::open(const StoreKey& key, const election::Token& token,
                        const std::string& terminal, Done<OpenedStore> done) {
  ask_database<OpenedStore>(
      loop_, worker_, key.tenant,
      [&feed = feed_, &news = news_, key, token, terminal](pqxx::connection& connection) {
        return open_store(connection, feed, news, key, token, terminal);
      },
      std::move(done));
}

void LeaseService::renew(const StoreKey& key, const election::Token& token, const StorePlace& known,
                         Done<LeaseAnswer> done) {
  ask_database<LeaseAnswer>(
      loop_, worker_, key.tenant,
      [&feed = feed_, key, token, known](pqxx::connection& connection) {
        return answer_holder(connection, feed.public_key(), key, token, known, Renewal::renews);
      },
      std::move(done));
}

void LeaseService::look(const StoreKey& key, const election::Token& token, const StorePlace& known,
                        Done<LeaseAnswer> done) {
  ask_database<LeaseAnswer>(
      loop_, worker_, key.tenant,
      [&feed = feed_, key, token, known](pqxx::connection& connection) {
        return answer_holder(connection, feed.public_key(), key, token, known, Renewal::only_looks);
      },
      std::move(done));
}

void LeaseService::release(const StoreKey& key, const election::Token& token) {
  ask_database<bool>(
      loop_, worker_, key.tenant,
      [key, token](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        uplink::release_lease(transaction, key.store, token);
        transaction.commit();
        return true;
      },
      ignore);
}

void LeaseService::release_if_silent(const StoreKey& key, const election::Token& token,
                                     MonoTime cut) {
  ask_database<bool>(
      loop_, worker_, key.tenant,
      [key, token, cut](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        uplink::release_silent_lease(transaction, key.store, token, silent_ms_since(cut));
        transaction.commit();
        return true;
      },
      ignore);
}

void LeaseService::reset(const StoreKey& key, Done<StorePosition> done) {
  ask_database<StorePosition>(
      loop_, worker_, key.tenant,
      [&feed = feed_, &news = news_, key](pqxx::connection& connection) {
        return reset_store(connection, feed.public_key(), news, key);
      },
      std::move(done));
}

}  // namespace titan::cloud
