#include "uplink/postgres/schema.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "base/crypto.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

namespace {

constexpr int silence_s = 10;  // of a database's host, then the connection counts as lost
constexpr std::size_t tenant_part_max = 48;  // PostgreSQL cuts names at 63 bytes

// sum P - sum N as a signed 64-bit number, although both are modulo 2^64.
constexpr const char* migration_1 = R"sql(
CREATE TABLE entries (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  device bytea NOT NULL, kind bigint NOT NULL, utc_ms bigint NOT NULL,
  business_date date NOT NULL, claim bytea, bytes bytea NOT NULL,
  arrived timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (store, journal, number, hash));

CREATE TABLE devices (
  store text NOT NULL, device bytea NOT NULL, public_key bytea NOT NULL,
  terminal text NOT NULL DEFAULT '',
  PRIMARY KEY (store, device));

CREATE TABLE sync_state (
  store text NOT NULL, journal bytea NOT NULL, device bytea NOT NULL,
  stored text NOT NULL, content bytea NOT NULL, entries bigint NOT NULL,
  PRIMARY KEY (store, journal));

CREATE TABLE leadership (
  store text PRIMARY KEY, term bigint NOT NULL, process bytea NOT NULL, terminal text NOT NULL,
  renewed timestamptz NOT NULL);

CREATE TABLE claims (
  store text NOT NULL, claim bytea NOT NULL,
  journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  PRIMARY KEY (store, claim));

CREATE TABLE inventory (
  store text NOT NULL, sku text NOT NULL,
  added numeric(20) NOT NULL, removed numeric(20) NOT NULL,
  on_hand bigint GENERATED ALWAYS AS
    ((mod(added - removed + 27670116110564327424, 18446744073709551616)
      - 9223372036854775808)::bigint) STORED,
  PRIMARY KEY (store, sku));

CREATE TABLE inventory_deltas (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  line integer NOT NULL, sku text NOT NULL,
  added numeric(20) NOT NULL, removed numeric(20) NOT NULL,
  reason text NOT NULL, counts boolean NOT NULL,
  PRIMARY KEY (store, journal, number, hash, line));
CREATE INDEX inventory_deltas_by_sku ON inventory_deltas (store, sku);

CREATE TABLE sales (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  business_date date NOT NULL, kind text NOT NULL,
  terminal text NOT NULL, receipt text NOT NULL, receipt_number bigint NOT NULL,
  device bytea NOT NULL, utc_ms bigint NOT NULL, utc_offset_minutes integer NOT NULL,
  currency text NOT NULL, exponent integer NOT NULL,
  total_minor bigint NOT NULL, tax_minor bigint NOT NULL, rounding_minor bigint NOT NULL,
  cashier text NOT NULL, customer_token text NOT NULL, training boolean NOT NULL,
  flags text[] NOT NULL, reason text NOT NULL,
  original_journal bytea, original_number bigint, original_hash bytea,
  counts boolean NOT NULL,
  PRIMARY KEY (store, business_date, journal, number, hash)) PARTITION BY RANGE (business_date);
CREATE TABLE sales_default PARTITION OF sales DEFAULT;
CREATE INDEX sales_by_entry ON sales (store, journal, number);
CREATE INDEX sales_by_original ON sales (store, original_journal, original_number)
  WHERE original_journal IS NOT NULL;

CREATE TABLE sale_items (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  line integer NOT NULL, sku text NOT NULL, gtin text NOT NULL, description text NOT NULL,
  quantity bigint NOT NULL, quantity_scale integer NOT NULL, unit text NOT NULL,
  list_price bigint NOT NULL, list_price_exponent integer NOT NULL,
  charged_price bigint NOT NULL, charged_price_exponent integer NOT NULL,
  discount_minor bigint NOT NULL,
  tax_code text NOT NULL, tax_rate_basis_points bigint NOT NULL, tax_included boolean NOT NULL,
  tax_minor bigint NOT NULL, total_minor bigint NOT NULL, flags text[] NOT NULL,
  PRIMARY KEY (store, journal, number, hash, line));

CREATE TABLE payments (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  line integer NOT NULL, method text NOT NULL, currency text NOT NULL, exponent integer NOT NULL,
  amount_minor bigint NOT NULL, change_minor bigint NOT NULL, reference text NOT NULL,
  PRIMARY KEY (store, journal, number, hash, line));

CREATE TABLE product_layers (
  store text NOT NULL, sku text NOT NULL, from_feed boolean NOT NULL,
  gtins text[] NOT NULL, description text NOT NULL, brand text NOT NULL,
  price bigint NOT NULL, price_exponent integer NOT NULL, currency text NOT NULL,
  unit text NOT NULL, tax_code text NOT NULL, tax_rate_basis_points bigint NOT NULL,
  tax_included boolean NOT NULL, delisted boolean NOT NULL, price_version text NOT NULL,
  low_stock_micro bigint NOT NULL, category text NOT NULL,
  logical_clock bigint NOT NULL, journal bytea NOT NULL,
  clears_below bigint NOT NULL,
  PRIMARY KEY (store, sku, from_feed));
CREATE VIEW products AS
  SELECT DISTINCT ON (p.store, p.sku) p.*
  FROM product_layers p
  WHERE p.from_feed OR p.logical_clock > coalesce(
    (SELECT f.clears_below FROM product_layers f
     WHERE f.store = p.store AND f.sku = p.sku AND f.from_feed), 0)
  ORDER BY p.store, p.sku, p.from_feed;

CREATE TABLE users (
  store text NOT NULL, id text NOT NULL, display text NOT NULL, role text NOT NULL,
  pin_hash bytea NOT NULL, disabled boolean NOT NULL,
  logical_clock bigint NOT NULL, journal bytea NOT NULL,
  PRIMARY KEY (store, id));
CREATE TABLE settings (
  store text NOT NULL, key text NOT NULL, value text NOT NULL,
  logical_clock bigint NOT NULL, journal bytea NOT NULL,
  PRIMARY KEY (store, key));

CREATE TABLE quarantine (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  kind bigint NOT NULL, reason text NOT NULL, since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (store, journal, number, hash));
)sql";

