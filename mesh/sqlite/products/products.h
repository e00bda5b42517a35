// What PRODUCT, SETTING and USER entries and product lists amount to: layers, and the products a
// till screen sees.
//
// A value has two layers: the feed's, written by the cloud, and the store's override, written by a
// terminal. Within a layer the last writer wins, by (logical clock, journal id); the order of
// arrival decides nothing. The override is in force unless a later entry of the feed clears it.
// Skus differ by case: 85123A and 85123a are two products.
//
// ProductProjection writes inside the caller's transaction; ProductQueries reads. Both throw
// SQLite::Exception, which their owner turns into an Error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "mesh/entry/entry.h"
#include "mesh/sqlite/file/connection.h"

namespace titan::mesh {

struct UnitPrice {  // amount x 10^-exponent of the currency
  std::int64_t amount = 0;
  std::uint32_t exponent = 0;

  bool operator==(const UnitPrice&) const = default;
};

struct StoredTax {
  std::string code;
  std::uint32_t rate_micropercent = 0;
  bool exempt = false;

  bool operator==(const StoredTax&) const = default;
};

struct StoredProduct {
  std::string sku;
  std::vector<std::string> gtins;  // as entered
  std::string description;
  std::string brand;
  std::optional<UnitPrice> price;
  std::string currency;
  std::string unit;
  std::string tax_code;
  std::uint32_t tax_rate_basis_points = 0;
  bool tax_included = false;
  bool delisted = false;
  std::string price_version;
  std::optional<std::int64_t> low_stock_micro;  // none: the store's default
  std::string category;
  bool overridden = false;       // the store's override is in force
  std::vector<StoredTax> taxes;  // where code and rate above cannot say it all

  bool operator==(const StoredProduct&) const = default;
};

struct ProductPage {
  std::vector<StoredProduct> products;
  std::string next;  // hand it in as `after` for the next page; empty: this was the last
};

inline constexpr std::size_t product_page_max = 1000;
inline constexpr std::int64_t ranked_matches_max = 1000;  // more matches are listed unranked
inline constexpr std::size_t best_matches_max = 100;      // that a search tells before the rest

class ProductProjection {
 public:
  // `cloud_device`: whose entries are the feed; none when no cloud is known.
  ProductProjection(Connection& connection, const DeviceId& cloud_device)
      : connection_(connection), cloud_device_(cloud_device) {}

  static bool concerns(Kind kind) {
    return kind == Kind::product || kind == Kind::setting || kind == Kind::user ||
           kind == Kind::product_list_part || kind == Kind::product_list;
  }
  // An entry whose body does not parse changes nothing; it stays in the journal.
  // `position`: of its row in `entries`, which holds it already.
  void apply(const Entry& entry, std::int64_t position);
  void clear();

 private:
  struct Writer {  // of an entry: what decides between two values of a layer
    std::uint64_t logical_clock = 0;
    JournalId journal;
    Hash hash;
    bool is_feed = false;
  };

  Writer writer_of(const Entry& entry) const;
  void apply_products(const Entry& entry);
  void apply_list_part(const Entry& entry, std::int64_t position);
  void apply_list_head(const Entry& entry, std::int64_t position);
  // Once head and all parts are here: every product of the list, in the caller's transaction.
  void bring_into_force(const JournalId& journal, BytesView list);
  bool apply_list(std::int64_t head_position, const std::vector<std::int64_t>& parts);
  void apply_product(const Writer& writer, std::size_t index, BytesView serialised);
  void apply_settings(const Entry& entry);
  void apply_users(const Entry& entry);
  bool put_layer(Kind kind, const std::string& name, int layer, const Bytes& stamp,
                 const Bytes& value);
  struct Effective {
    Bytes value;  // a serialised titan.entry.v1.Product
    bool overridden = false;
  };
  struct SearchText {
    std::string description, sku, gtins, brand;

    bool operator==(const SearchText&) const = default;
  };

  Effective effective(const std::string& sku);
  void show(const std::string& sku);  // brings products, gtins and search in line with the layers
  void put_row(const Effective& effective);
  void index_text(std::int64_t product, const SearchText& text, bool remove);
  void index_gtins(std::int64_t product, const std::vector<std::string>& gtins, bool remove);

  Connection& connection_;
  DeviceId cloud_device_;
};

class ProductQueries {
 public:
  explicit ProductQueries(Connection& connection) : connection_(connection) {}

  std::optional<StoredProduct> product(const std::string& sku);
  std::vector<StoredProduct> products_by_gtin(std::string_view code);
  // Every word of `text` must start a word of description, sku, gtin or brand; accents and case do
  // not matter, nor does what the index keeps nothing of: so a product is found by its own name.
  // The first page tells what is called exactly so (sku, gtin, name), then the best matches, at
  // most best_matches_max, and none if there are more than ranked_matches_max; all others follow by
  // sku. A product that matches all the time is on exactly one page, whatever changes in between.
  // `after` is the `next` of the page before, of the same text; anything else is refused.
  Result<ProductPage> search(std::string_view text, std::size_t limit, const std::string& after);
  ProductPage list(std::size_t limit, const std::string& after);  // by sku
  std::uint64_t count();
  // One value of a layer, as a serialised titan.entry.v1.Product: 0 the feed's, 1 the override.
  std::optional<Bytes> layer(const std::string& sku, int layer);
  std::map<std::string, std::string> settings();
  std::vector<Bytes> users();  // serialised titan.entry.v1.User, by id

 private:
  Connection& connection_;
};

}  // namespace titan::mesh
