// Products at head office: what a store has in force, and the lists that change it.
#include <boost/json.hpp>

#include "base/media_type.h"
#include "cloud/database/ask_database.h"
#include "cloud/feed/product_push.h"
#include "cloud/rest/rest_call.h"
#include "retail/catalogue/json_list.h"
#include "retail/money.h"
#include "uplink/postgres/sql_values.h"

namespace titan::cloud {

namespace json = boost::json;
using uplink::sql_text;

namespace {

// The error's answer, with what is wrong in which product.
RestResponse refused_list(const retail::ProductList& list) {
  json::array faults;
  for (const auto& fault : list.faults) {
    faults.push_back(
        json::object{{"row", fault.row}, {"column", fault.column}, {"message", fault.message}});
  }
  json::object body = error_object(*list.refusal);
  body["fault_count"] = list.fault_count;
  body["faults"] = std::move(faults);
  RestResponse response = error_response(*list.refusal);
  response.body = json::serialize(json::object{{"error", std::move(body)}});
  return response;
}

json::object pushed_answer(std::size_t stores, std::uint64_t feed_number,
                           const retail::ProductList& list, const Overridden& overridden) {
  // First, for of the list's own warnings not all may be shown.
  json::array warnings;
  const std::string warning = overridden.warning();
  if (!warning.empty()) warnings.emplace_back(warning);
  for (const std::string& one : list.warnings) {
    if (warnings.size() < retail::import_warnings_max) warnings.emplace_back(one);
  }
  return {{"stores", stores},
          {"feed_number", feed_number},
          {"warning_count", list.warning_count + (warning.empty() ? 0 : 1)},
          {"warnings", std::move(warnings)}};
}

// Columns 11 to 13: code and rate of a single tax, or the list that they cannot say.
json::array shown_taxes(const pqxx::row& row) {
  json::array shown;
  const auto add = [&](std::string_view code, std::uint32_t rate, bool exempt) {
    shown.push_back(
        json::object{{"code", code}, {"rate", retail::tax_rate_text(rate)}, {"exempt", exempt}});
  };
  const json::value stored = json::parse(row[13].c_str());
  for (const auto& value : stored.as_array()) {
    const auto& tax = value.as_object();
    add(tax.at("code").as_string(), tax.at("rate_micropercent").to_number<std::uint32_t>(),
        tax.at("exempt").as_bool());
  }
  if (shown.empty()) {
    add(row[11].c_str(), row[12].as<std::uint32_t>() * retail::micropercent_per_basis_point, false);
  }
  return shown;
}

// Columns of list_products().
json::object shown_product(const pqxx::row& row) {
  json::value price = nullptr;
  if (row[8].as<bool>()) {
    price = json::string(retail::to_text(row[2].as<std::int64_t>(), row[3].as<std::uint32_t>()));
  }
  json::value low_stock = nullptr;
  if (!row[10].is_null()) {
    low_stock = json::string(retail::to_short_text(row[10].as<std::int64_t>(), 6));
  }
  return {{"sku", row[0].c_str()},
          {"description", row[1].c_str()},
          {"price", price},
          {"tax_included", row[9].as<bool>()},
          {"low_stock", low_stock},
          {"taxes", shown_taxes(row)},
          {"currency", row[4].c_str()},
          {"override", !row[5].as<bool>()},
          {"gtins", json::parse(row[6].c_str())},
          {"delisted", row[7].as<bool>()}};
}

std::optional<Error> wrong_content_type(const RestRequest& request) {
  const auto media = parse_media_type(request.content_type);
  if (!media || media->type != "application/json") {
    return make_error(ErrorCode::unsupported, "send products as application/json", "content-type");
  }
  if (media->is_utf8()) return std::nullopt;
  return make_error(
      ErrorCode::unsupported,
      "the body is declared as charset=" + media->charset.substr(0, 40) + "; send it as UTF-8",
      "content-type");
}

// Null: refused, and `reply` was told why.
std::shared_ptr<const ProductPush> read_push(bool replaces, const RestRequest& request,
                                             const Rest::Reply& reply) {
  if (const auto error = wrong_content_type(request)) {
    reply(error_response(*error));
    return nullptr;
  }
  auto push = std::make_shared<ProductPush>();
  push->replaces = replaces;
  const auto mode = replaces ? retail::ListMode::replace : retail::ListMode::update;
  push->list = retail::read_product_json(request.body, {"", true, mode});
  if (!push->list.is_good()) {
    reply(refused_list(push->list));
    return nullptr;
  }
  if (push->list.products.empty()) {
    reply(error_response(
        make_error(ErrorCode::invalid, "products must hold at least one product", "products")));
    return nullptr;
  }
  return push;
}

// What a change of the catalogue for all stores left to be told to the stores there are.
struct ChangedCatalogue {
  std::vector<std::string> stores;
  std::shared_ptr<const ProductsBySku> products;
  Overridden overridden;
};

ChangedCatalogue change_catalogue(pqxx::connection& connection, const ProductPush& push) {
  ChangedCatalogue changed;
  pqxx::work transaction(connection);
  // A store being created waits, so that it is either listed below or sees the catalogue.
  transaction.exec("SELECT pg_advisory_xact_lock(7411, 3)");
  changed.products =
      std::make_shared<const ProductsBySku>(change_tenant_products(transaction, push));
  changed.overridden = overridden_products(transaction, "", push);
  for (const auto& row : transaction.exec("SELECT store FROM stores ORDER BY store")) {
    changed.stores.push_back(row[0].as<std::string>());
  }
  transaction.commit();
  return changed;
}

}  // namespace

void Rest::list_products(const Call& call, const RestRequest&, Reply reply) {
  query_store(
      call,
      [call](pqxx::transaction_base& transaction) {
        const auto rows = transaction.exec(
            "SELECT sku, description, price, price_exponent, currency, from_feed, "
            "array_to_json(gtins), delisted, has_price, tax_included, low_stock_micro, tax_code, "
            "tax_rate_basis_points, taxes FROM products WHERE store = " +
            sql_text(call.key.store) + " AND sku COLLATE \"C\" > " + sql_text(call.after) +
            " COLLATE \"C\" ORDER BY sku COLLATE \"C\" LIMIT " + std::to_string(call.limit));
        json::array products;
        for (const auto& row : rows) products.push_back(shown_product(row));
        return json::object{{"products", std::move(products)},
                            {"next", next_page(rows, call.limit, last_sku(rows))}};
      },
      std::move(reply));
}

// ---- products for the feed ----------------------------------------------------------------------

void Rest::put_store_products(const Call& call, const RestRequest& request, Reply reply) {
  const auto push = read_push(call.replaces, request, reply);
  if (!push) return;
  if_store_known(call, reply, [this, key = call.key, push, reply] {
    auto overridden = std::make_shared<Overridden>();
    gateway_.projector.append_feed(
        key,
        [push, overridden, store = key.store](pqxx::transaction_base& transaction) {
          *overridden = overridden_products(transaction, store, *push);
          return product_items(changed_store_products(transaction, store, *push, {}));
        },
        [push, overridden, reply](Result<std::uint64_t> feed) {
          if (!feed) return reply(error_response(feed.error()));
          reply({200, json::serialize(pushed_answer(1, *feed, push->list, *overridden))});
        });
  });
}

// Every store there is gets the list; repeating it does no harm.
void Rest::spread_products(const std::string& tenant, const std::vector<std::string>& stores,
                           std::shared_ptr<const ProductPush> push,
                           std::shared_ptr<const ProductsBySku> products,
                           const Overridden& overridden, const Reply& reply) {
  struct Progress {
    std::size_t left = 0;
    std::size_t done = 0;
    std::uint64_t feed_number = 0;
    std::optional<Error> error;
  };
  if (stores.empty()) {
    return reply({200, json::serialize(pushed_answer(0, 0, push->list, overridden))});
  }
  auto progress = std::make_shared<Progress>();
  progress->left = stores.size();
  for (const auto& store : stores) {
    gateway_.projector.append_feed(
        {tenant, store},
        [push, products, store](pqxx::transaction_base& transaction) {
          return product_items(changed_store_products(transaction, store, *push, *products));
        },
        [progress, push, overridden, reply](Result<std::uint64_t> feed) {
          if (feed) {
            ++progress->done;
            progress->feed_number = std::max(progress->feed_number, *feed);
          } else {
            progress->error = feed.error();
          }
          if (--progress->left > 0) return;
          if (progress->error) {
            progress->error->message =
                "only " + std::to_string(progress->done) +
                " stores have it, repeat the request: " + progress->error->message;
            return reply(error_response(*progress->error));
          }
          reply({200, json::serialize(pushed_answer(progress->done, progress->feed_number,
                                                    push->list, overridden))});
        });
  }
}

// First the catalogue for stores to come, then every store there is.
void Rest::put_tenant_products(const Call& call, const RestRequest& request, Reply reply) {
  const auto push = read_push(call.replaces, request, reply);
  if (!push) return;
  ask_database<ChangedCatalogue>(
      gateway_.loop, database_, call.key.tenant,
      [push](pqxx::connection& connection) { return change_catalogue(connection, *push); },
      [this, tenant = call.key.tenant, push, reply](Result<ChangedCatalogue> changed) {
        if (!changed) return reply(error_response(changed.error()));
        spread_products(tenant, changed->stores, push, changed->products, changed->overridden,
                        reply);
      });
}

}  // namespace titan::cloud
