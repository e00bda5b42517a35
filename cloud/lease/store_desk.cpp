#include "cloud/lease/store_desk.h"

#include <boost/asio/post.hpp>
#include <chrono>

#include "cloud/config/cloud_key.h"
#include "election/term_bound.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

using uplink::sql_bytes;
using uplink::sql_text;

StoreDesk::StoreDesk(boost::asio::io_context& loop, const std::string& database_url,
                     const mesh::Codec& codec, const FeedWriter& feed, const StoreNews& news)
    : loop_(loop),
      feed_(feed),
      news_(news),
      codec_(codec),
      database_("store desk", database_url, desk_queue_max) {}

template <class T>
void StoreDesk::post(const std::string& tenant, std::function<T(pqxx::connection&)> run,
                     Done<T> done) {
  database_.post({tenant,
                  [this, run = std::move(run), done](pqxx::connection& connection) {
                    auto value = std::make_shared<T>(run(connection));
                    boost::asio::post(loop_, [done, value] { done(std::move(*value)); });
                  },
                  [this, done](const Error& error) {
                    boost::asio::post(loop_, [done, error] { done(error); });
                  }});
}

void StoreDesk::prepare(const std::string& tenant) {
  database_.post({tenant,
                  [](pqxx::connection& connection) {
                    pqxx::work transaction(connection);
                    transaction.exec("SELECT 1");
                  },
                  [](const Error&) {}});
}

