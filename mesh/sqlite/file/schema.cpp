#include "mesh/sqlite/file/schema.h"

#include <SQLiteCpp/Transaction.h>

#include <array>
#include <filesystem>
#include <string>

namespace titan::mesh {
namespace {

// The journal is the truth: `entries` holds every entry's bytes as its writer made them. Of what
// stands beside them, `journals` keeps the index small (a number instead of 16 bytes), the partial
// indexes cost an ordinary sale nothing, and the tables named folded_* are brought up to date in
// idle moments, up to folded.position. `products` and `layers` change in the entry's transaction.
constexpr const char* first_tables = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE journals(
  ref INTEGER PRIMARY KEY,
  journal BLOB NOT NULL UNIQUE,
  device BLOB NOT NULL,
  terminal TEXT NOT NULL DEFAULT '');  -- as the opening names it; empty until number 1 is here

CREATE TABLE entries(
  position INTEGER PRIMARY KEY,        -- order of arrival on this disk
  journal INTEGER NOT NULL,            -- journals.ref
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  kind INTEGER NOT NULL,
  business_date INTEGER NOT NULL,      -- yyyymmdd
  receipt_number INTEGER,
  claim BLOB,
  original BLOB,                       -- of a REFUND or VOID: journal, then number big-endian
  bytes BLOB NOT NULL);
CREATE UNIQUE INDEX entries_identity ON entries(journal, number, hash);
CREATE INDEX entries_claim ON entries(claim) WHERE claim IS NOT NULL;
CREATE INDEX entries_original ON entries(original) WHERE original IS NOT NULL;
CREATE INDEX entries_layered ON entries(kind) WHERE kind BETWEEN 9 AND 11;
CREATE INDEX entries_date ON entries(business_date) WHERE kind IN (1, 2, 3);
CREATE INDEX entries_receipt ON entries(receipt_number) WHERE receipt_number IS NOT NULL;

CREATE TABLE devices(public_key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE promise(id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL,
                     voted_for BLOB NOT NULL);
CREATE TABLE watermark(id INTEGER PRIMARY KEY CHECK (id = 1), vector BLOB NOT NULL,
                       signature BLOB NOT NULL, cloud_key BLOB NOT NULL);
CREATE TABLE members(
  device BLOB PRIMARY KEY, process BLOB NOT NULL, device_key BLOB NOT NULL, terminal TEXT NOT NULL,
  addresses TEXT NOT NULL,             -- one a line
  protocol INTEGER NOT NULL, may_lead INTEGER NOT NULL, priority INTEGER NOT NULL,
  holds_all_pending INTEGER NOT NULL, reaches_cloud INTEGER NOT NULL, started_ms INTEGER NOT NULL,
  last_good_address TEXT NOT NULL, last_seen_ms INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE folded(
  id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL,
  logical_clock INTEGER NOT NULL, last_receipt INTEGER NOT NULL,
  own_clock INTEGER NOT NULL, own_journal BLOB, own_number INTEGER NOT NULL, own_hash BLOB);
INSERT INTO folded VALUES(1, 0, 0, 0, 0, NULL, 0, NULL);
CREATE TABLE folded_journals(journal INTEGER PRIMARY KEY, intervals BLOB NOT NULL,
                             content BLOB NOT NULL);
CREATE TABLE folded_stock(product TEXT PRIMARY KEY, added INTEGER NOT NULL,
                          removed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE folded_claims(claim BLOB PRIMARY KEY, entry_hash BLOB NOT NULL,
                           effects BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE folded_keys(idempotency_key TEXT PRIMARY KEY, journal INTEGER NOT NULL,
                         number INTEGER NOT NULL, entry_hash BLOB NOT NULL,
                         request_hash BLOB NOT NULL) WITHOUT ROWID;

-- layer 0: the feed's value, 1: the store's override, 2: the feed's word that clears an override.
-- stamp: logical clock, big-endian, then the journal's id; the greatest wins.
CREATE TABLE layers(kind INTEGER NOT NULL, name TEXT NOT NULL, layer INTEGER NOT NULL,
                    stamp BLOB NOT NULL, value BLOB NOT NULL,
                    PRIMARY KEY (kind, name, layer)) WITHOUT ROWID;

CREATE TABLE products(
  id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
  gtins TEXT NOT NULL,                 -- separated by spaces, as entered
  brand TEXT NOT NULL, price_amount INTEGER, price_exponent INTEGER, currency TEXT NOT NULL,
  unit TEXT NOT NULL, tax_code TEXT NOT NULL, tax_rate_basis_points INTEGER NOT NULL,
  tax_included INTEGER NOT NULL, delisted INTEGER NOT NULL, price_version TEXT NOT NULL,
  low_stock_micro INTEGER NOT NULL, category TEXT NOT NULL,
  overridden INTEGER NOT NULL);        -- 1: the store's override is in force
CREATE TABLE product_gtins(gtin TEXT NOT NULL, product INTEGER NOT NULL,
                           PRIMARY KEY (gtin, product)) WITHOUT ROWID;
CREATE VIRTUAL TABLE product_search USING fts5(description, sku, gtins, brand,
  content='products', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3');

-- Views over `entries`: they cost a commit nothing. entry_* and watermark_* are this program's own
-- table-valued functions, so the sqlite3 shell shows the tables above but not these views.
CREATE VIEW sales AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         j.terminal, e.kind, e.business_date, e.receipt_number, s.utc_ms, s.utc_offset_minutes,
         s.idempotency_key, s.currency, s.exponent, s.total_minor, s.tax_minor, s.rounding_minor,
         s.cashier, s.customer_token, s.training, s.flags, s.line_count, s.payment_count,
         s.original_journal, s.original_number, s.reason
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_sale(e.bytes) s
  WHERE e.kind IN (1, 2, 3);
CREATE VIEW sale_items AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.kind, e.business_date, l.line, l.sku, l.gtin_scanned, l.description, l.quantity_value,
         l.quantity_scale, l.unit, l.list_amount, l.list_exponent, l.charged_amount,
         l.charged_exponent, l.price_version, l.discount_minor, l.tax_code,
         l.tax_rate_basis_points, l.tax_included, l.tax_minor, l.total_minor, l.flags
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_lines(e.bytes) l
  WHERE e.kind IN (1, 2, 3);
CREATE VIEW payments AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.kind, e.business_date, p.line, p.method, p.currency, p.exponent, p.amount_minor,
         p.change_minor, p.reference
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_payments(e.bytes) p
  WHERE e.kind IN (1, 2, 3);
-- counts = 0: another entry with the same claim has the smaller hash, this one moves no stock.
CREATE VIEW inventory_deltas AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.business_date,
         CASE e.kind WHEN 1 THEN 'SALE' WHEN 2 THEN 'REFUND' WHEN 3 THEN 'VOID'
           WHEN 4 THEN 'DELIVERY' WHEN 5 THEN 'ADJUSTMENT' WHEN 6 THEN 'TRANSFER_OUT'
           WHEN 7 THEN 'TRANSFER_IN' WHEN 8 THEN 'OPENING' ELSE 'KIND_' || e.kind END AS reason,
         x.product, x.added, x.removed,
         e.claim IS NULL
           OR e.hash = (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim) AS counts
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_stock_effects(e.bytes) x;
CREATE VIEW config AS
  SELECT l.name, CAST(l.value AS TEXT) AS value, l.layer = 1 AS overridden FROM layers l
  WHERE l.kind = 10 AND l.layer = (SELECT max(m.layer) FROM layers m
                                   WHERE m.kind = 10 AND m.name = l.name AND m.layer IN (0, 1));
CREATE VIEW sync_cursors AS
  SELECT lower(hex(w.journal)) AS journal, w.first, w.last
  FROM watermark k JOIN watermark_journals(k.vector) w;
CREATE VIEW sync_outbox AS
  WITH missing AS MATERIALIZED (SELECT w.journal, w.first, w.last
                                FROM watermark k JOIN watermark_gaps(k.vector) w)
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position, e.kind
  FROM journals j LEFT JOIN missing m ON m.journal = j.journal
  JOIN entries e ON e.journal = j.ref
    AND e.number BETWEEN coalesce(m.first, 1) AND coalesce(m.last, 9223372036854775807);
)sql";

// What is folded already is read once more, for the duplicates in it.
constexpr const char* folded_duplicates = R"sql(
CREATE TABLE folded_duplicates(entry_hash BLOB PRIMARY KEY, journal INTEGER NOT NULL,
                               number INTEGER NOT NULL, kept_journal INTEGER NOT NULL,
                               kept_number INTEGER NOT NULL) WITHOUT ROWID;
DELETE FROM folded_journals;
DELETE FROM folded_stock;
DELETE FROM folded_claims;
DELETE FROM folded_keys;
UPDATE folded SET position = 0, logical_clock = 0, last_receipt = 0, own_clock = 0,
                  own_journal = NULL, own_number = 0, own_hash = NULL;
)sql";

// A threshold of zero is another one than none, and an article may have several taxes. Product
// lists come in parts: what has arrived of which list, and where it stands in `entries`. The
// products are written anew from their entries, as after every migration.
constexpr const char* product_lists = R"sql(
DROP TABLE products;
CREATE TABLE products(
  id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
  gtins TEXT NOT NULL,                 -- separated by spaces, as entered
  brand TEXT NOT NULL, price_amount INTEGER, price_exponent INTEGER, currency TEXT NOT NULL,
  unit TEXT NOT NULL, tax_code TEXT NOT NULL, tax_rate_basis_points INTEGER NOT NULL,
  tax_included INTEGER NOT NULL, delisted INTEGER NOT NULL, price_version TEXT NOT NULL,
  low_stock_micro INTEGER,             -- NULL: the store's default
  category TEXT NOT NULL,
  overridden INTEGER NOT NULL,         -- 1: the store's override is in force
  taxes BLOB NOT NULL DEFAULT x'');    -- a Product with nothing but its `taxes`; mostly empty
CREATE INDEX products_low_stock ON products(sku, low_stock_micro)
  WHERE low_stock_micro IS NOT NULL;
CREATE INDEX entries_state ON entries(kind) WHERE kind IN (9, 10, 11, 16, 17);
-- in_force: 0 parts are missing, 1 applied, -1 its parts do not make the list that it names
CREATE TABLE product_lists(
  journal BLOB NOT NULL, list BLOB NOT NULL, position INTEGER NOT NULL, parts INTEGER NOT NULL,
  in_force INTEGER NOT NULL, PRIMARY KEY (journal, list)) WITHOUT ROWID;
CREATE TABLE product_list_parts(
  journal BLOB NOT NULL, list BLOB NOT NULL, part INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (journal, list, part)) WITHOUT ROWID;
)sql";

// Where a claim was contested, a fold of the versions before may hold stock of a product that none
// of the entries that count names: what is folded is read once more.
constexpr const char* folds_of_contested_claims = R"sql(
CREATE TEMP TABLE contested AS
  SELECT claim FROM entries WHERE claim IS NOT NULL GROUP BY claim HAVING count(*) > 1 LIMIT 1;
DELETE FROM folded_journals WHERE EXISTS (SELECT 1 FROM contested);
DELETE FROM folded_stock WHERE EXISTS (SELECT 1 FROM contested);
DELETE FROM folded_claims WHERE EXISTS (SELECT 1 FROM contested);
DELETE FROM folded_keys WHERE EXISTS (SELECT 1 FROM contested);
DELETE FROM folded_duplicates WHERE EXISTS (SELECT 1 FROM contested);
UPDATE folded SET position = 0, logical_clock = 0, last_receipt = 0, own_clock = 0,
                  own_journal = NULL, own_number = 0, own_hash = NULL
  WHERE EXISTS (SELECT 1 FROM contested);
DROP TABLE contested;

DROP VIEW sales;
CREATE VIEW sales AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         j.terminal, e.kind, e.business_date, e.receipt_number, s.utc_ms, s.utc_offset_minutes,
         s.idempotency_key, s.currency, s.exponent, s.total_minor, s.tax_minor, s.rounding_minor,
         s.cashier, s.customer_token, s.training, s.flags, s.line_count, s.payment_count,
         s.original_journal, s.original_number, s.reason,
         e.claim IS NULL
           OR e.hash = (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim) AS counts
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_sale(e.bytes) s
  WHERE e.kind IN (1, 2, 3);
)sql";

// Sales of the former system beside ours. `counts`: it is a sale of this store's figures: head
// office never had it, it was not voided, no other entry has its claim with a smaller hash, and its
// move-in was not withdrawn. entries.original of a HISTORY is its move-in.
constexpr const char* history = R"sql(
DROP VIEW sales;
CREATE VIEW sales AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         j.terminal, e.kind, e.business_date, e.receipt_number, s.utc_ms, s.utc_offset_minutes,
         s.idempotency_key, s.currency, s.exponent, s.total_minor, s.tax_minor, s.rounding_minor,
         s.cashier, s.customer_token, s.training, s.flags, s.line_count, s.payment_count,
         s.original_journal, s.original_number, s.reason,
         (e.claim IS NULL
           OR e.hash = (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim))
         AND (e.kind <> 18 OR NOT (h.was_sent OR h.was_voided OR EXISTS (
           SELECT 1 FROM entries w WHERE w.original = e.original AND w.kind = 19))) AS counts,
         h.origin AS former_terminal, h.id AS former_id, h.receipt AS former_receipt,
         h.utc_ms AS former_utc_ms, h.was_sent, h.was_voided, h.move_in
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_sale(e.bytes) s
  LEFT JOIN entry_history(e.bytes) h ON e.kind = 18
  WHERE e.kind IN (1, 2, 3, 18);
DROP VIEW sale_items;
CREATE VIEW sale_items AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.kind, e.business_date, l.line, l.sku, l.gtin_scanned, l.description, l.quantity_value,
         l.quantity_scale, l.unit, l.list_amount, l.list_exponent, l.charged_amount,
         l.charged_exponent, l.price_version, l.discount_minor, l.tax_code,
         l.tax_rate_basis_points, l.tax_included, l.tax_minor, l.total_minor, l.flags
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_lines(e.bytes) l
  WHERE e.kind IN (1, 2, 3, 18);
DROP VIEW payments;
CREATE VIEW payments AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.kind, e.business_date, p.line, p.method, p.currency, p.exponent, p.amount_minor,
         p.change_minor, p.reference
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_payments(e.bytes) p
  WHERE e.kind IN (1, 2, 3, 18);
DROP INDEX entries_date;
CREATE INDEX entries_date ON entries(business_date) WHERE kind IN (1, 2, 3, 18);
CREATE TABLE former_receipts(receipt TEXT NOT NULL, position INTEGER NOT NULL,
                             PRIMARY KEY (receipt, position)) WITHOUT ROWID;
-- By kind too: a move-in has as many sales as a shop made in years, and whether it was withdrawn is
-- asked for each of them.
DROP INDEX entries_original;
CREATE INDEX entries_original ON entries(original, kind) WHERE original IS NOT NULL;
CREATE INDEX entries_refunds ON entries(original) WHERE kind = 2;
-- What a version before stored without knowing the kinds; empty otherwise.
CREATE INDEX entries_unread ON entries(kind) WHERE kind IN (18, 19) AND original IS NULL;
DROP VIEW inventory_deltas;
CREATE VIEW inventory_deltas AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         e.business_date,
         CASE e.kind WHEN 1 THEN 'SALE' WHEN 2 THEN 'REFUND' WHEN 3 THEN 'VOID'
           WHEN 4 THEN 'DELIVERY' WHEN 5 THEN 'ADJUSTMENT' WHEN 6 THEN 'TRANSFER_OUT'
           WHEN 7 THEN 'TRANSFER_IN' WHEN 8 THEN 'OPENING' WHEN 19 THEN 'WITHDRAWN'
           ELSE 'KIND_' || e.kind END AS reason,
         x.product, x.added, x.removed,
         e.claim IS NULL
           OR e.hash = (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim) AS counts
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_stock_effects(e.bytes) x;
)sql";

// Of the entries of one former sale the withdrawn ones are no rivals: of the others the one with
// the smallest hash counts. Opening stock that a move-in brought is unread too where a version
// before stored it; what no move-in brought stays in that index, and is looked at once an update.
constexpr const char* history_of_rivals = R"sql(
DROP INDEX entries_unread;
CREATE INDEX entries_unread ON entries(kind) WHERE kind IN (8, 18, 19) AND original IS NULL;
DROP VIEW sales;
CREATE VIEW sales AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position,
         j.terminal, e.kind, e.business_date, e.receipt_number, s.utc_ms, s.utc_offset_minutes,
         s.idempotency_key, s.currency, s.exponent, s.total_minor, s.tax_minor, s.rounding_minor,
         s.cashier, s.customer_token, s.training, s.flags, s.line_count, s.payment_count,
         s.original_journal, s.original_number, s.reason,
         CASE WHEN e.claim IS NULL THEN 1
           WHEN e.kind <> 18 THEN
             e.hash = (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim)
           WHEN h.was_sent OR h.was_voided THEN 0
           ELSE e.hash IS (SELECT min(c.hash) FROM entries c WHERE c.claim = e.claim
             AND NOT EXISTS (SELECT 1 FROM entries w WHERE w.original = c.original AND w.kind = 19))
         END AS counts,
         h.origin AS former_terminal, h.id AS former_id, h.receipt AS former_receipt,
         h.utc_ms AS former_utc_ms, h.was_sent, h.was_voided, h.move_in
  FROM entries e JOIN journals j ON j.ref = e.journal JOIN entry_sale(e.bytes) s
  LEFT JOIN entry_history(e.bytes) h ON e.kind = 18
  WHERE e.kind IN (1, 2, 3, 18);
)sql";

// A watermark is a signed statement, and what it is about are rows, of which few change with the
// next one. `intervals` and `content` are written as in folded_journals. What the file knew before
// goes: it is told again. The functions watermark_* that the first views call are no more: SQLite
// looks for what a view names when the view is used, and when a column is dropped or anything
// renamed, which therefore no migration before this one may do.
constexpr const char* watermark_in_rows = R"sql(
DROP VIEW sync_cursors;
DROP VIEW sync_outbox;
DROP TABLE watermark;
CREATE TABLE watermark(id INTEGER PRIMARY KEY CHECK (id = 1), statement BLOB NOT NULL,
                       signature BLOB NOT NULL, cloud_key BLOB NOT NULL);
CREATE TABLE held_by_cloud(journal BLOB PRIMARY KEY, device BLOB NOT NULL,
                           intervals BLOB NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE VIEW sync_cursors AS
  SELECT lower(hex(c.journal)) AS journal, i.first, i.last
  FROM held_by_cloud c JOIN stored_intervals(c.intervals) i;
-- CROSS JOIN keeps this order: SQLite would walk through all entries.
CREATE VIEW sync_outbox AS
  SELECT lower(hex(j.journal)) AS journal, e.number, lower(hex(e.hash)) AS hash, e.position, e.kind
  FROM journals j LEFT JOIN held_by_cloud c ON c.journal = j.journal
  CROSS JOIN stored_gaps(coalesce(c.intervals, x'')) m
  CROSS JOIN entries e ON e.journal = j.ref AND e.number BETWEEN m.first AND m.last;
)sql";

// A row for each idempotency key of this device within the horizon, written with its entry and no
// matter of the fold any more (mesh/sqlite/journal/own_keys.h).
constexpr const char* own_keys = R"sql(
DROP TABLE folded_keys;
DROP TABLE folded_duplicates;
CREATE TABLE own_keys(
  hash INTEGER NOT NULL,               -- of the key, 64 bits
  idempotency_key TEXT NOT NULL,
  clock INTEGER NOT NULL,              -- the entry's logical clock
  utc_ms INTEGER,                      -- its time; NULL: none that can be
  journal BLOB NOT NULL, number INTEGER NOT NULL, entry_hash BLOB NOT NULL,
  request_hash BLOB NOT NULL, PRIMARY KEY (hash, idempotency_key)) WITHOUT ROWID;
CREATE INDEX own_keys_age ON own_keys(clock, utc_ms);
-- same_request 1: recorded twice, and its void is not stored yet; 0: two records under one key
CREATE TABLE own_duplicates(entry_hash BLOB PRIMARY KEY, journal BLOB NOT NULL,
                            number INTEGER NOT NULL, kept_journal BLOB NOT NULL,
                            kept_number INTEGER NOT NULL, same_request INTEGER NOT NULL)
  WITHOUT ROWID;
)sql";