// Only adds, and what it adds has a default: a program of the version before goes on writing.
constexpr const char* migration_sales = R"sql(
ALTER TABLE sale_items
  ADD COLUMN paid_minor bigint, ADD COLUMN sale_discount_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN original_line bigint;

CREATE TABLE sale_item_taxes (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  line integer NOT NULL, place integer NOT NULL,
  code text NOT NULL, rate_micropercent bigint NOT NULL, exempt boolean NOT NULL,
  tax_minor bigint NOT NULL,
  PRIMARY KEY (store, journal, number, hash, line, place));

CREATE VIEW item_taxes AS
  SELECT store, journal, number, hash, line, place, code, rate_micropercent, exempt, tax_minor
  FROM sale_item_taxes
  UNION ALL
  SELECT i.store, i.journal, i.number, i.hash, i.line, 0, i.tax_code,
    i.tax_rate_basis_points * 10000, false, i.tax_minor
  FROM sale_items i WHERE NOT EXISTS (
    SELECT 1 FROM sale_item_taxes t WHERE t.store = i.store AND t.journal = i.journal
    AND t.number = i.number AND t.hash = i.hash AND t.line = i.line);

CREATE VIEW over_refunds AS
  WITH refunds AS (
    SELECT r.store, r.journal, r.number, r.hash, r.training, r.original_journal, r.original_number
    FROM sales r
    WHERE r.kind = 'refund' AND r.counts AND r.original_journal IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM sales v WHERE v.store = r.store AND v.kind = 'void' AND v.counts
      AND v.original_journal = r.journal AND v.original_number = r.number
      AND v.original_hash = r.hash)),
  back AS (
    SELECT r.store, r.original_journal AS journal, r.original_number AS number, r.training,
      coalesce(i.original_line, (
        SELECT min(o.line) FROM sale_items o WHERE o.store = r.store
        AND o.journal = r.original_journal AND o.number = r.original_number
        AND o.sku = i.sku)) AS line,
      sum(i.quantity::numeric / 10::numeric ^ i.quantity_scale) AS quantity,
      sum(coalesce(i.paid_minor, i.total_minor)) AS paid_minor
    FROM refunds r JOIN sale_items i USING (store, journal, number, hash)
    GROUP BY 1, 2, 3, 4, 5),
  judged AS (
    SELECT s.store, s.journal, s.number, s.hash, s.business_date, s.terminal, s.receipt, s.currency,
      s.exponent, i.line, i.sku, i.quantity::numeric / 10::numeric ^ i.quantity_scale AS sold,
      b.quantity AS refunded, coalesce(i.paid_minor, i.total_minor) AS paid_minor,
      b.paid_minor AS refunded_minor, EXISTS (
        SELECT 1 FROM sales v WHERE v.store = s.store AND v.kind = 'void' AND v.counts
        AND v.original_journal = s.journal AND v.original_number = s.number
        AND v.original_hash = s.hash) AS voided
    FROM back b
    JOIN sales s ON s.store = b.store AND s.journal = b.journal AND s.number = b.number
      AND s.kind = 'sale' AND s.training = b.training
    JOIN sale_items i ON i.store = s.store AND i.journal = s.journal AND i.number = s.number
      AND i.hash = s.hash AND i.line = b.line)
  SELECT * FROM judged
  WHERE voided OR abs(refunded) > abs(sold) OR refunded_minor > greatest(paid_minor, 0);
)sql";

