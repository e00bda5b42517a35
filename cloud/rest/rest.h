// Head office's side: REST over the tenants' schemas, described in docs/INTERFACES.md.
//
// handle() is called on the loop; queries run on a worker of their own and answer on the loop.
// Everything but /healthz, /metrics and /v1/key needs the admin key.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_target.h"
#include "base/result.h"
#include "cloud/database/database_worker.h"
#include "cloud/feed/product_push.h"
#include "cloud/gateway/gateway.h"

namespace titan::cloud {

inline constexpr std::size_t query_queue_max = 1000;
inline constexpr std::size_t request_body_bytes_max = 32 * 1024 * 1024;

struct RestRequest {
  std::string method;
  std::string target;  // as sent
  std::string authorization;
  std::string content_type;
  std::string body;
};

struct RestResponse {
  unsigned status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::string allow = {};  // the address's methods: with 405, and to OPTIONS
};

RestResponse error_response(unsigned status, const Error& error);
RestResponse error_response(const Error& error);

class Rest {
 public:
  using Reply = std::function<void(RestResponse)>;

  Rest(Gateway& gateway, const std::string& database_url);
  void handle(const RestRequest& request, Reply reply);
  // Whether a request with this header field may send a body, and is told more than what is open.
  bool is_authorized(std::string_view authorization) const;
  // For on_projected: nothing; for the log line at the end.
  std::size_t queued() const { return database_.queued(); }

 private:
  struct Call;
  struct Route;
  struct Match;
  using Query = std::function<boost::json::object(pqxx::transaction_base&)>;

  // rest_routes.cpp: from an address to its handler.
  static const std::vector<Route>& routes();
  static Match find_route(const std::string& method, const std::vector<std::string>& path);
  static Status read_parameter(const std::vector<std::string_view>& known, const std::string& list,
                               const std::string& name, const std::string& text, Call& call);
  Result<Call> read_call(const Route& route, const HttpTarget& target) const;
  void handle_open(const std::string& name, Reply reply);
  void handle_tenant(const RestRequest& request, const HttpTarget& target, Reply reply);

  // In one snapshot of the tenant's schema. What `run` throws as an Error is answered as one.
  void query(const std::string& tenant, Query run, Reply reply);
  // The same of a store; answers not_found unless it ever connected.
  void query_store(const Call& call, Query run, Reply reply);
  // Goes on with `then`, on the loop, unless the store never connected: then it answers that.
  void if_store_known(const Call& call, const Reply& reply, std::function<void()> then);

  // Handlers, one for each route; all of one form.
  void list_stores(const Call& call, const RestRequest&, Reply reply);
  void list_stock(const Call& call, const RestRequest&, Reply reply);
  void one_stock(const Call& call, const RestRequest&, Reply reply);
  void list_sales(const Call& call, const RestRequest&, Reply reply);
  void show_vector(const Call& call, const RestRequest&, Reply reply);
  void list_alarms(const Call& call, const RestRequest&, Reply reply);
  void list_quarantine(const Call& call, const RestRequest&, Reply reply);
  void retry_quarantine(const Call& call, const RestRequest&, Reply reply);
  void fold(const Call& call, const RestRequest&, Reply reply);
  void reset_lease(const Call& call, const RestRequest&, Reply reply);
  void list_products(const Call& call, const RestRequest&, Reply reply);
  void put_store_products(const Call& call, const RestRequest& request, Reply reply);
  void put_tenant_products(const Call& call, const RestRequest& request, Reply reply);

  void spread_products(const std::string& tenant, const std::vector<std::string>& stores,
                       std::shared_ptr<const ProductPush> push,
                       std::shared_ptr<const ProductsBySku> products, const Overridden& overridden,
                       const Reply& reply);

  Gateway& gateway_;
  DatabaseWorker database_;  // a long list delays other lists, and no store
};

}  // namespace titan::cloud