// The cloud's folds (mesh/sqlite/journal/signed_folds.h). The tables named folded_* are what this
// disk sums up for itself. `state`: 0 not compared yet; the present fold has the greatest number of
// those above: 1 the same here, 2 another stock here, 3 taken unchecked. -1: refused.
constexpr const char* signed_folds = R"sql(
CREATE TABLE folds(
  position INTEGER PRIMARY KEY,        -- in `entries`
  number INTEGER NOT NULL, base INTEGER NOT NULL, base_hash BLOB NOT NULL,
  content_hash BLOB NOT NULL, entries INTEGER NOT NULL, stock_digest INTEGER NOT NULL,
  signed_ms INTEGER NOT NULL, state INTEGER NOT NULL);
CREATE TABLE fold_covered(journal BLOB PRIMARY KEY, device BLOB NOT NULL,
                          intervals BLOB NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE fold_stock(product TEXT PRIMARY KEY, added INTEGER NOT NULL,
                        removed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE fold_claims(claim BLOB PRIMARY KEY, entry_hash BLOB NOT NULL,
                         effects BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE fold_steps(fold INTEGER NOT NULL, journal BLOB NOT NULL, intervals BLOB NOT NULL,
                        PRIMARY KEY (fold, journal)) WITHOUT ROWID;
-- Entries that were counted by a fold before they came, until they are summed up.
CREATE TABLE history(position INTEGER PRIMARY KEY);
)sql";

constexpr std::array known_migrations = {
    Migration{1, first_tables},      Migration{2, folded_duplicates},
    Migration{3, product_lists},     Migration{4, folds_of_contested_claims},
    Migration{5, history},           Migration{6, history_of_rivals},
    Migration{7, watermark_in_rows}, Migration{8, own_keys},
    Migration{9, signed_folds}};

}  // namespace

std::span<const Migration> migrations() {
  return known_migrations;
}

namespace {

// What is wrong with working on the file, which has seen the migrations up to `version`.
Status check_compatibility(Connection& connection, std::int64_t version, int compatibility) {
  if (version == 0 && connection.single_number("SELECT count(*) FROM sqlite_master") != 0) {
    return make_error(ErrorCode::refused, connection.path() +
                                              " is a database of another program; choose another "
                                              "data folder");
  }
  if (version == 0) return {};
  const auto found =
      connection.single_number("SELECT value FROM meta WHERE name = 'compatibility'");
  if (found == compatibility) return {};
  const bool is_newer = found > compatibility;
  return make_error(ErrorCode::refused,
                    connection.path() + " was written by " +
                        (is_newer ? "a newer version" : "a version before the first release") +
                        " (compatibility " + std::to_string(found) + ", this one reads " +
                        std::to_string(compatibility) + "); " +
                        (is_newer ? "install the newer version again"
                                  : "no terminal accepts its entries any more: choose a new data "
                                    "folder"));
}

}  // namespace

Status migrate(Connection& connection, std::span<const Migration> steps, int compatibility) {
  return connection.guarded("bringing its tables up to date", [&]() -> Status {
    const auto version = connection.single_number("PRAGMA user_version");
    if (Status fits = check_compatibility(connection, version, compatibility); !fits) return fits;
    for (const Migration& step : steps) {
      if (step.version <= version) continue;
      SQLite::Transaction transaction(connection.database(),
                                      SQLite::TransactionBehavior::IMMEDIATE);
      connection.execute(step.sql);
      if (step.version == 1) {
        connection.execute("INSERT INTO meta VALUES('compatibility', " +
                           std::to_string(compatibility) + ")");
      }
      connection.execute("PRAGMA user_version = " + std::to_string(step.version));
      transaction.commit();
    }
    return {};
  });
}

Status check_version(const std::string& path) {
  if (!std::filesystem::exists(path)) return {};
  auto connection = Connection::open({path, Connection::Mode::read_only});
  if (!connection) return connection.error();
  return (*connection)->guarded("looking at its version", [&]() -> Status {
    const auto version = (*connection)->single_number("PRAGMA user_version");
    return check_compatibility(**connection, version, schema_compatibility);
  });
}

}  // namespace titan::mesh