// A threshold of zero is another one than none; an article may have several taxes, or no price.
// product_lists: a list whose PRODUCT_LIST is here; its products count once all parts are, too.
constexpr const char* migration_lists = R"sql(
ALTER TABLE product_layers ALTER COLUMN low_stock_micro DROP NOT NULL;
ALTER TABLE product_layers
  ADD COLUMN taxes jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN has_price boolean NOT NULL DEFAULT true;
UPDATE product_layers SET low_stock_micro = NULL WHERE low_stock_micro = 0;
UPDATE product_layers SET has_price = false WHERE price = 0 AND price_exponent = 0;
DROP VIEW products;
CREATE VIEW products AS
  SELECT DISTINCT ON (p.store, p.sku) p.*
  FROM product_layers p
  WHERE p.from_feed OR p.logical_clock > coalesce(
    (SELECT f.clears_below FROM product_layers f
     WHERE f.store = p.store AND f.sku = p.sku AND f.from_feed), 0)
  ORDER BY p.store, p.sku, p.from_feed;

CREATE TABLE product_lists (
  store text NOT NULL, journal bytea NOT NULL, list bytea NOT NULL,
  number bigint NOT NULL, hash bytea NOT NULL, parts integer NOT NULL,
  in_force boolean NOT NULL,
  PRIMARY KEY (store, journal, list));
CREATE TABLE product_list_parts (
  store text NOT NULL, journal bytea NOT NULL, list bytea NOT NULL, part integer NOT NULL,
  number bigint NOT NULL, hash bytea NOT NULL,
  PRIMARY KEY (store, journal, list, part));
)sql";

// A request that was recorded twice counts once (mesh/journal/idempotency.h): whoever voids or
// refunds one of its entries does it to what counts. void_claim: what a VOID of this row claims, so
// `claims` tells which one counts; rows of the version before have none and go by the entry that is
// named.
constexpr const char* migration_twins = R"sql(
ALTER TABLE sales ADD COLUMN void_claim bytea;

CREATE VIEW recorded_as AS
  SELECT e.store, e.journal, e.number, e.hash, coalesce(c.journal, e.journal) AS as_journal,
    coalesce(c.number, e.number) AS as_number, coalesce(c.hash, e.hash) AS as_hash
  FROM entries e LEFT JOIN claims c ON c.store = e.store AND c.claim = e.claim;

CREATE VIEW voided_sales AS
  SELECT s.store, s.journal, s.number, s.hash, coalesce(c.journal, v.journal) AS void_journal,
    coalesce(c.number, v.number) AS void_number
  FROM sales s
  LEFT JOIN claims c ON c.store = s.store AND c.claim = s.void_claim
  LEFT JOIN LATERAL (
    SELECT v.journal, v.number FROM sales v WHERE v.store = s.store AND v.kind = 'void'
      AND v.counts AND v.original_journal = s.journal AND v.original_number = s.number
      AND v.original_hash = s.hash LIMIT 1) v ON c.claim IS NULL
  WHERE s.kind <> 'void' AND (c.claim IS NOT NULL OR v.journal IS NOT NULL);

