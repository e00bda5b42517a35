#include "cloud/database/cloud_schema.h"

#include "uplink/postgres/schema.h"

namespace titan::cloud {

namespace {

constexpr const char* tables = R"sql(
SELECT pg_advisory_xact_lock(7411, 2);
CREATE TABLE IF NOT EXISTS stores (
  store text PRIMARY KEY,
  epoch bigint NOT NULL, epoch_random bytea NOT NULL, watermark_sequence bigint NOT NULL,
  feed_journal bytea NOT NULL, feed_number bigint NOT NULL, feed_hash bytea NOT NULL,
  feed_utc_ms bigint NOT NULL, feed_clock bigint NOT NULL,
  created timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS tenant_products (
  sku text PRIMARY KEY, product bytea NOT NULL, changed timestamptz NOT NULL DEFAULT now());
)sql";

// Journals have had names that show their owner since before the first release; what was written
// before bears names that nobody accepts.
constexpr const char* feed_opening = R"sql(
ALTER TABLE stores ADD COLUMN IF NOT EXISTS feed_opening bytea NOT NULL DEFAULT '';
DO $$ BEGIN
  IF EXISTS (SELECT FROM stores WHERE feed_number > 0 AND feed_opening = '') THEN
    RAISE EXCEPTION 'this database was written by a version before the first release, whose journals '
      'no terminal accepts any more; drop it, or choose another';
  END IF;
END $$;
)sql";

// folds: the newest of each store. The other three say what it covers, the stock that this comes
// to, and which claims it tells of.
constexpr const char* folds = R"sql(
CREATE TABLE IF NOT EXISTS folds (
  store text PRIMARY KEY, number bigint NOT NULL, content_hash bytea NOT NULL,
  entries bigint NOT NULL, made timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS fold_journals (
  store text NOT NULL, journal bytea NOT NULL, device bytea NOT NULL,
  stored text NOT NULL, content bytea NOT NULL,
  PRIMARY KEY (store, journal));
CREATE TABLE IF NOT EXISTS fold_stock (
  store text NOT NULL, sku text NOT NULL,
  added numeric(20) NOT NULL, removed numeric(20) NOT NULL,
  PRIMARY KEY (store, sku));
CREATE TABLE IF NOT EXISTS fold_claims (
  store text NOT NULL, claim bytea NOT NULL,
  PRIMARY KEY (store, claim));
)sql";

// The feed orders behind what a version before this one stored without taking its clock in.
constexpr const char* catch_up = R"sql(
UPDATE stores s SET feed_clock = seen.clock FROM (
  SELECT store, max(logical_clock) AS clock FROM product_layers WHERE NOT from_feed GROUP BY store
) seen WHERE seen.store = s.store AND seen.clock > s.feed_clock;
)sql";

}  // namespace

void prepare_cloud_tenant(pqxx::connection& connection, const std::string& tenant) {
  uplink::prepare_tenant(connection, tenant);
  pqxx::work transaction(connection);
  transaction.exec(tables);
  transaction.exec(feed_opening);
  transaction.exec(folds);
  transaction.exec(catch_up);
  transaction.commit();
}

}  // namespace titan::cloud