void StoreDesk::begin_feed(pqxx::transaction_base& transaction, const StoreKey& key) {
  std::vector<Bytes> products;
  // The catalogue must not change between here and the commit that makes the store known.
  transaction.exec("SELECT pg_advisory_xact_lock_shared(7411, 3)");
  const auto rows = transaction.exec("SELECT product FROM tenant_products ORDER BY sku");
  for (const auto& row : rows) products.push_back(pqxx::binarystring(row[0]).str());
  StoreRow store = read_store_row(transaction, key.store, true).value();
  using namespace std::chrono;
  const WallTime now{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
  const auto items = product_items(products);
  if (!items) throw std::runtime_error(items.error().message);
  const auto entries = feed_.append(transaction, key, store, *items, now);
  uplink::StoreProjector projector(key.store, device_of(feed_.public_key()));
  projector.load(transaction);
  projector.apply(transaction, entries, {});
  raise_watermark(transaction, key.store);
}

OpenedStore StoreDesk::open_now(pqxx::connection& connection, const StoreKey& key,
                                const election::Token& token, const std::string& terminal) {
  OpenedStore opened;
  {
    pqxx::work transaction(connection);
    const Bytes random(random_seed().view().substr(0, 16));
    opened.created = create_store_row(transaction, key.store, random);
    // Of a store that nobody has seen yet, the first term too is bounded; nothing is kept of it.
    if (opened.created && !election::is_plausible_term(token.term, 0)) {
      opened.refused_by = uplink::LeaseHolder{{}, "", true, true};
      return opened;
    }
    if (opened.created) begin_feed(transaction, key);
    opened.refused_by = uplink::acquire_lease(transaction, key.store, token, terminal);
    if (!opened.refused_by) news_.tell(transaction, key);
    transaction.commit();
  }
  opened.position = read_position(connection, key);
  return opened;
}

// Cursors and sequence must belong together: a watermark's sequence names one vector.
StorePosition StoreDesk::read_position(pqxx::connection& connection, const StoreKey& key) {
  pqxx::transaction<pqxx::repeatable_read> snapshot(connection);
  const StoreRow row = read_store_row(snapshot, key.store, false).value();
  uplink::StoreProjector projector(key.store, device_of(feed_.public_key()));
  projector.load(snapshot);
  snapshot.commit();
  StorePosition position;
  position.epoch = row.epoch;
  position.epoch_random = row.epoch_random;
  position.sequence = row.watermark_sequence;
  position.vector = std::make_shared<const crdt::VersionVector>(projector.vector());
  position.feed_journal = row.feed.journal;
  position.feed_number = row.feed.number;
  for (const auto& [device, public_key] : projector.keys()) {
    position.device_keys.push_back(public_key);
  }
  return position;
}

void StoreDesk::open(const StoreKey& key, const election::Token& token, const std::string& terminal,
                     Done<OpenedStore> done) {
  post<OpenedStore>(
      key.tenant,
      [this, key, token, terminal](pqxx::connection& connection) {
        return open_now(connection, key, token, terminal);
      },
      std::move(done));
}

LeaseAnswer StoreDesk::ask_for_lease(pqxx::connection& connection, const StoreKey& key,
                                     const election::Token& token, std::uint64_t sequence,
                                     bool renews) {
  LeaseAnswer answer;
  std::uint64_t stands_at = 0;
  {
    pqxx::work transaction(connection);
    // A renewal lost in a crash of the database only makes the holder look gone earlier.
    transaction.exec("SET LOCAL synchronous_commit TO off");
    const bool is_held = renews ? uplink::renew_lease(transaction, key.store, token)
                                : uplink::holds_lease(transaction, key.store, token);
    if (!is_held) {
      answer.lost_to = uplink::read_lease(transaction, key.store).value_or(uplink::LeaseHolder{});
    }
    const auto row = read_store_row(transaction, key.store, false);
    if (row) stands_at = row->watermark_sequence;
    transaction.commit();
  }
  const bool is_ahead = !answer.lost_to && stands_at > sequence;
  if (is_ahead) answer.position = read_position(connection, key);
  return answer;
}

void StoreDesk::renew(const StoreKey& key, const election::Token& token, std::uint64_t sequence,
                      Done<LeaseAnswer> done) {
  post<LeaseAnswer>(
      key.tenant,
      [this, key, token, sequence](pqxx::connection& connection) {
        return ask_for_lease(connection, key, token, sequence, true);
      },
      std::move(done));
}

void StoreDesk::look(const StoreKey& key, const election::Token& token, std::uint64_t sequence,
                     Done<LeaseAnswer> done) {
  post<LeaseAnswer>(
      key.tenant,
      [this, key, token, sequence](pqxx::connection& connection) {
        return ask_for_lease(connection, key, token, sequence, false);
      },
      std::move(done));
}

void StoreDesk::release(const StoreKey& key, const election::Token& token) {
  post<bool>(
      key.tenant,
      [key, token](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        uplink::release_lease(transaction, key.store, token);
        transaction.commit();
        return true;
      },
      [](Result<bool>) {});
}

void StoreDesk::reset_lease(const StoreKey& key, Done<StorePosition> done) {
  using Outcome = std::optional<StorePosition>;
  post<Outcome>(
      key.tenant,
      [this, key](pqxx::connection& connection) -> Outcome {
        {
          pqxx::work transaction(connection);
          if (!read_store_row(transaction, key.store, true)) return std::nullopt;
          uplink::reset_lease(transaction, key.store);
          begin_epoch(transaction, key.store, random_seed().view().substr(0, 16));
          news_.tell(transaction, key);
          transaction.commit();
        }
        return read_position(connection, key);
      },
      [key, done](Result<Outcome> outcome) {
        if (!outcome) return done(outcome.error());
        if (!*outcome) {
          return done(make_error(ErrorCode::not_found, "no store '" + key.store + "' of tenant '" +
                                                           key.tenant + "' has ever connected"));
        }
        done(std::move(**outcome));
      });
}

void StoreDesk::release_if_silent(const StoreKey& key, const election::Token& token, MonoTime cut) {
  post<bool>(
      key.tenant,
      [key, token, cut](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        // Counted here: the job may have waited for its turn.
        using namespace std::chrono;
        const auto since =
            duration_cast<Duration>(steady_clock::now().time_since_epoch()) - cut.since_start;
        const auto silent_ms = duration_cast<milliseconds>(since).count() + uplink::cut_margin_ms;
        uplink::release_silent_lease(transaction, key.store, token, static_cast<int>(silent_ms));
        transaction.commit();
        return true;
      },
      [](Result<bool>) {});
}

void StoreDesk::read_feed(const StoreKey& key, const JournalId& journal, std::uint64_t above,
                          std::size_t bytes_max, Done<ReadEntries> done) {
  post<ReadEntries>(
      key.tenant,
      [key, journal, above, bytes_max](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        // The limit keeps one read small whatever the sizes; the rest comes with the next one.
        const auto rows = transaction.exec(
            "SELECT number, bytes FROM entries WHERE store = " + sql_text(key.store) +
            " AND journal = " + sql_bytes(journal.view()) + " AND number > " +
            std::to_string(above) + " ORDER BY number LIMIT 64");
        ReadEntries read;
        std::size_t bytes = 0;
        for (const auto& row : rows) {
          Bytes entry = pqxx::binarystring(row[1]).str();
          if (!read.entries.empty() && bytes + entry.size() > bytes_max) break;
          bytes += entry.size();
          read.last_number = row[0].as<std::uint64_t>();
          read.entries.push_back(std::move(entry));
        }
        return read;
      },
      std::move(done));
}

void StoreDesk::read_entries(const StoreKey& key, std::vector<uplink::WantedNumbers> wanted,
                             std::size_t bytes_max, Done<ReadEntries> done) {
  post<ReadEntries>(
      key.tenant,
      [key, wanted = std::move(wanted), bytes_max](pqxx::connection& connection) {
        pqxx::work transaction(connection);
        ReadEntries read;
        std::size_t bytes = 0;
        for (const auto& journal : wanted) {
          for (const auto& interval : journal.numbers.intervals()) {
            const auto rows =
                transaction.exec("SELECT bytes FROM entries WHERE store = " + sql_text(key.store) +
                                 " AND journal = " + sql_bytes(journal.journal.view()) +
                                 " AND number BETWEEN " + std::to_string(interval.first) + " AND " +
                                 std::to_string(std::min(interval.last, mesh::entry_number_max)) +
                                 " ORDER BY number, hash LIMIT 1000");
            for (const auto& row : rows) {
              Bytes entry = pqxx::binarystring(row[0]).str();
              if (!read.entries.empty() && bytes + entry.size() > bytes_max) return read;
              bytes += entry.size();
              read.entries.push_back(std::move(entry));
            }
            if (rows.size() >= 1000) return read;  // the store asks again for the rest
          }
        }
        return read;
      },
      std::move(done));
}

}  // namespace titan::cloud