CREATE OR REPLACE VIEW over_refunds AS
  WITH refunds AS (
    SELECT r.store, r.journal, r.number, r.hash, r.training,
      coalesce(o.as_journal, r.original_journal) AS original_journal,
      coalesce(o.as_number, r.original_number) AS original_number
    FROM sales r
    LEFT JOIN LATERAL (
      SELECT o.as_journal, o.as_number FROM recorded_as o WHERE o.store = r.store
        AND o.journal = r.original_journal AND o.number = r.original_number LIMIT 1) o ON true
    WHERE r.kind = 'refund' AND r.counts AND r.original_journal IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM voided_sales v WHERE v.store = r.store AND v.journal = r.journal
      AND v.number = r.number AND v.hash = r.hash)),
  back AS (
    SELECT r.store, r.original_journal AS journal, r.original_number AS number, r.training,
      coalesce(i.original_line, (
        SELECT min(o.line) FROM sale_items o WHERE o.store = r.store
        AND o.journal = r.original_journal AND o.number = r.original_number
        AND o.sku = i.sku)) AS line,
      sum(i.quantity::numeric / 10::numeric ^ i.quantity_scale) AS quantity,
      sum(coalesce(i.paid_minor, i.total_minor)) AS paid_minor
    FROM refunds r JOIN sale_items i USING (store, journal, number, hash)
    GROUP BY 1, 2, 3, 4, 5),
  judged AS (
    SELECT s.store, s.journal, s.number, s.hash, s.business_date, s.terminal, s.receipt, s.currency,
      s.exponent, i.line, i.sku, i.quantity::numeric / 10::numeric ^ i.quantity_scale AS sold,
      b.quantity AS refunded, coalesce(i.paid_minor, i.total_minor) AS paid_minor,
      b.paid_minor AS refunded_minor, EXISTS (
        SELECT 1 FROM voided_sales v WHERE v.store = s.store AND v.journal = s.journal
        AND v.number = s.number AND v.hash = s.hash) AS voided
    FROM back b
    JOIN sales s ON s.store = b.store AND s.journal = b.journal AND s.number = b.number
      AND s.kind = 'sale' AND s.training = b.training
    JOIN sale_items i ON i.store = s.store AND i.journal = s.journal AND i.number = s.number
      AND i.hash = s.hash AND i.line = b.line)
  SELECT * FROM judged
  WHERE voided OR abs(refunded) > abs(sold) OR refunded_minor > greatest(paid_minor, 0);
)sql";

// Sales of the former system (docs/V01.md), kind 'history'. Of such a row `counts` says that it is
// a sale of the store's figures: head office never had it, it was not voided, its move-in was not
// withdrawn, and of the entries of its claim of which that holds it has the smallest hash. So
// whoever adds up the sales takes kinds 'sale' and 'history' where `counts`. Entries that a version
// before stored without knowing the kind are read once more, by way of the quarantine.
constexpr const char* migration_history = R"sql(
ALTER TABLE sales
  ADD COLUMN former_terminal text, ADD COLUMN former_id text, ADD COLUMN former_receipt text,
  ADD COLUMN former_utc_ms bigint, ADD COLUMN former_utc_offset_minutes integer,
  ADD COLUMN was_sent boolean, ADD COLUMN was_voided boolean, ADD COLUMN move_in bytea;
CREATE INDEX sales_by_move_in ON sales (store, move_in) WHERE move_in IS NOT NULL;
CREATE INDEX sales_by_former_receipt ON sales (store, former_receipt)
  WHERE former_receipt IS NOT NULL;
CREATE TABLE withdrawn_move_ins (
  store text NOT NULL, move_in bytea NOT NULL,
  PRIMARY KEY (store, move_in));
INSERT INTO quarantine (store, journal, number, hash, kind, reason)
  SELECT store, journal, number, hash, kind, 'an earlier version did not know this kind'
  FROM entries WHERE kind IN (18, 19) ON CONFLICT DO NOTHING;

CREATE OR REPLACE VIEW over_refunds AS
  WITH refunds AS (
    SELECT r.store, r.journal, r.number, r.hash, r.training,
      coalesce(o.as_journal, r.original_journal) AS original_journal,
      coalesce(o.as_number, r.original_number) AS original_number
    FROM sales r
    LEFT JOIN LATERAL (
      SELECT o.as_journal, o.as_number FROM recorded_as o WHERE o.store = r.store
        AND o.journal = r.original_journal AND o.number = r.original_number LIMIT 1) o ON true
    WHERE r.kind = 'refund' AND r.counts AND r.original_journal IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM voided_sales v WHERE v.store = r.store AND v.journal = r.journal
      AND v.number = r.number AND v.hash = r.hash)),
  back AS (
    SELECT r.store, r.original_journal AS journal, r.original_number AS number, r.training,
      coalesce(i.original_line, (
        SELECT min(o.line) FROM sale_items o WHERE o.store = r.store
        AND o.journal = r.original_journal AND o.number = r.original_number
        AND o.sku = i.sku)) AS line,
      sum(i.quantity::numeric / 10::numeric ^ i.quantity_scale) AS quantity,
      sum(coalesce(i.paid_minor, i.total_minor)) AS paid_minor
    FROM refunds r JOIN sale_items i USING (store, journal, number, hash)
    GROUP BY 1, 2, 3, 4, 5),
  judged AS (
    SELECT s.store, s.journal, s.number, s.hash, s.business_date, s.terminal,
      coalesce(nullif(s.receipt, ''), s.former_receipt, '') AS receipt, s.currency,
      s.exponent, i.line, i.sku, i.quantity::numeric / 10::numeric ^ i.quantity_scale AS sold,
      b.quantity AS refunded, coalesce(i.paid_minor, i.total_minor) AS paid_minor,
      b.paid_minor AS refunded_minor, coalesce(s.was_voided, false) OR EXISTS (
        SELECT 1 FROM voided_sales v WHERE v.store = s.store AND v.journal = s.journal
        AND v.number = s.number AND v.hash = s.hash) AS voided
    FROM back b
    JOIN sales s ON s.store = b.store AND s.journal = b.journal AND s.number = b.number
      AND s.kind IN ('sale', 'history') AND s.training = b.training
    JOIN sale_items i ON i.store = s.store AND i.journal = s.journal AND i.number = s.number
      AND i.hash = s.hash AND i.line = b.line)
  SELECT * FROM judged
  WHERE voided OR abs(refunded) > abs(sold) OR refunded_minor > greatest(paid_minor, 0);
)sql";

// claim: of a past sale its entry's, by which the one that counts is chosen anew when a move-in is
// withdrawn. withdrawals: the HISTORY_WITHDRAWN entries that were read.
constexpr const char* migration_rivals = R"sql(
ALTER TABLE sales ADD COLUMN claim bytea;
UPDATE sales s SET claim = e.claim FROM entries e WHERE s.kind = 'history' AND e.store = s.store
  AND e.journal = s.journal AND e.number = s.number AND e.hash = s.hash;
CREATE INDEX sales_by_claim ON sales (store, claim) WHERE claim IS NOT NULL;
CREATE INDEX entries_moved_in ON entries (kind) WHERE kind IN (18, 19);
CREATE TABLE withdrawals (
  store text NOT NULL, journal bytea NOT NULL, number bigint NOT NULL, hash bytea NOT NULL,
  PRIMARY KEY (store, journal, number, hash));
WITH judged AS (
  SELECT s.store, s.business_date, s.journal, s.number, s.hash, w.move_in IS NULL
    AND NOT (s.was_sent OR s.was_voided) AND row_number() OVER (
      PARTITION BY s.store, s.claim ORDER BY w.move_in IS NOT NULL, s.hash) = 1 AS counts
  FROM sales s
  LEFT JOIN withdrawn_move_ins w ON w.store = s.store AND w.move_in = s.move_in
  WHERE s.claim IS NOT NULL)
UPDATE sales s SET counts = j.counts FROM judged j WHERE s.store = j.store
  AND s.business_date = j.business_date AND s.journal = j.journal AND s.number = j.number
  AND s.hash = j.hash AND s.counts <> j.counts;
)sql";

// What a program of a version before stored without knowing the kinds, while this one was not
// there to read it: it goes by way of the quarantine, whenever this program comes to the database.
constexpr const char* requeue_unread = R"sql(
INSERT INTO quarantine (store, journal, number, hash, kind, reason)
  SELECT e.store, e.journal, e.number, e.hash, e.kind,
    'an earlier version did not know this kind'
  FROM entries e WHERE e.kind IN (18, 19)
    AND NOT EXISTS (SELECT 1 FROM sales s WHERE s.store = e.store AND s.journal = e.journal
      AND s.number = e.number AND s.hash = e.hash)
    AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.store = e.store AND w.journal = e.journal
      AND w.number = e.number AND w.hash = e.hash)
  ON CONFLICT DO NOTHING;
)sql";

constexpr const char* migrations[] = {migration_1,     migration_sales,   migration_lists,
                                      migration_twins, migration_history, migration_rivals};
constexpr int newest_version = static_cast<int>(std::size(migrations));
// Two processes may prepare one shared database at once; this key makes them take turns.
constexpr const char* migration_lock = "SELECT pg_advisory_xact_lock(7411, 1)";

// A host that vanishes is not found out by libpq itself. What the address says already counts.
std::string with_time_limits(std::string url) {
  const std::pair<const char*, int> limits[] = {
      {"connect_timeout", connect_timeout_s}, {"tcp_user_timeout", silence_s * 1000},
      {"keepalives_idle", silence_s / 2},     {"keepalives_interval", 1},
      {"keepalives_count", silence_s / 2},
  };
  for (const auto& [name, value] : limits) {
    if (url.find(name) != std::string::npos) continue;
    url += (url.find('?') == std::string::npos ? "?" : "&") + std::string(name) + "=" +
           std::to_string(value);
  }
  return url;
}

}  // namespace

std::string schema_of(std::string_view tenant) {
  std::string name = "tenant_";
  bool usual = !tenant.empty() && tenant.size() <= tenant_part_max;
  for (const char c : tenant.substr(0, tenant_part_max)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    usual = usual && fits;
    name += fits ? c : '_';
  }
  if (!usual) name = name.substr(0, 46) + "_" + blake2b(tenant).hex().substr(0, 12);
  return name;
}

std::unique_ptr<pqxx::connection> open_connection(const std::string& url) {
  auto connection = std::make_unique<pqxx::connection>(with_time_limits(url));
  connection->set_variable("standard_conforming_strings", "on");
  connection->set_variable("client_min_messages", "warning");
  connection->set_variable("application_name", "'titan-mesh'");
  connection->set_variable("statement_timeout", std::to_string(statement_timeout_ms));
  connection->set_variable("lock_timeout", std::to_string(lock_timeout_ms));
  connection->set_variable("TimeZone", "'UTC'");
  connection->set_client_encoding("UTF8");
  return connection;
}

void set_search_path(pqxx::connection& connection, std::string_view tenant) {
  connection.set_variable("search_path", connection.quote_name(schema_of(tenant)));
}

void prepare_tenant(pqxx::connection& connection, std::string_view tenant) {
  const std::string schema = connection.quote_name(schema_of(tenant));
  {
    pqxx::work transaction(connection);
    transaction.exec(migration_lock);
    transaction.exec("CREATE SCHEMA IF NOT EXISTS " + schema);
    transaction.exec("CREATE TABLE IF NOT EXISTS " + schema +
                     ".schema_version (version integer NOT NULL)");
    transaction.commit();
  }
  connection.set_variable("search_path", schema);
  pqxx::work transaction(connection);
  transaction.exec(migration_lock);
  const auto row = transaction.exec1("SELECT coalesce(max(version), 0) FROM schema_version");
  const int version = row[0].as<int>();
  if (version > newest_version) {
    throw std::runtime_error("the database's schema " + schema + " has version " +
                             std::to_string(version) + ", this program knows up to " +
                             std::to_string(newest_version) + "; update this program");
  }
  for (int next = version; next < newest_version; ++next) {
    transaction.exec(migrations[next]);
    transaction.exec("INSERT INTO schema_version VALUES (" + std::to_string(next + 1) + ")");
  }
  transaction.exec(requeue_unread);
  transaction.commit();
}

std::string without_password(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto at = url.find('@', scheme);
  const auto slash = url.find('/', scheme + 3);
  if (at == std::string::npos || (slash != std::string::npos && at > slash)) return url;
  const auto colon = url.find(':', scheme + 3);
  if (colon == std::string::npos || colon > at) return url;
  return url.substr(0, colon) + url.substr(at);
}

std::string one_line(std::string_view what) {
  std::string line(what);
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace titan::uplink
